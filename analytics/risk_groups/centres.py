"""Centres as they may be published. A centre is the mean of its people: times their number it tells how many of them
have a diagnosis, or the value of the only one who was measured. Where that is one to ten people, it is moved.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from analytics import suppression
from analytics.definitions import catalogue, groups

DECIMALS = 3  # in scaled units; sums of logarithms of counts could be taken apart at full precision


def counted(values: groups.Matrix, model: dict[str, Any]) -> Any:
    """For each group by centre (in order) and feature, how many people have a known value and how many one above zero,
    as an array of groups x 2 x (features + 1); the last column is all people of the group.

    values: people by features, unknown as NaN; counts of several batches add up.
    """
    nearest = groups.squared_distances(groups.prepare(values, model), _centres(model)).argmin(axis=1)
    told = np.stack([~np.isnan(values), values > 0], axis=1)
    marks = np.concatenate([told, np.ones((len(values), 2, 1))], axis=2)
    return np.stack([marks[nearest == place].sum(axis=0) for place in range(len(_centres(model)))])


def publishable(model: dict[str, Any], cells: Any) -> list[dict[str, Any]]:
    """The model's groups with centres from which no small cell of `cells` (what `counted` gave, summed) follows."""
    shown = []
    found = iter(cells)
    for group in model["groups"]:
        if group["centre"] is None:
            shown.append(group)
            continue
        known, positive = next(found)
        moved = [
            _moved(group["centre"][place], name, model, (int(known[-1]), int(known[place]), int(positive[place])))
            for place, name in enumerate(model["features"])
        ]
        shown.append(group | {"centre": [round(number, DECIMALS) for number in moved]})
    return shown


def _moved(centre: float, name: str, model: dict[str, Any], cell: tuple[int, int, int]) -> float:
    """One coordinate: as if nobody were known, or all alike, where the one or the other holds but for a few people."""
    people, known, positive = cell
    step, shape = model["transform"][name], catalogue.features()[name].shape
    if suppression.small(known):
        return _scaled(step["fill"], step)
    if shape in {"flag", "count"} and suppression.small(positive):
        return _scaled(0.0, step)
    if shape == "flag" and suppression.small(known - positive):
        return _scaled(1.0, step)
    if shape == "flag" and suppression.small(people - known):  # the unknown count as the fill, so they show too
        return _scaled(round(positive / known, 2), step)
    return centre


def _scaled(value: float, step: dict[str, Any]) -> float:
    return float((groups.shaped(np.array([value]), step)[0] - step["middle"]) / step["scale"])


def _centres(model: dict[str, Any]) -> list[list[float]]:
    return [group["centre"] for group in model["groups"] if group["centre"] is not None]
