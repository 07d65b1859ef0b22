"""The people in the groups drawn on a plane: the two directions in which their inputs differ most, in bins.

Principal components of the inputs as the grouping sees them (filled, capped, scaled), at the index date, where it is
known what happened next. A bin says about how many people it holds, the most frequent group and the later outcome;
nothing is told of a bin of 1 to 10 people, and numbers are rounded up to tens, so that no sum of bins gives one away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from analytics import suppression
from analytics.definitions import catalogue, groups
from analytics.lake import Lake
from analytics.risk_groups import fitting, placing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PEOPLE_PER_BIN = 20  # on average, over the whole square
SMALLEST, LARGEST = 4, 24  # bins on a side
WORDS = 3  # features that name each end of an axis
EDGES = (0.01, 0.99)  # parts of the people beyond which they lie in the outermost bins


def population_map(spark: SparkSession, lake: Lake, model: dict[str, Any]) -> dict[str, Any]:
    """`size axes centres bins hidden_bins`; x runs from left to right and y from the bottom to the top, from 0."""
    path = lake.features(model["ehr"], model["export_id"], model["index_date"])
    people = fitting.in_contact(spark.read.parquet(f"{lake.url(path)}/part-*"))
    n, axes, explained = _components(people, model)
    size = max(SMALLEST, min(LARGEST, math.isqrt(n // PEOPLE_PER_BIN)))
    spots = placing.with_membership(people.select(*placing.needed(model, "outcome")), model).mapInArrow(
        _projector(model, axes), "x DOUBLE, y DOUBLE, rank INT, outcome INT"
    ).cache()
    ends = spots.selectExpr(*(f"percentile({axis}, array{EDGES}) AS {axis}" for axis in "xy")).first()
    scale = {axis: (float(ends[axis][0]), float(ends[axis][1])) for axis in "xy"} if ends else {}
    cells = spots.selectExpr(*(f"{_place(axis, scale[axis], size)} AS {axis}" for axis in "xy"), "rank", "outcome")
    counted = cells.groupBy("x", "y", "rank", "outcome").count().collect()
    spots.unpersist()
    shown, hidden = _bins(counted)
    return {"size": size, "axes": _named(axes, model) | {"explained": [round(part, 3) for part in explained]},
            "centres": _centres(model, axes, scale, size), "bins": shown, "hidden_bins": hidden}


def _components(people: DataFrame, model: dict[str, Any]) -> tuple[int, Any, list[float]]:
    """How many people, the two axes (2 x features, unit vectors), and the part of all differences along each."""
    width = len(model["features"])
    sums = people.select(*model["features"]).mapInArrow(_moments(model), "cells ARRAY<DOUBLE>").rdd.map(_cells)
    total = sums.treeReduce(lambda left, right: left + right)
    n, mean = int(total[0]), total[1 : width + 1] / total[0]
    spread = total[width + 1 :].reshape(width, width) / n - np.outer(mean, mean)
    values, vectors = np.linalg.eigh(spread)
    order = np.argsort(values)[::-1][:2]
    axes = np.zeros((2, width))
    axes[: len(order)] = vectors[:, order].T
    found = np.zeros(2)
    found[: len(order)] = np.maximum(values[order], 0.0) / max(float(values.sum()), 1e-12)
    return n, _turned(axes, model), [float(part) for part in found]


def _turned(axes: Any, model: dict[str, Any]) -> Any:
    """Each axis with the groups of more later events on the right, and on top: its sign means nothing otherwise."""
    clusters = [group for group in model["groups"] if group["centre"] is not None]
    ranks = np.array([group["rank"] for group in clusters], dtype=float)
    along = np.array([group["centre"] for group in clusters]) @ axes.T
    leaning = (ranks - ranks.mean()) @ along
    largest = axes[np.arange(2), np.abs(axes).argmax(axis=1)]
    signs = np.where(np.abs(leaning) > 1e-9, np.sign(leaning), np.where(largest < 0, -1.0, 1.0))
    return axes * signs[:, None]


def _named(axes: Any, model: dict[str, Any]) -> dict[str, list[str]]:
    """What lies left, right, down and up, in the words of the features that weigh most along each axis."""
    named: dict[str, list[str]] = {}
    for axis, (low, high) in zip(axes, (("left", "right"), ("down", "up")), strict=True):
        heaviest = [place for place in np.argsort(-np.abs(axis), kind="stable")[:WORDS] if axis[place] != 0]
        known = [(catalogue.features()[model["features"][place]], axis[place] > 0) for place in heaviest]
        named[high] = [feature.high if rises else feature.low for feature, rises in known]
        named[low] = [feature.low if rises else feature.high for feature, rises in known]
    return named


def _bins(counted: list[Any]) -> tuple[list[dict[str, Any]], int]:
    """Bins with more than ten people, and how many others hold some."""
    cells: dict[tuple[int, int], list[Any]] = {}
    for row in counted:
        cells.setdefault((row["x"], row["y"]), []).append(row)
    shown = []
    for (x, y), rows in sorted(cells.items()):
        n = sum(row["count"] for row in rows)
        if suppression.small(n):
            continue
        followed = sum(row["count"] for row in rows if row["outcome"] is not None)
        rate = suppression.rate(n, followed, sum(row["count"] for row in rows if row["outcome"]))["rate"]
        by_rank: dict[int, int] = {}
        for row in rows:
            by_rank[row["rank"]] = by_rank.get(row["rank"], 0) + row["count"]
        most = max(by_rank, key=lambda rank: (by_rank[rank], -rank))
        shown.append({"x": x, "y": y, "n": -(-n // 10) * 10, "rank": most,
                      "rate": None if rate is None else round(rate, 2)})
    return shown, len(cells) - len(shown)


def _centres(model: dict[str, Any], axes: Any, scale: dict[str, Any], size: int) -> list[dict[str, Any]]:
    """Where each group's centre lies, in bins (a whole number is a bin's left or lower edge)."""
    found = []
    for group in model["groups"]:
        if group["centre"] is not None and scale:
            along = axes @ np.array(group["centre"])
            spots = [min(max((float(spot) - low) / max(high - low, 1e-12) * size, 0.0), float(size))
                     for spot, (low, high) in zip(along, (scale["x"], scale["y"]), strict=True)]
            found.append({"rank": group["rank"], "x": round(spots[0], 2), "y": round(spots[1], 2)})
    return found


def _place(axis: str, ends: tuple[float, float], size: int) -> str:
    """The bin of a coordinate, in SQL."""
    low, high = ends
    place = f"floor(({axis} - {low!r}D) / {max(high - low, 1e-12)!r}D * {size})"
    return f"CAST(least(greatest({place}, 0), {size - 1}) AS INT)"


def _moments(model: dict[str, Any]) -> Callable[[placing.Batches], placing.Batches]:
    """Number, sums and products of the inputs, flat."""

    def run(batches: placing.Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            inputs = groups.prepare(placing.matrix(batch, model["features"]), model)
            flat = np.concatenate([[len(inputs)], inputs.sum(axis=0), (inputs.T @ inputs).ravel()])
            yield pa.RecordBatch.from_pydict({"cells": pa.array([flat], pa.list_(pa.float64()))})

    return run


def _projector(model: dict[str, Any], axes: Any) -> Callable[[placing.Batches], placing.Batches]:
    def run(batches: placing.Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            spots = groups.prepare(placing.matrix(batch, model["features"]), model) @ axes.T
            columns = [pa.array(spots[:, 0]), pa.array(spots[:, 1]), batch.column("rank"), batch.column("outcome")]
            yield pa.RecordBatch.from_arrays(columns, names=["x", "y", "rank", "outcome"])

    return run


def _cells(row: Any) -> Any:
    return np.array(row.cells)
