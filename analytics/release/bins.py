"""The range of each input of the grouping in bins, kept with the release, and how far later people have moved in them.

Bins are tenths of the people of the release (fewer where values repeat; a flag has two), and those whose value is not
known are a bin of their own. No bin holds 1 to 10 people: such a one is joined to its neighbour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from analytics import suppression
from analytics.definitions import catalogue, small_cells
from analytics.risk_groups.placing import Batches, matrix

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TENTHS = tuple(part / 10 for part in range(1, 10))
LEAST = 0.0005  # what an empty bin counts as: half of the last digit of a share
DIGITS = 3  # of a share, and of an index

Bins = dict[str, dict[str, Any]]  # feature -> {"edges": [...], "shares": [...], "unknown": share or None}


def bins_of(rows: DataFrame, model: dict[str, Any]) -> Bins:
    """The inputs of a model in bins of these people."""
    edges = _edges(rows, model)
    found = counts(rows, edges)
    return {name: told for name, cut in edges.items() if (told := _told(cut, found[name])) is not None}


def counts(rows: DataFrame, edges: dict[str, list[float]]) -> dict[str, list[int]]:
    """For each feature how many people lie in each bin (up to and with its edge), and last how many are not known."""
    if not edges:
        return {}
    cells = rows.select(*edges).mapInArrow(_counter(edges), "cells ARRAY<BIGINT>").rdd.map(_cells)
    summed = [int(number) for number in cells.treeReduce(lambda left, right: left + right)]
    found, place = {}, 0
    for name, cut in edges.items():
        found[name] = summed[place : place + len(cut) + 2]
        place += len(cut) + 2
    return found


def index(before: dict[str, Any], now: Sequence[int]) -> float | None:
    """Population stability index: the sum over bins of (now - before) * ln(now / before), shares of people.

    before: the bins of a release; now: how many lie in them later, the unknown last. Bins that hold 1 to 10 people now
    are joined to a neighbour on both sides; None where a single bin is left, which tells nothing.
    """
    shares, numbers = list(before["shares"]), list(now[:-1])
    _, numbers, shares = _joined(list(before["edges"]), numbers, shares)
    if before["unknown"] is not None and not suppression.small(now[-1]):
        shares, numbers = [*shares, before["unknown"]], [*numbers, now[-1]]
    if len(numbers) < 2 or not sum(numbers) or not sum(shares):
        return None
    old, new = (_at_least([part / sum(parts) for part in parts]) for parts in (shares, numbers))
    return round(sum((n - o) * math.log(n / o) for o, n in zip(old, new, strict=True)), DIGITS)


def _at_least(shares: list[float]) -> list[float]:
    return [max(share, LEAST) for share in shares]


def _edges(rows: DataFrame, model: dict[str, Any]) -> dict[str, list[float]]:
    flags = [name for name in model["features"] if model["transform"][name]["shape"] == "flag"]
    others = [name for name in model["features"] if name not in flags]
    known = catalogue.features()
    select = [f"percentile({name}, array{TENTHS}) AS {name}" for name in others]
    found = rows.selectExpr(*select).first() if others else None
    cut = {name: sorted({small_cells.parting(known[name], float(f"{edge:.6g}")) for edge in found[name] or ()})
           for name in others if found is not None}  # fmt: skip
    return {name: [0.5] if name in flags else cut[name] for name in model["features"]}


def _told(edges: list[float], found: list[int]) -> dict[str, Any] | None:
    """Bins as they may be told; None where no two are left."""
    unknown = None if suppression.small(found[-1]) else found[-1]
    edges, numbers, _ = _joined(edges, found[:-1], [0.0] * (len(found) - 1))
    total = sum(numbers) + (unknown or 0)
    if total == 0 or len(numbers) + bool(unknown) < 2 or any(map(suppression.small, numbers)):
        return None
    shares = [round(number / total, DIGITS) for number in numbers]
    told = None if unknown is None else round(unknown / total, DIGITS)
    return {"edges": edges, "shares": shares, "unknown": told}


def _joined(
    edges: list[float], numbers: list[int], shares: list[float]
) -> tuple[list[float], list[int], list[float]]:
    """Each bin of 1 to 10 people joined to the smaller of its neighbours, until there is none or one bin is left."""
    edges, numbers, shares = list(edges), list(numbers), list(shares)
    while len(numbers) > 1 and (small := [p for p, number in enumerate(numbers) if suppression.small(number)]):
        place = min(small, key=lambda p: numbers[p])
        sides = [side for side in (place - 1, place) if 0 <= side < len(edges)]  # the edge that goes
        edge = min(sides, key=lambda side: numbers[side] + numbers[side + 1])
        del edges[edge]
        numbers[edge : edge + 2] = [numbers[edge] + numbers[edge + 1]]
        shares[edge : edge + 2] = [shares[edge] + shares[edge + 1]]
    return edges, numbers, shares


def _counter(edges: dict[str, list[float]]) -> Callable[[Batches], Batches]:
    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            values = matrix(batch, list(edges))
            parts = [_in_bins(values[:, place], cut) for place, cut in enumerate(edges.values())]
            yield pa.RecordBatch.from_pydict({"cells": pa.array([np.concatenate(parts)], pa.list_(pa.int64()))})

    return run


def _in_bins(values: Any, edges: list[float]) -> Any:
    known = values[~np.isnan(values)]
    places = np.searchsorted(np.array(edges), known, side="left")
    return np.append(np.bincount(places, minlength=len(edges) + 1), len(values) - len(known))


def _cells(row: Any) -> Any:
    return np.array(row.cells, dtype=np.int64)
