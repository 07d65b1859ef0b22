"""Who reads without pause, through the app's own room, never sees half a release: ten publishes, ten rollbacks.

Each release puts everyone into the same group, whose rank and size only it has, and its papers say whose they are; so
one look at a person tells whether group, model and papers came together. Pruning is at its sharpest: nothing is kept
that the rule does not keep.
"""

import multiprocessing
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from analytics.lake import Lake
from analytics.publish import Keep, current, publish, published, rollback
from analytics.release.papers import PUBLISHED
from app.serving import Serving
from tests.unit.analytics.releases import finish, model, write_release

PEOPLE = [f"p{number}" for number in range(500)]
RELEASES = 10
GRACE = 2  # seconds; longer than any look takes
THREADS = 2  # in each of two processes


def write(lake: Lake, number: int) -> str:
    """Release `number`: everyone in group `number`, which has 1,000 people and `number`."""
    release_id = f"r{number:02}"
    write_release(lake, "a", release_id, *([(one, number, None, None) for one in PEOPLE[half::2]] for half in (0, 1)))
    told = model("a", release_id)
    told["groups"] = [told["groups"][0] | {"rank": number, "n": 1000 + number}]
    lake.write_json(f"{lake.release('a', release_id)}/release.json", told)
    finish(lake, lake.release("a", release_id))
    return release_id


def look(serving: Serving, person: str) -> str:
    """What one look at a person saw."""
    release = serving.current("a")
    if release is None:
        return "no release"
    membership = serving.membership(release, person)
    if membership is None:
        return "no membership"
    number = int(release.release_id[1:])
    group = release.model["groups"][0]
    papers = [serving.document(release, name) for name in PUBLISHED]
    same = release.model["release_id"] == release.release_id and group["n"] == 1000 + number
    same = same and all(paper is not None and paper["of"] == release.release_id for paper in papers)
    return "whole" if same and membership.rank == group["rank"] == number else "mixed"


def read_without_pause(url: str, stop: Any, results: Any, looks: Any, process: int) -> None:
    """A process with several threads that look until they are told to stop; `looks` counts for each process."""
    serving, seen, releases = Serving(url), Counter[str](), set()

    def run(start: int) -> None:
        number = start
        while not stop.is_set():
            seen[look(serving, PEOPLE[number % len(PEOPLE)])] += 1
            if release := serving.current("a"):
                releases.add(release.release_id)
            number += 7
            with looks.get_lock():
                looks[process] += 1

    threads = [threading.Thread(target=run, args=(start,)) for start in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    serving.close()
    results.put((dict(seen), sorted(releases)))


def wait_for_looks(looks: Any) -> None:
    """Until every process has looked some times more: each state is seen, also where the machine is busy."""
    before, until = list(looks), time.monotonic() + 60
    while any(now < then + 3 * THREADS for now, then in zip(looks, before, strict=True)):
        assert time.monotonic() < until, "the readers stand still"
        time.sleep(0.005)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_every_look_sees_one_whole_release(
    engine: str, tmp_path: Path, lake: Lake, spark: Any, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("url") if engine == "postgresql" else f"sqlite:///{tmp_path}/kindred.db"
    publish(url, lake, "a", write(lake, 1), lambda: spark)
    spawned = multiprocessing.get_context("spawn")
    stop, results, looks = spawned.Event(), spawned.Queue(), spawned.Array("q", 2)
    readers = [spawned.Process(target=read_without_pause, args=(url, stop, results, looks, one)) for one in range(2)]
    for reader in readers:
        reader.start()
    try:
        wait_for_looks(looks)
        for number in range(2, RELEASES + 2):
            publish(url, lake, "a", write(lake, number), lambda: spark, Keep(1, 0, GRACE))
            for back in (None, f"r{number:02}"):
                wanted = rollback(url, "a", back)
                assert (current(url, "a") or {})["release_id"] == wanted == (back or f"r{number - 1:02}")
                wait_for_looks(looks)
        assert len(published(url)) < RELEASES + 1 or engine == "sqlite"  # there all of it may take no longer than GRACE
    finally:
        stop.set()
        found = [results.get(timeout=60) for _ in readers]
        for reader in readers:
            reader.join(60)
    for seen, releases in found:
        assert set(seen) == {"whole"} and seen["whole"] > 100, seen
        assert len(releases) == RELEASES + 1
