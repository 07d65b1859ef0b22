"""Names of groups: what stands out, in the words of the features, and no name twice."""

from analytics.definitions import catalogue
from analytics.risk_groups import naming

MODEL = {"features": ["diabetes", "age", "hba1c"], "mean": [0.0, 0.0, 0.0]}


def named(centre: list[float], taken: set[str]) -> dict[str, str]:
    group = {"rule": None, "centre": centre}
    return naming.named(group | {"standing_out": naming.standing_out(group, MODEL)}, taken)


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
    assert naming.named({"rule": "no_contact"}, set()) == {"name": rule["name"], "description": rule["description"]}
    assert naming.standing_out({"centre": None}, MODEL) == []


def test_what_few_have_is_not_named_for_its_absence() -> None:
    assert named([-2.0, -0.6, 0.0], set())["name"].lower() == words("age", False).lower()
