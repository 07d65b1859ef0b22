"""Figures of the chart page as plain numbers for the SVG in its templates: no script, no inline style, no library."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH, PAD = 240.0, 8.0  # SVG user units
SHARE_PAD = 3.0  # SVG user units: room for half a mark at both ends
MARGIN = 0.12  # of the span, left and right, so that no mark sits on the edge
AXIS_END = 3.0  # percent of an axis that stays free at either end
SPARK_WIDTH, SPARK_HEIGHT, SPARK_PAD = 160.0, 40.0, 5.0  # SVG user units


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


@dataclass(frozen=True)
class Axis:
    """One value against one or two ranges on an axis of its own: positions in percent of the width, 0 to 100."""

    value: float
    group: tuple[float, float] | None
    everyone: tuple[float, float] | None


def axis(
    value: float, group: Sequence[float] | None, everyone: Sequence[float] | None, *, log: bool = False
) -> Axis | None:
    """Positions on the axis from the least to the most of all that is given, with room at both ends.

    log: by log1p of each number (none may be below 0). None where there is no range, or all is one number.
    """
    ranges = [one for one in (group, everyone) if one]
    numbers = [value, *(bound for one in ranges for bound in one)]
    if not ranges or not all(map(math.isfinite, numbers)) or (log and min(numbers) < 0):
        return None
    scaled = [math.log1p(number) if log else number for number in numbers]
    left, span = min(scaled), max(scaled) - min(scaled)
    if not span > 0 or not math.isfinite(span):
        return None

    def place(number: float) -> float:
        return round(AXIS_END + ((math.log1p(number) if log else number) - left) / span * (100 - 2 * AXIS_END), 1)

    def both(one: Sequence[float] | None) -> tuple[float, float] | None:
        return (place(one[0]), place(one[1])) if one else None

    return Axis(place(value), both(group), both(everyone))


@dataclass(frozen=True)
class Spark:
    """A series over time in SVG user units: its points, the path through them, what is usual (y of top and bottom)."""

    width: float
    height: float
    points: tuple[tuple[float, float], ...]
    band: tuple[float, float] | None
    path: str


def spark(points: Sequence[tuple[float, float]], span: tuple[float, float], usual: Sequence[float] | None) -> Spark:
    """A sparkline of (x, value), at least one, on the x axis `span`; the usual range lies in it as far as it fits.

    The height is that of the values, stretched to a nearby end of the usual range, so that a far one does not flatten
    the values.
    """
    values = [value for _, value in points]
    low, high = min(values), max(values)
    room = (high - low) or abs(high) * 0.1 or 1.0
    bounds = [bound for bound in usual or () if low - 2 * room <= bound <= high + 2 * room]
    low, high = min([low, *bounds]), max([high, *bounds])
    room = (high - low) or room

    def x(number: float) -> float:
        share = (number - span[0]) / (span[1] - span[0]) if span[1] > span[0] else 1.0
        return round(SPARK_PAD + share * (SPARK_WIDTH - 2 * SPARK_PAD), 1)

    def y(number: float) -> float:
        share = (number - low) / room
        return round(min(max(SPARK_HEIGHT - SPARK_PAD - share * (SPARK_HEIGHT - 2 * SPARK_PAD), 0.0), SPARK_HEIGHT), 1)

    placed = tuple((x(time), y(value)) for time, value in points)
    band = (y(usual[1]), y(usual[0])) if usual else None
    return Spark(SPARK_WIDTH, SPARK_HEIGHT, placed, band, "M" + " L".join(f"{a} {b}" for a, b in placed))


@dataclass(frozen=True)
class ShareBar:
    """x positions in SVG user units: the end of the bar, an interval, and a mark for everyone; None: there is none."""

    width: float
    start: float
    value: float | None
    low: float | None
    high: float | None
    mark: float | None


def share_bar(
    value: float | None, mark: float | None = None, ends: tuple[float | None, float | None] = (None, None),
    top: float = 1.0,
) -> ShareBar:  # fmt: skip
    """A share with its interval and a mark to compare with, each a part of one."""

    def x(share: float | None) -> float | None:
        if share is None:
            return None
        return round(SHARE_PAD + min(max(share / top, 0.0), 1.0) * (WIDTH - 2 * SHARE_PAD), 1)

    return ShareBar(WIDTH, SHARE_PAD, x(value), x(ends[0]), x(ends[1]), x(mark))


def top_of(shares: Iterable[float | None]) -> float:
    """The next tenth above all of them: where an axis ends."""
    most = max((share for share in shares if share is not None), default=0.0)
    return max(0.1, math.ceil(round(most * 10, 6)) / 10)
