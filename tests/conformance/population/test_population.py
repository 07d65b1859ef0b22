"""The people as a whole: archetypes in their shares, ages and sexes, and outcomes that follow the planted risk."""

from __future__ import annotations

from collections import Counter
from statistics import mean
from typing import Any

import orjson
import pytest

from fhir_fixtures.population import Person
from fhir_fixtures.population.catalogue import archetypes, rates, stories

YEAR_DAYS = 365


def admitted(life: Any) -> bool:
    first = (life.profile.until - YEAR_DAYS) * 1440
    return any(visit.kind == "admission" and visit.start >= first for visit in life.visits)


def living(lives: list[Any]) -> list[Any]:
    return [life for life in lives if life.profile.death is None or life.profile.death > life.profile.until - YEAR_DAYS]


def test_archetypes_come_in_their_shares(lives: list[Any]) -> None:
    counts = Counter(life.profile.archetype["name"] for life in lives)
    for row in archetypes():
        assert counts[row["name"]] / len(lives) == pytest.approx(row["share"], abs=0.02), row["name"]
    assert len(counts) >= 9


def test_ages_and_sexes_fit_the_archetype(lives: list[Any]) -> None:
    for row in archetypes():
        group = [life.profile for life in lives if life.profile.archetype is row]
        low, high = row["age"][2:]
        assert all(low <= profile.age <= high for profile in group)
        assert mean(profile.age for profile in group) == pytest.approx(row["age"][0], abs=2.5), row["name"]
        assert mean(profile.sex == "female" for profile in group) == pytest.approx(row["female"], abs=0.11), row["name"]


def test_8_to_12_percent_have_an_emergency_admission_in_the_last_year(lives: list[Any]) -> None:
    assert 0.08 <= mean(map(admitted, living(lives))) <= 0.12


def test_admissions_follow_the_planted_risk_of_the_archetype(lives: list[Any]) -> None:
    share, risk = {}, {}
    for row in archetypes():
        group = [life for life in living(lives) if life.profile.archetype is row]
        share[row["name"]] = mean(map(admitted, group))
        risk[row["name"]] = mean(life.profile.risk for life in group)
        assert share[row["name"]] == pytest.approx(risk[row["name"]], abs=0.10), row["name"]
    assert share["healthy_young"] < 0.025 and 0.30 <= share["cardio_renal"] <= 0.52
    wide_apart = [(a, b) for a in risk for b in risk if risk[b] > risk[a] + 0.07]
    assert len(wide_apart) > 20 and all(share[a] < share[b] for a, b in wide_apart)


def test_within_an_archetype_the_hidden_risk_orders_admissions(lives: list[Any]) -> None:
    for name in ("established_diabetes", "mental_substance"):
        group = sorted((life for life in living(lives) if life.profile.archetype["name"] == name),
                       key=lambda life: life.profile.risk)
        half = len(group) // 2
        assert mean(map(admitted, group[half:])) > 1.3 * mean(map(admitted, group[:half])), name


def test_some_have_no_contact_in_the_last_two_years(lives: list[Any]) -> None:
    planned = rates()["no_contact_to_end"]
    gap = [life for life in lives if life.profile.gap[1] > life.profile.until]
    assert len(gap) / len(lives) == pytest.approx(planned, abs=0.012)
    assert all(visit.end // 1440 < life.profile.until - 730 for life in gap for visit in life.visits)
    silent = [life for life in lives if life.profile.death is None
              and not any(visit.end // 1440 >= life.profile.until - 730 for visit in life.visits)]
    assert 0.03 <= len(silent) / len(lives) <= 0.09


def test_the_first_people_are_the_stories_alive_at_the_end(people: list[Person]) -> None:
    count = len(stories())
    assert count == 8 == len({person.truth.archetype for person in people[:count]})
    assert [person.story for person in people[: count + 1]] == [*(row["text"] for row in stories()), None]
    for person in people[:count]:
        assert "deceasedDateTime" not in orjson.loads(person.lines[0][1])


def test_the_story_of_a_rising_hba1c_rises(people: list[Person]) -> None:
    series = [(row["issued"], row["valueQuantity"]["value"]) for _, line in people[0].lines
              if (row := orjson.loads(line))["resourceType"] == "Observation" and "valueQuantity" in row
              and any(coding["code"] in ("4548-4", "17856-6") for coding in row["code"]["coding"])]
    assert len(series) >= 4 and max(series)[1] - min(series)[1] >= 1.0


def test_risk_and_archetype_stand_in_no_resource(people: list[Person]) -> None:
    names = [row["name"].encode() for row in archetypes() if "_" in row["name"]]
    assert not any(name in line for person in people[:50] for _, line in person.lines for name in names)


def test_size_is_what_the_readme_says(people: list[Person]) -> None:
    lines = sum(len(person.lines) for person in people) / len(people)
    size = sum(len(line) for person in people for _, line in person.lines) / len(people) / lines
    assert 120 < lines < 190 and 600 < size < 900
