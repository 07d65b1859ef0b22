"""Every resource is FHIR R4 that fhir.resources accepts, its references lead somewhere, and time is plausible."""

from __future__ import annotations

import json
from datetime import date
from importlib import import_module
from typing import Any

import orjson
import pytest

from fhir_fixtures.population import Person, shared_resources
from fhir_fixtures.population.dates import instant, local
from fhir_fixtures.population.values import ckd_epi_creatinine

UNTIL = "2026-06-30"


def model(kind: str) -> Any:
    return getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)


@pytest.mark.filterwarnings("ignore")
def test_every_resource_of_30_people_is_valid_r4(people: list[Person]) -> None:
    for kind, line in {*shared_resources(), *(row for person in people[:30] for row in person.lines)}:
        model(kind).model_validate_json(line)


REQUIRED_CODES = {
    "Observation": {"final", "preliminary", "entered-in-error"}, "Encounter": {"finished"},
    "MedicationRequest": {"active", "stopped", "completed", "entered-in-error"}, "Procedure": {"completed"},
    "Immunization": {"completed"}, "Medication": {"active"}}


def test_codes_with_a_required_binding_come_from_it(resources: list[dict[str, Any]]) -> None:
    """fhir.resources does not check these."""
    for row in resources:
        assert row.get("status") in REQUIRED_CODES.get(row["resourceType"], {None}), row["resourceType"]
    classes = {row["class"]["code"] for row in resources if row["resourceType"] == "Encounter"}
    assert classes == {"AMB", "EMER", "IMP", "OBSENC", "VR", "HH", "NONAC"}
    conditions = [row for row in resources if row["resourceType"] == "Condition"]
    categories = {row["category"][0]["coding"][0]["code"] for row in conditions}
    assert categories == {"problem-list-item", "encounter-diagnosis"}
    stated = {row["clinicalStatus"]["coding"][0]["code"]: "abatementDateTime" in row for row in conditions
              if "clinicalStatus" in row}
    assert stated == {"active": False, "resolved": True}


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [ref for part in value.values() for ref in references(part)]
    return [ref for part in value for ref in references(part)] if isinstance(value, list) else []


def test_references_lead_to_the_same_person_or_to_shared_resources(people: list[Person]) -> None:
    shared = {f"{kind}/{json.loads(line)['id']}" for kind, line in shared_resources()}
    for person in people[:100]:
        rows = [orjson.loads(line) for _, line in person.lines]
        known = shared | {f"{row['resourceType']}/{row['id']}" for row in rows} | {"#med"}
        assert {ref for row in rows for ref in references(row)} <= known
        assert rows[0]["resourceType"] == "Patient" and rows[0]["id"] == person.id
        assert all(kind == row["resourceType"] for (kind, _), row in zip(person.lines, rows, strict=True))


def test_ids_are_unique_but_for_duplicates_and_versions(resources: list[dict[str, Any]]) -> None:
    seen: dict[str, str] = {}
    for row in resources:
        key = f"{row['resourceType']}/{row['id']}"
        assert seen.setdefault(row["id"], key) == key


def test_nothing_is_recorded_after_the_end(resources: list[dict[str, Any]]) -> None:
    assert max(row["meta"]["lastUpdated"] for row in resources)[:10] <= UNTIL
    assert max(row["period"]["end"] for row in resources if row["resourceType"] == "Encounter")[:10] < UNTIL
    assert max(row.get("issued", "") for row in resources)[:10] <= UNTIL


def test_nobody_is_seen_after_death(people: list[Person]) -> None:
    dead = 0
    for person in people:
        rows = [orjson.loads(line) for _, line in person.lines]
        died = rows[0].get("deceasedDateTime")
        if died:
            dead += 1
            assert all(row["period"]["start"] <= died for row in rows if row["resourceType"] == "Encounter")
    assert dead > 0


def test_histories_are_5_to_15_years_long(lives: list[Any]) -> None:
    years = [(life.profile.until - life.profile.start) / 365.25 for life in lives if life.profile.age > 31]
    assert min(years) > 4.9 and max(years) < 16.1 and 7 < sum(years) / len(years) < 9


def test_us_offsets_follow_daylight_saving() -> None:
    winter, summer = (date(2024, 3, 9).toordinal() * 1440 + 555, date(2024, 3, 10).toordinal() * 1440 + 555)
    assert (local(winter, -5)[-6:], local(summer, -5)[-6:]) == ("-05:00", "-04:00")
    assert instant(winter, -5)[:16] == "2024-03-09T14:15" and instant(summer, -5)[:16] == "2024-03-10T13:15"
    late = date(2024, 12, 31).toordinal() * 1440 + 1439
    assert instant(late, -8)[:16] == "2025-01-01T07:59"


def test_creatinine_and_egfr_agree_by_ckd_epi_2021() -> None:
    published = ((40.90, 55.0, True, 1.5), (54.64, 55.0, False, 1.5), (71.42, 55.0, False, 1.2),
                 (123.76, 30.0, True, 0.6))
    for egfr, age, female, creatinine in published:
        assert ckd_epi_creatinine(egfr, age, female) == pytest.approx(creatinine, abs=0.002)
