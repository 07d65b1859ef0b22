"""Both servers for all of these tests, with a release of two groups; each test calls as an EHR of its own choice."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fhir_fixtures.ehr.faults import all_faults
from tests.conformance.hooks.caller import Caller
from tests.flow.published import model, publish
from tests.flow.world import World, running

PAGE, OTHER_PAGE = "https://ehr.example", "https://other-ehr.example"  # pages that may call
FAULTS = sorted(name for name in all_faults() if name.startswith("hook-"))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("hooks")
    publish(folder / "kindred.db", "sandbox", model())
    further = {"no_conditions": "search-500=Condition", "slow": "fhir-slow=5", "fails": "hook-no-prefetch,search-500"}
    faults = {name: name for name in FAULTS} | further
    publish_also(folder / "kindred.db", faults)
    with running(folder, faults | {"bare": "case=bare"}) as both:
        ehrs: Any = both.config.ehrs
        hooks = ehrs["sandbox"].hooks
        ehrs["sandbox"] = replace(ehrs["sandbox"], hooks=replace(hooks, origins=(PAGE,)))
        ehrs["bare"] = replace(ehrs["bare"], hooks=replace(ehrs["bare"].hooks, origins=(OTHER_PAGE,)))
        ehrs["deaf"] = replace(ehrs["bare"], name="deaf", issuer="https://deaf.example/fhir", hooks=None)
        yield both


def publish_also(path: Path, names: Iterable[str]) -> None:
    """The same release for further EHRs."""
    with sqlite3.connect(path) as db:
        for name in names:
            row = db.execute("SELECT * FROM release LIMIT 1").fetchone()
            marks = ", ".join("?" * len(row))
            db.execute(f"INSERT INTO release VALUES ({marks})", (f"{name}-release", name, *row[2:]))
            db.execute("INSERT INTO current_release VALUES (?, ?)", (name, f"{name}-release"))
    db.close()


@pytest.fixture
def caller(world: World) -> Iterator[Caller]:
    """The EHR that has a release."""
    one = Caller(world, world.ehr.base_url)
    yield one
    one.http.close()


@pytest.fixture
def caller_of(world: World) -> Iterator[Callable[[str], Caller]]:
    """An EHR at an address with a fault."""
    made: list[Caller] = []

    def make(fault: str) -> Caller:
        made.append(Caller(world, world.ehr.with_fault(fault)))
        return made[-1]

    yield make
    for one in made:
        one.http.close()
