"""Figures as plain numbers for the SVG macros in templates/figures.html: no script, no inline style, no library."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, PAD = 240.0, 8.0  # SVG user units
MARGIN = 0.12  # of the span, left and right, so that no mark sits on the edge


@dataclass(frozen=True)
class RangeBar:
    """Where a value lies against a usual range: x positions in SVG user units, 0 to `width`."""

    width: float
    low: float
    high: float
    value: float
    place: str  # below, within, above


def range_bar(value: float | None, usual: Sequence[float] | None) -> RangeBar | None:
    """The bar for a value and its usual [low, high], in one unit; None where either is unknown or has no width."""
    if value is None or not usual or len(usual) != 2 or None in usual:
        return None
    low, high = float(usual[0]), float(usual[1])
    left, right = min(low, value), max(high, value)
    if not low < high or not math.isfinite(value) or not math.isfinite(right - left):
        return None
    margin = (right - left) * MARGIN

    def x(number: float) -> float:
        return round(PAD + (number - left + margin) / (right - left + 2 * margin) * (WIDTH - 2 * PAD), 1)

    place = "below" if value < low else "above" if value > high else "within"
    return RangeBar(WIDTH, x(low), x(high), x(value), place)
