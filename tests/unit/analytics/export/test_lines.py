"""Counting lines and those of another type, wherever a block happens to end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.export.lines import LONG_LINE, LineCounter
from analytics.export.manifest import MIXED

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


def test_files_of_several_types_are_asked_for_any_type() -> None:
    counter = LineCounter(MIXED)
    counter.feed(GOOD + b"\n" + WRONG + b'\n{"id":"1"}\n')
    assert (counter.lines, counter.mismatched) == (3, 1)
