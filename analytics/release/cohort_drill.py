"""Later outcomes of each group by sex, age band, both, and by condition, as far as no small number follows.

By sex and by age band they are those of the evidence, number for number. What crosses the two, and each condition, is
held against all that the evidence and the release tell already (`suppression.crossed`). Condition by sex or age is not
told: at most sizes nearly every cell would have to be hidden, or could be worked out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics import suppression
from analytics.definitions import catalogue
from analytics.errors import DataError
from analytics.evidence.subgroups import NOTHING, hidden
from analytics.suppression.spans import Sum

DIGITS = 4  # of a rate
ROUNDED = 0.005  # half of the last digit of a share in release.json

Groups = Sequence[dict[str, Any]]
Kind = tuple[int, str, str]  # rank, sex, age band


@dataclass(frozen=True)
class Followed:
    """What Spark counted of the people followed from the index date: people and events."""

    cells: dict[Kind, tuple[int, int]]
    conditions: dict[str, dict[int, tuple[int, int]]]  # condition -> rank -> people who have it, their events

    def of(self, rank: int) -> tuple[int, int]:
        """People and events of a group."""
        mine = [pair for kind, pair in self.cells.items() if kind[0] == rank]
        return sum(n for n, _ in mine), sum(events for _, events in mine)


def conditions() -> list[catalogue.Feature]:
    """The chronic groups. Their codes are told apart: no group is a part of another."""
    families = {name: concept.family for name, concept in catalogue.concepts().items()}
    return [one for one in catalogue.features().values()
            if one.kind == "ever" and families.get(one.concept) == "condition"]  # fmt: skip


def drill(followed: Followed, model: dict[str, Any], evidence: Mapping[str, Any]) -> dict[str, Any]:
    """`sexes age_bands conditions cells`. Raises DataError where the evidence counted others."""
    told = {by: [row for row in evidence["subgroups"] if row["by"] == by] for by in ("sex", "age_band")}
    groups = [group | {"share": one["share"]} for group, one in _pairs(evidence["groups"], model["groups"])]
    sexes, bands = ([row["value"] for row in told[by]] for by in ("sex", "age_band"))
    cells = [_cell(sex=row["value"]) | {"groups": _rounded(row["groups"])} for row in told["sex"]]
    cells += [_cell(age_band=row["value"]) | {"groups": _rounded(row["groups"])} for row in told["age_band"]]
    cells += _by_both(followed.cells, groups, told)
    named = [{"feature": one.name, "label": one.label} for one in conditions()]
    for one in conditions():
        cells.append(_cell(condition=one.name) | {"groups": _by_condition(followed, one.name, groups)})
    return {"sexes": sexes, "age_bands": bands, "conditions": named, "cells": cells}


def _pairs(told: Groups, model: Groups) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    by_rank = {group["rank"]: group for group in model}
    return ((dict(group), by_rank[group["rank"]]) for group in told)


def _both(pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """People and events."""
    return [n for n, _ in pairs], [events for _, events in pairs]


def _cell(**of: str) -> dict[str, Any]:
    return dict.fromkeys(("sex", "age_band", "condition")) | of


# -- sex and age ----------------------------------------------------------------------------------------------------


def _by_both(
    counted: Mapping[Kind, tuple[int, int]], groups: Groups, told: Mapping[str, Groups]
) -> list[dict[str, Any]]:
    kinds = [(group["rank"], sex["value"], band["value"]) for group in groups for sex in told["sex"]
             for band in told["age_band"]]  # fmt: skip
    people, events = _both([counted.get(kind, (0, 0)) for kind in kinds])
    blocks = [kind[0] for kind in kinds]
    no_people, no_events = _of_no_group(kinds, groups, "followed"), _of_no_group(kinds, groups, "events")
    for by, rows in told.items():
        no_people |= _of_no_cell(kinds, rows, by, "n")
        no_events |= _of_no_cell(kinds, rows, by, "events")
    free = [(0.0, float(suppression.EVERYONE))] * len(kinds)
    whole = [suppression.EVERYONE] * len(kinds)
    table = suppression.Crossing(people, whole, blocks, free, _sums(kinds, people, groups, told, "n"))
    no_people = suppression.crossed(table, no_people)
    most = [(0.0, float(n)) for n in people]
    table = suppression.Crossing(events, people, blocks, most, _sums(kinds, events, groups, told, "events"))
    no_events = suppression.crossed(table, no_events | no_people)
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for place, (rank, sex, band) in enumerate(kinds):
        shown = _shown(rank, people[place], events[place], place in no_people, place in no_events)
        found.setdefault((sex, band), []).append(shown)
    return [_cell(sex=sex, age_band=band) | {"groups": row} for (sex, band), row in found.items()]


def _of_no_group(kinds: list[Kind], groups: Groups, key: str) -> set[int]:
    """Cells of groups of which the number is not told."""
    unknown = {group["rank"] for group in groups if group[key] is None}
    return {place for place, kind in enumerate(kinds) if kind[0] in unknown}


def _of_no_cell(kinds: list[Kind], rows: Groups, by: str, key: str) -> set[int]:
    """Cells that are a part of a number which the evidence hides."""
    at = 1 if by == "sex" else 2
    unknown = {(group["rank"], row["value"]) for row in rows for group in row["groups"] if group[key] is None}
    return {place for place, kind in enumerate(kinds) if (kind[0], kind[at]) in unknown}


def _sums(kinds: list[Kind], values: list[int], groups: Groups, told: Mapping[str, Groups], key: str) -> list[Sum]:
    """All that the release tells of these numbers: of groups, of sexes and age bands, and of both."""
    of_group = "followed" if key == "n" else key
    said = [((group["rank"], None, None), group[of_group]) for group in groups]
    for by, rows in told.items():
        for row in rows:
            value = (row["value"], None) if by == "sex" else (None, row["value"])
            said.append(((None, *value), row[key]))
            said += [((group["rank"], *value), group[key]) for group in row["groups"]]
    sums = [Sum(_places(kinds, of), total) for of, total in said if total is not None]
    if any(sum(values[place] for place in one.places) != one.total for one in sums):
        raise DataError("The people counted by sex and age are not those of the evidence.", "Fit again.")
    return sums


def _places(kinds: list[Kind], of: Sequence[Any]) -> tuple[int, ...]:
    return tuple(place for place, kind in enumerate(kinds)
                 if all(part is None or part == mine for part, mine in zip(of, kind, strict=True)))  # fmt: skip


# -- conditions -----------------------------------------------------------------------------------------------------


def _by_condition(followed: Followed, name: str, groups: Groups) -> list[dict[str, Any]]:
    """Of the people with a condition. Those without are the rest of their group, so both are looked at; how many have
    it among everyone may be known (drift.json tells it of inputs)."""
    ranks = [group["rank"] for group in groups]
    people, events = _both([followed.conditions[name].get(rank, (0, 0)) for rank in ranks])
    of, of_events = _both([followed.of(rank) for rank in ranks])
    no_people, no_events = hidden(_with_rest(people, of), _with_rest(events, of_events), groups)
    table = _crossing(people, of, [_known(group, name) for group in groups])
    hide = suppression.crossed(table, _rows_in(no_people, groups, "followed"))
    limits = [_part(n, all_, group["events"]) for n, all_, group in zip(people, of, groups, strict=True)]
    hide_events = suppression.crossed(_crossing(events, people, limits), _rows_in(no_events, groups, "events") | hide)
    return [_shown(rank, people[place], events[place], place in hide, place in hide_events)
            for place, rank in enumerate(ranks)]  # fmt: skip


def _with_rest(counts: list[int], of: list[int]) -> list[list[int]]:
    return [[count, all_ - count] for count, all_ in zip(counts, of, strict=True)]


def _rows_in(found: suppression.Hidden, groups: Groups, key: str) -> set[int]:
    """Groups of which something is hidden, here or in the release."""
    return {place for place, row in enumerate(found.cells) if any(row) or groups[place][key] is None}


def _crossing(values: list[int], of: list[int], bounds: list[tuple[float, float]]) -> suppression.Crossing:
    everyone = Sum(tuple(range(len(values))), sum(values))
    return suppression.Crossing(values, of, [0] * len(values), bounds, [], (everyone,))


def _known(group: Mapping[str, Any], name: str) -> tuple[float, float]:
    """How many people with the condition a group can have, by the rounded share that the release tells of all of its
    people, those who were not followed among them."""
    n, followed, share = group["n"], group["followed"], group["share"].get(name)
    if n is None or followed is None:
        return 0.0, float(suppression.EVERYONE)
    if share is None:
        return 0.0, float(followed)
    low, high = ((share + way * ROUNDED) * n for way in (-1, 1))
    return max(0.0, low - (n - followed)), min(float(followed), high)


def _part(people: int, of: int, events: int | None) -> tuple[float, float]:
    """How many events people with a condition can have, by those of their group."""
    if events is None:
        return 0.0, float(people)
    return max(0.0, float(events - (of - people))), float(min(people, events))


# -- what is told ---------------------------------------------------------------------------------------------------


def _shown(rank: int, n: int, events: int, no_people: bool, no_events: bool) -> dict[str, Any]:
    """As in the evidence: no bounds, which would tell what is hidden for itself from what is hidden for others."""
    cell = {"rank": rank} | NOTHING
    if no_people:
        return cell
    if no_events:
        return cell | {"n": n, "followed": n}
    low, high = suppression.wilson(events, n) if n else (None, None)
    rate = events / n if n else None
    return _rounded([cell | {"n": n, "followed": n, "events": events, "rate": rate, "low": low, "high": high}])[0]


def _rounded(cells: Groups) -> list[dict[str, Any]]:
    return [{key: round(value, DIGITS) if isinstance(value, float) else value for key, value in cell.items()}
            for cell in cells]  # fmt: skip
