"""Later outcomes by group, judged out of sample, and how well groups are parted."""

import math

import numpy as np
import pytest

from analytics.risk_groups.separation import c_statistic, silhouette, standard_error

TWO = np.array([0, 0, 1, 1] * 50)


def test_groups_that_part_the_outcomes_wholly_have_1_and_those_that_do_not_have_one_half() -> None:
    assert c_statistic(TWO, TWO.astype(float), 2) == 1.0
    assert c_statistic(np.zeros(200, dtype=int), TWO.astype(float), 1) == 0.5


def test_by_hand() -> None:
    """80 of 100 in one group and 20 of 100 in the other, in each half alike: 0.8 x 0.8 + 0.8 x 0.2."""
    outcome = np.concatenate([np.ones(80), np.zeros(20), np.ones(20), np.zeros(80)])
    assert c_statistic(np.repeat([1, 0], 100), outcome, 2) == pytest.approx(0.8)


def test_many_groups_of_chance_gain_nothing() -> None:
    random = np.random.default_rng(3)
    found = c_statistic(random.integers(0, 40, 2_000), random.integers(0, 2, 2_000).astype(float), 40)
    assert found == pytest.approx(0.5, abs=0.03)


def test_who_was_not_followed_does_not_count() -> None:
    outcome = np.where(np.arange(200) % 7 == 0, math.nan, TWO)
    assert c_statistic(TWO, outcome, 2) == 1.0


@pytest.mark.parametrize("outcome", [np.zeros(200), np.full(200, math.nan), np.eye(1, 200)[0]])
def test_without_both_outcomes_in_both_halves_there_is_none(outcome: np.ndarray) -> None:
    assert c_statistic(TWO, outcome, 2) is None


@pytest.mark.parametrize("events", [10, 190])
def test_of_ten_people_nothing_is_told(events: int) -> None:
    assert c_statistic(TWO, (np.arange(200) < events).astype(float), 2) is None


@pytest.mark.parametrize(
    ("c", "with_it", "without", "error"),
    [(0.5, 100, 100, 0.04093), (0.8, 50, 150, 0.04010), (1.0, 50, 50, 0.0), (0.7, 0, 50, 0.0)],
)
def test_the_standard_error_by_hand(c: float, with_it: int, without: int, error: float) -> None:
    """c = 0.5: Q1 = Q2 = 1/3; (0.25 + 99/12 + 99/12) / 10,000."""
    outcome = np.array([1.0] * with_it + [0.0] * without + [math.nan] * 7)
    assert standard_error(c, outcome) == pytest.approx(error, abs=1e-5)


def test_the_silhouette_is_euclidean() -> None:
    """Points at 0 and 1 of two groups: distances 0 within, 1 between; then 0, 1 | 3, 4 by hand."""
    line = np.array([[0.0], [1.0], [3.0], [4.0]])
    ends, middle = (3.5 - 1) / 3.5, (2.5 - 1) / 2.5
    assert silhouette(line, np.array([0, 0, 1, 1])) == pytest.approx((ends + middle) / 2)
    assert silhouette(line, np.zeros(4, dtype=int)) is None
