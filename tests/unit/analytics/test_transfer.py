"""Figures of a transfer, on a terminal and off it."""

import io
import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from analytics.progress import progress
from analytics.transfer import Transfer, span


@contextmanager
def random_as_before() -> Iterator[None]:
    """Rich draws ids of its styles from the random numbers that all share."""
    before = random.getstate()
    yield
    random.setstate(before)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_time_left_is_that_of_the_bytes_still_to_come(clock: Clock) -> None:
    transfer = Transfer(clock)
    transfer.expect(files=4, resources=1_000)
    clock.now = 10.0
    transfer.file_done(resources=250, nbytes=5_000_000)
    assert transfer.speed(6_000_000) == 600_000
    assert transfer.seconds_left(6_000_000) == pytest.approx(14_000_000 / 600_000)
    assert transfer.columns(6_000_000) == {
        "files": "1 of 4", "resources": "250 of 1,000", "MB": "6.0", "MB/s": "0.6", "left": "0:23"}


def test_without_counts_no_time_is_promised(clock: Clock) -> None:
    transfer = Transfer(clock)
    transfer.expect(files=2, resources=None)
    clock.now = 1.0
    transfer.file_done(10, 1_000)
    assert transfer.columns(1_000)["left"] == "?"
    assert transfer.in_words(2_000_000, ended=False) == "1 of 2 files, 10 resources, 2.0 MB, 2.0 MB/s"


def test_the_speed_is_that_of_the_last_ten_seconds(clock: Clock) -> None:
    transfer = Transfer(clock)
    for second in range(1, 31):
        clock.now = float(second)
        transfer.speed(1_000.0 * second)
    clock.now = 31.0
    assert transfer.speed(41_000.0) == pytest.approx(2_000.0, rel=0.1)


@pytest.mark.parametrize(("seconds", "said"), [(0, "0:00"), (65, "1:05"), (7385, "2:03:05")])
def test_spans(seconds: float, said: str) -> None:
    assert span(seconds) == said


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("out", [io.StringIO(), Terminal()])
def test_a_download_ends_with_one_line_of_its_figures(out: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    with random_as_before(), progress("Downloading 2 files", unit="bytes", stream=out) as step:
        step.expect(2, 30)
        for _ in range(2):
            step.advance(500_000)
            step.file_done(15, 500_000)
    last = out.getvalue().splitlines()[-1]
    assert "Downloading 2 files: 2 of 2 files, 30 of 30 resources, 1.0 MB, " in last and " MB/s done after " in last
    assert capsys.readouterr() == ("", "")


def test_words_of_a_server_are_no_markup() -> None:
    out = Terminal()
    with progress("Waiting", stream=out) as step:
        step.update(note="[/bold] [red]")
    assert "[/bold] [red]" in out.getvalue()
