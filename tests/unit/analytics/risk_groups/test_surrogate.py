"""The tree that stands for the groups: words, thresholds, leaves, and that it says how far it agrees."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sklearn.tree  # noqa: F401 - its first import draws from the random numbers that all share

from analytics.definitions import catalogue, groups
from analytics.risk_groups import surrogate
from analytics.risk_groups.sample import Sample
from analytics.risk_groups.surrogate import Step, agreement, grown, in_words, printed

STEPS = {
    "diabetes": {"shape": "flag", "fill": 0.0, "cap": [0.0, 1.0], "middle": 0.5, "scale": 0.5},
    "age": {"shape": "value", "fill": 50.0, "cap": [0.0, 100.0], "middle": 50.0, "scale": 15.0},
    "stays_12m": {"shape": "count", "fill": 0.0, "cap": [0.0, 9.0], "middle": 0.0, "scale": 1.0},
}


def model(*centres: list[float]) -> dict[str, Any]:
    found = [{"rank": rank, "name": f"Group {rank}", "rule": None, "centre": centre}
             for rank, centre in enumerate(centres, start=1)]  # fmt: skip
    return {"features": list(STEPS), "transform": STEPS, "groups": found}


BY_DIABETES = model([-1.0, 0.0, 0.0], [1.0, 0.0, 0.0])


def sample(values: Any, release: dict[str, Any]) -> Sample:
    return Sample(values, groups.prepare(values, release), np.zeros(len(values)), len(values))


def people(count: int = 400) -> Any:
    random = np.random.default_rng(5)
    columns = [random.integers(0, 2, count), random.normal(50, 15, count).round(1), random.poisson(0.4, count)]
    return np.stack(columns, axis=1).astype(float)


def test_what_parts_the_groups_is_found() -> None:
    leaves = grown(sample(people(), BY_DIABETES), BY_DIABETES, seed=1)
    assert leaves == [([Step("diabetes", 0.5, False)], 1), ([Step("diabetes", 0.5, True)], 2)]


def test_four_steps_at_most_and_no_leaf_of_ten_people_or_fewer() -> None:
    release = model([-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [-1.0, 1.0, 0.3], [1.0, 1.0, 0.8], [0.2, 0.1, 0.9])
    whole = sample(people(2_000), release)
    leaves = grown(whole, release, seed=1)
    assert 5 <= len(leaves) <= 16 and max(len(steps) for steps, _ in leaves) == surrogate.DEPTH
    inside = [surrogate._inside(whole.values, steps, release) for steps, _ in leaves]
    assert np.array(inside).sum(axis=0).tolist() == [1] * 2_000  # everyone in one leaf
    few = sample(people(60), BY_DIABETES)
    leaves = grown(few, BY_DIABETES, seed=1)
    assert all(surrogate._inside(few.values[::2], steps, BY_DIABETES).sum() > 10 for steps, _ in leaves)


def test_a_step_whose_sides_say_the_same_is_not_said() -> None:
    release = model([-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [-1.0, 1.0, 0.3], [1.0, 1.0, 0.8], [0.2, 0.1, 0.9])
    leaves = grown(sample(people(2_000), release), release, seed=1)
    assert all(left[1] != right[1] for left, right in pairwise(leaves) if left[0][:-1] == right[0][:-1])


@pytest.mark.parametrize(
    ("name", "threshold", "as_printed"),
    [("diabetes", 0.5, 0.5), ("age", 64.4499, 64.4), ("stays_12m", 1.5, 1.0), ("stays_12m", 0.5, 0.0)],
)
def test_thresholds_are_those_that_are_printed(name: str, threshold: float, as_printed: float) -> None:
    assert printed(name, threshold) == as_printed


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([Step("diabetes", 0.5, True)], ["diabetes"]),
        ([Step("diabetes", 0.5, False)], ["no diabetes"]),
        ([Step("age", 64.4, True)], ["age above 64.4 years"]),
        ([Step("age", 80.0, False), Step("age", 64.4, True)], ["age above 64.4 years and at most 80 years"]),
        ([Step("stays_12m", 0.0, False)], [f"{catalogue.features()['stays_12m'].label} at most 0"]),
    ],
)
def test_conditions_as_a_clinician_reads_them(steps: list[Step], words: list[str]) -> None:
    assert in_words(steps) == words


def test_unknown_counts_as_its_fill_in_the_tree_as_in_the_groups() -> None:
    values = people()
    values[::5, 0] = math.nan  # filled with 0: no diabetes
    leaves = [([Step("diabetes", 0.5, False)], 1), ([Step("diabetes", 0.5, True)], 2)]
    assert agreement(sample(values, BY_DIABETES), leaves, BY_DIABETES) == 1.0


def test_fidelity_is_measured_on_those_it_was_not_grown_on() -> None:
    values = people()
    values[::2, 0], values[1::2, 0] = 1.0, 0.0
    said_of_all = [([], 2)]
    assert agreement(sample(values, BY_DIABETES), said_of_all, BY_DIABETES) == 0.0
    values[::2, 0], values[1::2, 0] = 0.0, 1.0
    assert agreement(sample(values, BY_DIABETES), said_of_all, BY_DIABETES) == 1.0


def test_fidelity_hides_a_few_who_are_said_wrongly() -> None:
    values = people()
    values[:, 0] = 1.0
    values[1:11:2, 0] = 0.0  # five of two hundred
    assert agreement(sample(values, BY_DIABETES), [([], 2)], BY_DIABETES) is None


def test_small_leaves_are_hidden_and_never_one_alone() -> None:
    assert surrogate._told([(100, 80), (60, 60), (7, 7)]) == [
        {"n": 100, "share": 0.8}, {"n": None, "share": None}, {"n": None, "share": None},
    ]  # fmt: skip
    assert [leaf["n"] for leaf in surrogate._told([(100, 80), (9, 9), (7, 7)])] == [100, None, None]
    assert [leaf["n"] for leaf in surrogate._told([(100, 80), (99, 20)], all_told=False)] == [None, None]
    assert surrogate._told([(100, 95), (60, 30)]) == [{"n": 100, "share": None}, {"n": 60, "share": 0.5}]


@pytest.mark.parametrize(("threshold", "shown"), [(63.25, 63.2), (89.0, 89.0), (93.5, 89.0)])
def test_no_rule_parts_ages_above_89(threshold: float, shown: float) -> None:
    assert printed("age", threshold) == shown
