"""How many groups: the written rule, and that it finds what was planted and nothing in noise."""

import json

import numpy as np
import pytest
import sklearn.cluster  # noqa: F401 - its first import draws from the random numbers that all share

from analytics.risk_groups.choice import Candidate, Choice, _best_overlaps, floor_for, pick, stability, verdict


@pytest.mark.parametrize(
    ("people", "floor"), [(30, 11), (499, 11), (500, 50), (5_000, 50), (5_001, 51), (10_000, 100), (10_001, 101)]
)
def test_the_smallest_group_that_may_be_formed(people: int, floor: int) -> None:
    assert floor_for(people) == floor


@pytest.mark.parametrize(
    ("jaccard", "smallest", "word"),
    [
        ((0.75, 0.99), 50, "stable"),
        ((0.7499, 0.99), 50, "doubtful"),
        ((0.60, 0.99), 50, "doubtful"),
        ((0.5999, 0.99), 50, "unstable"),
        ((0.99, 0.99), 49, "too_small"),
    ],
)
def test_every_group_must_come_back(jaccard: tuple[float, ...], smallest: int, word: str) -> None:
    assert verdict(jaccard, smallest, floor=50) == word


def candidate(k: int, weakest: float, word: str) -> Candidate:
    return Candidate(k, (weakest, 0.99), 60, word)


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([candidate(3, 0.95, "stable"), candidate(5, 0.76, "stable"), candidate(6, 0.74, "doubtful")], (5, "stable")),
        ([candidate(3, 0.70, "doubtful"), candidate(4, 0.65, "doubtful")], (3, "doubtful")),
        ([candidate(3, 0.70, "doubtful"), candidate(4, 0.70, "doubtful")], (4, "doubtful")),
        ([candidate(3, 0.50, "unstable"), candidate(4, 0.99, "too_small")], (1, "single")),
        ([], (1, "single")),
    ],
)
def test_the_largest_stable_number_is_chosen(candidates: list[Candidate], chosen: tuple[int, str]) -> None:
    assert pick(candidates) == chosen


def test_planted_groups_come_back_and_more_than_planted_do_not() -> None:
    random = np.random.default_rng(1)
    middles = np.eye(4, 6) * 8
    people = np.concatenate([random.normal(middle, 1.0, (60, 6)) for middle in middles])
    overlaps, smallest = stability(people, k=4, bootstraps=4, seed=3)
    assert min(overlaps) > 0.95 and smallest == 60
    assert verdict(stability(people, k=6, bootstraps=4, seed=3)[0], 60, floor=11) == "unstable"


@pytest.mark.parametrize("k", [3, 5])
def test_noise_holds_no_groups(k: int) -> None:
    people = np.random.default_rng(2).normal(size=(200, 8))
    assert verdict(stability(people, k, bootstraps=4, seed=3)[0], 60, floor=11) != "stable"


def test_the_same_people_give_the_same_answer() -> None:
    people = np.random.default_rng(4).normal(size=(120, 4))
    assert stability(people, 3, 3, seed=5) == stability(people, 3, 3, seed=5)


def test_overlap_is_jaccard_with_the_best_match() -> None:
    whole, again = np.array([0, 0, 0, 1, 1, 1]), np.array([1, 1, 0, 0, 0, 0])
    assert _best_overlaps(whole, again, 2).tolist() == pytest.approx([2 / 3, 3 / 4])


def test_the_table_tells_no_small_number_and_quotes_the_rule() -> None:
    tried = (Candidate(3, (0.8,), 11, "stable"), Candidate(4, (0.8,), 10, "too_small"), Candidate(5, (0.8,), 1, ""))
    table = Choice(3, "stable", 11, 20, 300, tried, [[0.5]]).table()
    assert [one["smallest"] for one in table["candidates"]] == [11, None, None]
    assert "centres" not in table
    assert table["sample"] == 300
    assert Choice(3, "stable", 11, 20, 300, tried, [[0.5]]).table(hide_sample=True)["sample"] is None
    assert table["rule"].startswith("For k from 3 to 10") and json.dumps(table)
