"""One population, generated once per process, that the tests of this folder look at from different sides."""

from __future__ import annotations

from datetime import date
from random import Random
from typing import Any, NamedTuple

import orjson
import pytest

from fhir_fixtures.population import Person, generate
from fhir_fixtures.population.draw import person_rng
from fhir_fixtures.population.profile import Profile, draw_profile
from fhir_fixtures.population.visits import Visit, plan

UNTIL = date(2026, 6, 30)


class Life(NamedTuple):
    """A profile and its planned contacts, without resources: cheap enough for thousands of people."""

    profile: Profile
    visits: list[Visit]


@pytest.fixture(scope="session")
def people() -> list[Person]:
    return list(generate(200, seed=7))


@pytest.fixture(scope="session")
def resources(people: list[Person]) -> list[dict[str, Any]]:
    return [orjson.loads(line) for person in people for _, line in person.lines]


@pytest.fixture(scope="session")
def lives() -> list[Life]:
    rows = []
    for index in range(10, 3510):
        rng: Random = person_rng(7, index)
        profile = draw_profile(rng, index, UNTIL.toordinal())
        rows.append(Life(profile, plan(rng, profile)))
    return rows
