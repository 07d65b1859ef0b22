"""A rate that a fit found, beside that of a later year."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.evidence import calibration, temporal
from analytics.evidence.discrimination import of_levels
from analytics.suppression import wilson

PEOPLE, EVENTS = [500, 300, 200], [25, 45, 80]
EXPECTED = {1: 0.06, 2: 0.14, 3: 0.45}


def test_expected_and_observed_rates_with_their_interval() -> None:
    rows = calibration.calibration(EXPECTED, PEOPLE, EVENTS)
    assert [(row["rank"], row["n"], row["expected"], row["observed"]) for row in rows] == [
        (1, 500, 0.06, 0.05), (2, 300, 0.14, 0.15), (3, 200, 0.45, 0.4)
    ]  # fmt: skip
    assert [(row["low"], row["high"]) for row in rows] == [wilson(e, n) for e, n in zip(EVENTS, PEOPLE, strict=True)]


@pytest.mark.parametrize(
    ("people", "events", "shown"),
    [
        (PEOPLE, [5, 45, 80], [None, None, 80]),  # one alone would follow from the sum
        (PEOPLE, [0, 45, 80], [0, 45, 80]),
        (PEOPLE, [25, 45, 195], [None, 45, None]),  # five without
        ([8, 300, 200], [3, 45, 80], [None, 45, None]),
        ([500], [5], [None]),
    ],
)
def test_small_numbers_are_hidden_and_another_with_them(
    people: list[int], events: list[int], shown: list[int | None]
) -> None:
    rows = calibration.calibration(dict.fromkeys(range(len(people)), 0.1), people, events)
    assert [None if row["observed"] is None else round(row["observed"] * row["n"]) for row in rows] == shown
    assert all(row["low"] is None for row in rows if row["observed"] is None)


def test_a_sum_that_is_hidden_elsewhere_does_not_follow() -> None:
    rows = calibration.calibration(EXPECTED, PEOPLE, EVENTS, hide_sum=True)
    assert sum(row["observed"] is None for row in rows) == 1


def test_the_c_of_a_later_year_rests_on_what_is_told() -> None:
    found = [calibration.c_of(calibration.calibration(EXPECTED, PEOPLE, [few, 45, 80]), 0.15) for few in (1, 5, 10)]
    assert found[0] is not None and found[0] == found[1] == found[2]
    assert calibration.c_of(calibration.calibration(EXPECTED, PEOPLE, EVENTS), 0.15) == of_levels(PEOPLE, EVENTS)
    assert calibration.c_of(calibration.calibration(EXPECTED, PEOPLE, [2, 3, 4]), 0.01) is not None


def test_groups_of_an_earlier_fit_are_ordered_by_what_may_be_told_of_their_rates() -> None:
    rank = np.repeat([7, 3, 5], [100, 200, 300])
    outcome = np.concatenate([[1.0] * 40 + [0.0] * 60, [1.0] * 4 + [0.0] * 196, [1.0] * 60 + [0.0] * 240])
    found, usual = temporal.ranked(rank, outcome)
    assert found == [(3, pytest.approx(11 / 200 / 2)), (5, 0.2), (7, 0.4)] and usual == pytest.approx(104 / 600)


def test_a_group_whose_people_are_few_is_expected_nothing_of() -> None:
    found, _ = temporal.ranked(np.repeat([1, 2], [6, 300]), np.concatenate([[1.0] * 6, [0.0] * 200, [1.0] * 100]))
    assert dict(found)[1] is None


@pytest.mark.parametrize(("people", "hidden"), [
    ([3, 4, 40, 300], [True, True, True, False]),
    ([10, 10, 50, 200], [True, True, True, False]),  # 20 is the most that two of few can be: each would be 10
])  # fmt: skip
def test_what_is_hidden_of_a_row_is_never_few_together(people: list[int], hidden: list[bool]) -> None:
    assert calibration.told(people, [0, 0, 20, 100])[0] == hidden
