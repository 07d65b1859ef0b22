"""Of what is counted of everyone and of each group, what may be told: profile, treatments, care gaps.

Shares are whole percents. A reader is taken to know how many people each group has, so that every share is a cell of a
table with and without it; a hidden one takes others with it (`suppression.complementary`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics import suppression
from analytics.definitions import catalogue, explain, small_cells

DIGITS = 4  # of a quartile, significant

Middle = tuple[int, float, float] | None  # people with a known value, and the middle half of their values


@dataclass(frozen=True)
class Counts:
    """What Spark counted at one date, by rank (everyone: 0)."""

    people: dict[int, int]
    positive: dict[str, dict[int, int]]  # flag -> people who have it
    middle: dict[str, dict[int, Middle]]  # other feature -> its middle half
    states: dict[str, dict[str, dict[int, int]]]  # care gap -> state -> people

    @property
    def ranks(self) -> list[int]:
        return sorted(rank for rank in self.people if rank)


def is_flag(feature: catalogue.Feature) -> bool:
    """Whether it is told as a share of people, as the chart tells it."""
    return explain.display(feature, 1.0) == "yes"


def people(counts: Counts) -> dict[str, Any]:
    """How many people there are at the as-of date, and in each group of the release."""
    numbers = [counts.people[rank] for rank in counts.ranks]
    unsized, everyone = suppression.hidden(numbers), sum(numbers)
    return {
        "n": None if suppression.small(everyone) else everyone,
        "groups": [{"rank": rank, "n": None if place in unsized else number}
                   for place, (rank, number) in enumerate(zip(counts.ranks, numbers, strict=True))],
    }  # fmt: skip


def profile(counts: Counts) -> list[dict[str, Any]]:
    """Each feature: the middle half of those whose value is known, or for a flag the share of people."""
    return [_flag(feature, counts) if is_flag(feature) else _value(feature, counts)
            for name, feature in catalogue.features().items()
            if name in counts.positive or name in counts.middle]  # fmt: skip


def treatments(counts: Counts) -> list[dict[str, Any]]:
    """Each class of medicines: the share of people who have one in use."""
    named = [feature for name, feature in catalogue.features().items()
             if feature.kind == "in_use" and name in counts.positive]  # fmt: skip
    found = []
    for feature in named:
        everyone, groups = _shares(counts, feature.name)
        told = [{"rank": rank, "share": one} for rank, one in zip(counts.ranks, groups, strict=True)]
        found.append({"feature": feature.name, "label": feature.label, "everyone": everyone, "groups": told})
    return found


def gaps(counts: Counts, titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each care gap: to how many people it applies, and the share of them who have it met.

    No number of people is told of a group whose size is not (`people`): a gap may apply to all of it.
    """
    unsized = suppression.hidden([counts.people[rank] for rank in counts.ranks])
    found = []
    for name, states in counts.states.items():
        rows = [[states[state].get(rank, 0) for state in ("met", "gap", "not_applicable")] for rank in counts.ranks]
        whole = suppression.complementary([[met + gap, rest] for met, gap, rest in rows])
        nobody = suppression.Hidden([[False, False, row[1]] for row in whole.cells], [False, False, whole.columns[1]])
        hide = suppression.complementary(rows, already=nobody)
        cells = [_gap(row, mask) for row, mask in zip(rows, hide.cells, strict=True)]
        everyone = _gap([sum(column) for column in zip(*rows, strict=True)], hide.columns)
        groups = [{"rank": rank} | cell | ({"applicable": None} if place in unsized else {})
                  for place, (rank, cell) in enumerate(zip(counts.ranks, cells, strict=True))]
        if small_cells.rest_tells(everyone["applicable"], [group["applicable"] for group in groups]):
            everyone = dict.fromkeys(everyone)  # less the groups that are told, it would tell of those that are not
        found.append({"id": name, "title": titles[name], "everyone": everyone, "groups": groups})
    return found


def _gap(row: Sequence[int], hide: Sequence[bool]) -> dict[str, Any]:
    """The share only where nothing is hidden: with one of the three numbers it would tell the others."""
    met, gap, _ = row
    applicable = None if hide[2] or suppression.small(met + gap) else met + gap
    told = applicable and not any(hide)
    return {"applicable": applicable, "met": round(met / applicable, 2) if told and applicable else None}


def _flag(feature: catalogue.Feature, counts: Counts) -> dict[str, Any]:
    everyone, groups = _shares(counts, feature.name)
    return _told(feature, {"usual": None, "share": everyone}, counts.ranks,
                 [{"usual": None, "share": one} for one in groups])  # fmt: skip


def _value(feature: catalogue.Feature, counts: Counts) -> dict[str, Any]:
    found = counts.middle[feature.name]
    everyone, *groups = [{"usual": _middle(feature, found.get(rank)), "share": None} for rank in (0, *counts.ranks)]
    return _told(feature, everyone, counts.ranks, groups)


def _told(
    feature: catalogue.Feature, everyone: dict[str, Any], ranks: list[int], groups: list[dict[str, Any]]
) -> dict[str, Any]:
    named = {"feature": feature.name, "label": feature.label, "unit": feature.unit, "shape": feature.shape}
    told = [{"rank": rank} | one for rank, one in zip(ranks, groups, strict=True)]
    return named | {"everyone": everyone, "groups": told}


def _middle(feature: catalogue.Feature, middle: Middle) -> list[float] | None:
    """None where ten people or fewer have a known value."""
    if middle is None or middle[0] <= suppression.largest_hidden():
        return None
    return [small_cells.pooled(feature, float(f"{end:.{DIGITS}g}")) for end in middle[1:]]


def _shares(counts: Counts, name: str) -> tuple[float | None, list[float | None]]:
    yes = [counts.positive[name].get(rank, 0) for rank in counts.ranks]
    return suppression.shares_in_groups(yes, [counts.people[rank] for rank in counts.ranks])
