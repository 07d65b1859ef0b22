"""Counting, gunzipping and rolling bytes, wherever a chunk happens to end."""

import gzip
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.export.download import CutShort, gunzipped
from analytics.export.lines import LONG_LINE, LineCounter
from analytics.export.roll import roll_type
from analytics.export.staging import Part, Staging
from analytics.lake import Lake

GOOD = '{"resourceType":"Patient","name":"Núñez 漢字 🎈"}'.encode()
SPACED = b'{"id":"1", "resourceType" : "Patient"}'
WRONG = b'{"resourceType":"Patients"}'


def counted(data: bytes, cuts: list[int]) -> LineCounter:
    counter, last = LineCounter("Patient"), 0
    for cut in [*sorted(cuts), len(data)]:
        counter.feed(data[last:cut])
        last = max(last, cut)
    counter.finish()
    return counter


@given(st.lists(st.sampled_from([GOOD, SPACED, WRONG, b"", b"{broken"])), st.lists(st.integers(0, 300)), st.booleans())
def test_lines_are_counted_wherever_chunks_end(lines: list[bytes], cuts: list[int], last_feed: bool) -> None:
    data = b"\n".join(lines) + (b"\n" if last_feed else b"")
    counter = counted(data, cuts)
    assert counter.lines == sum(bool(line) for line in lines)
    assert counter.mismatched == sum(line in (WRONG, b"{broken") for line in lines)


@pytest.mark.parametrize("head", [b'{"resourceType":"Patient","x":"', b'{"x":"'])
@pytest.mark.parametrize("tail", [b'"}', b'","resourceType":"Patient"}'])
def test_a_line_longer_than_the_memory_for_it_is_one_line(head: bytes, tail: bytes) -> None:
    counter = LineCounter("Patient")
    filler = b"x" * (LONG_LINE // 2)
    for chunk in (GOOD + b"\n" + head, filler, filler, filler, filler, tail + b"\n" + GOOD):
        counter.feed(chunk)
    assert counter.open_line
    counter.finish()
    assert counter.lines == 3
    assert counter.mismatched == (b"resourceType" not in head + tail)


def test_the_type_is_found_where_it_lies_across_the_chunks_of_a_long_line() -> None:
    counter = LineCounter("Patient")
    for chunk in (b'{"x":"' + b"x" * LONG_LINE + b'","resou', b'rceType":"Pat', b'ient"}\n'):
        counter.feed(chunk)
    assert (counter.lines, counter.mismatched) == (1, 0)


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=3), st.integers(1, 50))
def test_gzip_members_come_out_whole(members: list[bytes], size: int) -> None:
    packed = b"".join(map(gzip.compress, members))
    chunks = [packed[start: start + size] for start in range(0, len(packed), size)]
    assert b"".join(gunzipped(chunks)) == b"".join(members)


@given(st.binary(min_size=1, max_size=500), st.data())
def test_a_cut_gzip_stream_is_noticed(data: bytes, draw: st.DataObject) -> None:
    packed = gzip.compress(data)
    cut = draw.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(CutShort):
        list(gunzipped([packed[:cut]]))


def test_parts_are_rolled_in_order_and_cut_between_lines(tmp_path: Path) -> None:
    staging = Staging(Lake(f"file://{tmp_path}"), "ehr", "X")
    contents = [b"".join(b"%d-%d\n" % (part, line) for line in range(30)) for part in range(3)] + [b""]
    parts = []
    for index, content in enumerate(contents):
        parts.append(Part(index, content.count(b"\n"), 0, len(content), hashlib.sha256(content).hexdigest()))
        staging.lake.write_bytes(staging.part_path(parts[-1]), content)
    entries = roll_type(staging, "Patient", parts, 100)
    files = [staging.lake.read_bytes(f"{staging.folder}/{entry['path']}") for entry in entries]
    assert b"".join(files) == b"".join(contents)
    assert all(100 <= len(file) <= 105 for file in files[:-1])
    assert [entry["sha256"] for entry in entries] == [hashlib.sha256(file).hexdigest() for file in files]
    assert sum(entry["count"] for entry in entries) == 90
    assert roll_type(staging, "Patient", [], 100) == entries, "a second time nothing is rolled"
    assert staging.parts() == {}
