"""Threads that score. The lines of charts that wait together are read in one statement: most of its time is its start.

No chart waits for another to come: one alone is scored at once, and those that come meanwhile are the next statement's.
What becomes of one chart is told to whom asked for it alone (`live.score_each`).
"""

import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from threading import Barrier, BrokenBarrierError, Lock
from typing import Any, NamedTuple

from analytics.definitions import live

Score = dict[str, Any]
WARM_SECONDS = 10.0
MOST_CHARTS = 4  # of one statement: the last of them waits for the scores of the others
MOST_LINES = 4000  # of one statement of several charts: a large one is nobody's burden but its own


class _Waiting(NamedTuple):
    chart: live.Asked
    of: tuple[date, str]  # as-of date and EHR: those of a statement are the same
    score: "Future[Score]"


class Scorers:
    """Threads that score, each with its own DuckDB and SQLite."""

    def __init__(self, threads: int, name: str) -> None:
        self._threads = threads
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._waiting: deque[_Waiting] = deque()
        self._lock = Lock()

    def submit(self, lines: Sequence[bytes], on: date, model: Mapping[str, Any] | None, base: str) -> "Future[Score]":
        """The score of a chart, as `live.score` has it. One that is cancelled before it is begun is never begun."""
        one = _Waiting(live.Asked(lines, model), (on, base), Future())
        with self._lock:
            self._waiting.append(one)
        self.pool.submit(self._score_next)  # one for each chart: none is left, and some find nothing to do
        return one.score

    def warm(self) -> None:
        """Let each thread plan its statements now: the first score of a thread would wait for that."""
        together = Barrier(self._threads)
        for _ in range(self._threads):
            self.pool.submit(_plan, together)

    def shutdown(self, cancel_futures: bool = False) -> None:
        """End the threads; with `cancel_futures` without what waits still."""
        with self._lock:
            for one in self._waiting if cancel_futures else ():
                one.score.cancel()
        self.pool.shutdown(cancel_futures=cancel_futures)

    def _score_next(self) -> None:
        with self._lock:
            together = self._take()
        if not together:
            return
        try:
            found = live.score_each([one.chart for one in together], *together[0].of)
            for one, score in zip(together, found, strict=True):
                _tell(one.score, score)
        except BaseException as error:
            for one in together:
                if not one.score.done():
                    one.score.set_exception(error)
            raise

    def _take(self) -> list[_Waiting]:
        """The chart that waits longest, and those of its EHR and date that are wanted still, as many as may be."""
        taken: list[_Waiting] = []
        left: deque[_Waiting] = deque()
        for one in self._waiting:
            if not _fits(one, taken):
                left.append(one)
            elif one.score.set_running_or_notify_cancel():
                taken.append(one)
        self._waiting = left
        return taken


def _fits(one: _Waiting, taken: list[_Waiting]) -> bool:
    if not taken:
        return True
    lines = sum(len(other.chart.lines) for other in (one, *taken))
    return one.of == taken[0].of and len(taken) < MOST_CHARTS and lines <= MOST_LINES


def _plan(together: Barrier) -> None:
    """Score somebody who has no record; nobody's data are in it. The barrier gives each thread one such score."""
    with contextlib.suppress(BrokenBarrierError):
        together.wait(WARM_SECONDS)
    live.score([b'{"resourceType":"Patient","id":"nobody","birthDate":"1970-01-01"}'], date(2020, 1, 1), None)


def _tell(asked: "Future[Score]", found: Score | Exception) -> None:
    if isinstance(found, Exception):
        asked.set_exception(found)
    else:
        asked.set_result(found)
