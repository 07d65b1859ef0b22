"""Names of groups, their usual ranges, and the steps that shape a feature."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from analytics import profile
from analytics.definitions import catalogue

MODEL = {"features": ["diabetes", "age", "hba1c"], "mean": [0.0, 0.0, 0.0]}


def named(centre: list[float], taken: set[str]) -> dict[str, str]:
    group = {"rule": None, "centre": centre}
    return profile._naming(group | {"standing_out": profile._standing_out(group, MODEL)}, taken)


def words(name: str, high: bool) -> str:
    feature = catalogue.features()[name]
    return feature.high if high else feature.low


def test_a_name_says_what_stands_out_most_first() -> None:
    name = named([0.6, -2.0, 1.0], set())["name"]
    assert name.lower() == f"{words('age', False)}, {words('hba1c', True)}".lower()


def test_less_than_half_a_unit_from_everyone_is_not_worth_a_word() -> None:
    assert named([0.49, -0.49, 0.0], set()) == {"name": "Near the average", "description": "Near the average."}


def test_no_two_groups_have_the_same_name() -> None:
    taken: set[str] = set()
    for centre in ([2.0, 1.5, 1.0], [2.0, 1.5, 1.0], [2.0, 1.5, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.1, 0, 0]):
        name = named(centre, taken)["name"]
        assert name not in taken
        taken.add(name)


def test_the_group_by_rule_has_the_name_of_its_rule() -> None:
    rule = catalogue.group_rules()["no_contact"]
    assert profile._naming({"rule": "no_contact"}, set()) == {"name": rule["name"], "description": rule["description"]}
    assert profile._standing_out({"centre": None}, MODEL) == []


def rows(name: str, values: list[float | None]) -> list[dict[str, Any]]:
    return [{name: value} for value in values]


def test_the_usual_range_is_the_middle_half_of_the_known_values() -> None:
    known: list[float | None] = [float(number) for number in range(101)]
    assert profile._middle_half(rows("age", [*known, None, None]), "age") == [25.0, 75.0]


def test_ten_people_have_no_usual_range() -> None:
    assert profile._middle_half(rows("age", [1.0] * 10 + [None] * 90), "age") is None
    assert profile._middle_half(rows("age", [1.0] * 11), "age") == [1.0, 1.0]


def test_the_share_counts_people_above_zero_among_the_known() -> None:
    assert profile._share(rows("diabetes", [1.0] * 20 + [0.0] * 60 + [None] * 20), "diabetes") == 0.25
    assert profile._share(rows("diabetes", [1.0] * 10 + [0.0] * 60), "diabetes") is None
    assert profile._share(rows("diabetes", [None] * 5), "diabetes") is None


def people(age: float, outcomes: list[int | None]) -> list[dict[str, Any]]:
    return [dict.fromkeys(catalogue.features(), 0.0) | {"age": age, "outcome": outcome} for outcome in outcomes]


def test_those_whose_year_is_not_known_do_not_count_as_well() -> None:
    group = {"rank": 1, "rule": None, "centre": [0.0, 0.0, 0.0]}
    found = profile._group(group, people(50.0, [1] * 20 + [0] * 20 + [None] * 40), MODEL)
    assert (found["n"], found["followed"], found["events"], found["rate"]) == (80, 40, 20, 0.5)
    assert found["usual"]["age"] == [50.0, 50.0]


def seen(n: int, mean: float, least: float, most: float, quantiles: tuple[float, ...] = ()) -> Any:
    return SimpleNamespace(n=n, mean=mean, least=least, most=most, q=quantiles)


@pytest.mark.parametrize(("n", "most", "useful"), [(10, 9.0, True), (9, 9.0, False), (1000, 5.0, False)])
def test_what_hardly_anyone_has_or_everyone_alike_is_left_out(n: int, most: float, useful: bool) -> None:
    assert profile._useful(seen(n, 5.0, 5.0, most), 1000) is useful


def test_unknown_flags_count_as_the_mean_and_values_as_the_median() -> None:
    features = catalogue.features()
    flag = profile._step(features["diabetes"], seen(9, 0.2, 0, 1, (0.0, 0.0, 1.0)))
    value = profile._step(features["hba1c"], seen(9, 6.1, 4, 15, (4.2, 5.6, 13.0)))
    assert (flag["fill"], flag["cap"]) == (0.2, [0.0, 1.0])
    assert (value["fill"], value["cap"]) == (5.6, [4.2, 13.0])


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
    made = profile.standardised(model, Rows([ages[:1], [], ages[1:]]))["transform"]  # type: ignore[arg-type]
    assert made["age"]["middle"] == 50.0
    assert made["age"]["scale"] == pytest.approx(np.std([20.0, 40.0, 90.0]))


def test_a_rare_flag_weighs_no_more_than_one_of_ten_percent() -> None:
    model = {"features": ["diabetes"], "transform": {"diabetes": {"shape": "flag"}}}
    made = profile.standardised(model, Rows([[[1.0]], [[0.0]] * 999]))["transform"]  # type: ignore[arg-type]
    assert made["diabetes"]["scale"] == profile.FLAG_SPREAD
