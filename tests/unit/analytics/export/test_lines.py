"""Counting lines and those of another type, wherever a block happens to end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.export.lines import LONG_LINE, LineCounter
from analytics.export.manifest import MIXED
from analytics.line_feeds import line_feeds

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


@given(st.lists(st.integers(0, 40), min_size=1), st.data(), st.sampled_from([b"", SPACED, WRONG, b" ", b"\r", b"x"]))
def test_one_line_that_starts_otherwise_is_found_among_many_usual_ones(
    lengths: list[int], draw: st.DataObject, odd: bytes
) -> None:
    lines = [b'{"resourceType":"Patient"' + b"x" * length for length in lengths]
    lines.insert(draw.draw(st.integers(0, len(lines))), odd)
    counter = counted(b"\n".join(lines) + b"\n", [])
    assert (counter.lines, counter.mismatched) == (len(lengths) + bool(odd.strip()), odd in (WRONG, b"x"))


@given(st.lists(st.sampled_from([b"\n", b"x", b"x" * 7, b"\n" * 9])).map(b"".join), st.data())
def test_line_feeds_are_found_wherever_they_are(block: bytes, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, len(block)))
    end = draw.draw(st.integers(start, len(block)))
    assert list(line_feeds(block, start, end)) == [place for place, byte in enumerate(block[start:end]) if byte == 10]


@given(st.lists(st.integers(0, 20), min_size=1), st.booleans())
def test_usual_lines_of_any_length_are_counted(lengths: list[int], returns: bool) -> None:
    data = b"".join(GOOD + b" " * length + b"\r" * returns + b"\n" for length in lengths)
    assert (counted(data, []).lines, counted(data, []).mismatched) == (len(lengths), 0)


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
