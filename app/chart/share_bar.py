"""Where shares lie on one axis from 0 to a top: positions for the SVG of `templates/chart/people.html`."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

WIDTH, PAD = 240.0, 3.0  # SVG user units; room for half a mark at both ends


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
        return None if share is None else round(PAD + min(max(share / top, 0.0), 1.0) * (WIDTH - 2 * PAD), 1)

    return ShareBar(WIDTH, PAD, x(value), x(ends[0]), x(ends[1]), x(mark))


def top_of(shares: Iterable[float | None]) -> float:
    """The next tenth above all of them: where an axis ends."""
    most = max((share for share in shares if share is not None), default=0.0)
    return max(0.1, math.ceil(round(most * 10, 6)) / 10)
