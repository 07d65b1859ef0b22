"""Standardised ratios, worked by hand, and the limits of a count as the textbook has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analytics import suppression
from analytics.evidence import standardised
from tests.unit.analytics.evidence.crowd import groups_of


@pytest.mark.parametrize(
    ("observed", "low", "high"),
    # exact Poisson limits to which Byar's formula comes close (Breslow and Day 1987, table 2.11)
    [(0, 0.0, 3.69), (1, 0.025, 5.57), (10, 4.80, 18.39), (20, 12.22, 30.89), (100, 81.4, 121.6)],
)
def test_limits_of_a_count(observed: int, low: float, high: float) -> None:
    assert standardised.byar(observed) == pytest.approx((low, high), rel=0.02, abs=0.02)


@pytest.mark.parametrize(
    ("events", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (29, 29, 0.8830, 1.0)],
)
def test_wilson_has_the_values_of_newcombe(events: int, n: int, low: float, high: float) -> None:
    """Newcombe RG, Stat Med 1998;17:857, table I, method 3."""
    assert suppression.wilson(events, n) == pytest.approx((low, high), abs=6e-5)


def people(cells: list[tuple[int, float, int, int]]) -> dict[str, Any]:
    """Cells of (rank, age, n, events); all women."""
    ranks, ages, outcomes = [], [], []
    for rank, age, n, events in cells:
        ranks += [rank] * n
        ages += [age] * n
        outcomes += [1.0] * events + [0.0] * (n - events)
    return {"rank": np.array(ranks), "age": np.array(ages), "female": np.ones(len(ranks)),
            "outcome": np.array(outcomes)}  # fmt: skip


def test_a_ratio_at_equal_age_and_sex_by_hand() -> None:
    """Young: 40 of 400; old: 160 of 400. Group 1 expects 30 + 40 = 70 and has 50; group 2 expects 10 + 120 = 130 and
    has 150. So 1.1538 / 0.7143 = 1.6154; the crude ratio is 3."""
    found = people([(1, 30.0, 300, 25), (1, 80.0, 100, 25), (2, 30.0, 100, 15), (2, 80.0, 300, 135)])
    told = standardised.ratios(found, groups_of(found))
    assert told[1] == {"ratio": 1.0, "low": 1.0, "high": 1.0, "to": 1}
    # exp(1.96 * sqrt(1/50 + 1/150)) = 1.3772
    assert told[2] == {"ratio": 1.62, "low": 1.17, "high": 2.22, "to": 1}


def test_what_age_alone_explains_is_no_ratio() -> None:
    found = people([(1, 30.0, 300, 30), (1, 80.0, 100, 40), (2, 30.0, 100, 10), (2, 80.0, 300, 120)])
    told = standardised.ratios(found, groups_of(found))
    assert told[2] is not None and told[2]["ratio"] == 1.0 and told[2]["low"] < 1 < told[2]["high"]


def test_a_group_whose_events_are_hidden_has_no_ratio_and_is_not_compared_with() -> None:
    found = people([(1, 30.0, 300, 4), (2, 30.0, 300, 30), (3, 30.0, 300, 60), (4, 30.0, 40, 0)])
    told = standardised.ratios(found, groups_of(found))
    assert told[1] is None and told[4] is None
    assert told[2] == {"ratio": 1.0, "low": 1.0, "high": 1.0, "to": 2}
    assert told[3] is not None and (told[3]["ratio"], told[3]["to"]) == (2.0, 2)


def test_where_every_number_is_hidden_there_is_no_ratio() -> None:
    found = people([(1, 30.0, 300, 4), (2, 30.0, 300, 6)])
    assert standardised.ratios(found, groups_of(found)) == {1: None, 2: None}


def test_observed_to_expected() -> None:
    assert standardised.observed_to_expected(20, 10.0) == {"ratio": 2.0, "low": 1.22, "high": 3.09}
    assert standardised.observed_to_expected(20, 0.0) is None
