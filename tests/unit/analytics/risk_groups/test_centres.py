"""Centres in a release: whoever multiplies them by the group's size learns of no group of one to ten people."""

from typing import Any

import numpy as np
import pytest

from analytics.definitions import groups
from analytics.risk_groups import centres

NAMES = ["diabetes", "smoker", "stays_12m", "hba1c"]
STEPS = {
    "diabetes": {"shape": "flag", "fill": 0.2, "cap": [0.0, 1.0], "middle": 0.2, "scale": 0.4},
    "smoker": {"shape": "flag", "fill": 0.3, "cap": [0.0, 1.0], "middle": 0.3, "scale": 0.5},
    "stays_12m": {"shape": "count", "fill": 0.0, "cap": [0.0, 6.0], "middle": 0.1, "scale": 0.3},
    "hba1c": {"shape": "value", "fill": 5.6, "cap": [4.0, 13.0], "middle": 5.8, "scale": 0.9},
}


def people(count: int, name: str, values: list[float | None]) -> list[dict[str, Any]]:
    """A group of so many, all alike but for one feature: `values` first, then the value that is nothing special."""
    plain: dict[str, float | None] = {"diabetes": 0.0, "smoker": 0.0, "stays_12m": 0.0, "hba1c": None}
    own = values + [plain[name]] * (count - len(values))
    return [plain | {name: value} for value in own]


def published(rows: list[dict[str, Any]]) -> list[float]:
    """The centre that a release tells of these people as its only cluster."""
    model: dict[str, Any] = {"features": NAMES, "transform": STEPS}
    mean = groups.prepare(groups.as_matrix(rows, NAMES), model).mean(axis=0).tolist()
    model["groups"] = [{"rank": 1, "centre": mean}, {"rank": 2, "centre": None}]
    cells = sum(centres.counted(groups.as_matrix(part, NAMES), model) for part in (rows[:7], rows[7:]))
    first, rule = centres.publishable(model, cells)
    assert rule["centre"] is None
    return list(first["centre"])


@pytest.mark.parametrize(
    ("name", "value"), [("diabetes", 1.0), ("smoker", 1.0), ("stays_12m", 2.0), ("hba1c", 9.1), ("smoker", None)]
)
def test_one_to_ten_people_leave_no_trace_in_the_centre(name: str, value: float | None) -> None:
    said = [published(people(60, name, [value] * few)) for few in range(1, 11)]
    assert all(one == said[0] for one in said)
    assert published(people(60, name, [value] * 11)) != said[0]


def test_nor_do_one_to_ten_people_without_what_all_others_have() -> None:
    said = {tuple(published(people(60, "diabetes", [1.0] * (60 - few)))) for few in range(1, 11)}
    assert said == {tuple(published(people(60, "diabetes", [1.0] * 60)))}


def test_the_only_measured_value_cannot_be_worked_out() -> None:
    assert published(people(60, "hba1c", [13.0])) == published(people(60, "hba1c", [4.1]))


def test_larger_numbers_stay_where_they_are() -> None:
    place = NAMES.index("diabetes")
    assert published(people(60, "diabetes", [1.0] * 30))[place] == pytest.approx((0.5 - 0.2) / 0.4)


def test_nobody_counts_as_nobody() -> None:
    model = {"features": NAMES, "transform": STEPS, "groups": [{"centre": [0.0] * 4}]}
    assert not centres.counted(groups.as_matrix([], NAMES), model).any()
    one = centres.counted(groups.as_matrix(people(5, "hba1c", [5.0, 6.0]), NAMES), model)
    assert np.array_equal(one, [[[5, 5, 5, 2, 5], [0, 0, 0, 2, 5]]])
