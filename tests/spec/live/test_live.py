"""The live score: whose lines they are, what is hidden and why, what may not count, and that order does not matter."""

from __future__ import annotations

from datetime import date
from random import Random
from typing import Any

import pytest

from analytics.definitions import catalogue, live
from analytics.definitions.errors import SubjectError
from tests.spec.live.fhir import (
    RXNORM,
    Resource,
    codes,
    condition,
    encounter,
    known,
    line,
    observation,
    order,
    patient,
)
from tests.unit.analytics.definitions.models import model

AS_OF = date(2026, 6, 30)
A1C = observation("a1c", "4548-4", 7.1, "%", "2026-03-02")
CHART = [
    patient(),
    A1C,
    observation("a1c-old", "4548-4", 6.4, "%", "2025-03-02"),
    condition("dm", "44054006", "2019-05"),
    encounter("visit", "AMB", "2026-03-02T09:00:00Z"),
    encounter("stay", "IMP", "2025-12-02T09:00:00Z", "2025-12-05T09:00:00Z"),
    order("statin", "617310", "2026-03-02"),
]


def score(*resources: Resource | str | bytes, as_of: date = AS_OF, release: Any = None) -> dict[str, Any]:
    return live.score([line(resource) for resource in resources], as_of, release)


def features(*resources: Resource | str | bytes, as_of: date = AS_OF) -> dict[str, float]:
    """The features that are known and not zero, without age and sex."""
    found = score(patient(), *resources, as_of=as_of)["features"]
    return {name: value for name, value in known(found).items() if name not in {"age", "female"}}


def test_a_chart_becomes_features() -> None:
    found = score(*CHART)
    assert known(found["features"]) == {
        "age": 66,
        "female": 1,
        "hba1c": 7.1,
        "hba1c_change": pytest.approx(0.7),
        "diabetes": 1,
        "condition_count": 1,
        "statin_in_use": 1,
        "medicine_classes_in_use": 1,
        "stays_12m": 1,
        "bed_days_12m": 3,
        "care_days_12m": 2,
        "outpatient_visits_12m": 1,
        "days_since_contact": 120,
    }
    assert list(found["features"]) == list(catalogue.features())
    assert (found["patient"], found["as_of"], found["dropped"]) == ("p1", "2026-06-30", {})


def test_what_is_not_known_is_none_and_what_is_absent_is_zero() -> None:
    found = score(patient(birthDate=None, gender=None))["features"]
    assert found == {f.name: 0.0 if f.missing == "zero" else None for f in catalogue.features().values()}


def test_the_order_of_the_lines_does_not_matter() -> None:
    lines = [*map(line, CHART), line(A1C), line({**A1C, "meta": {"lastUpdated": "2026-04-01"}}), b"{"]
    expected = live.score(lines, AS_OF, model())
    for seed in range(2):
        Random(seed).shuffle(lines)
        assert live.score(lines, AS_OF, model()) == expected


def test_text_and_bytes_are_the_same() -> None:
    lines = [line(resource) for resource in CHART]
    assert live.score([text.decode() for text in lines], AS_OF, None) == live.score(lines, AS_OF, None)


NOBODY: dict[str, list[Resource | str | bytes]] = {
    "no lines at all": [],
    "blank lines": ["", "  "],
    "no Patient": [A1C],
    "a Patient who cannot be read": [patient(birthDate="0001-01-01"), A1C],
    "two Patients": [patient("a"), patient("b")],
    "something of somebody else": [patient(), observation("x", "1", 1, None, "2026", of="p2")],
    "a resource that moved to somebody else": [
        patient(),
        A1C | {"meta": {"lastUpdated": "2026-01-01"}},
        A1C | {"subject": {"reference": "Patient/p2"}},
    ],
    "born after the as-of date": [patient(birthDate="2026-07-05")],
    "born after the as-of date, of unknown sex": [patient(birthDate="2026-07-05", gender=None)],
}


@pytest.mark.parametrize("name", NOBODY)
def test_the_lines_must_be_those_of_one_patient(name: str) -> None:
    with pytest.raises(SubjectError) as raised:
        score(*NOBODY[name])
    assert not any(secret in str(raised.value) for secret in ("p1", "p2", "Patient/", "0001"))


