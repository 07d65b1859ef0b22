"""Profile, treatments and care gaps: counts in, what may be told out."""

from __future__ import annotations

import random

import pytest

from analytics.release import cohort_shares
from analytics.release.cohort_shares import Counts
from analytics.suppression import small
from analytics.suppression.spans import Sum, spans

TITLES = {"cms122": "Blood sugar control in diabetes"}


def counts(
    people: list[int], statin: list[int] | None = None, met_gap: list[tuple[int, int]] | None = None,
    age: tuple[int, float, float] = (900, 40.0, 93.0),
) -> Counts:  # fmt: skip
    """Of groups 1, 2, ...; everyone is their sum."""
    statin, met_gap = statin or [0] * len(people), met_gap or [(0, 0)] * len(people)
    rest = [n - met - gap for n, (met, gap) in zip(people, met_gap, strict=True)]
    states = {"met": [met for met, _ in met_gap], "gap": [gap for _, gap in met_gap], "not_applicable": rest}
    return Counts(
        by_rank(people), {"statin_in_use": by_rank(statin)},
        {"age": dict.fromkeys(range(len(people) + 1), age)},
        {"cms122": {state: by_rank(numbers) for state, numbers in states.items()}},
    )  # fmt: skip


def by_rank(numbers: list[int]) -> dict[int, int]:
    return dict(enumerate([sum(numbers), *numbers]))


@pytest.mark.parametrize(
    ("people", "statin", "everyone", "shares"),
    [
        ([400, 200], [100, 120], 0.37, [0.25, 0.6]),
        ([400, 200], [0, 120], 0.2, [0.0, 0.6]),
        # 4 people who have it, and 4 who have it not: everyone's share would tell them, so a second one goes with it
        ([400, 200, 300], [4, 120, 90], 0.24, [None, None, 0.3]),
        ([400, 200, 300], [396, 120, 90], 0.67, [None, None, 0.3]),
        ([400, 200], [4, 120], 0.21, [None, None]),
        # a group of seven
        ([400, 7, 200], [100, 3, 120], None, [None, None, None]),
        ([60], [55], None, [None]),
        # a group in which nobody is any more
        ([400, 0], [100, 0], 0.25, [0.25, None]),
    ],
)
def test_treatments(people: list[int], statin: list[int], everyone: float | None, shares: list[float | None]) -> None:
    (found,) = cohort_shares.treatments(counts(people, statin))
    assert (found["feature"], found["label"], found["everyone"]) == ("statin_in_use", "statin", everyone)
    assert [cell["share"] for cell in found["groups"]] == shares
    assert [cell["rank"] for cell in found["groups"]] == list(range(1, len(people) + 1))


@pytest.mark.parametrize(
    ("people", "met_gap", "everyone", "groups"),
    [
        ([400, 200], [(100, 100), (30, 90)], (320, 0.41), [(200, 0.5), (120, 0.25)]),
        # applies to nobody of a group
        ([400, 200], [(0, 0), (30, 90)], (120, 0.25), [(0, None), (120, 0.25)]),
        # 5 who have not met it: neither their share nor that of another group is told
        ([400, 200, 300], [(100, 5), (30, 90), (60, 40)], (325, 0.58), [(105, None), (120, 0.25), (100, None)]),
        # applies to 5
        ([400, 200, 300], [(2, 3), (30, 90), (60, 40)], (225, 0.41), [(None, None), (None, None), (100, 0.6)]),
        # a group whose own size is hidden, and to all of whom it applies
        ([5, 60, 700], [(5, 0), (40, 20), (300, 300)], (None, None), [(None, None), (None, None), (None, None)]),
    ],
)
def test_care_gaps(
    people: list[int], met_gap: list[tuple[int, int]], everyone: tuple[int, float],
    groups: list[tuple[int | None, float | None]],
) -> None:  # fmt: skip
    (found,) = cohort_shares.gaps(counts(people, met_gap=met_gap), TITLES)
    assert found["title"] == TITLES["cms122"]
    assert [(cell["applicable"], cell["met"]) for cell in found["groups"]] == groups
    assert (found["everyone"]["applicable"], found["everyone"]["met"]) == everyone


