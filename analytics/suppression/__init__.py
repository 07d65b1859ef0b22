"""The one place where a release hides small numbers of people, and what they would follow from, by the rule in
``definitions/small_cells.py`` (CMS cell suppression policy)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from analytics.definitions.small_cells import largest_hidden as largest_hidden
from analytics.definitions.small_cells import rest_tells
from analytics.definitions.small_cells import small as small
from analytics.suppression import spans, streams

Z = 1.959963984540054  # standard normal quantile for a 95 % interval
EVERYONE = 10**12  # more people than there are: no bound is known

Cells = Sequence[Sequence[int]]


def rate(n: int, followed: int, events: int) -> dict[str, Any]:
    """What may be said of a group: n, followed, events, rate with its 95 % Wilson interval.

    Where events (or those without) are 1 to 10, events and rate are None, and "rate_below" or "rate_above" gives a
    bound, if so many are followed that the bound does not reveal the number; where people are, everything is None.
    """
    hidden: dict[str, Any] = dict.fromkeys(
        ("n", "followed", "events", "rate", "low", "high", "rate_below", "rate_above")
    )
    if small(n) or small(followed) or small(n - followed):
        return hidden if small(n) else hidden | {"n": n}
    shown = hidden | {"n": n, "followed": followed}
    if followed == 0:
        return shown
    if small(events) or small(followed - events):
        few = largest_hidden() + 1
        if followed < 2 * few:  # both sides may be small: of 12 followed, "more than 11 events" would say how many
            return shown
        return shown | ({"rate_below": few / followed} if small(events) else {"rate_above": 1 - few / followed})
    low, high = wilson(events, followed)
    return shown | {"events": events, "rate": events / followed, "low": low, "high": high}


def order(said: dict[str, Any], usual: float) -> float:
    """Where a group stands among the others by its rate, from what `rate` says of it alone.

    By the true rate, a hidden one would be told by its neighbours. A bound counts as its half; without a rate and a
    bound the group stands at `usual`, the rate of everyone.
    """
    if said["rate"] is not None:
        return float(said["rate"])
    if said["rate_below"] is not None:
        return float(said["rate_below"]) / 2
    return (1 + float(said["rate_above"])) / 2 if said["rate_above"] is not None else usual


def share(count: int, of: int) -> float | None:
    """A share of people in whole percents (exactly, it would tell `of` as its denominator), None where it would reveal
    a small cell on either side."""
    return None if of == 0 or small(of) or small(count) or small(of - count) else round(count / of, 2)


def hidden(counts: Sequence[int]) -> set[int]:
    """Places of the parts of a known total that must not be told: the small ones and, where their sum would tell them
    or is small itself, the smallest others (complementary suppression)."""
    places = {place for place, count in enumerate(counts) if small(count)}
    others = sorted((place for place, count in enumerate(counts) if count and place not in places),
                    key=lambda place: counts[place])
    while places and others and _told_by_sum([counts[place] for place in places]):
        places.add(others.pop(0))
    return places


def _told_by_sum(parts: list[int]) -> bool:
    """One alone, a sum that is small itself, or the largest sum that small parts can have."""
    return len(parts) < 2 or small(sum(parts)) or sum(parts) == len(parts) * largest_hidden()


def shares(counts: Sequence[int]) -> list[float | None]:
    """Shares of all, in whole percents; None where one would reveal a small cell, itself or less the others."""
    kept, total = hidden(counts), sum(counts)
    told = [None if place in kept else share(count, total) for place, count in enumerate(counts)]
    return [0.0 if count == 0 and total and not small(total) else one for count, one in zip(counts, told, strict=True)]


def wilson(events: int, n: int) -> tuple[float, float]:
    """95 % Wilson score interval of a proportion, 0..1."""
    p = events / n
    middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class Hidden:
    """What of a table must not be shown: its cells, and the totals of its columns."""

    cells: list[list[bool]]
    columns: list[bool]


def complementary(
    values: Cells,
    of: Cells | None = None,
    least: Cells | None = None,
    rows_hidden: Sequence[bool] = (),
    already: Hidden | None = None,
) -> Hidden:
    """What must be hidden in a table of counts so that no small cell follows from the totals less what is shown.

    Known to whoever reads: every cell, column total and row total that is shown, that a cell is at least `least` (0),
    and, where the table counts the events of people, how many people `of` each cell is about (a small number without
    the event is hidden too). rows_hidden: rows whose total is not shown, nor that of everyone. already: what is hidden
    in any case, and costs nothing to hide.

    Each hidden small number stays possible as any from 1 to 10, or as far as its people and its row's total allow;
    where that cannot be had, everything is hidden. Numbers are shifted as streams through the table: a cell may rise
    where others, hidden too, make up for it in its row and column (Cox, Operations Research 1995;43:421).
    """
    table = _table(values, of, least, list(rows_hidden) or [False] * len(values))
    if already is not None:
        for arc, hide in zip(table, [*chain(*already.cells), *already.columns], strict=False):
            arc.hidden = arc.hidden or hide
    if not all(_keep_open(table, arc) for arc in table if arc.hidden and few(arc.value, arc.of)):
        for arc in table:
            arc.hidden = True
    rows, columns = len(values), len(values[0])
    flat = [arc.hidden for arc in table]
    cells = [flat[row * columns : (row + 1) * columns] for row in range(rows)]
    return Hidden(cells, flat[rows * columns : (rows + 1) * columns])


def widened(values: Cells, hide: Hidden, rows_hidden: Sequence[bool] = ()) -> Hidden:
    """The same with as many more cells hidden, the smallest first, as it takes that no row or column whose total is
    told leaves a small number for all of its hidden cells together (`small_cells.rest_tells`). Where all cells of a
    column are hidden already, its total is, too."""
    rows, columns = range(len(values)), range(len(values[0]))
    lines = [[(i, j) for j in columns] for i in rows if not any(rows_hidden[i : i + 1])]
    lines += [[(i, j) for i in rows] for j in columns if not hide.columns[j]]
    cells = [list(row) for row in hide.cells]
    while more := {_next(values, cells, line) for line in lines} - {None}:
        for i, j in filter(None, more):
            cells[i][j] = True
    return Hidden(cells, [gone or _tells(values, cells, [(i, j) for i in rows]) for j, gone in enumerate(hide.columns)])


def _next(values: Cells, cells: list[list[bool]], line: list[tuple[int, int]]) -> tuple[int, int] | None:
    """The cell of a line that must be hidden next; None where the rest tells nothing, or nothing more can be hidden."""
    shown = [(values[i][j], (i, j)) for i, j in line if not cells[i][j] and values[i][j]]
    return min(shown)[1] if shown and _tells(values, cells, line) else None


def _tells(values: Cells, cells: list[list[bool]], line: list[tuple[int, int]]) -> bool:
    parts = [None if cells[i][j] else values[i][j] for i, j in line]
    return rest_tells(sum(values[i][j] for i, j in line), parts)


def few(count: int, of: int) -> bool:
    """Whether a count is small, or that of the others."""
    return small(count) or small(of - count)


def _table(values: Cells, of: Cells | None, least: Cells | None, rows_hidden: list[bool]) -> list[streams.Arc]:
    """The cells from their row to their column, the column totals from there to the end, and, where it is hidden, a row
    total from the end back to its row: so many people more in a row are so many more among everyone."""
    rows, columns = len(values), len(values[0])
    people = of or [[EVERYONE] * columns for _ in range(rows)]
    end, arcs, everyone = rows + columns, [], max(sum(map(sum, values)), 1)
    for i, row in enumerate(values):
        without = sum(people[i]) - sum(row)  # of a hidden total a cell is a part, with the event and without
        for j, value in enumerate(row):
            low, high = (least[i][j] if least else 0), people[i][j]
            if rows_hidden[i]:
                low, high = max(low, people[i][j] - without), min(high, sum(row))
            hide, price = few(value, people[i][j]), 1 + value / everyone  # rather a small one than a large one
            arcs.append(streams.Arc(i, rows + j, value, low, high, people[i][j], hide, price))
    for j in range(columns):
        value, most = sum(row[j] for row in values), sum(row[j] for row in people)
        arcs.append(streams.Arc(rows + j, end, value, 0, most, most, few(value, most), 4 + value / everyone))
    for i in (place for place, hidden_row in enumerate(rows_hidden) if hidden_row):
        most = sum(people[i])
        arcs.append(streams.Arc(end, i, sum(values[i]), 0, most, most, hidden=True, price=0.0))
    return arcs


def _keep_open(table: list[streams.Arc], arc: streams.Arc) -> bool:
    """Hide what makes the small number of an arc possible as any other small one; False where that cannot be had.

    Row totals take part for themselves alone: how a cell may change is not to hang on another table's total.
    """
    rise = fall = 0
    if small(arc.value):
        rise, fall = min(largest_hidden(), arc.most) - arc.value, arc.value - max(arc.least, 1)
    if small(others := arc.of - arc.value):
        rise = max(rise, min(others - 1, arc.most - arc.value))
        fall = max(fall, min(largest_hidden() - others, arc.value - arc.least))
    parts = [other for other in table if other is not arc and other.price > 0]
    return streams.route(parts, arc.head, arc.tail, rise) and streams.route(parts, arc.tail, arc.head, fall)


def shares_in_groups(counts: Sequence[int], of: Sequence[int]) -> tuple[float | None, list[float | None]]:
    """The share of everyone and that in each group, in whole percents; None where a small number of people with it or
    without follows, from itself or from the others and everyone (all numbers of people may be known)."""
    found = complementary([[count, all_ - count] for count, all_ in zip(counts, of, strict=True)])
    told = [None if any(row) else share(count, all_)
            for row, count, all_ in zip(found.cells, counts, of, strict=True)]  # fmt: skip
    return None if any(found.columns) else share(sum(counts), sum(of)), told


@dataclass(frozen=True)
class Crossing:
    """A table whose cells are counted in other, told tables as well, so that no row or column stands for itself.

    values: its cells; of: how many people each is about. blocks: which cells are hidden for which, where one would
    follow. bounds: what is known of each before. sums: of cells, told elsewhere; sums_with: known with this table.
    """

    values: list[int]
    of: list[int]
    blocks: list[int]
    bounds: list[tuple[float, float]]
    sums: list[spans.Sum]
    sums_with: tuple[spans.Sum, ...] = ()


def crossed(table: Crossing, hidden: set[int]) -> set[int]:
    """Places of the cells that must be hidden: those in `hidden`, the small ones, and as many others of their blocks,
    the smallest first, until each hidden small number could be every other small one, as far as it could be without
    this table. Where even all of a block are not enough, everything is."""
    places = range(len(table.values))
    close = [place for place in places if few(table.values[place], table.of[place])]
    hidden = hidden | set(close)
    before = spans.spans(close, table.bounds, {}, table.sums)
    while close:
        told = {place: table.values[place] for place in places if place not in hidden}
        sums = [*table.sums, *table.sums_with] if told else table.sums
        now = spans.spans(close, table.bounds, told, sums)
        close = [place for place in close if not _as_open(table, place, before[place], now[place])]
        more = _smallest(table, told, {table.blocks[place] for place in close})
        if close and not more:
            return set(places)
        hidden |= more  # what is open stays so: who is told less knows no more
    return hidden


def _smallest(table: Crossing, told: Iterable[int], blocks: set[int]) -> set[int]:
    """The smallest of the cells told of each block."""
    found: dict[int, int] = {}
    for place in sorted(told, key=lambda place: -min(table.values[place], table.of[place] - table.values[place])):
        if table.blocks[place] in blocks:
            found[table.blocks[place]] = place
    return set(found.values())


def _as_open(table: Crossing, place: int, before: tuple[float, float], now: tuple[float, float]) -> bool:
    """Whether the small number of a cell can still be any from 1 to 10, or all that it could be before."""
    value, of, largest = table.values[place], table.of[place], largest_hidden()
    ends = [(1, largest)] if small(value) else []
    ends += [(of - largest, of - 1)] if small(of - value) else []
    return all(now[0] <= max(low, before[0]) and now[1] >= min(high, before[1]) for low, high in ends)
