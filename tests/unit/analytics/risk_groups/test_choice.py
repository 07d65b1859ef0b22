"""Which groups: the written rule, and what is told of how it was applied."""

import json
import math

import numpy as np
import pytest
import sklearn.cluster  # noqa: F401 - its first import draws from the random numbers that all share

from analytics.risk_groups.choice import Candidate, Choice, floor_for, pick, too_small, tried, with_stability
from analytics.risk_groups.sample import Sample


@pytest.mark.parametrize(
    ("people", "floor"), [(30, 11), (499, 11), (500, 50), (5_000, 50), (5_001, 51), (10_000, 100), (10_001, 101)]
)
def test_the_smallest_group_that_may_be_formed(people: int, floor: int) -> None:
    assert floor_for(people) == floor


def sample(sizes: list[int], events: list[int], of: int | None = None) -> tuple[Sample, np.ndarray]:
    """People of planted groups with so many events each, and their places."""
    places = np.repeat(np.arange(len(sizes)), sizes)
    outcome = np.concatenate([np.arange(size) < happened for size, happened in zip(sizes, events, strict=True)])
    inputs = np.random.default_rng(1).normal(np.eye(len(sizes), 5)[places] * 9, 1.0)
    return Sample(inputs, inputs, outcome.astype(float), of or len(places)), places


@pytest.mark.parametrize(
    ("sizes", "events", "of", "refused"),
    [
        ([450, 50], [90, 11], None, False),
        ([451, 49], [90, 11], None, True),
        ([450, 50], [90, 10], None, True),  # ten with the outcome: no rate could be shown
        ([450, 50], [10, 40], None, True),
        ([300, 11], [0, 0], None, False),  # few people: to look at only, the outcome apart
        ([300, 10], [0, 0], None, True),
        ([450, 50], [90, 6], 1_000, False),  # 6 of a half stand for 12
        ([495, 5], [90, 5], 5_000, False),
        ([495, 5], [90, 5], 6_000, False),
        ([496, 4], [90, 4], 6_000, True),  # 48 people of 6,000; the floor is 60
    ],
)
def test_too_few_people_or_too_few_of_them_with_the_outcome(
    sizes: list[int], events: list[int], of: int | None, refused: bool
) -> None:
    assert too_small(*sample(sizes, events, of), k=2) is refused


def test_whose_year_is_not_known_has_no_outcome() -> None:
    people, places = sample([450, 50], [90, 12])
    people.outcome[450:452] = math.nan
    assert too_small(people, places, k=2)


def found(
    k: int, c: float | None, silhouette: float | None, verdict: str = "stable", family: str = "k_means"
) -> Candidate:
    return Candidate(family, k, 60, verdict, (0.8,) * k, 20, c, silhouette)


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([found(3, 0.70, 0.3), found(6, 0.74, 0.1), found(8, 0.70, 0.2)], 6),  # the outcomes first
        ([found(3, 0.745, 0.3), found(6, 0.74, 0.1), found(5, 0.741, 0.9)], 6),  # even: more groups
        ([found(6, 0.74, 0.1), found(6, 0.73, 0.2, family="bisecting"), found(5, 0.75, 0.9)], 6),  # then the parting
        ([found(3, 0.70, 0.3), found(8, 0.80, 0.3, "doubtful"), found(9, 0.9, 0.3, "unstable")], 3),  # the firm first
        ([found(3, 0.70, 0.3, "doubtful"), found(8, 0.80, 0.3, "doubtful")], 8),
        ([found(3, None, None), found(4, None, 0.1)], 4),  # ten people or fewer had the outcome
        ([found(9, None, None, "unstable"), found(8, None, None, "too_small")], None),
        ([], None),
    ],
)
def test_the_outcomes_decide_among_the_stable_then_the_number_then_the_parting(
    candidates: list[Candidate], chosen: int | None
) -> None:
    outcome = np.array([1.0] * 200 + [0.0] * 1_800)  # a standard error of 0.02
    best = pick(candidates, outcome)
    assert (best and best.k) == chosen


def test_of_as_many_groups_those_better_parted() -> None:
    even = [found(6, 0.74, 0.1), found(6, 0.73, 0.2, family="bisecting"), found(6, 0.74, 0.15, family="mixture")]
    best = pick(even, np.array([1.0] * 200 + [0.0] * 1_800))
    assert best and best.family == "bisecting"


def test_a_candidate_is_measured_as_far_as_the_rule_takes_it() -> None:
    people, _ = sample([200, 200, 200], [20, 60, 150])
    good = tried(people, "k_means", 3, bootstraps=3, seed=1)
    assert (good.verdict, good.smallest, good.resamples, len(good.jaccard)) == ("stable", 200, 3, 3)
    assert good.c and good.c > 0.7 and good.silhouette and good.silhouette > 0.5
    noise = np.random.default_rng(2).normal(size=(600, 8))
    poor = tried(Sample(noise, noise, people.outcome, 600), "k_means", 4, bootstraps=8, seed=1)
    assert (poor.verdict, poor.resamples, poor.c, poor.silhouette) == ("unstable", 5, None, None)
    alone, _ = sample([300, 300, 20], [20, 60, 15])
    assert tried(alone, "k_means", 3, bootstraps=3, seed=1) == Candidate("k_means", 3, 20, "too_small")


def test_the_table_tells_no_small_number_and_quotes_the_rule() -> None:
    best = Candidate("k_means", 3, 11, "stable", (0.91234, 0.8, 0.9), 20, 0.71239, 0.1)
    some = [best, Candidate("k_means", 4, 10, "too_small"), Candidate("mixture", 3, 1, "too_small")]
    table = Choice(some[0], 11, 20, 300, tuple(some), [[0.5]]).table()
    assert [one["smallest"] for one in table["candidates"]] == [11, None, None]
    assert table["candidates"][0]["jaccard"] == [0.8, 0.9, 0.912] and table["candidates"][0]["c"] == 0.712
    assert (table["family"], table["k"], table["verdict"], table["sample"]) == ("k_means", 3, "stable", 300)
    assert "centres" not in table
    assert Choice(some[0], 11, 20, 300, tuple(some), [[0.5]]).table(hide_sample=True)["sample"] is None
    assert table["rule"].startswith("Candidates are k-means") and json.dumps(table)


def test_each_group_carries_how_well_it_came_back() -> None:
    chosen = Choice(Candidate("k_means", 2, 60, "doubtful", (0.8, 0.65), 20), 50, 20, 200, (), [])
    groups = with_stability([{"rule": None}, {"rule": None}, {"rule": "no_contact"}], chosen)
    said = [(one["stability"], one["jaccard"]) for one in groups]
    assert said == [("stable", 0.8), ("doubtful", 0.65), ("rule", None)]
    assert "0.65" in groups[1]["stability_words"] and "doubtful" in groups[1]["stability_words"]
    single = Choice(Candidate("k_means", 1, 60, "single"), 50, 20, 200, (), [])
    assert with_stability([{"rule": None}], single)[0]["stability"] == "single"
