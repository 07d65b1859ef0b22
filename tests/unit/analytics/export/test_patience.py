"""How long an answer may take: what was waited for its bytes counts, and not what is done with them."""

import io
from typing import Any

import pytest

from analytics.export import patience
from analytics.export.patience import Watched

READ = 1000  # bytes asked for at a time


class Line(io.RawIOBase):
    """Gives so many bytes after so many seconds, as said, on a clock of its own."""

    def __init__(self, *reads: tuple[float, int]) -> None:
        self.reads, self.now = list(reads), 0.0

    def readinto(self, buffer: Any) -> int:
        seconds, came = self.reads.pop(0)
        self.now += seconds
        return came


def reads_until_cut(line: Line, monkeypatch: pytest.MonkeyPatch, *, pause: float = 0.0, headers: bool = False) -> int:
    """How many reads are let through; `pause` is what the reader does between two of them, in seconds."""
    monkeypatch.setattr(patience.time, "monotonic", lambda: line.now)
    watched, planned = Watched(line), len(line.reads)
    if not headers:
        watched.expect(patience.LEAST, patience.WINDOW)
    for number in range(planned):
        try:
            watched.readinto(bytearray(READ))
        except TimeoutError:
            return number
        line.now += pause
    return planned


@pytest.mark.parametrize(("line", "reads"), [
    ([(1.0, 1)] * 1000, 119),  # a byte a second: cut after two minutes
    ([(1.0, 999)] * 1000, 119),  # a little below 1 kB/s
    ([(1.0, 1000)] * 1000, 1000),
    ([(0.5, 1000)] * 300 + [(1.0, 1)] * 1000, 300 + 89),  # two fast minutes do not count for the next two
    ([(110.0, 1), (0.0, 1000)], 2),  # nothing for long, and then all at once
    ([(119.0, 1), (5.0, 1)], 1),
    ([(119.0, 1), (5.0, 0)], 2),  # its end is no byte too late
])
def test_a_body_that_brings_less_than_1_kb_a_second_in_two_minutes_is_cut(
    line: list[tuple[float, int]], reads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reads_until_cut(Line(*line), monkeypatch) == reads


def test_a_reader_that_takes_its_time_is_no_slow_server(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reads_until_cut(Line(*[(0.01, 500)] * 1000), monkeypatch, pause=60.0) == 1000


def test_headers_come_within_five_minutes_however_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reads_until_cut(Line(*[(1.0, 10_000)] * 1000), monkeypatch, headers=True) == 299
    assert reads_until_cut(Line((119.0, 100), (119.0, 100)), monkeypatch, headers=True) == 2
