"""Drift: bins without small numbers, the stability index, the adjusted Rand index, and what it is compared with."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from analytics.lake import Lake
from analytics.release import bins, drift
from tests.unit.analytics import papers


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([40, 30, 30, 0], {"edges": [1.0, 2.0], "shares": [0.4, 0.3, 0.3], "unknown": 0.0}),
        ([40, 30, 30, 100], {"edges": [1.0, 2.0], "shares": [0.2, 0.15, 0.15], "unknown": 0.5}),
        ([40, 5, 60, 0], {"edges": [2.0], "shares": [0.429, 0.571], "unknown": 0.0}),  # 5 join the smaller neighbour
        ([3, 50, 47, 0], {"edges": [2.0], "shares": [0.53, 0.47], "unknown": 0.0}),
        ([50, 50, 50, 4], {"edges": [1.0, 2.0], "shares": [0.333, 0.333, 0.333], "unknown": None}),
        ([4, 3, 2, 0], None), ([0, 0, 0, 0], None), ([96, 3, 1, 0], None),
    ],
)  # fmt: skip
def test_no_bin_tells_of_a_few_people(found: list[int], told: dict[str, Any] | None) -> None:
    assert bins._told([1.0, 2.0], found) == told


def test_a_value_on_an_edge_lies_below_it_and_the_unknown_are_apart() -> None:
    assert bins._in_bins(np.array([0.0, 1.0, 1.5, 2.0, 9.0, math.nan]), [1.0, 2.0]).tolist() == [2, 2, 1, 1]


BEFORE = {"edges": [1.0], "shares": [0.5, 0.5], "unknown": 0.0}


def test_the_stability_index_is_its_formula() -> None:
    assert bins.index(BEFORE, [500, 500, 0]) == 0.0
    expected = 0.3 * math.log(0.8 / 0.5) - 0.3 * math.log(0.2 / 0.5)
    assert bins.index(BEFORE, [800, 200, 0]) == pytest.approx(expected, abs=5e-4)
    assert bins.index(BEFORE, [1000, 0, 0]) == pytest.approx(0.5 * math.log(2) + 0.4995 * math.log(1000), abs=5e-3)


def test_values_that_are_no_longer_known_move_the_index() -> None:
    assert (bins.index(BEFORE, [250, 250, 500]) or 0) > 1
    assert bins.index(BEFORE | {"unknown": None}, [250, 250, 500]) == 0.0  # they were few, so they were not told


def test_a_few_people_now_are_joined_so_that_the_index_does_not_tell_them() -> None:
    three = {"edges": [1.0, 2.0], "shares": [0.4, 0.3, 0.3], "unknown": None}
    assert bins.index(three, [400, 595, 5, 0]) == bins.index(three, [400, 599, 1, 0]) == 0.0
    assert bins.index({"edges": [0.5], "shares": [0.9, 0.1], "unknown": None}, [95, 5, 0]) is None


def test_the_adjusted_rand_index_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(7)
    old, new = random.integers(1, 6, 500), random.integers(1, 4, 500)
    new[:300] = old[:300]
    pairs: dict[tuple[int, int], int] = {}
    for one, other in zip(old.tolist(), new.tolist(), strict=True):
        pairs[one, other] = pairs.get((one, other), 0) + 1
    assert drift.adjusted_rand_index(pairs) == pytest.approx(adjusted_rand_score(old, new))
    assert drift.adjusted_rand_index({(1, 2): 30, (2, 1): 20}) == 1.0
    assert drift.adjusted_rand_index({(1, 1): 50}) == 1.0


def release(lake: Lake, release_id: str, created_at: str, *, finished: bool = True, ehr: str = "a") -> None:
    folder = lake.release(ehr, release_id)
    lake.write_json(f"{folder}/release.json", papers.release(release_id=release_id, created_at=created_at, ehr=ehr))
    if finished:
        lake.finish(folder)


def test_the_release_before_is_the_newest_other_finished_one_of_the_same_ehr(tmp_path: Path) -> None:
    lake = Lake(f"file://{tmp_path}/lake")
    model = papers.release(ehr="a", release_id="r3", created_at="2026-07-03T00:00:00+00:00")
    assert drift.previous(lake, model) is None
    release(lake, "r3", "2026-07-03T00:00:00+00:00")
    assert drift.previous(lake, model) is None
    release(lake, "r1", "2026-07-01T00:00:00+00:00")
    release(lake, "r2", "2026-07-02T00:00:00+00:00", finished=False)
    release(lake, "r9", "2026-07-02T00:00:00+00:00", ehr="b")
    release(lake, "r0", "2026-07-09T00:00:00+00:00")  # made later, as when an old release is made again
    assert (drift.previous(lake, model) or {})["release_id"] == "r1"


def test_shares_of_groups_hide_a_small_one_and_another_with_it() -> None:
    before = {"groups": [{"rank": rank, "name": str(rank)} for rank in (1, 2, 3)]}
    told = drift._shares(before, {1: 500, 2: 300, 3: 200}, {1: 600, 2: 395, 3: 5})
    assert [(one["before"], one["now"]) for one in told] == [(0.5, 0.6), (0.3, None), (0.2, None)]


def test_no_bin_parts_ages_above_89() -> None:
    class Rows:
        def selectExpr(self, *_: str) -> "Rows":
            return self

        def first(self) -> dict[str, list[float]]:
            return {"age": [40.0, 88.0, 92.0, 95.0]}

    model = {"features": ["age"], "transform": {"age": {"shape": "value"}}}
    assert bins._edges(Rows(), model) == {"age": [40.0, 88.0, 89.0]}  # type: ignore[arg-type]
