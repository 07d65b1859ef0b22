"""c-statistics against their definition, scikit-learn and DeLong's pairwise sums; baselines against scikit-learn."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from analytics.evidence import discrimination
from analytics.evidence.discrimination import c_statistic, of_groups, of_levels
from tests.unit.analytics.evidence.crowd import crowd, group, groups_of


def by_pairs(scores: Any, outcome: Any) -> tuple[float, float]:
    """c and its standard error as DeLong writes them: every pair of one with and one without the outcome."""
    ill, well = scores[outcome == 1], scores[outcome == 0]
    wins = np.array([[1.0 if a > b else 0.5 if a == b else 0.0 for b in well] for a in ill])
    return wins.mean(), math.sqrt(wins.mean(1).var(ddof=1) / len(ill) + wins.mean(0).var(ddof=1) / len(well))


@pytest.mark.parametrize(("levels", "n", "seed"), list(product((2, 5, 10_000), (60, 300), (1, 2))))
def test_c_is_the_share_of_pairs_in_the_right_order_with_delongs_interval(levels: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, n).astype(float)
    outcome = (rng.random(n) < 0.2 + 0.4 * scores / levels).astype(float)
    found, (c, error) = c_statistic(scores, outcome), by_pairs(scores, outcome)
    assert found is not None and c == pytest.approx(roc_auc_score(outcome, scores))
    assert found == pytest.approx({"c": c, "low": c - 1.96 * error, "high": c + 1.96 * error}, abs=6e-4)


@pytest.mark.parametrize(("events", "others", "told"), [(10, 500, False), (11, 500, True), (500, 10, False)])
def test_a_c_of_few_people_is_not_told(events: int, others: int, told: bool) -> None:
    outcome = np.array([1.0] * events + [0.0] * others)
    assert (c_statistic(np.arange(len(outcome), dtype=float), outcome) is not None) is told


def test_the_rank_of_a_group_has_the_c_of_its_people() -> None:
    people = crowd()
    assert of_groups(groups_of(people)) == c_statistic(people["rank"].astype(float), people["outcome"])


def test_the_c_of_the_rank_does_not_depend_on_a_hidden_number() -> None:
    found = [of_groups([group(1, 400, hidden), group(2, 400, 60), group(3, 200, 80)]) for hidden in range(1, 11)]
    assert found[0] is not None and all(one == found[0] for one in found)
    shown = of_levels([400, 400, 200], [6, 60, 80])
    assert shown is not None and abs(found[0]["c"] - shown["c"]) < 0.005


@pytest.mark.parametrize(
    ("said", "events"),
    [(group(1, 400, 20), 20.0), (group(1, 400, 3), 5.5), (group(1, 400, 395), 394.5), (group(1, 15, 4), 7.5)],
)
def test_a_hidden_number_of_events_counts_as_the_middle_of_what_it_may_be(said: Any, events: float) -> None:
    assert discrimination.events_told(said) == events


def test_the_logistic_model_is_that_of_scikit_learn() -> None:
    people = crowd(500)
    columns = discrimination.age_and_sex(people["age"], people["female"])
    ours = discrimination.logistic(columns, people["outcome"])
    theirs = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=5000).fit(columns, people["outcome"])
    assert ours == pytest.approx(theirs.coef_[0], abs=2e-3)


def test_unknown_age_and_sex_count_as_the_mean() -> None:
    found = discrimination.age_and_sex(np.array([50.0, np.nan, 70.0]), np.array([1.0, 0.0, np.nan]))
    assert found[0].tolist() == [1.0, -1.0, 1.0, 1.0]
    assert found[1].tolist() == [1.0, 0.0, 0.0, 0.0] and found[2, 3] == 0.5


def test_nobody_is_judged_by_a_model_that_has_seen_them() -> None:
    """An outcome turned round changes the fits of the other nine tenths, never one's own."""
    people = crowd(200)
    columns = discrimination.age_and_sex(people["age"], people["female"])
    turned = people["outcome"].copy()
    turned[::10] = 1 - turned[::10]
    before, after = (discrimination.cross_fitted(columns, outcome) for outcome in (people["outcome"], turned))
    assert (before[::10] == after[::10]).all() and (before[1::10] != after[1::10]).all()


def test_the_group_is_told_beside_all_baselines() -> None:
    people = crowd(4000)
    found = discrimination.discrimination(people, groups_of(people))
    assert list(found) == ["rank", "age_sex", "charlson", "prior_admissions", "rank_with_age_sex"]
    c = {name: one["c"] for name, one in found.items() if one is not None}
    assert c["rank"] > c["charlson"] > c["prior_admissions"] > 0.5
    assert c["rank_with_age_sex"] > c["age_sex"] > 0.5
    assert c["charlson"] == pytest.approx(roc_auc_score(people["outcome"], people["charlson_2011"]), abs=6e-4)


def test_of_few_events_no_baseline_is_told() -> None:
    people = crowd(200) | {"outcome": np.array([1.0] * 5 + [0.0] * 195)}
    assert list(discrimination.discrimination(people, groups_of(people)).values()) == [None] * 5


def test_a_c_that_would_rest_on_hidden_numbers_is_not_told() -> None:
    assert of_groups([group(1, 400, 9), group(2, 400, 10), group(3, 200, 11)]) is None
    assert of_groups([group(1, 400, 9), group(2, 400, 30), group(3, 200, 11)]) is not None
