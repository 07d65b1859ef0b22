"""The hand-written patients of fhir_fixtures/cases: each is scored to what the README says of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

import fhir_fixtures
from analytics.definitions import catalogue, live
from analytics.definitions.errors import SubjectError
from tests.spec.live.fhir import known, read
from tests.unit.analytics.definitions.models import model

CASES = Path(fhir_fixtures.__file__).parent / "cases"
AS_OF = date(2026, 6, 30)
WOMAN = {"age": 66.0, "female": 1.0}  # every case but one was born on 1960-03-15

#: case -> the features that are known and not zero, and what was dropped.
EXPECTED: dict[str, tuple[dict[str, float], dict[str, int]]] = {
    "no_data": (WOMAN, {}),
    "foreign_units": (
        WOMAN
        | {
            "hba1c": 8.006,
            "hba1c_change": 0.549,
            "ldl": 139.9854,
            "hdl": 44.8572,
            "total_cholesterol": 220.0323,
            "triglycerides": 177.14,
            "creatinine": 1.1990950226,
            "urine_acr": 44.2,
            "haemoglobin": 12.8,
            "potassium": 4.4,
            "weight": 85.003210138,
            "height": 165.1,
            "glucose": 162.144,
        },
        {"measurement_unit_unknown": 1},
    ),
    "partial_dates": (
        {
            "age": 74.0,
            "female": 1.0,
            "diabetes": 1.0,
            "hypertension": 1.0,
            "copd": 1.0,
            "condition_count": 3.0,
            "hba1c": 7.4,
            "hba1c_change": -0.5,
            "creatinine": 0.9,
            "ldl": 110.0,
            "potassium": 4.1,
            "antidiabetic_oral_in_use": 1.0,
            "medicine_classes_in_use": 1.0,
        },
        {"no_date": 2},
    ),
    "entered_in_error": (
        WOMAN | {"hba1c": 5.4, "care_days_12m": 1.0, "outpatient_visits_12m": 1.0, "days_since_contact": 210.0},
        {},
    ),
    "duplicates_and_versions": (
        WOMAN | {"hba1c": 7.1, "ldl": 118.0, "potassium": 4.0, "copd": 1.0, "condition_count": 1.0},
        {},
    ),
    "bp_components": (
        WOMAN | {"systolic": 142.0, "diastolic": 88.0, "systolic_change": -8.0},
        {"measurement_no_value": 1},
    ),
    "medication_reference_and_contained": (
        WOMAN | {"statin_in_use": 1.0, "renin_angiotensin_in_use": 1.0, "medicine_classes_in_use": 2.0},
        {"no_code": 1},
    ),
    "no_contact": (WOMAN | {"diabetes": 1.0, "condition_count": 1.0, "days_since_contact": 1911.0}, {}),
    "dates_out_of_range": (
        WOMAN | {"hba1c": 6.4, "care_days_12m": 1.0, "days_since_contact": 140.0},
        {"date_out_of_range": 5},
    ),
    "broken_lines": (
        WOMAN | {"hba1c": 6.2},
        {
            "broken_json": 2,
            "no_id": 1,
            "no_subject": 1,
            "no_type": 3,
            "unused_type": 1,
            "value_not_a_number": 1,
            "value_out_of_range": 1,
        },
    ),
}


def lines(case: str) -> list[bytes]:
    """The lines of a case, without the one that belongs to somebody else: a chart never holds that."""
    found = (CASES / f"{case}.ndjson").read_bytes().splitlines()
    return [line for line in found if b"Patient/somebody-not-here" not in line]


def test_every_case_is_here() -> None:
    assert sorted(EXPECTED) == sorted(path.stem for path in CASES.glob("*.ndjson"))


@pytest.mark.parametrize("case", EXPECTED)
def test_a_case_has_these_features_and_these_dropped_lines(case: str) -> None:
    features, dropped = EXPECTED[case]
    found = live.score(lines(case), AS_OF, None)
    assert known(found["features"]) == pytest.approx(features, rel=1e-9)
    assert found["dropped"] == dropped


@pytest.mark.parametrize("case", EXPECTED)
def test_reading_a_case_adds_up(case: str) -> None:
    batch = read(lines(case))
    assert batch.read == len(lines(case)) == batch.kept + len(batch.dropped)


def test_no_data_has_no_group_and_no_error() -> None:
    found = live.score(lines("no_data"), AS_OF, model())
    assert (found["group"], found["group_hidden"], found["reasons"]) == (None, "no_patient_data", [])


def test_no_contact_is_in_the_group_of_the_rule() -> None:
    found = live.score(lines("no_contact"), AS_OF, model())
    assert found["group"]["rule"] == "no_contact"
    assert [reason["feature"] for reason in found["reasons"]] == ["days_since_contact"]
    assert found["features"]["antidiabetic_oral_in_use"] == 0  # the request still reads active, and is five years old


def test_a_line_of_somebody_else_stops_the_score_instead_of_mixing_people() -> None:
    with pytest.raises(SubjectError):
        live.score((CASES / "broken_lines.ndjson").read_bytes().splitlines(), AS_OF, None)


def test_two_versions_of_one_instant_give_the_same_in_any_order() -> None:
    forward, backward = (
        live.score(found, AS_OF, None)
        for found in (lines("duplicates_and_versions"), lines("duplicates_and_versions")[::-1])
    )
    assert forward == backward


def test_a_time_near_midnight_lies_on_its_day_of_utc() -> None:
    events: list[dict[str, Any]] = read(lines("partial_dates")).events.to_pylist()
    days = {event["resource"]: event["time"].isoformat() for event in events if event["time"]}
    assert days["Observation/pd-utc"] == "2026-04-30T23:30:00"
    assert days["Observation/pd-offset-next-day"] == "2026-05-01T05:30:00"
    assert catalogue.features()["ldl"].window_days == 730
