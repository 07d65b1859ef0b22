"""Groups that come back in resamples: what was planted does, what is not there does not."""

import numpy as np
import pytest
import sklearn.cluster  # noqa: F401 - its first import draws from the random numbers that all share

from analytics.risk_groups import stability
from analytics.risk_groups.families import ROUNDS
from analytics.risk_groups.stability import best_overlaps, jaccard, weakest_word, word


@pytest.mark.parametrize(
    ("overlap", "said"),
    [(1.0, "stable"), (0.75, "stable"), (0.7499, "doubtful"), (0.6, "doubtful"), (0.599, "unstable")],
)
def test_the_words(overlap: float, said: str) -> None:
    assert word(overlap) == said
    assert weakest_word([0.99, overlap]) == said


def planted(*sizes: int) -> np.ndarray:
    random = np.random.default_rng(1)
    return np.concatenate([random.normal(np.eye(len(sizes), 6)[place] * 8, 1.0, (size, 6))
                           for place, size in enumerate(sizes)])  # fmt: skip


@pytest.mark.parametrize("family", ROUNDS)
def test_planted_groups_come_back_and_more_than_planted_do_not(family: str) -> None:
    people = planted(60, 60, 60, 60)
    overlaps, resamples = jaccard(people, family, k=4, bootstraps=4, seed=3)
    assert min(overlaps) > 0.95 and (len(overlaps), resamples) == (4, 4)
    assert weakest_word(jaccard(people, family, k=6, bootstraps=4, seed=3)[0]) != "stable"


@pytest.mark.parametrize("k", [3, 5])
def test_noise_holds_no_groups(k: int) -> None:
    people = np.random.default_rng(2).normal(size=(200, 8))
    overlaps, resamples = jaccard(people, "k_means", k, bootstraps=12, seed=3)
    assert weakest_word(overlaps) != "stable"
    assert resamples == (stability.SCREEN if min(overlaps) < stability.HOPELESS else 12)


def test_the_hopeless_are_given_up_early_and_the_others_are_not() -> None:
    noise = np.random.default_rng(2).normal(size=(200, 8))
    assert jaccard(noise, "k_means", 8, bootstraps=12, seed=3)[1] == stability.SCREEN
    assert jaccard(planted(60, 60, 60), "k_means", 3, bootstraps=12, seed=3)[1] == 12


def test_the_same_people_give_the_same_answer() -> None:
    people = np.random.default_rng(4).normal(size=(120, 4))
    assert jaccard(people, "k_means", 3, 3, seed=5) == jaccard(people, "k_means", 3, 3, seed=5)


def test_overlap_is_jaccard_with_the_best_match() -> None:
    whole, again = np.array([0, 0, 0, 1, 1, 1]), np.array([1, 1, 0, 0, 0, 0])
    assert best_overlaps(whole, again, 2).tolist() == pytest.approx([2 / 3, 3 / 4])


def test_each_overlap_belongs_to_the_centre_at_its_place() -> None:
    """The fit on everyone begins at the candidate's centres, so its groups keep their order; here one is less firm."""
    from analytics.risk_groups.families import centres_of, nearest

    random = np.random.default_rng(1)
    loose = random.normal([0, 0, 0, 6, 0, 0], 1.0, (60, 6))
    people = np.concatenate([planted(100, 100), loose, random.normal([0, 0, 0, 3, 2.5, 0], 1.2, (60, 6))])
    overlaps, _ = jaccard(people, "k_means", 4, bootstraps=10, seed=3)
    places = nearest(people, centres_of(people, "k_means", 4, seed=3))
    firm = {int(places[0]), int(places[100])}
    assert {int(place) for place in np.argsort(overlaps)[-2:]} == firm
