"""The series of a score: the very measurements that the features are picked from, whatever their age."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from analytics.definitions import live
from tests.spec.live.fhir import line, observation, patient

AS_OF = date(2026, 6, 30)


def series(*resources: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    lines = [line(one) for one in (patient(), *resources)]
    found: dict[str, list[dict[str, Any]]] = live.score(lines, AS_OF, None)["series"]
    return found


def test_values_come_oldest_first_in_the_unit_of_the_feature_with_their_records() -> None:
    found = series(
        observation("new", "4548-4", 7.1, "%", "2026-03-02"),
        observation("old", "4548-4", 53, "mmol/mol", "2014-03-02"),
        observation("odd", "4548-4", 700, "%", "2026-03-03"),
        observation("late", "4548-4", 7.4, "%", "2026-07-01"),
        observation("unit", "4548-4", 7.4, "furlong", "2026-03-04"),
    )
    assert found == {
        "hba1c": [
            {"time": "2014-03-02", "value": pytest.approx(7.0, abs=0.001), "resource": "Observation/old"},
            {"time": "2026-03-02", "value": 7.1, "resource": "Observation/new"},
        ]
    }


def test_the_newest_is_the_feature() -> None:
    lines = [line(one) for one in (patient(), observation("a", "13457-7", 2.6, "mmol/L", "2026-03-02"),
                                   observation("b", "13457-7", 120, "mg/dL", "2025-03-02"))]  # fmt: skip
    found = live.score(lines, AS_OF, None)
    assert found["series"]["ldl"][-1]["value"] == found["features"]["ldl"]


def test_a_long_history_keeps_its_newest_forty() -> None:
    found = series(*(observation(f"o{n:02}", "8867-4", 60 + n, "/min", f"2025-{1 + n // 28:02}-{1 + n % 28:02}")
                     for n in range(50)))  # fmt: skip
    assert [one["value"] for one in found["heart_rate"]] == [60.0 + n for n in range(10, 50)]


def test_nobody_measured_nothing() -> None:
    assert series() == {}


def test_what_came_without_a_unit_is_told_with_how_it_is_read() -> None:
    """A unit that is guessed by the size of a value is never silent, for it may be the wrong one."""
    lines = [line(one) for one in (
        patient(), observation("a", "13457-7", 2.6, None, "2026-03-02"),
        observation("b", "13457-7", 120, None, "2025-03-02"), observation("c", "13457-7", 110, "mg/dL", "2026-04-02"),
        observation("d", "4548-4", 7.1, "%", "2026-04-02"),
    )]  # fmt: skip
    found = live.score(lines, AS_OF, None)["units_assumed"]
    assert found == {
        "ldl": {"n": 2, "value": pytest.approx(100.5, abs=0.1), "time": "2026-03-02", "resource": "Observation/a"}
    }
