"""What a reader finds out about hidden numbers from what is told: the least and the most that each can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, lil_matrix


@dataclass(frozen=True)
class Sum:
    """Some of the numbers, by their places, and what they add up to."""

    places: tuple[int, ...]
    total: int


def spans(
    wanted: Sequence[int], bounds: Sequence[tuple[float, float]], told: Mapping[int, int], sums: Sequence[Sum]
) -> dict[int, tuple[float, float]]:
    """For each wanted place the least and the most that its number can be (linear programming).

    bounds: of every number, told or not. told: the numbers that are shown, by place. What is asked of must be true of
    some numbers, as counts are of the people counted. Raises ValueError where it is not.
    """
    ends = [(told[place], told[place]) if place in told else pair for place, pair in enumerate(bounds)]
    if len(sums) < 2:
        return {place: _rest(place, ends, *sums) for place in wanted}
    table = lil_matrix((len(sums), len(bounds)))
    for row, one in enumerate(sums):
        table[row, list(one.places)] = 1.0
    known = table.tocsr()
    totals = np.array([float(one.total) for one in sums])
    return {place: (_end(place, 1, ends, known, totals), _end(place, -1, ends, known, totals)) for place in wanted}


def _rest(place: int, ends: Sequence[tuple[float, float]], total: Sum | None = None) -> tuple[float, float]:
    """What a single sum leaves for a number, whatever the others are."""
    low, high = ends[place]
    if total is None or place not in total.places:
        return low, high
    others = [ends[other] for other in total.places if other != place]
    return (max(low, total.total - sum(most for _, most in others)),
            min(high, total.total - sum(least for least, _ in others)))  # fmt: skip


def _end(
    place: int, sign: int, ends: list[tuple[float, float]], known: csr_matrix, totals: npt.NDArray[np.float64]
) -> float:
    aim = np.zeros(len(ends))
    aim[place] = sign
    found = linprog(aim, A_eq=known, b_eq=totals, bounds=ends)
    if not found.success:
        raise ValueError(f"no numbers are as told: {found.message}")
    return round(sign * float(found.fun), 6)
