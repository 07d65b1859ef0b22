"""Positions of the marks in the report's figures: x in percent of the width, so that text keeps its size on any screen.

The macros in `templates/figures.html` draw them; every figure has its numbers in a table beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

LEFT, RIGHT = 3.0, 97.0  # percent of the width between which marks lie
ROW = 44  # SVG units (pixels) a row with its label above takes
STEPS = (1, 2, 2.5, 5, 10)
HEAT = (0.25, 0.75, 1.5)  # scaled units from which a cell of the profile gets the next colour
RATES = (0.05, 0.10, 0.20, 0.30)  # rates from which a bin of the map gets the next colour


class Axis:
    """A linear (or, for ratios, logarithmic) scale with round ticks."""

    def __init__(
        self, low: float, high: float, *, log: bool = False, percent: bool = False, left: float = LEFT
    ) -> None:
        self.log, self.percent, self.left = log, percent, left
        self.ticks = _log_ticks(low, high) if log else _ticks(low, high)
        self.low, self.high = self.ticks[0], self.ticks[-1]

    def x(self, value: float) -> float:
        """Percent of the width, kept within the axis."""
        low, high, at = (math.log(one) for one in (self.low, self.high, max(value, 1e-9))) if self.log else (
            self.low, self.high, value)
        part = (at - low) / (high - low) if high > low else 0.5
        return round(self.left + min(max(part, 0.0), 1.0) * (RIGHT - self.left), 2)

    def marks(self) -> list[dict[str, Any]]:
        return [{"x": self.x(tick), "text": self.text(tick), "anchor": _anchor(place, len(self.ticks))}
                for place, tick in enumerate(self.ticks)]

    def text(self, value: float) -> str:
        return f"{value * 100:g} %" if self.percent else f"{value:g}"


def _anchor(place: int, of: int) -> str:
    return "start" if place == 0 else "end" if place == of - 1 else "middle"


def _ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from at most `low` to at least `high`."""
    rough = max(high - low, 1e-9) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in STEPS if step * power >= rough - 1e-12)
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    steps = [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]
    first = max((one for one in steps if one <= min(low, 1.0)), default=steps[0])
    last = min((one for one in steps if one >= max(high, 2.0)), default=steps[-1])
    return [one for one in steps if first <= one <= last]


def intervals(rows: Iterable[dict[str, Any]], axis: Axis, marks: Sequence[tuple[float, str]] = ()) -> dict[str, Any]:
    """A row for each figure with its interval. rows: `label value low high below above said`; None where not told.

    marks: values with a line through all rows, and what each says.
    """
    drawn = []
    for place, row in enumerate(rows):
        one: dict[str, Any] = {"label": row["label"], "said": row["said"], "y": place * ROW + 30}
        if row.get("value") is not None:
            one["at"] = axis.x(row["value"])
        if row.get("low") is not None:
            one |= {"from": axis.x(row["low"]), "to": axis.x(row["high"])}
        if row.get("below") is not None:
            one |= {"bound_from": LEFT, "bound_to": axis.x(row["below"])}
        if row.get("above") is not None:
            one |= {"bound_from": axis.x(row["above"]), "bound_to": RIGHT}
        drawn.append(one)
    lines = [{"x": axis.x(value), "text": said} for value, said in marks]
    return {"rows": drawn, "ticks": axis.marks(), "lines": lines, "bottom": len(drawn) * ROW + 6,
            "height": len(drawn) * ROW + 30}


def bound(values: Iterable[float | None], least: float = 0.0) -> float:
    """The largest of the values that are told."""
    return max([least, *(value for value in values if value is not None)])


def pairs(rows: Iterable[dict[str, Any]], axis: Axis) -> dict[str, Any]:
    """Two marks a row: before (ring) and now (dot). rows: `label before now said`."""
    drawn = [{"label": row["label"], "said": row["said"], "y": place * ROW + 30,
              "before": None if row["before"] is None else axis.x(row["before"]),
              "now": None if row["now"] is None else axis.x(row["now"])} for place, row in enumerate(rows)]
    return {"rows": drawn, "ticks": axis.marks(), "bottom": len(drawn) * ROW + 6, "height": len(drawn) * ROW + 30}


def candidates(rows: Iterable[dict[str, Any]], chosen: tuple[str, int]) -> dict[str, Any]:
    """Every cluster's overlap as a dot, a row for each family and k that was tried in resamples."""
    axis = Axis(0.0, 1.0, left=30.0)
    kept = [row for row in rows if row["jaccard"]]
    drawn = [{"label": row["label"], "y": place * 26 + 16, "chosen": (row["family"], row["k"]) == chosen,
              "dots": [axis.x(overlap) for overlap in row["jaccard"]]} for place, row in enumerate(kept)]
    return {"rows": drawn, "ticks": axis.marks(), "bottom": len(drawn) * 26 + 4, "height": len(drawn) * 26 + 28,
            "lines": [{"x": axis.x(0.6), "text": "0.60"}, {"x": axis.x(0.75), "text": "0.75"}]}


def calibration(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Expected (right) against observed (up) rates on a square of 100 units, with the line on which they are alike."""
    told = [row for row in rows if row["expected"] is not None and row["observed"] is not None]
    top = bound([max(row["expected"], row["high"] or row["observed"]) for row in told], 0.05)
    ticks = _ticks(0.0, top)

    def at(value: float) -> float:
        return round(12 + min(value / ticks[-1], 1.0) * 84, 2)

    points = [{"rank": row["rank"], "x": at(row["expected"]), "y": round(100 - at(row["observed"]), 2),
               "low": None if row["low"] is None else round(100 - at(row["low"]), 2),
               "high": None if row["high"] is None else round(100 - at(row["high"]), 2)} for row in told]
    marks = [{"at": at(tick), "up": round(100 - at(tick), 2), "text": f"{tick * 100:g}"} for tick in ticks]
    return {"points": points, "ticks": marks}


def heat(value: float | None) -> int:
    """The colour of a cell of the profiles: -3 (far below everyone) to 3 (far above)."""
    if value is None:
        return 0
    level = sum(abs(value) >= mark for mark in HEAT)
    return level if value > 0 else -level


def rate_level(rate: float | None) -> int | None:
    """The colour of a bin of the map, 0 to 4."""
    return None if rate is None else sum(rate >= mark for mark in RATES)


def squares(paper: dict[str, Any]) -> list[dict[str, Any]]:
    """Bins of the map as squares on a field of `size` units, the larger the more people; y grows downwards."""
    most = max((one["n"] for one in paper["bins"]), default=1)
    drawn = []
    for one in paper["bins"]:
        side = round(0.5 + 0.46 * math.sqrt(one["n"] / most), 3)
        drawn.append({"x": round(one["x"] + (1 - side) / 2, 3), "side": side, "rank": one["rank"],
                      "y": round(paper["size"] - 1 - one["y"] + (1 - side) / 2, 3), "level": rate_level(one["rate"]),
                      "middle": (one["x"] + 0.5, paper["size"] - 0.5 - one["y"])})
    return drawn
