"""Gunzipping wherever a block ends, cut streams, and bombs."""

import gzip
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.export import body
from analytics.export.body import Bomb, CutShort, gunzipped


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=3), st.integers(1, 50))
def test_gzip_members_come_out_whole(members: list[bytes], size: int) -> None:
    packed = b"".join(map(gzip.compress, members))
    pieces = [packed[start: start + size] for start in range(0, len(packed), size)]
    assert b"".join(gunzipped(pieces)) == b"".join(members)


@given(st.binary(min_size=1, max_size=500), st.data())
def test_a_cut_gzip_stream_is_noticed(data: bytes, draw: st.DataObject) -> None:
    packed = gzip.compress(data)
    cut = draw.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(CutShort):
        list(gunzipped([packed[:cut]]))


def test_a_block_of_a_bomb_never_grows_beyond_a_block_and_the_stream_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(body, "BOMB_BYTES", 8 * body.BLOCK)
    sizes = []
    with pytest.raises(Bomb):
        for piece in gunzipped(bomb(64 * body.BLOCK)):
            sizes.append(len(piece))
    assert max(sizes) <= body.BLOCK
    assert sum(sizes) <= 8 * body.BLOCK


def test_what_grows_as_ndjson_does_is_no_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "BOMB_BYTES", 1000)
    lines = b"".join(b'{"resourceType":"Observation","id":"%d"}\n' % number for number in range(20_000))
    assert b"".join(gunzipped([gzip.compress(lines, 9)])) == lines


def bomb(size: int) -> Iterator[bytes]:
    """`size` spaces, gzipped about a thousandfold."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    for _ in range(size // body.BLOCK):
        yield packer.compress(b" " * body.BLOCK)
    yield packer.flush()
