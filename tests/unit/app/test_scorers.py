"""Charts that wait together are read in one statement, and each caller gets the score of its own chart."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from datetime import date
from random import Random
from threading import Event, Semaphore
from typing import Any

import pytest

from analytics.definitions import live
from analytics.definitions.errors import SubjectError
from app import score
from app.fhir import Chart
from app.scorers import MOST_CHARTS, MOST_LINES, Scorers
from tests.spec.live.fhir import line, observation, patient

TODAY = date(2026, 6, 30)
EHR = "https://ehr.example/fhir"
LINE = b"{}"


class Statements:
    """Scores by hand: which charts came together, by their first line; each waits until it is let go."""

    def __init__(self) -> None:
        self.begun: list[list[bytes]] = []
        self.of: list[tuple[date, str | None]] = []
        self.go = Event()

    def score_each(self, charts: Sequence[live.Asked], on: date, base: str | None) -> list[Any]:
        names = [chart.lines[0] for chart in charts]
        self.begun.append([name for name in names if isinstance(name, bytes)])
        self.of.append((on, base))
        assert self.go.wait(10)
        if b"!" in names:
            raise MemoryError
        return [SubjectError("no") if name == b"?" else {"of": name} for name in names]


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Statements:
    made = Statements()
    monkeypatch.setattr("app.scorers.live.score_each", made.score_each)
    return made


@pytest.fixture
def scorers() -> Iterator[Scorers]:
    made = Scorers(1, "test")
    yield made
    made.shutdown(cancel_futures=True)


Submit = Callable[..., "Future[dict[str, Any]]"]


@pytest.fixture
def submit(scorers: Scorers, statements: Statements) -> Submit:
    """Ask for a score of a chart of that name, while the one thread is busy with the chart `first`."""
    scorers.submit([b"first"], TODAY, None, EHR)
    until(lambda: bool(statements.begun))

    def ask(name: bytes, lines: int = 1, on: date = TODAY, base: str = EHR) -> "Future[dict[str, Any]]":
        return scorers.submit([name, *[LINE] * (lines - 1)], on, None, base)

    return ask


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_one_alone_is_scored_at_once_and_those_that_come_meanwhile_together(
    submit: Submit, statements: Statements
) -> None:
    asked = [submit(name) for name in (b"a", b"b", b"c")]
    assert statements.begun == [[b"first"]]
    statements.go.set()
    assert [one.result(10) for one in asked] == [{"of": b"a"}, {"of": b"b"}, {"of": b"c"}]
    assert statements.begun == [[b"first"], [b"a", b"b", b"c"]]


def test_a_score_is_told_before_the_next_one_is_made(scorers: Scorers, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, turns = list[Any](), Semaphore(0)

    def score_each(charts: Sequence[live.Asked], *_: Any) -> Iterator[Any]:
        for chart in charts:
            begun.append(chart.lines[0])
            assert turns.acquire(timeout=10)
            yield {"of": chart.lines[0]}

    monkeypatch.setattr("app.scorers.live.score_each", score_each)
    scorers.submit([b"first"], TODAY, None, EHR)
    until(lambda: begun == [b"first"])
    one, other = (scorers.submit([name], TODAY, None, EHR) for name in (b"a", b"b"))
    turns.release(2)
    assert one.result(10) == {"of": b"a"}
    until(lambda: begun == [b"first", b"a", b"b"])
    assert not other.done()
    turns.release()
    assert other.result(10) == {"of": b"b"}


def test_only_charts_of_one_ehr_and_one_day_go_together(submit: Submit, statements: Statements) -> None:
    other, before = "https://other.example/fhir", date(2026, 6, 29)
    asked = [submit(b"a"), submit(b"b", base=other), submit(b"c", on=before), submit(b"d"), submit(b"e", base=other)]
    statements.go.set()
    assert [one.result(10)["of"] for one in asked] == [b"a", b"b", b"c", b"d", b"e"]
    assert statements.begun[1:] == [[b"a", b"d"], [b"b", b"e"], [b"c"]]
    assert statements.of[1:] == [(TODAY, EHR), (TODAY, other), (before, EHR)]


def test_no_statement_is_larger_than_the_limits(submit: Submit, statements: Statements) -> None:
    names = [bytes([letter]) for letter in range(MOST_CHARTS + 2)]
    asked = [submit(name) for name in names]
    asked += [submit(b"large", MOST_LINES), submit(b"small"), submit(b"huge", MOST_LINES * 2), submit(b"last")]
    statements.go.set()
    assert all(one.result(10) for one in asked)
    then = [*names[MOST_CHARTS:], b"small", b"last"]
    assert statements.begun[1:] == [names[:MOST_CHARTS], then, [b"large"], [b"huge"]]


def test_an_error_is_told_to_its_own_caller(submit: Submit, statements: Statements) -> None:
    asked = [submit(name) for name in (b"a", b"?", b"b")]
    statements.go.set()
    assert (asked[0].result(10), asked[2].result(10)) == ({"of": b"a"}, {"of": b"b"})
    with pytest.raises(SubjectError):
        asked[1].result(10)


def test_nobody_waits_for_a_statement_that_ended_without_answers(submit: Submit, statements: Statements) -> None:
    asked = [submit(b"a"), submit(b"!")]
    statements.go.set()
    for one in asked:
        with pytest.raises(MemoryError):
            one.result(10)
    assert submit(b"b").result(10) == {"of": b"b"}


def test_a_score_that_nobody_waits_for_is_not_begun(
    scorers: Scorers, statements: Statements, ehr_at: Callable[..., Any]
) -> None:
    """Else each call that was given up would still take its time from the next one."""
    for number in range(3):
        with pytest.raises(TimeoutError):
            chart = Chart({"id": "p1"}, [bytes([number])], [])
            score.score_chart(chart, TODAY, None, ehr_at("http://127.0.0.1:1"), scorers, 0.05)
    statements.go.set()
    assert scorers.submit([b"last"], TODAY, None, EHR).result(10)
    assert statements.begun == [[b"\0"], [b"last"]]


def test_at_the_end_nobody_is_left_waiting(submit: Submit, statements: Statements, scorers: Scorers) -> None:
    asked = submit(b"a")
    with ThreadPoolExecutor(1) as ending:
        ending.submit(scorers.shutdown, cancel_futures=True)
        with pytest.raises(CancelledError):
            asked.result(10)
        statements.go.set()
    assert statements.begun == [[b"first"]]


def test_threads_plan_before_the_first_chart() -> None:
    scorers = Scorers(2, "test")
    scorers.warm()
    planned = {scorers.pool.submit(lambda: hasattr(live._thread, "engines")).result(60) for _ in range(8)}
    scorers.shutdown()
    assert planned == {True}


def test_many_callers_at_once_get_each_its_own_chart() -> None:
    """Real scores by two threads, of patients of whom many have one id."""
    scorers = Scorers(2, "test")
    charts = [
        [line(patient(f"p{number % 3}")), line(observation("a1c", "4548-4", 5 + number / 10, "%", "2026-03-02",
                                                           f"p{number % 3}"))]
        for number in range(40)
    ]  # fmt: skip
    Random(7).shuffle(charts)
    with ThreadPoolExecutor(20) as callers:
        found = list(callers.map(lambda lines: scorers.submit(lines, TODAY, None, EHR).result(60), charts))
    scorers.shutdown()
    assert found == [live.score(lines, TODAY, None, EHR) for lines in charts]
