"""Reviewing the top of the list: order, cuts, and what may be told of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from analytics.evidence.screening import order, screening
from tests.unit.analytics.evidence.crowd import crowd, groups_of


def test_the_order_is_by_group_then_towards_the_groups_above() -> None:
    rank = np.array([3, 3, 2, 2, 2, 2, 1, 2])
    second = np.array([2.0, 2.0, 3.0, 3.0, 1.0, 1.0, 2.0, np.nan])
    firmness = np.array([0.9, 0.1, 0.1, 0.9, 0.9, 0.1, 0.1, np.nan])
    found = np.argsort(-order(rank, second, firmness), kind="stable").tolist()
    assert found == [0, 1, 2, 3, 7, 4, 5, 6]


def people(*parts: tuple[int, int, int, float]) -> dict[str, Any]:
    """Parts of (rank, n, events, firmness of the first; each later person is less firm)."""
    rank = np.concatenate([np.full(n, rank) for rank, n, _, _ in parts])
    outcome = np.concatenate([[1.0] * events + [0.0] * (n - events) for _, n, events, _ in parts])
    firm = np.concatenate([np.linspace(first, first / 2, n) for _, n, _, first in parts])
    return {"rank": rank, "outcome": outcome, "second": np.where(rank == 1, 2.0, 1.0), "firmness": firm}


def test_sensitivity_value_and_number_to_review_of_a_cut() -> None:
    """1,000 people; the top 10 % are 100 of the 200 in the highest group: 40 of its first 100 had the outcome."""
    found = people((2, 200, 40, 0.9), (1, 800, 60, 0.9))
    found["outcome"][100:140] = 1.0  # and 40 of its second
    rows = screening(found, groups_of(found))
    top = next(row for row in rows if row["top"] == 0.1)
    assert (top["people"], top["events"], top["tied"]) == (100, 40, 0)
    assert top["sensitivity"] == pytest.approx(40 / 140, abs=1e-4)
    assert (top["ppv"], top["number_needed_to_review"]) == (0.4, 2.5)


def test_nobody_is_taken_before_another_of_the_same_number() -> None:
    found = people((2, 200, 60, 0.9), (1, 800, 60, 0.9)) | {"firmness": np.full(1000, np.nan)}
    top = next(row for row in screening(found, groups_of(found)) if row["top"] == 0.1)
    assert (top["people"], top["events"], top["tied"], top["ppv"]) == (200, 60, 100, 0.3)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        # the top 1 % are 10 people: never told
        ([(2, 200, 100, 0.9), (1, 800, 60, 0.9)], [None, 50, 100]),
        # 5 events in the top 5 %
        ([(2, 200, 0, 0.9), (1, 800, 100, 0.9)], [None, 0, 0]),
        # of the 105 in the highest group 5 lie beyond the top 10 %: that these had no event would be told
        ([(2, 105, 50, 0.9), (1, 895, 60, 0.9)], [None, 50, None]),
    ],
)
def test_a_row_that_would_tell_a_small_number_is_empty(parts: Any, told: list[int | None]) -> None:
    found = people(*parts)
    rows = screening(found, groups_of(found))
    assert [row["events"] for row in rows] == told
    assert all(row["ppv"] is None for row in rows if row["events"] is None)


def test_no_difference_of_two_rows_or_group_ends_is_small() -> None:
    for seed in range(40):
        found = crowd(600, seed)
        ends = [(0, 0)] + [(int((found["rank"] >= rank).sum()), int(found["outcome"][found["rank"] >= rank].sum()))
                           for rank in (1, 2, 3)]  # fmt: skip
        rows = [(row["people"], row["events"]) for row in screening(found, groups_of(found)) if row["people"]]
        points = sorted({*ends, *rows})
        for (n, e), (m, f) in pairwise(points):
            if (n, e) in rows or (m, f) in rows:
                assert not 1 <= m - n <= 10 and not 1 <= f - e <= 10 and not 1 <= (m - n) - (f - e) <= 10


def test_without_people_there_is_nothing_to_screen() -> None:
    nobody = {name: np.array([]) for name in ("outcome", "rank", "second", "firmness")}
    assert [row["people"] for row in screening(nobody, [])] == [None] * 3
