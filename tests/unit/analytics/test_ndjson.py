"""A block of lines reaches the engine as it is: each line with its number, whichever way it went."""

import io
from typing import Any

import duckdb
import pytest

from analytics import ndjson
from analytics.definitions import events

LINE = b'{"resourceType":"Patient","id":"a%d"}'
LARGEST = 100


def read(content: bytes, size: int) -> tuple[list[tuple[int, str]], list[tuple[int, str]], list[str]]:
    """(number, line) as DuckDB sees them, what was refused, and how each block's lines are held."""
    found, dropped, kinds = [], [], []
    for block in ndjson.blocks(io.BytesIO(content), size):
        lines, refused = block.table(LARGEST)
        lines.validate(full=True)
        kinds.append(str(lines.schema.field("line").type))
        connection = duckdb.connect()
        connection.register("raw_lines", lines)
        found += connection.execute("SELECT line_no, line FROM raw_lines ORDER BY line_no").fetchall()
        dropped += refused
    return found, dropped, kinds


@pytest.mark.parametrize("size", [1, 40, 41, 100, 10_000])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_blocks_of_any_size_give_each_line_once_with_its_number(size: int, end: bytes) -> None:
    content = b"\n".join(LINE % number for number in range(1, 31)) + end
    found, dropped, kinds = read(content, size)
    assert found == [(number, (LINE % number).decode()) for number in range(1, 31)]
    assert (dropped, set(kinds)) == ([], {"string_view"})


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (b"", None),
        (b"   ", None),
        (b"{}", "kept"),
        (b'{"id":"' + b"x" * LARGEST + b'"}', "line_too_long"),
        (b'{"id":"\xff\xfe not utf-8 at all"}', "not_utf8"),
        (b'  {"resourceType":"Patient"}\r', "kept"),
        (b"this is no JSON whatever", "kept"),
    ],
)
def test_a_block_with_an_odd_line_is_read_as_the_live_score_reads_it(odd: bytes, reason: str | None) -> None:
    content = b"\n".join([LINE % 1, odd, LINE % 3]) + b"\n"
    found, dropped, kinds = read(content, 10_000)
    slow, refused = events.read_lines(enumerate(content.split(b"\n"), 1), LARGEST)
    assert found == list(zip(slow["line_no"].to_pylist(), slow["line"].to_pylist(), strict=True))
    assert kinds == ["string"]
    assert dropped == refused == ([(2, reason)] if reason not in {None, "kept"} else [])
    assert [number for number, _ in found] == ([1, 2, 3] if reason == "kept" else [1, 3])


def test_letters_of_several_bytes_stay_whole() -> None:
    content = '{"name":"Zoë Šimić 李"}\n{"name":"Žofie"}\n'.encode()
    found, _, kinds = read(content, 7)
    assert [line for _, line in found] == content.decode().split("\n")[:2]
    assert kinds == ["string_view", "string_view"]


def test_a_line_longer_than_a_block_is_one_and_those_behind_it_keep_their_numbers() -> None:
    long = b'{"id":"' + b"x" * 60 + b'"}'
    found, dropped, _ = read(b"\n".join([LINE % 1, long, LINE % 3, b"", LINE % 5]), 16)
    numbered = [(1, LINE % 1), (2, long), (3, LINE % 3), (5, LINE % 5)]
    assert [(number, line.encode()) for number, line in found] == numbered
    assert dropped == []


class Slow(io.BytesIO):
    """A file that gives a few bytes at a time, as one over the network may."""

    def readinto(self, buffer: Any) -> int:
        return super().readinto(memoryview(buffer)[:7])


def test_blocks_are_full_however_little_comes_at_a_time() -> None:
    content = b"".join(LINE % number + b"\n" for number in range(1, 31))
    sizes = [len(block.content) for block in ndjson.blocks(Slow(content), 400)]
    assert sum(sizes) == len(content)
    assert [len(block.content) for block in ndjson.blocks(io.BytesIO(content), 400)] == sizes
    assert min(sizes[:-1]) > 400 - len(LINE % 30) - 1


def test_an_empty_file_has_no_block() -> None:
    assert list(ndjson.blocks(io.BytesIO(b""), 400)) == []
