"""Names of groups, their usual ranges, and the steps that shape a feature."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from analytics import suppression
from analytics.definitions import catalogue
from analytics.risk_groups import profile

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


def rows(name: str, values: Sequence[float | None]) -> list[dict[str, Any]]:
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


def seen(n: int, mean: float = 0.5, positive: int = 50, **changes: Any) -> Any:
    usual: dict[str, Any] = {"least": 0.0, "most": 9.0, "median": 5.6, "low": [4.2, 4.3, 4.4, 4.5, 4.6, 5.0]}
    usual |= {"high": [13.0, 12.0, 11.0, 9.0, 8.0, 6.0]}
    return SimpleNamespace(n=n, mean=mean, positive=positive, **(usual | changes))


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
def test_what_hardly_anyone_has_or_everyone_alike_is_left_out(name: str, found: Any, useful: bool) -> None:
    assert profile._useful(FEATURES[name], found, 1000) is useful
    assert profile._useful(FEATURES[name], found, 200_000) is False  # known of fewer than 1 %


def test_unknown_flags_count_as_about_the_mean_and_values_as_the_median() -> None:
    flag, value = profile._step(FEATURES["diabetes"], seen(2100, 0.21)), profile._step(FEATURES["hba1c"], seen(2100))
    assert (flag["fill"], flag["cap"]) == (0.2, [0.0, 1.0])
    assert (value["fill"], value["cap"]) == (5.6, [4.2, 13.0])


@pytest.mark.parametrize(("n", "cap"), [(2000, [4.3, 12.0]), (220, [4.5, 9.0]), (200, [4.6, 8.0]), (30, [5.0, 6.0])])
def test_more_than_ten_people_lie_beyond_the_cap_of_a_measurement(n: int, cap: list[float]) -> None:
    assert profile._step(FEATURES["hba1c"], seen(n))["cap"] == cap


def test_the_middle_of_everyone_does_not_tell_the_rest_that_is_hidden() -> None:
    """40 of 300 with a flag, and 37 in the groups where the share may be shown, must not leave 3."""
    model = {"features": ["diabetes"], "transform": {"diabetes": {"shape": "flag"}}}
    parts = [[[1.0]] * count + [[0.0]] * (300 - count) for count in range(38, 48)]
    made = {str(profile.standardised(model, Rows([part]))) for part in parts}  # type: ignore[arg-type]
    assert len(made) == 1


def test_groups_are_ranked_by_what_is_said_of_them() -> None:
    """3.3 % is hidden as "fewer than 3.7 %"; above a group with 3.2 % it could be nothing but 10 of 300."""
    rates = [suppression.rate(1000, 1000, 32), suppression.rate(300, 300, 10), suppression.rate(300, 300, 295)]
    assert [round(suppression.order(said, 0.2), 3) for said in rates] == [0.032, 0.018, 0.982]
    assert suppression.order(suppression.rate(15, 15, 9), 0.2) == 0.2


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
