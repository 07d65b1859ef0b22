"""What a reader finds out about hidden numbers from what is told: the least and the most that each can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import lil_matrix


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
    table = lil_matrix((max(len(sums), 1), len(bounds)))
    for row, one in enumerate(sums):
        table[row, list(one.places)] = 1.0
    totals = np.array([float(one.total) for one in sums] or [0.0])
    return {place: (_end(place, 1, ends, table, totals), _end(place, -1, ends, table, totals)) for place in wanted}


def _end(place: int, sign: int, ends: list[tuple[float, float]], table: lil_matrix, totals: object) -> float:
    aim = np.zeros(len(ends))
    aim[place] = sign
    found = linprog(aim, A_eq=table.tocsr(), b_eq=totals, bounds=ends)
    if not found.success:
        raise ValueError(f"no numbers are as told: {found.message}")
    return round(sign * float(found.fun), 6)