@pytest.mark.parametrize(("met_gap", "everyone", "applicable"), [
    ([(20, 22), (2, 2), (3, 3), (0, 0)], None, [42, None, None, 0]),  # 10 in both: told of everyone, it would be theirs
    ([(20, 22), (5, 5), (5, 5), (0, 0)], None, [42, None, None, 0]),  # 20 in both, the most that few can be
    ([(40, 42), (30, 32), (20, 22), (0, 0)], 186, [82, 62, 42, 0]),
])  # fmt: skip
def test_everyone_less_the_groups_that_are_told_leaves_no_few(
    met_gap: list[tuple[int, int]], everyone: int | None, applicable: list[int | None]
) -> None:
    (found,) = cohort_shares.gaps(counts([400, 300, 200, 100], met_gap=met_gap), TITLES)
    assert [cell["applicable"] for cell in found["groups"]] == applicable
    assert found["everyone"]["applicable"] == everyone


def test_no_number_is_told_of_a_group_whose_size_is_hidden() -> None:
    """Ten people are in the first group, and the third is hidden with it."""
    counted = counts([10, 211, 22, 22, 530], met_gap=[(0, 0), (200, 0), (11, 0), (11, 11), (200, 30)])
    assert [group["n"] for group in cohort_shares.people(counted)["groups"]] == [None, 211, None, 22, 530]
    (found,) = cohort_shares.gaps(counted, TITLES)
    assert found["groups"][2]["applicable"] is None


@pytest.mark.parametrize("seed", range(12))
def test_no_small_number_of_a_care_gap_follows(seed: int) -> None:
    """A reader who knows the size of every group, and by its share how many have it met, with linear programming."""
    numbers = random.Random(seed)
    met_gap = [(numbers.choice([0, 3, 9, 40]), numbers.choice([0, 2, 10, 35, 90])) for _ in range(4)]
    people = [met + gap + numbers.choice([0, 4, 30, 300]) + 11 for met, gap in met_gap]
    (found,) = cohort_shares.gaps(counts(people, met_gap=met_gap), TITLES)
    true = [number for n, (met, gap) in zip(people, met_gap, strict=True) for number in (met, gap, n - met - gap)]
    sums = [Sum((3 * at, 3 * at + 1, 3 * at + 2), n) for at, n in enumerate(people)]
    for at, cell in enumerate(found["groups"]):
        assert cell["applicable"] in (None, true[3 * at] + true[3 * at + 1])
        sums += [Sum((3 * at + 2,), true[3 * at + 2])] if cell["applicable"] is not None else []
        sums += [Sum((3 * at,), true[3 * at])] if cell["met"] is not None else []
    everyone = [sum(true[at::3]) for at in range(3)]
    sums += [Sum((2, 5, 8, 11), everyone[2])] if found["everyone"]["applicable"] is not None else []
    sums += [Sum((0, 3, 6, 9), everyone[0])] if found["everyone"]["met"] is not None else []
    if all(cell["applicable"] is None and cell["met"] is None for cell in found["groups"]):
        return
    known = spans(range(12), [(0.0, float(sum(people)))] * 12, {}, sums)
    for place, number in enumerate(true):
        if small(number):
            assert known[place][0] <= 1 and known[place][1] >= min(10, people[place // 3])


def test_the_size_of_groups() -> None:
    assert cohort_shares.people(counts([400, 200])) == {
        "n": 600, "groups": [{"rank": 1, "n": 400}, {"rank": 2, "n": 200}]}  # fmt: skip
    assert cohort_shares.people(counts([400, 7, 200]))["groups"] == [
        {"rank": 1, "n": 400}, {"rank": 2, "n": None}, {"rank": 3, "n": None}]  # fmt: skip


def test_the_middle_half_pools_ages_above_89_and_is_not_told_of_ten_people() -> None:
    age = next(row for row in cohort_shares.profile(counts([400, 200])) if row["feature"] == "age")
    assert age["everyone"] == {"usual": [40.0, 90.0], "share": None} and age["unit"] == "a"
    few = next(row for row in cohort_shares.profile(counts([400], age=(10, 40.0, 50.0))) if row["feature"] == "age")
    assert few["everyone"]["usual"] is None and few["groups"] == [{"rank": 1, "usual": None, "share": None}]


def test_a_flag_has_a_share_and_nothing_else() -> None:
    found = {row["feature"]: row for row in cohort_shares.profile(counts([400, 200], [100, 120]))}
    assert found["statin_in_use"]["groups"][1] == {"rank": 2, "usual": None, "share": 0.6}
    assert found["statin_in_use"]["shape"] == "flag"
