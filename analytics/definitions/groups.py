"""From a person's features to a risk group: fill, shape, scale, nearest centre. Plain arithmetic, one feature at a time
and always in the same order, so that one person in the chart and the same person among a million get the same numbers.

A model is the plain dict of a release (``release.json``):

    "features":  [name, ...]                                 inputs of the grouping, in order
    "transform": {name: {"shape", "fill", "cap", "middle", "scale"}}
    "groups":    [{"rank", "name", "rule": null | "no_contact", "centre": [float, ...] | null, ...}, ...]   by rank
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.definitions import catalogue

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Membership:
    """Where one person belongs.

    rank and second are ranks of groups (second is None where there is no other cluster). firmness is 1 - nearest/second
    distance, from 0 (on the border) to 1 (at the centre); None for a group by rule or without a second.
    """

    rank: int
    second: int | None
    firmness: float | None


def as_matrix(rows: Sequence[Mapping[str, float | None]], names: Sequence[str]) -> Matrix:
    """People (rows) by features (columns); None becomes NaN."""
    cells = [[math.nan if (cell := row[name]) is None else float(cell) for name in names] for row in rows]
    return np.array(cells, dtype=np.float64).reshape(len(rows), len(names))


def prepare(values: Matrix, model: Mapping[str, Any]) -> Matrix:
    """Fill, shape and scale: rows are people, columns ``model["features"]``; NaN (unknown) becomes the fill.

    Everything is clipped to its cap range; a count and a skewed value ("log") are then log1p of themselves.
    """
    columns = []
    for place, name in enumerate(model["features"]):
        step = model["transform"][name]
        column = np.where(np.isnan(values[:, place]), step["fill"], values[:, place])
        columns.append((shaped(column, step) - step["middle"]) / step["scale"])
    return np.stack(columns, axis=1) if columns else np.zeros((len(values), 0))


def shaped(column: Matrix, step: Mapping[str, Any]) -> Matrix:
    """The column as it enters scaling: capped, in the unit of the feature or as log1p of it."""
    low, high = step["cap"]
    capped = np.minimum(np.maximum(column, low), high)
    return np.asarray(np.log1p(capped) if step["shape"] in {"count", "log"} else capped)


def squared_distances(prepared: Matrix, centres: Sequence[Sequence[float]]) -> Matrix:
    """Squared Euclidean distance of each person (row) to each centre (column), summed up feature by feature."""
    distances = np.zeros((prepared.shape[0], len(centres)))
    for place, middles in enumerate(np.array(centres, dtype=np.float64).T):
        step = prepared[:, [place]] - middles
        distances += step * step
    return distances


def assign(values: Matrix, days_since_contact: Matrix, model: Mapping[str, Any]) -> list[Membership]:
    """The membership of each person.

    values: as in ``prepare``. days_since_contact: one number for each person, NaN when there never was a contact.
    People without contact within the rule's days go to the rule group, where the model has one.
    """
    clusters = [group for group in model["groups"] if group["rule"] is None]
    ranks = [int(group["rank"]) for group in clusters]
    rule = next((int(group["rank"]) for group in model["groups"] if group["rule"] == "no_contact"), None)
    absent = no_contact(days_since_contact) if rule is not None else np.zeros(len(values), dtype=bool)
    distances = squared_distances(prepare(values, model), [group["centre"] for group in clusters])
    return [
        Membership(rule, None, None) if rule is not None and gone else _nearest(row, ranks)
        for row, gone in zip(distances, absent, strict=True)
    ]


def no_contact(days_since_contact: Matrix) -> npt.NDArray[np.bool_]:
    """Who the no-contact rule holds for: no encounter ever, or none within its days."""
    limit = catalogue.group_rules()["no_contact"]["days"]
    return np.asarray(np.isnan(days_since_contact) | (days_since_contact >= limit))


def _nearest(distances: Matrix, ranks: list[int]) -> Membership:
    order = sorted(range(len(ranks)), key=lambda place: (distances[place], ranks[place]))
    if len(order) < 2:
        return Membership(ranks[order[0]], None, None)
    first, second = (math.sqrt(distances[place]) for place in order[:2])
    return Membership(ranks[order[0]], ranks[order[1]], 1.0 - first / second if second > 0 else 0.0)
