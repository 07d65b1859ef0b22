"""The steps that shape a feature: which are inputs, how each is filled, capped and scaled."""

from typing import Any

import numpy as np
import pytest

from analytics.definitions import catalogue
from analytics.risk_groups import shaping
from analytics.risk_groups.histogram import Figures


def seen(n: int, mean: float = 0.5, positive: int = 50, least: float = 0.0) -> Figures:
    low, high = [4.2, 4.3, 4.4, 4.5, 4.6, 5.0], [13.0, 12.0, 11.0, 9.0, 8.0, 6.0]
    return Figures(n, positive, mean, least, 9.0, [5.6, *low, *high])


FEATURES = catalogue.features()


@pytest.mark.parametrize(
    ("name", "found", "useful"),
    [
        ("hba1c", seen(11), True),
        ("hba1c", seen(10), False),  # a few people's values
        ("hba1c", seen(1000, least=9.0), False),
        ("diabetes", seen(1000, positive=11), True),
        ("diabetes", seen(1000, positive=10), False),
        ("diabetes", seen(1000, positive=989), True),
        ("diabetes", seen(1000, positive=990), False),
        ("stays_12m", seen(1000, positive=10), False),
    ],
)
def test_what_hardly_anyone_has_or_everyone_alike_is_left_out(name: str, found: Figures, useful: bool) -> None:
    assert shaping._useful(FEATURES[name], found, 1000) is useful
    assert shaping._useful(FEATURES[name], found, 200_000) is False  # known of fewer than 1 %


def test_unknown_flags_count_as_about_the_mean_and_values_as_the_median() -> None:
    flag, value = shaping._step(FEATURES["diabetes"], seen(2100, 0.21)), shaping._step(FEATURES["hba1c"], seen(2100))
    assert (flag["fill"], flag["cap"]) == (0.2, [0.0, 1.0])
    assert (value["fill"], value["cap"]) == (5.6, [4.2, 13.0])


@pytest.mark.parametrize(("n", "cap"), [(2000, [4.3, 12.0]), (220, [4.5, 9.0]), (200, [4.6, 8.0]), (30, [5.0, 6.0])])
def test_more_than_ten_people_lie_beyond_the_cap_of_a_measurement(n: int, cap: list[float]) -> None:
    assert shaping._step(FEATURES["hba1c"], seen(n))["cap"] == cap


def test_ages_above_89_count_as_one() -> None:
    old = Figures(2000, 2000, 60.0, 20.0, 104.0, [57.0, *[20.0] * 6, *[101.0, 97.0, 95.0, 93.0, 91.0, 80.0]])
    assert shaping._step(FEATURES["age"], old)["cap"] == [20.0, 90.0]
    assert shaping._step(FEATURES["systolic"], old)["cap"] == [20.0, 97.0]


def test_the_middle_of_everyone_does_not_tell_the_rest_that_is_hidden() -> None:
    """40 of 300 with a flag, and 37 in the groups where the share may be shown, must not leave 3."""
    model = {"features": ["diabetes"], "transform": {"diabetes": {"shape": "flag"}}}
    parts = [[[1.0]] * count + [[0.0]] * (300 - count) for count in range(38, 48)]
    made = {str(shaping.standardised(model, Rows([part]))) for part in parts}  # type: ignore[arg-type]
    assert len(made) == 1


class Rows:
    """The two calls of an RDD that `standardised` makes, over partitions in a list."""

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    def mapPartitions(self, function: Any) -> "Rows":
        return Rows([one for part in self.parts for one in function(iter(part))])

    def treeReduce(self, function: Any) -> Any:
        first, *rest = self.parts
        for one in rest:
            first = function(first, one)
        return first


def test_scaling_is_mean_and_deviation_over_all_partitions() -> None:
    ages = [[0.0, 20.0], [0.0, 40.0], [1.0, 90.0]]
    steps = {"diabetes": {"shape": "flag"}, "age": {"shape": "value"}}
    model = {"features": ["diabetes", "age"], "transform": steps}
    made = shaping.standardised(model, Rows([ages[:1], [], ages[1:]]))["transform"]  # type: ignore[arg-type]
    assert made["age"]["middle"] == 50.0
    assert made["age"]["scale"] == pytest.approx(np.std([20.0, 40.0, 90.0]))


def test_a_rare_flag_weighs_no_more_than_one_of_ten_percent() -> None:
    model = {"features": ["diabetes"], "transform": {"diabetes": {"shape": "flag"}}}
    made = shaping.standardised(model, Rows([[[1.0]], [[0.0]] * 999]))["transform"]  # type: ignore[arg-type]
    assert made["diabetes"]["scale"] == shaping.FLAG_SPREAD
