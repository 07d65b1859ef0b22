"""The stream of people: one process, or several with the same bytes in the same order."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date

from .course import Course
from .draw import person_rng
from .profile import draw_profile

CHUNK = 20  # people per task: about 2 MB of lines
AHEAD = 3  # tasks in flight per worker: bounds the memory, however slow the consumer


@dataclass(slots=True, frozen=True)
class Truth:
    """What was planted: the archetype and the probability of an unplanned admission within a year."""

    archetype: str
    risk: float


@dataclass(slots=True, frozen=True)
class Person:
    """One patient: ``lines`` of (resourceType, one NDJSON line without newline); ``story`` for the first few people."""

    id: str
    lines: list[tuple[str, bytes]]
    truth: Truth
    story: str | None


def person(index: int, seed: int, until: date) -> Person:
    """The person of that index."""
    rng = person_rng(seed, index)
    profile = draw_profile(rng, index, until.toordinal())
    course = Course(rng, profile, index)
    lines = course.run()
    return Person(course.record.patient, lines, Truth(profile.archetype["name"], profile.risk),
                  profile.story["text"] if profile.story else None)


def generate(patients: int, seed: int, until: date = date(2026, 6, 30), workers: int = 1) -> Iterator[Person]:
    """People 0 to ``patients`` - 1 in order, lazily. ValueError when ``patients`` is negative or no worker is left."""
    if patients < 0 or workers < 1:
        raise ValueError("patients must be 0 or more and workers 1 or more")
    if workers == 1 or patients <= CHUNK:
        return (person(index, seed, until) for index in range(patients))
    return _parallel(patients, seed, until, workers)


def _chunk(first: int, last: int, seed: int, until: date) -> list[Person]:
    return [person(index, seed, until) for index in range(first, last)]


def _parallel(patients: int, seed: int, until: date, workers: int) -> Iterator[Person]:
    firsts = iter(range(0, patients, CHUNK))
    waiting: deque[Future[list[Person]]] = deque()
    # spawn, not fork: the caller may hold threads and open sockets
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            for first in firsts:
                waiting.append(pool.submit(_chunk, first, min(first + CHUNK, patients), seed, until))
                if len(waiting) >= workers * AHEAD:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
