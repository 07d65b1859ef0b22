"""Small numbers of people are hidden, and so is every figure from which one could be worked out."""

from collections import defaultdict
from collections.abc import Callable

import pytest

from analytics import suppression

KEYS = ("n", "followed", "events", "rate", "low", "high", "rate_below", "rate_above")
SMALL = range(1, 11)
Cell = Callable[[int, int, int], int]
CELLS: dict[str, Cell] = {
    "people": lambda n, followed, events: n,
    "followed": lambda n, followed, events: followed,
    "not followed": lambda n, followed, events: n - followed,
    "events": lambda n, followed, events: events,
    "no events": lambda n, followed, events: followed - events,
}


@pytest.mark.parametrize(("count", "hidden"), [(0, False), (1, True), (10, True), (11, False)])
def test_one_to_ten_people_are_few(count: int, hidden: bool) -> None:
    assert suppression.small(count) is hidden


@pytest.mark.parametrize(
    ("n", "followed", "events", "shown"),
    [
        (200, 200, 50, {"n": 200, "followed": 200, "events": 50, "rate": 0.25}),
        (200, 200, 0, {"n": 200, "followed": 200, "events": 0, "rate": 0.0}),
        (200, 200, 200, {"n": 200, "followed": 200, "events": 200, "rate": 1.0}),
        (200, 200, 11, {"n": 200, "followed": 200, "events": 11, "rate": 0.055}),
        (200, 200, 10, {"n": 200, "followed": 200, "rate_below": 11 / 200}),
        (200, 200, 1, {"n": 200, "followed": 200, "rate_below": 11 / 200}),
        (200, 200, 190, {"n": 200, "followed": 200, "rate_above": 1 - 11 / 200}),
        (200, 22, 10, {"n": 200, "followed": 22, "rate_below": 0.5}),
        (200, 21, 10, {"n": 200, "followed": 21}),
        (200, 190, 50, {"n": 200}),
        (200, 10, 5, {"n": 200}),
        (200, 0, 0, {"n": 200, "followed": 0}),
        (10, 10, 0, {}),
        (1, 0, 0, {}),
    ],
)
def test_what_may_be_said_of_a_group(n: int, followed: int, events: int, shown: dict[str, float]) -> None:
    said = suppression.rate(n, followed, events)
    assert tuple(said) == KEYS
    assert {key: value for key, value in said.items() if value is not None and key not in ("low", "high")} == shown
    assert (said["low"] is None) == (said["rate"] is None)


@pytest.mark.parametrize("cell", CELLS)
def test_no_small_cell_follows_from_what_is_said(cell: str) -> None:
    """Whoever knows the rule and what is said of a group is left with at least two numbers for a small cell."""
    possible: defaultdict[tuple[object, ...], set[int]] = defaultdict(set)
    for n in range(45):
        for followed in range(n + 1):
            for events in range(followed + 1):
                said = tuple(suppression.rate(n, followed, events).values())
                possible[said].add(CELLS[cell](n, followed, events))
    told = [numbers for numbers in possible.values() if len(numbers) == 1 and numbers & set(SMALL)]
    assert told == []


def test_a_share_is_hidden_when_either_side_is_small() -> None:
    assert [suppression.share(count, 30) for count in (0, 1, 10, 11, 19, 20, 29, 30)] == [
        0.0, None, None, 0.37, 0.63, None, None, 1.0
    ]  # fmt: skip
    assert suppression.share(0, 0) is None and suppression.share(0, 10) is None


def test_a_share_does_not_tell_of_how_many_it_is() -> None:
    """23/47 as an exact number is of nothing but 47, and in a group of 50 that leaves 3 who are not known."""
    assert suppression.share(23, 47) == suppression.share(22, 45) == 0.49


@pytest.mark.parametrize(
    ("events", "n", "low", "high"),
    [(0, 20, 0.0, 0.1611), (10, 100, 0.0552, 0.1744), (50, 100, 0.4038, 0.5962), (20, 20, 0.8389, 1.0)],
)
def test_wilson_interval_as_published(events: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, method 3."""
    assert suppression.wilson(events, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("counts", "places"),
    [
        ([50, 40, 30], set()), ([0, 40, 30], set()), ([], set()),
        ([50, 40, 5], {2, 1}),  # alone, it is what the others leave
        ([50, 40, 5, 7], {2, 3}),  # together 12, each from 2 to 10
        ([50, 40, 5, 5], {2, 3, 1}),  # their sum of 10 would be a small number of people
        ([50, 40, 10, 10], {2, 3, 1}),  # no small parts but two tens have the sum 20
        ([5, 6], {0, 1}), ([5], {0}), ([5, 0, 40], {0, 2}),
    ],
)  # fmt: skip
def test_parts_of_a_known_total_do_not_follow_from_the_others(counts: list[int], places: set[int]) -> None:
    assert suppression.hidden(counts) == places


def test_shares_hide_what_their_sum_would_tell() -> None:
    assert suppression.shares([500, 300, 200]) == [0.5, 0.3, 0.2]
    assert suppression.shares([500, 300, 5]) == [0.62, None, None]
    assert suppression.shares([500, 300, 0]) == [0.62, 0.38, 0.0]
    assert suppression.shares([5, 3]) == [None, None]
    assert suppression.shares([0, 0]) == [None, None]
    assert suppression.shares([795, 5]) == [None, None]
