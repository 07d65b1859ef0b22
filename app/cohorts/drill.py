"""Groups by sex, age band and condition: which cell of the release's own table is asked for, and what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.chart.cells import SMALLEST_SHOWN
from app.chart.words import capital
from app.cohorts import figures
from app.cohorts.figures import Dots
from app.cohorts.opening import NO_PAPER, Opening
from app.cohorts.overview import outcome_words
from app.cohorts.table import Table, table
from app.cohorts.words import HIDDEN, counts, drawn, outcome, short, told

NOT_LISTED = "One of the choices is not in the lists of this release, so nothing is shown. Choose again."
NOT_COUNTED = (
    "This combination was not counted when the release was made, since it holds too few people or was not asked for. "
    "Leave one choice out."
)
NO_RATE = "No rate is shown: in each of these groups too few of these people had the outcome, or had it not."
FEWER = f"they are fewer than {SMALLEST_SHOWN}, or such a number would follow."
NOTHING = f"Of these people nothing is shown: in every group {FEWER}"
ALL = (("sex", "Sex", "sexes"), ("age_band", "Age", "age_bands"), ("condition", "Condition", "conditions"))


@dataclass(frozen=True)
class Choice:
    """One list of the form: (value, words, is it chosen)."""

    name: str
    label: str
    options: tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True)
class Drill:
    """All that the page prints; `problem` in place of numbers. notes: what is not shown, a sentence for each reason."""

    choices: tuple[Choice, ...]
    who: str
    outcome_is: str
    problem: str | None
    is_wrong: bool
    dots: Dots | None
    table: Table | None
    limits: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def drill(opening: Opening, asked: Mapping[str, str]) -> Drill | None:
    """The page for a query of `sex`, `age_band` and `condition`; "" or absent is everyone. None without a release."""
    if opening.release is None:
        return None
    paper, what = opening.paper("cohorts"), outcome_words(opening.release.model)
    if paper is None:
        return Drill((), "", what, NO_PAPER, False, None, None)
    lists = {name: _options(paper["drill"][key]) for name, _, key in ALL}
    wanted = {name: asked.get(name, "") for name, _, _ in ALL}
    wrong = any(value and value not in dict(lists[name]) for name, value in wanted.items())
    choices = tuple(
        Choice(name, label, tuple((value, words, value == wanted[name]) for value, words in lists[name].items()))
        for name, label, _ in ALL
    )
    if wrong:
        return Drill(choices, "", what, NOT_LISTED, True, None, None)
    who = ", ".join(lists[name][value].lower() for name, value in wanted.items() if value) or "everyone"
    limits = tuple(paper.get("limits") or ())
    found = find(paper["drill"], wanted) if any(wanted.values()) else opening.groups()
    if found is None:
        return Drill(choices, capital(who), what, NOT_COUNTED, False, None, None, limits)
    names = {one["rank"]: one["name"] for one in opening.groups()}
    groups = sorted(found, key=lambda one: one["rank"])
    counted = [one for one in groups if told(one)["n"]]
    rated = [one for one in counted if outcome(one) != HIDDEN]
    return Drill(
        choices, capital(who), what, None, False, _dots(rated, names) if rated else None,
        _table(counted, names) if counted else None, limits, _notes(groups, counted, bool(rated)),
    )  # fmt: skip


def find(paper: Mapping[str, Any], wanted: Mapping[str, str]) -> list[dict[str, Any]] | None:
    """The groups in the cell for these values, "" standing for all; None where the release has no such cell."""
    for cell in paper["cells"]:
        if all((cell[name] or "") == wanted[name] for name, _, _ in ALL):
            return list(cell["groups"])
    return None


def _notes(groups: list[dict[str, Any]], counted: list[dict[str, Any]], has_rate: bool) -> tuple[str, ...]:
    """What the table leaves out: the groups without such people in one sentence, those that are hidden in another."""
    nobody = [one["rank"] for one in groups if one["n"] == 0]
    hidden = [one["rank"] for one in groups if one not in counted and one["n"] != 0]
    if hidden and len(hidden) == len(groups):
        return (NOTHING,)
    notes = [NO_RATE] if counted and not has_rate else []
    notes += [f"Nobody of these people is in {_named(nobody)}."] if nobody else []
    return (*notes, f"Not shown: {_named(hidden)}, where {FEWER}") if hidden else tuple(notes)


def _named(ranks: list[int]) -> str:
    """`group 3`, `groups 1, 4 and 6`."""
    if len(ranks) == 1:
        return f"group {ranks[0]}"
    return f"groups {', '.join(map(str, ranks[:-1]))} and {ranks[-1]}"


def _options(listed: list[Any]) -> dict[str, str]:
    """Value to words: plain ones are both, conditions are told by feature and label."""
    return (
        {one["feature"]: one["label"] for one in listed}
        if listed and isinstance(listed[0], dict)
        else {one: one for one in listed}
    )


def _dots(groups: list[dict[str, Any]], names: Mapping[int, str]) -> Dots:
    rows = [
        drawn(one) | {"label": short(f"{one['rank']} {names.get(one['rank'], '')}"), "said": outcome(one)}
        for one in groups
    ]
    top = figures.largest((row[key] for row in rows for key in ("high", "below")), 0.05)
    return figures.dots(
        rows, figures.Axis(0.0, 1.0 if any(row["above"] is not None for row in rows) else top, percent=True)
    )


def _table(groups: list[dict[str, Any]], names: Mapping[int, str]) -> Table:
    head = ("Group", "People", "Followed", "With the outcome", "Rate (95 % interval)")
    return table("", "These people, group by group", head, [
        (f"{one['rank']}. {names.get(one['rank'], '')}", *counts(one), outcome(one)) for one in groups
    ])  # fmt: skip
