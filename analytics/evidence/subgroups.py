"""Every figure by sex, age band, race and ethnicity, as far as no small number follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analytics import suppression
from analytics.evidence import strata
from analytics.evidence.discrimination import events_told, of_levels
from analytics.evidence.standardised import observed_to_expected

SCREENED = 0.1  # the highest groups that hold at least this part of everyone
Table = list[list[int]]
NOTHING = dict.fromkeys(("n", "followed", "events", "rate", "low", "high", "rate_below", "rate_above"))


def subgroups(people: dict[str, Any], groups: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each kind of people that there is, with the figures of each group.

    people: those followed, so that their number is that of the people followed.
    """
    found = []
    for by, column in zip(strata.BY, ("female", "age", "race", "ethnicity"), strict=True):
        kinds = np.array(strata.of(by, people[column]))
        values = [value for value in strata.values(by) if (kinds == value).any()]
        if values:
            n, events = _tables(people, groups, kinds, values)
            found += _rows(by, values, n, events, groups)
    return found


def _tables(
    people: dict[str, Any], groups: Sequence[dict[str, Any]], kinds: Any, values: list[str]
) -> tuple[Table, Table]:
    """People and events: a row for each group, a column for each kind."""
    cells = [[(people["rank"] == group["rank"]) & (kinds == value) for value in values] for group in groups]
    return ([[int(cell.sum()) for cell in row] for row in cells],
            [[int(people["outcome"][cell].sum()) for cell in row] for row in cells])  # fmt: skip


def _rows(
    by: str, values: list[str], people: Table, events: Table, groups: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    no_people, no_events = hidden(people, events, groups)
    found = []
    for j, value in enumerate(values):
        cells = [_cell(group, people[i][j], events[i][j], no_people.cells[i][j], no_events.cells[i][j])
                 for i, group in enumerate(groups)]  # fmt: skip
        n = None if no_people.columns[j] else sum(row[j] for row in people)
        total = None if no_events.columns[j] or n is None else sum(row[j] for row in events)
        told = _whole(n, total) | {"groups": cells} | _judged(cells, n, total, groups)
        found.append({"by": by, "value": value} | told)
    return found


def hidden(
    people: Table, events: Table, groups: Sequence[dict[str, Any]]
) -> tuple[suppression.Hidden, suppression.Hidden]:
    """What of both tables is hidden; where people are, their events are too. A group of which the release does not say
    how many were followed shows nobody here, and no total of a kind is told then: both would add up to that number."""
    no_rows = [group["followed"] is None for group in groups]
    small = [[suppression.few(e, n) for e, n in zip(*pair, strict=True)] for pair in zip(events, people, strict=True)]
    least = [[0 if few else e for e, few in zip(*pair, strict=True)] for pair in zip(events, small, strict=True)]
    whole = suppression.Hidden([[hide] * len(people[0]) for hide in no_rows], [False] * len(people[0]))
    no_people = suppression.complementary(people, least=least, rows_hidden=no_rows, already=whole)
    no_people = suppression.widened(people, no_people, no_rows)
    for row in no_people.cells:
        row[:] = [cell or column for cell, column in zip(row, no_people.columns, strict=True)]  # a kind as a whole
    no_people.columns[:] = [column or any(no_rows) for column in no_people.columns]
    untold = [group["events"] is None for group in groups]
    no_events = suppression.complementary(events, of=people, rows_hidden=untold, already=no_people)
    return no_people, suppression.widened(events, no_events, untold)


def _cell(group: dict[str, Any], n: int, events: int, no_people: bool, no_events: bool) -> dict[str, Any]:
    """No bounds here: which cells are hidden for themselves and which for others is not told apart."""
    cell = {"rank": group["rank"]} | NOTHING
    if no_people:
        return cell
    return cell | {"n": n} | (_rate(n, events) if not no_events else {"followed": n})


def _rate(n: int, events: int) -> dict[str, Any]:
    low, high = suppression.wilson(events, n) if n else (None, None)
    return {"followed": n, "events": events, "rate": events / n if n else None, "low": low, "high": high}


def _whole(n: int | None, events: int | None) -> dict[str, Any]:
    found = {"n": n, "events": None, "rate": None, "low": None, "high": None}
    return found if n is None or events is None else found | _rate(n, events)


def _judged(
    cells: list[dict[str, Any]], n: int | None, events: int | None, groups: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    if n is None or events is None:
        return {"c": None, "observed_to_expected": None, "screened": None}
    return {
        "c": _c(cells, n, events),
        "observed_to_expected": observed_to_expected(events, _expected(cells, n, groups)),
        "screened": _screened(cells, events, groups),
    }


def _c(cells: list[dict[str, Any]], n: int, events: int) -> dict[str, float] | None:
    """Of the rank, from what is told: groups whose numbers are hidden count as one, in the middle of their ranks. What
    that one holds is the rest of the totals, and tells no more than they do. None where it holds most of the events."""
    levels = [(float(cell["rank"]), cell["n"], cell["events"]) for cell in cells if cell["events"] is not None]
    rest = [cell["rank"] for cell in cells if cell["events"] is None]
    if 2 * sum(one[2] for one in levels) < events:
        return None
    if rest:
        levels.append((float(np.mean(rest)), n - sum(one[1] for one in levels), events - sum(one[2] for one in levels)))
    levels.sort()
    return of_levels([one[1] for one in levels], [one[2] for one in levels])


def _expected(cells: list[dict[str, Any]], n: int, groups: Sequence[dict[str, Any]]) -> float:
    """Events at the rates of the groups; people whose group is hidden have the mean rate of those groups."""
    rates = {group["rank"]: events_told(group) / group["followed"] if group["followed"] else 0.0 for group in groups}
    shown = [cell for cell in cells if cell["n"] is not None]
    rest = [rates[cell["rank"]] for cell in cells if cell["n"] is None]
    left = n - sum(cell["n"] for cell in shown)
    known = sum(cell["n"] * rates[cell["rank"]] for cell in shown)
    return float(known + (left * np.mean(rest) if rest else 0.0))


def _screened(
    cells: list[dict[str, Any]], events: int, groups: Sequence[dict[str, Any]]
) -> dict[str, Any] | None:
    """Reviewing the highest groups, those that hold a tenth of everyone: whom that finds among these people."""
    everyone = sum(group["followed"] or 0 for group in groups)
    first, reached = groups[-1]["rank"], 0
    for group in reversed(groups):
        first, reached = group["rank"], reached + (group["followed"] or 0)
        if reached >= SCREENED * everyone:
            break
    top = [cell for cell in cells if cell["rank"] >= first]
    if not events or any(cell["events"] is None for cell in top):
        return None
    people, found = sum(cell["n"] for cell in top), sum(cell["events"] for cell in top)
    return {"from_rank": first, "people": people, "events": found, "sensitivity": round(found / events, 4),
            "ppv": round(found / people, 4) if people else None}  # fmt: skip
