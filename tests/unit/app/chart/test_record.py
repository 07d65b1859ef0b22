"""A FHIR resource in words: each kind of element, and whatever else may stand in its place."""

from typing import Any

import pytest

from app.chart.record import rows_of, words

QUANTITY = {"value": 148, "unit": "mmHg", "code": "mm[Hg]"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (QUANTITY, "148 mmHg"), ({"value": 3, "comparator": "<", "code": "mg/L"}, "< 3 mg/L"), ({"value": True}, ""),
        ({"text": "Sugar", "coding": [{"display": "Glucose"}]}, "Sugar"), ({"coding": [{"code": "1"}]}, "1"),
        ({"coding": [{}, {"display": "Glucose", "code": "1"}]}, "Glucose"), ({"display": "Dr. Osei"}, "Dr. Osei"),
        ("2026-05-04", "04-May-2026"), ("2026-05-04T08:00:00Z", "04-May-2026"), ("2026-05", "2026-05"),
        ({"start": "2026-05-04", "end": "2026-05-06"}, "04-May-2026 to 06-May-2026"),
        ({"start": "2026-05-04"}, "from 04-May-2026"), ({"end": "2026-05-06"}, "unknown to 06-May-2026"),
        ({"low": {"value": 1}, "high": {"value": 2}}, "1 to 2"), ({"high": {"value": 2}}, "up to 2"),
        ({"given": ["Ana", "B."], "family": "Baker"}, "Ana B. Baker"), ({"actor": {"display": "Ward"}}, "Ward"),
        ([{"text": "a"}, {"text": "b"}, 7, None], "a; b; 7"), (True, "yes"), (None, ""), ({}, ""), ([], ""),
        ({"reference": "Practitioner/1"}, "Practitioner/1"), ({"coding": "x"}, ""), ({"given": "x"}, ""),
    ],
)  # fmt: skip
def test_each_kind_of_element(value: Any, said: str) -> None:
    assert words(value) == said


def test_a_panel_has_a_row_for_each_part() -> None:
    part = {"code": {"text": "Systolic"}, "valueQuantity": QUANTITY}
    bare = {"code": {"text": "Diastolic"}}
    rows = rows_of({"code": {"text": "Blood pressure"}, "component": [part, bare, "odd"], "status": "final",
                    "effectiveDateTime": "2026-05-04", "meta": {"lastUpdated": "2026-05-05T00:00:00Z"}})  # fmt: skip
    assert rows == [
        ("What", "Blood pressure"), ("Systolic", "148 mmHg"), ("Diastolic", "Not known"), ("Status", "final"),
        ("Date", "04-May-2026"), ("Last changed in the EHR", "05-May-2026"),
    ]  # fmt: skip


def test_what_is_not_understood_is_left_to_the_json() -> None:
    assert rows_of({"resourceType": "Observation", "extension": [{"url": "x"}], "component": "x", "meta": 1}) == []
    assert len(rows_of({"note": [], "component": [{"code": {"text": str(n)}} for n in range(100)]})) == 40
