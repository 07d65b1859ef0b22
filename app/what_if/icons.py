"""Icon arrays: how many of 100 people (1,000 where a share or the difference is below 1 %), side by side.

Two paths filled with a pattern stand for all figures, so 1,000 weigh as little as 100. A full dot is
a person with the event, an empty ring one without: no colour is needed to tell them apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

CELL = 10  # SVG user units
COLUMNS = {100: 10, 1000: 40}


@dataclass(frozen=True)
class Option:
    """One option: `count` of `of` people, drawn by two paths in a box of width x height."""

    label: str
    count: int
    of: int
    width: int
    height: int
    with_event: str
    without_event: str


@dataclass(frozen=True)
class Figure:
    """Options side by side, all with the same denominator; `said` is the figure in a sentence."""

    title: str
    said: str
    options: tuple[Option, ...]


def figure(title: str, percents: Sequence[tuple[str, float]], event: str) -> Figure:
    """The figure of these options, label and percent each."""
    of = denominator([percent for _, percent in percents])
    options = tuple(_option(label, round(percent * of / 100), of) for label, percent in percents)
    said = "; ".join(f"{one.label}: {one.count} of {one.of:,} people {event}" for one in options) + "."
    return Figure(title, said, options)


def denominator(percents: Sequence[float]) -> int:
    """100; 1,000 where one share or the difference between two is below 1 % and would be lost among 100."""
    differs = max(percents) - min(percents)
    return 1000 if min(percents) < 1 or 0 < differs < 1 else 100


def _option(label: str, count: int, of: int) -> Option:
    columns = COLUMNS[of]
    return Option(
        label, count, of, columns * CELL, of // columns * CELL, _cells(0, count, columns), _cells(count, of, columns)
    )


def _cells(first: int, last: int, columns: int) -> str:
    """The path around cells first to last - 1, row by row from the top left."""
    parts = []
    while first < last:
        row, column = divmod(first, columns)
        if column == 0 and last - first >= columns:
            rows = (last - first) // columns
            parts.append(_rectangle(0, row, columns, rows))
            first += rows * columns
        else:
            width = min(columns - column, last - first)
            parts.append(_rectangle(column, row, width, 1))
            first += width
    return "".join(parts)


def _rectangle(column: int, row: int, width: int, height: int) -> str:
    return f"M{column * CELL} {row * CELL}h{width * CELL}v{height * CELL}h-{width * CELL}z"