HIDDEN: dict[str, tuple[list[Resource], Any, str | None]] = {
    "no release yet": (CHART, None, "no_release"),
    "other definitions": (CHART, model() | {"definitions_hash": "0" * 64}, "definitions_differ"),
    "died on a known day": ([patient(deceasedDateTime="2026-06-30"), A1C], model(), "deceased"),
    "died on an unknown day": ([patient(deceasedBoolean=True), A1C], model(), "deceased"),
    "died after the as-of date": ([patient(deceasedDateTime="2026-07-01"), A1C], model(), None),
    "nothing but the Patient": ([patient()], model(), "no_patient_data"),
    "nothing to hide": (CHART, model(), None),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_the_group_is_hidden_for_a_reason(name: str) -> None:
    chart, release, reason = HIDDEN[name]
    found = score(*chart, release=release)
    assert found["group_hidden"] == reason
    assert (found["group"] is None) == (reason is not None) and (found["reasons"] == []) == (reason is not None)
    assert found["features"]["age"] == 66


def test_a_group_comes_with_its_second_its_firmness_and_its_reasons() -> None:
    found = score(*CHART, release=model())
    group = found["group"]
    assert (group["rank"], group["name"], group["second"], group["of"]) == (2, "Diabetes", "Well", 3)
    assert 0 < group["firmness"] <= 1 and found["release"] == "r1"
    assert [reason["feature"] for reason in found["reasons"]] == ["hba1c", "diabetes", "stays_12m"]
    assert found["reasons"][0]["sentence"] == "Latest HbA1c 7.1 % on 2 Mar 2026."
    assert found["reasons"][0]["resource"] == "Observation/a1c" and found["missing"] == []


def test_who_was_not_seen_for_two_years_is_in_the_group_of_the_rule() -> None:
    found = score(patient(), A1C, encounter("e", "AMB", "2024-06-30"), release=model())
    assert found["group"]["rule"] == "no_contact" and found["group"]["second"] is None
    assert [r["sentence"] for r in found["reasons"]] == ["Last seen 730 days before the as-of date, on 30 Jun 2024."]
    assert found["missing"] == []
    assert score(patient(), A1C, encounter("e", "AMB", "2024-07-01"), release=model())["group"]["rule"] is None


def test_what_is_missing_is_named_and_never_a_reason() -> None:
    found = score(patient(), encounter("e", "AMB", "2026-06-01"), release=model())
    assert [m["sentence"] for m in found["missing"]] == ["HbA1c: no usable value in the last 24 months."]
    assert "hba1c" not in {reason["feature"] for reason in found["reasons"]}


NOT_COUNTED: dict[str, Resource] = {
    "dated after the as-of date": observation("x", "4548-4", 9, "%", "2026-07-01"),
    "known only after it": observation("x", "4548-4", 9, "%", "2026-06-01", issued="2026-07-01T00:00:00Z"),
    "its evening lies in the next day of UTC": observation("x", "4548-4", 9, "%", "2026-06-30T23:30:00-05:00"),
    "a condition recorded later": condition("x", "44054006", "2020-01-01", recordedDate="2026-07-01"),
    "entered in error": observation("x", "4548-4", 9, "%", "2026-06-01") | {"status": "entered-in-error"},
    "cancelled": observation("x", "4548-4", 9, "%", "2026-06-01") | {"status": "cancelled"},
    "a refuted condition": condition("x", "44054006", "2020", verificationStatus=codes((None, "refuted"))),
    "a condition in error": condition("x", "44054006", "2020", verificationStatus=codes((None, "entered-in-error"))),
    "a medicine not to give": order("x", "617310", "2026-06-01", doNotPerform=True),
    "an order in draft": order("x", "617310", "2026-06-01") | {"status": "draft"},
    "a planned encounter": encounter("x", "IMP", "2026-06-01") | {"status": "planned"},
    "a value older than the window": observation("x", "4548-4", 9, "%", "2024-06-30"),
    "an order that ran out": order(
        "x", "617310", "2026-06-01", dispenseRequest={"validityPeriod": {"end": "2026-06-20"}}
    ),
    "an order without end, a year old": order("x", "617310", "2025-06-30"),
    "a code of another system": condition("x", "", "2020") | {"code": codes(("urn:local", "44054006"))},
}


@pytest.mark.parametrize("name", NOT_COUNTED)
def test_what_does_not_count(name: str) -> None:
    assert features(NOT_COUNTED[name]) == {}


def test_the_last_moment_of_the_as_of_date_and_the_first_day_of_the_window_count() -> None:
    assert features(observation("x", "4548-4", 9, "%", "2026-06-30T23:59:59Z")) == {"hba1c": 9}
    assert features(observation("x", "4548-4", 9, "%", "2024-07-01")) == {"hba1c": 9}
    assert features(order("x", "617310", "2025-07-01")) == {"statin_in_use": 1, "medicine_classes_in_use": 1}
    ends = {"dispenseRequest": {"validityPeriod": {"end": "2026-07-01"}}}
    assert features(order("x", "617310", "2020-01-01", **ends)) == {"statin_in_use": 1, "medicine_classes_in_use": 1}


@pytest.mark.parametrize("newest_first", [True, False])
def test_the_newest_version_wins_though_it_says_less(newest_first: bool) -> None:
    old = A1C | {"meta": {"lastUpdated": "2026-03-02T10:00:00Z"}}
    new = observation("a1c", "4548-4", 6.9, "%", "2026-03-02", meta={"lastUpdated": "2026-03-02T11:00:00Z"})
    wrong = new | {"status": "entered-in-error"}
    pairs = [[new, old], [wrong, old]] if newest_first else [[old, new], [old, wrong]]
    assert [features(*pair) for pair in pairs] == [{"hba1c": 6.9}, {}]


def test_a_medicine_by_reference_is_resolved_through_its_medication() -> None:
    by_reference = order("r", "", "2026-06-01") | {"medicationReference": {"reference": "Medication/m"}}
    del by_reference["medicationCodeableConcept"]
    medication: Resource = {"resourceType": "Medication", "id": "m", "code": codes((RXNORM, "617310"))}
    assert features(by_reference, medication) == {"statin_in_use": 1, "medicine_classes_in_use": 1}
    assert features(by_reference) == {}


def test_every_unusable_line_and_measurement_is_counted_by_reason() -> None:
    found = score(
        patient(),
        "{",
        "[]",
        {"resourceType": "Claim"},
        b"\xff",
        A1C | {"id": None},
        b'"' + b"x" * 5_000_000 + b'"',
        observation("1", "4548-4", 99, "%", "2026"),
        observation("2", "4548-4", 7, "furlong", "2026"),
        observation("3", "4548-4", None, "%", "2026"),
        observation("4", "4548-4", "NaN", "%", "2026"),
    )
    assert found["dropped"] == {
        "broken_json": 1,
        "line_too_long": 1,
        "no_id": 1,
        "no_type": 1,
        "not_utf8": 1,
        "unused_type": 1,
        "value_not_a_number": 1,
        "measurement_implausible": 1,
        "measurement_no_value": 1,
        "measurement_unit_unknown": 1,
    }


def test_one_score_leaves_nothing_for_the_next() -> None:
    alone = score(patient())
    score(*CHART, release=model())
    assert score(patient()) == alone
