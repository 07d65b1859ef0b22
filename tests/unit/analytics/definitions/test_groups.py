"""From numbers to a group: by hand, against numpy and scikit-learn, and for every edge of the rules."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import pairwise_distances_argmin
from sklearn.metrics.pairwise import euclidean_distances

from analytics.definitions import groups
from tests.unit.analytics.definitions.models import model

NAN = math.nan
STEPS: list[tuple[str, str, list[float], list[float]]] = [
    # feature         what                              values                          prepared
    ("diabetes", "a flag: (x - 0.25) / 0.5", [0.0, 1.0], [-0.5, 1.5]),
    ("diabetes", "unknown: the fill, its middle", [NAN], [0.0]),
    ("hba1c", "a value: (x - 5.5) / 0.5", [5.5, 7.0, 5.0], [0.0, 3.0, -1.0]),
    ("hba1c", "never beyond its cap", [20.0, 10.5, 4.5, -9.0], [10.0, 10.0, -2.0, -2.0]),
    ("stays_12m", "a count: log1p(x) / 0.5", [0.0, 1.0, 3.0], [0.0, 1.3862943611198906, 2.772588722239781]),
    ("stays_12m", "a count above its cap", [4.0, 99.0], [2.772588722239781, 2.772588722239781]),
]


@pytest.mark.parametrize(("feature", "what", "values", "expected"), STEPS, ids=[step[1] for step in STEPS])
def test_one_feature_is_filled_capped_shaped_and_scaled(
    feature: str, what: str, values: list[float], expected: list[float]
) -> None:
    place = model()["features"].index(feature)
    people = np.zeros((len(values), 3))
    people[:, place] = values
    assert groups.prepare(people, model())[:, place].tolist() == expected


def test_nobody_and_no_features() -> None:
    assert groups.prepare(np.zeros((0, 3)), model()).shape == (0, 3)
    assert groups.prepare(np.zeros((2, 0)), {"features": [], "transform": {}}).shape == (2, 0)
    assert groups.as_matrix([], ["a"]).shape == (0, 1)


def test_none_becomes_nan_and_whole_numbers_become_floats() -> None:
    rows = [{"a": 1, "b": None, "c": 9.0}, {"a": 0.5, "b": 2, "c": None}]
    assert np.array_equal(groups.as_matrix(rows, ["b", "a"]), [[NAN, 1.0], [2.0, 0.5]], equal_nan=True)


def placed(*people: list[float], contact: float = 10.0, release: Any = None) -> list[tuple[int, int | None, Any]]:
    found = groups.assign(np.array(people), np.full(len(people), contact), release or model())
    return [(m.rank, m.second, m.firmness) for m in found]


def test_a_person_belongs_to_the_nearest_centre() -> None:
    # At the very centre of "Well"; at that of "Diabetes" but for the count, 1.0 from it: distances by hand.
    far = math.sqrt(2.0**2 + 3.0**2)
    assert placed([0.0, 5.5, 0.0]) == [(1, 2, 1.0)]
    assert placed([1.0, 7.0, 0.0]) == [(2, 1, 1.0 - 1.0 / far)]


def test_in_the_middle_the_lower_rank_wins_and_firmness_is_zero() -> None:
    release = model()
    release["groups"] = [
        release["groups"][0] | {"rank": 2, "centre": [0.0, 1.0, 0.0]},
        release["groups"][1] | {"rank": 1, "centre": [0.0, -1.0, 0.0]},
    ]
    assert placed([NAN, 5.5, 0.0], release=release) == [(1, 2, 0.0)]


def test_two_centres_on_top_of_each_other_and_the_person_there_too() -> None:
    release = model()
    release["groups"][1] |= {"centre": list(release["groups"][0]["centre"])}
    assert placed([0.0, 5.5, 0.0], release=release) == [(1, 2, 0.0)]


def test_a_single_cluster_has_no_second() -> None:
    release = model() | {"groups": model()["groups"][1:]}
    assert placed([0.0, 5.5, 0.0], release=release) == [(2, None, None)]


@pytest.mark.parametrize(("days", "rank"), [(0, 1), (729, 1), (730, 3), (9999, 3), (NAN, 3)])
def test_the_rule_comes_first(days: float, rank: int) -> None:
    assert [found[0] for found in placed([0.0, 5.5, 0.0], contact=days)] == [rank]


def test_a_release_without_the_rule_places_everyone_by_distance() -> None:
    release = model() | {"groups": model()["groups"][:2]}
    assert placed([0.0, 5.5, 0.0], contact=NAN, release=release) == [(1, 2, 1.0)]


NUMBER = st.floats(-1e6, 1e6) | st.just(NAN)
PERSON = st.tuples(NUMBER, NUMBER, NUMBER).map(list)
POINT = st.lists(st.floats(-5, 5), min_size=3, max_size=3)


@settings(max_examples=20, deadline=None)
@given(people=st.lists(PERSON, min_size=1, max_size=8), centres=st.lists(POINT, min_size=2, max_size=5))
def test_as_scikit_learn_measures_it(people: list[list[float]], centres: list[list[float]]) -> None:
    prepared = groups.prepare(np.array(people), model())
    found = groups.squared_distances(prepared, centres)
    assert np.allclose(np.sqrt(found), euclidean_distances(prepared, centres), atol=1e-6)
    nearest = found[np.arange(len(people)), pairwise_distances_argmin(prepared, centres)]
    assert np.allclose(nearest, found.min(axis=1), atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(people=st.lists(PERSON, min_size=1, max_size=8))
def test_one_person_alone_gets_the_numbers_of_the_crowd(people: list[list[float]]) -> None:
    crowd = groups.assign(np.array(people), np.zeros(len(people)), model())
    alone = [groups.assign(np.array([person]), np.zeros(1), model())[0] for person in people]
    assert crowd == alone
    assert all(m.firmness is not None and 0.0 <= m.firmness <= 1.0 and m.rank != m.second for m in crowd)
    assert np.isfinite(groups.prepare(np.array(people), model())).all()


@settings(max_examples=60, deadline=None)
@given(people=st.lists(PERSON, min_size=1, max_size=6))
def test_the_arithmetic_written_another_way(people: list[list[float]]) -> None:
    def reference(value: float, step: dict[str, Any]) -> float:
        known = step["fill"] if math.isnan(value) else value
        capped = sorted([step["cap"][0], known, step["cap"][1]])[1]
        return ((np.log1p(capped) if step["shape"] == "count" else capped) - step["middle"]) / step["scale"]

    steps = [model()["transform"][name] for name in model()["features"]]
    expected = [[reference(value, step) for value, step in zip(person, steps, strict=True)] for person in people]
    assert groups.prepare(np.array(people), model()).tolist() == expected
