"""A reader who lays all that is told of sums of people side by side, and has linear programming."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import linprog

from analytics.release.cohort_drill import Followed

MANY = 10**9
Kind = tuple[int, str, str]
Told = list[tuple[Callable[[Kind], bool], int]]


def of_people(evidence: dict[str, Any], key: str) -> Told:
    """What the evidence tells of people ("n") or of events: of groups, of kinds, and of both."""
    found: Told = []
    for group in evidence["groups"]:
        if (number := group["followed" if key == "n" else key]) is not None:
            found.append((lambda kind, rank=group["rank"]: kind[0] == rank, number))
    for row in evidence["subgroups"]:
        if row["by"] in ("sex", "age_band"):
            at, value = (1 if row["by"] == "sex" else 2), row["value"]
            if row[key] is not None:
                found.append((lambda kind, at=at, value=value: kind[at] == value, row[key]))
            for cell in row["groups"]:
                if cell[key] is not None:
                    of = (cell["rank"], value)
                    found.append((lambda kind, at=at, of=of: (kind[0], kind[at]) == of, cell[key]))
    return found


def of_drill(drill: dict[str, Any], key: str) -> Told:
    """What the drill tells of them."""
    found: Told = []
    for row in drill["cells"]:
        if row["condition"] is None:
            for cell in row["groups"]:
                if cell[key] is not None:
                    of = (cell["rank"], row["sex"], row["age_band"])
                    found.append((lambda kind, of=of: all(part in (None, mine) for part, mine in
                                                          zip(of, kind, strict=True)), cell[key]))  # fmt: skip
    return found


class Reader:
    """The cells of people by group, sex and age band, and what is told of sums of them."""

    def __init__(self, followed: Followed, at: int) -> None:
        ranks, sexes, bands = ({kind[place] for kind in followed.cells} for place in range(3))
        self.kinds = list(product(sorted(ranks), sorted(sexes), sorted(bands)))
        self.values = [followed.cells.get(kind, (0, 0))[at] for kind in self.kinds]
        self.most = [followed.cells.get(kind, (0, 0))[0] if at else MANY for kind in self.kinds]

    def span(self, of: Callable[[Kind], bool], told: Told) -> tuple[float, float]:
        """The least and the most that these cells can add up to."""
        aim = np.array([float(of(kind)) for kind in self.kinds])
        rows = [[float(one(kind)) for kind in self.kinds] for one, _ in told]
        totals = [float(number) for _, number in told]
        ends = [linprog(sign * aim, A_eq=rows or None, b_eq=totals or None, bounds=[(0, most) for most in self.most])
                for sign in (1, -1)]  # fmt: skip
        assert all(end.success for end in ends)
        return round(ends[0].fun, 4), round(-ends[1].fun, 4)

    def sums(self, key: tuple[int, ...]) -> Iterable[tuple[Callable[[Kind], bool], int, int]]:
        """Every sum over what is not in the key, with its true number and the people it is about."""
        for part in sorted({tuple(kind[at] for at in key) for kind in self.kinds}):
            def of(kind: Kind, part: tuple[Any, ...] = part) -> bool:
                return tuple(kind[at] for at in key) == part

            mine = [place for place, kind in enumerate(self.kinds) if of(kind)]
            yield of, sum(self.values[place] for place in mine), sum(self.most[place] for place in mine)
