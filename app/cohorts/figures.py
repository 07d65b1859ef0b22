"""Positions of marks in the figures of the cohort pages: x in percent of the width, so that text keeps its size."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEFT, RIGHT = 2.0, 98.0  # percent of the width between which marks lie
ROW = 42  # pixels a row takes with its label above
STEPS = (1, 2, 2.5, 5, 10)
DOUBLINGS = tuple(2.0**power for power in range(-4, 9))
SHADES = 5


@dataclass(frozen=True)
class Tick:
    """A line of the scale with its number."""

    x: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Row:
    """One row of dots and whiskers; None is not drawn. `bound`: from, to of what is known where the value is hidden."""

    y: int
    label: str
    said: str
    at: float | None
    whisker: tuple[float, float] | None
    bound: tuple[float, float] | None
    ring: float | None = None


@dataclass(frozen=True)
class Dots:
    """Rows of dots with whiskers on one scale; `lines` are values that all rows are read against."""

    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    lines: tuple[Tick, ...]
    bottom: int

    @property
    def height(self) -> int:
        """Of the figure in pixels, with the numbers of the scale below."""
        return self.bottom + 24


class Axis:
    """A linear scale with round ticks, or for ratios one of doublings."""

    def __init__(self, low: float, high: float, *, ratio: bool = False, percent: bool = False) -> None:
        self.ratio, self.percent = ratio, percent
        self.marks = _doublings(low, high) if ratio else _round(low, high)

    def x(self, value: float) -> float:
        """Percent of the width, kept within the scale."""
        low, high, at = self.marks[0], self.marks[-1], value
        if self.ratio:
            low, high, at = math.log(low), math.log(high), math.log(max(value, 1e-9))
        return round(LEFT + min(max((at - low) / (high - low), 0.0), 1.0) * (RIGHT - LEFT), 2)

    def ticks(self) -> tuple[Tick, ...]:
        """All of them; the outer two are written inwards."""
        last = len(self.marks) - 1
        anchors = {0: "start", last: "end"}
        return tuple(
            Tick(self.x(one), self._text(one), anchors.get(place, "middle")) for place, one in enumerate(self.marks)
        )

    def _text(self, value: float) -> str:
        return f"{value * 100:g}\u00a0%" if self.percent else f"{value:g}"


def _round(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from at most `low` to at least `high`."""
    rough = max(high - low, 1e-6) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(one * power for one in STEPS if one * power >= rough - 1e-12)
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [round(place * step, 10) for place in range(first, last + 1)]


def _doublings(low: float, high: float) -> list[float]:
    first = max((one for one in DOUBLINGS if one <= min(low, 0.5)), default=DOUBLINGS[0])
    last = min((one for one in DOUBLINGS if one >= max(high, 2.0)), default=DOUBLINGS[-1])
    return [one for one in DOUBLINGS if first <= one <= last]


def dots(rows: Iterable[Mapping[str, Any]], axis: Axis, lines: Sequence[tuple[float, str]] = ()) -> Dots:
    """A row for each figure: `label said value low high`, and `below above` (bounds), `ring` (the value before)."""
    made = []
    for place, row in enumerate(rows):
        value, low, high = (row.get(key) for key in ("value", "low", "high"))
        below, above, ring = (row.get(key) for key in ("below", "above", "ring"))
        bound = (LEFT, axis.x(below)) if below is not None else (axis.x(above), RIGHT) if above is not None else None
        made.append(Row(
            y=place * ROW + 29, label=row["label"], said=row["said"], at=None if value is None else axis.x(value),
            whisker=None if low is None or high is None else (axis.x(low), axis.x(high)), bound=bound,
            ring=None if ring is None else axis.x(ring),
        ))  # fmt: skip
    marked = tuple(Tick(axis.x(value), text) for value, text in lines)
    return Dots(tuple(made), axis.ticks(), marked, len(made) * ROW + 4)


def largest(values: Iterable[float | None], least: float) -> float:
    """The largest of the values that are told, at least `least`: how far a scale must reach."""
    return max([least, *(value for value in values if value is not None)])


def shade(rank: int, of: int) -> int:
    """0 for the group with the fewest later events to 4 for the one with the most."""
    return round((rank - 1) / (of - 1) * (SHADES - 1)) if of > 1 else 0


@dataclass(frozen=True)
class Square:
    """One bin of the map: its square in units of bins from the upper left, larger the more people lie in it."""

    x: float
    y: float
    side: float
    middle: tuple[float, float]
    rank: int
    shade: int
    is_here: bool


def squares(paper: Mapping[str, Any], of: int, here: int | None) -> tuple[Square, ...]:
    """The bins of a map; `here` is the group of the open patient, whose bins are outlined."""
    most = max((one["n"] for one in paper["bins"]), default=1)
    made = []
    for one in paper["bins"]:
        side = round(0.56 + 0.38 * math.sqrt(one["n"] / most), 3)
        top = paper["size"] - 1 - one["y"]
        made.append(Square(
            round(one["x"] + (1 - side) / 2, 3), round(top + (1 - side) / 2, 3), side, (one["x"] + 0.5, top + 0.5),
            one["rank"], shade(one["rank"], of), one["rank"] == here,
        ))  # fmt: skip
    return tuple(made)


@dataclass(frozen=True)
class Calibration:
    """Expected (to the right) against observed (upwards) on a square of 100 units: (rank, x, y, y low, y high)."""

    points: tuple[tuple[int, float, float, float, float], ...]
    ticks: tuple[tuple[float, float, str], ...]


def calibration(rows: Iterable[Mapping[str, Any]]) -> Calibration | None:
    """The points that are told; None where none is."""
    told = [row for row in rows if None not in (row["expected"], row["observed"], row["low"], row["high"])]
    if not told:
        return None
    marks = _round(0.0, largest((max(row["expected"], row["high"]) for row in told), 0.05), 5)

    def at(value: float) -> float:
        return round(13 + min(value / marks[-1], 1.0) * 82, 2)

    def up(value: float) -> float:
        return round(100 - at(value), 2)

    points = tuple(
        (row["rank"], at(row["expected"]), *map(up, (row["observed"], row["low"], row["high"]))) for row in told
    )
    return Calibration(points, tuple((at(one), up(one), f"{one * 100:g}") for one in marks))
