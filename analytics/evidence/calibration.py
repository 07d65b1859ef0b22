"""Whether a rate that a fit found holds in a later year, group by group."""

from __future__ import annotations

from typing import Any

import numpy as np

from analytics import suppression
from analytics.evidence.discrimination import of_levels


def counted(rank: Any, outcome: Any, ranks: list[int]) -> tuple[list[int], list[int]]:
    """People and events of each rank."""
    places = [rank == one for one in ranks]
    return [int(place.sum()) for place in places], [int(np.sum(outcome[place])) for place in places]


def told(people: list[int], events: list[int], hide_sum: bool = False) -> tuple[list[bool], list[bool]]:
    """Which groups' people and events must be hidden in a row whose sums are known; where people are, events are.

    hide_sum: the sum of events is hidden elsewhere, and must not follow from all of these.
    """
    least = [0 if suppression.few(one, n) else one for one, n in zip(events, people, strict=True)]
    first = suppression.widened([people], suppression.complementary([people], least=[least]))
    second = suppression.widened([events], suppression.complementary([events], of=[people], already=first))
    no_people, no_events = _hidden(first), _hidden(second)
    if hide_sum and not any(no_events) and events:
        no_events[max(range(len(events)), key=lambda place: min(events[place], people[place] - events[place]))] = True
    return no_people, no_events


def _hidden(found: suppression.Hidden) -> list[bool]:
    return [cell or column for cell, column in zip(found.cells[0], found.columns, strict=True)]


def calibration(
    expected: dict[int, float | None], people: list[int], events: list[int], hide_sum: bool = False
) -> list[dict[str, Any]]:
    """For each group of a fit its rate then (expected) and the rate now (observed) with its Wilson interval.

    expected: by rank, ascending; people and events are those of a later year in the same groups.
    """
    no_people, no_events = told(people, events, hide_sum)
    rows = []
    for place, (rank, rate) in enumerate(expected.items()):
        row: dict[str, Any] = {"rank": rank, "n": None if no_people[place] else people[place],
                               "expected": None if rate is None else round(rate, 3)}  # fmt: skip
        shown = not no_events[place] and people[place] > 0
        low, high = suppression.wilson(events[place], people[place]) if shown else (None, None)
        rows.append(row | {"observed": events[place] / people[place] if shown else None, "low": low, "high": high})
    return rows


def c_of(rows: list[dict[str, Any]], usual: float) -> dict[str, float] | None:
    """The c-statistic of the rank from what a calibration tells; where the observed rate is hidden, the expected one
    (or the usual one) stands for it, so that no hidden number can be solved for."""
    seen = [row for row in rows if row["n"]]
    rates = [next(rate for rate in (row["observed"], row["expected"], usual) if rate is not None) for row in seen]
    return of_levels([row["n"] for row in seen], [row["n"] * rate for row, rate in zip(seen, rates, strict=True)])
