"""What a call brings is enough: the narrow chart places a person as the whole one does, for generated people."""

from datetime import date
from typing import Any

import orjson
import pytest

from analytics.definitions import catalogue, live
from app.hooks.prefetch import parts, templates
from fhir_fixtures.population import generate
from tests.flow.published import model

TODAY = date(2026, 6, 30)
SAME = {"rank", "second", "firmness"}


def date_of(resource: dict[str, Any]) -> str:
    period = resource.get("period") or {}
    return str(resource.get("effectiveDateTime") or period.get("end") or period.get("start") or "9999")


def is_asked(resource: dict[str, Any]) -> bool:
    """Would one of the parts bring it, read as a FHIR server reads a template?"""
    asked = [part.narrowing for part in parts(TODAY) if part.resource_type == resource["resourceType"]]
    return any(_fits(resource, dict(one.split("=", 1) for one in narrowing.split("&") if one)) for narrowing in asked)


def _fits(resource: dict[str, Any], query: dict[str, str]) -> bool:
    if "date" in query:
        return date_of(resource)[:10] >= query["date"].removeprefix("ge")
    codes = {f"{one.get('system')}|{one.get('code')}" for one in resource.get("code", {}).get("coding", ())}
    return "code" not in query or bool(codes & set(query["code"].split(",")))


@pytest.fixture(scope="module")
def people() -> list[tuple[list[bytes], list[bytes]]]:
    """Each one's whole chart, and what is left of it after narrowing."""
    found = []
    for person in generate(40, 7, TODAY):
        lines = [line for _, line in person.lines]
        kept = ("Patient", "Medication")
        resources = ((line, orjson.loads(line)) for line in lines)
        found.append((lines, [line for line, one in resources if one["resourceType"] in kept or is_asked(one)]))
    return found


def test_the_narrow_chart_is_smaller(people: list[tuple[list[bytes], list[bytes]]]) -> None:
    assert sum(len(narrow) for _, narrow in people) < 0.8 * sum(len(whole) for whole, _ in people)


def test_it_places_a_person_as_the_whole_one_does(people: list[tuple[list[bytes], list[bytes]]]) -> None:
    grouped = [name for name, feature in catalogue.features().items() if feature.grouped]
    for whole, narrow in people:
        one, other = (live.score(lines, TODAY, model()) for lines in (whole, narrow))
        assert {name: one["features"][name] for name in grouped} == {name: other["features"][name] for name in grouped}
        for key in ("group", "group_hidden", "reasons", "missing", "gaps"):
            assert one[key] == other[key]


def test_each_type_that_the_page_reads_is_a_part() -> None:
    from app.fhir import SEARCHED

    assert {part.resource_type for part in parts(TODAY)} == set(SEARCHED)
    assert len(templates(TODAY)) == len(parts(TODAY)) + 1
