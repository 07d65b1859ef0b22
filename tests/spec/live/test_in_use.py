"""Medicines in use and the records behind values, as a score tells them: what cards for orders are made of."""

from __future__ import annotations

from datetime import date
from typing import Any

from analytics.definitions import live
from tests.spec.live.fhir import condition, line, observation, order, patient

AS_OF = date(2026, 6, 30)


def score(*resources: dict[str, Any]) -> dict[str, Any]:
    return live.score([line(one) for one in (patient(), *resources)], AS_OF, None)


def test_each_order_in_use_is_told_by_class_ingredient_and_detail_the_newest_first() -> None:
    found = score(
        order("old", "312961", "2025-08-01"),
        order("new", "259255", "2026-05-01"),
        order("over", "259255", "2025-05-01"),
        order("later", "259255", "2026-07-01"),
        order("proposed", "259255", "2026-05-01", intent="proposal"),
        order("named", "0", "2026-04-01", medicationCodeableConcept={"text": "Crestor"}),
    )["in_use"]
    assert [(one["resource"].partition("/")[2], one["concept"], one["time"]) for one in found] == [
        ("new", "statin_high_intensity", "2026-05-01"), ("new", "statin", "2026-05-01"),
        ("new", "ingredient_atorvastatin", "2026-05-01"),
        ("named", "statin", "2026-04-01"), ("named", "ingredient_rosuvastatin", "2026-04-01"),
        ("old", "statin_moderate_intensity", "2025-08-01"), ("old", "statin", "2025-08-01"),
        ("old", "ingredient_simvastatin", "2025-08-01"),
    ]  # fmt: skip


def test_an_allergy_to_a_medicine_is_no_use_of_it() -> None:
    allergy = {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/p1"},
               "code": order("m", "36567", "2026-05-01")["medicationCodeableConcept"]}  # fmt: skip
    assert score(allergy)["in_use"] == []


def test_a_value_comes_with_the_date_and_resource_of_its_record() -> None:
    found = score(observation("k", "2823-3", 5.1, "mmol/L", "2026-02-01"), condition("c", "195967001", "2020-03-02"))
    assert found["evidence"]["potassium"] == {"time": "2026-02-01", "resource": "Observation/k"}
    assert found["evidence"]["asthma"] == {"time": "2020-03-02", "resource": "Condition/c"}
    assert "sodium" not in found["evidence"]


def test_every_dated_record_of_what_days_are_counted_since_is_told_the_newest_first() -> None:
    found = score(
        condition("older", "77386006", "2026-03-02"), condition("newer", "72892002", "2026-05-02"),
        condition("undated", "77386006", None), condition("later", "77386006", "2026-07-01"),
        condition("refuted", "77386006", "2026-05-03", verificationStatus={"coding": [{"code": "refuted"}]}),
    )  # fmt: skip
    assert found["dated"] == {"days_since_pregnancy": [
        {"time": "2026-05-02", "resource": "Condition/newer"}, {"time": "2026-03-02", "resource": "Condition/older"},
    ]}  # fmt: skip
    assert found["features"]["days_since_pregnancy"] == 59
