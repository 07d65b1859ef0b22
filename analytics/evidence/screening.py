"""What a team would find that reviews the top 1, 5 or 10 % of the people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from analytics import suppression
from analytics.evidence.discrimination import Numbers, events_told

TOPS = (0.01, 0.05, 0.1)


def order(rank: Any, second: Any, firmness: Numbers) -> Numbers:
    """Whom to review first: by rank, within a group by how far a person leans to the groups above it.

    In the highest group the firmest come first. A person whose second-closest group is higher comes before one whose
    second is lower, the less firm the further; without a second, in the middle. The number is the rank and less than
    a half more or less, so that no group overtakes another.
    """
    lean = np.where(np.isnan(firmness), 0.0, (1 - np.nan_to_num(firmness)) * 0.49)
    return np.asarray(rank + np.sign(np.nan_to_num(second, nan=0.0) - rank) * lean)


def screening(people: dict[str, Any], groups: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each part at the top: people, events, sensitivity, positive predictive value, number to review.

    Nobody is taken before another of the same number: the cut goes on to the last of them, "tied" says how many more
    that makes. A row is empty where it, or what lies between it and another row or the end of a group, would tell a
    small number. Sensitivity is a share of the events that are told of the groups (`events_told`).
    """
    if len(people["outcome"]) == 0:
        return [_row(top) for top in TOPS]
    score = order(people["rank"], people["second"], people["firmness"])
    down = np.argsort(-score, kind="stable")
    score, events = score[down], np.cumsum(people["outcome"][down])
    ends = [int((people["rank"] >= rank).sum()) for rank in np.unique(people["rank"])]
    known = [(0, 0)] + [(end, int(events[end - 1])) for end in ends]
    whole, rows = sum(events_told(group) for group in groups), []
    for top in TOPS:
        wanted = max(1, math.ceil(top * len(score) - 1e-9))
        people_in = int(np.searchsorted(-score, -score[wanted - 1], side="right"))
        point = (people_in, int(events[people_in - 1]))
        if any(_tells(point, other) for other in known):
            rows.append(_row(top))
            continue
        known.append(point)
        rows.append(_row(top, *point, tied=people_in - wanted, whole=whole))
    return rows


def _tells(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether the people between two ends of the same order are few, or had few events, or few had none."""
    between, events = abs(one[0] - other[0]), abs(one[1] - other[1])
    return between > 0 and (suppression.small(between) or suppression.few(events, between))


def _row(top: float, people: int | None = None, events: int | None = None, tied: int | None = None,
         whole: float = 0.0) -> dict[str, Any]:  # fmt: skip
    row: dict[str, Any] = {"top": top, "people": people, "events": events, "tied": tied}
    names = ("sensitivity", "ppv", "low", "high", "number_needed_to_review")
    if people is None or events is None:
        return row | dict.fromkeys(names)
    low, high = suppression.wilson(events, people)
    found = (events / whole if whole else None, events / people, low, high, people / events if events else None)
    return row | {name: None if one is None else round(one, 4) for name, one in zip(names, found, strict=True)}
