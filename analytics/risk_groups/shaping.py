"""Which features are inputs of the grouping, and how each is filled, capped and scaled: learned from the people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics import suppression
from analytics.definitions import catalogue, small_cells
from analytics.definitions.catalogue import Feature
from analytics.risk_groups import histogram
from analytics.risk_groups.histogram import Figures

if TYPE_CHECKING:
    from pyspark import RDD
    from pyspark.sql import DataFrame

FLAG_SPREAD = 0.3  # a rare flag counts no more than one of this standard deviation (prevalence about 10 %)
TAILS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25)  # parts of the known values beyond which a value says no more


def transforms(people: DataFrame) -> dict[str, Any]:
    """The inputs of the grouping and how each is filled and capped, learned from these people; not scaled yet.

    Unknown values are filled with the median of the known ones (flags: the mean), which is neutral. A feature that is
    known of fewer than 1 % of the people, or that does not differ between them, is left out; so is one that only one to
    ten people have, lack or are measured for, since its numbers would be theirs.
    """
    wanted = [feature for feature in catalogue.features().values() if feature.grouped]
    names = [feature.name for feature in wanted]
    counts = people.select(*names).mapInArrow(histogram.counter(names), histogram.SCHEMA)
    found = histogram.figures(counts, names, (0.5, *TAILS, *(1 - tail for tail in TAILS)))
    seen = found.get(histogram.EVERYONE, {})
    n = people.count()
    steps = {f.name: _step(f, seen[f.name]) for f in wanted if f.name in seen and _useful(f, seen[f.name], n)}
    steps = {name: step for name, step in steps.items() if step["cap"][0] < step["cap"][1]}
    return {"features": list(steps), "transform": steps, "people": n}


def _useful(feature: Feature, seen: Figures, people: int) -> bool:
    few = suppression.small(seen.n) or (feature.shape != "value" and suppression.small(seen.positive))
    few = few or (feature.shape == "flag" and suppression.small(seen.n - seen.positive))
    return bool(seen.n >= 0.01 * people and seen.least != seen.most and not few)


def _step(feature: Feature, seen: Figures) -> dict[str, Any]:
    fill = _coarse(seen.mean, "flag") if feature.shape == "flag" else small_cells.pooled(feature, seen.quantiles[0])
    return {"shape": feature.shape, "fill": fill, "cap": _cap(feature, seen), "middle": 0.0, "scale": 1.0}


def _cap(feature: Feature, seen: Figures) -> list[float]:
    """Quantiles, for a measurement so far inside that more than ten people lie beyond: else they are a few's values.
    All ages above 89 count as one."""
    if feature.shape == "flag":
        return [0.0, 1.0]
    enough = (place for place, tail in enumerate(TAILS) if tail * seen.n > suppression.largest_hidden())
    place = 0 if feature.shape == "count" else next(enough, len(TAILS) - 1)
    _, *ends = seen.quantiles
    return [small_cells.pooled(feature, end) for end in (ends[place], ends[len(TAILS) + place])]


def _coarse(mean: float, shape: str) -> float:
    """A mean of everyone that does not, less the other groups' people, tell those of the only group that is hidden.

    It is where zero lies, nothing else: to distances it makes no difference.
    """
    if shape == "flag":
        return round(mean * 20) / 20
    return round(mean, 1) if shape == "count" else float(f"{mean:.3g}")


def standardised(model: dict[str, Any], prepared: RDD[list[float]]) -> dict[str, Any]:
    """The model with the middle and scale of each shaped feature: rounded mean and standard deviation over everyone.

    prepared: the people through ``groups.prepare`` with the unscaled model.
    """
    n, sums, squares = prepared.mapPartitions(_moments).treeReduce(
        lambda a, b: tuple(x + y for x, y in zip(a, b, strict=True))
    )
    means = sums / n
    spreads = np.sqrt(np.maximum(squares / n - means * means, 0.0))
    steps = {}
    for name, mean, spread in zip(model["features"], means.tolist(), spreads.tolist(), strict=True):
        middle, floor = _coarse(mean, model["transform"][name]["shape"]), 1e-9
        if model["transform"][name]["shape"] == "flag":  # its exact spread would tell the exact mean
            spread, floor = float(np.sqrt(middle * (1 - middle))), FLAG_SPREAD
        steps[name] = model["transform"][name] | {"middle": middle, "scale": max(float(f"{spread:.6g}"), floor)}
    return {"features": model["features"], "transform": steps}


def _moments(rows: Iterable[list[float]]) -> Iterator[tuple[int, Any, Any]]:
    """Number of rows, and sum and sum of squares of each column."""
    held = np.array(list(rows), dtype=np.float64)
    if held.size:
        yield len(held), held.sum(axis=0), (held * held).sum(axis=0)
