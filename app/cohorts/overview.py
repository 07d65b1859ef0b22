"""The overview: the map, the groups with size, later outcome and stability, and in which one the open patient is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analytics.definitions import catalogue
from app.chart.words import day
from app.cohorts import figures
from app.cohorts.figures import Dots, Square
from app.cohorts.opening import NO_PAPER, Opening
from app.cohorts.table import Table, table
from app.cohorts.words import counts, drawn, outcome, people, share, short

NO_BINS = "There are too few people for a map: no part of it holds more than ten."
NOT_TOLD = "How stable this group is was not told by the release."


@dataclass(frozen=True)
class Group:
    """One group in words."""

    rank: int
    shade: int
    name: str
    people: str
    now: str | None
    outcome: str
    stability: str
    description: str
    is_here: bool


@dataclass(frozen=True)
class Map:
    """The population in bins; `axes`: what lies to the right, left, up and down."""

    size: int
    squares: tuple[Square, ...]
    axes: tuple[tuple[str, str], ...]
    explained: str
    hidden: str
    table: Table


@dataclass(frozen=True)
class Overview:
    """All that the page prints. `no_map` says why there is none; `here` which group the open patient is in."""

    groups: tuple[Group, ...]
    outcomes: Dots
    outcomes_table: Table
    outcome_is: str
    found_at: str
    map: Map | None
    no_map: str
    here: str | None


def overview(opening: Opening) -> Overview | None:
    """The page of the current release; None where there is none."""
    if opening.release is None:
        return None
    model, groups, here = opening.release.model, opening.groups(), opening.rank_here()
    paper, now = opening.paper("map"), _now(opening)
    return Overview(
        groups=tuple(_group(one, len(groups), here, now.get(one["rank"])) for one in groups),
        outcomes=outcome_dots(groups),
        outcomes_table=_outcomes(groups),
        outcome_is=outcome_words(model),
        found_at=day(model.get("index_date")) or "the index date",
        map=_map(paper, groups, here) if paper and paper.get("bins") else None,
        no_map=NO_PAPER if paper is None else NO_BINS,
        here=_here(opening, groups, here),
    )


def outcome_words(model: Mapping[str, Any]) -> str:
    """`had an unplanned hospital admission or died in the following 12 months`."""
    return str((model.get("outcome") or catalogue.group_rules()["outcome"])["sentence"])


def outcome_dots(groups: list[dict[str, Any]]) -> Dots:
    """A dot and a whisker for each group's later outcome."""
    rows = [drawn(one) | {"label": short(f"{one['rank']} {one['name']}"), "said": outcome(one)} for one in groups]
    top = figures.largest((row[key] for row in rows for key in ("high", "below")), 0.05)
    whole = any(row["above"] is not None for row in rows)
    return figures.dots(rows, figures.Axis(0.0, 1.0 if whole else top, percent=True))


def _outcomes(groups: list[dict[str, Any]]) -> Table:
    head = ("Group", "People", "Followed", "With the outcome", "Rate (95 % interval)")
    rows = [(f"{one['rank']}. {one['name']}", *counts(one), outcome(one)) for one in groups]
    return table("groups", "Later outcomes by group", head, rows)


def _now(opening: Opening) -> dict[int, str]:
    """How many people the release placed in each group as of today; {} where it does not tell."""
    paper = opening.paper("cohorts") or {}
    return {one["rank"]: people(one["n"]) for one in (paper.get("people") or {}).get("groups", ())}


def _group(one: dict[str, Any], of: int, here: int | None, now: str | None) -> Group:
    return Group(
        one["rank"], figures.shade(one["rank"], of), one["name"], people(one["n"]), now, outcome(one),
        one.get("stability_words") or NOT_TOLD, one.get("description") or "", one["rank"] == here,
    )  # fmt: skip


def _map(paper: dict[str, Any], groups: list[dict[str, Any]], here: int | None) -> Map:
    axes, names = paper["axes"], {one["rank"]: one["name"] for one in groups}
    rows = [
        (f"{one['x'] + 1} from the left, {one['y'] + 1} from below", f"up to {one['n']:,}",
         f"{one['rank']}. {names.get(one['rank'], '')}", share(one["rate"])) for one in paper["bins"]
    ]  # fmt: skip
    explained = " and ".join(share(one) for one in axes.get("explained") or ())
    return Map(
        size=paper["size"],
        squares=figures.squares(paper, len(groups), here),
        axes=tuple((title, ", ".join(axes[side])) for title, side in (
            ("To the right", "right"), ("To the left", "left"), ("Up", "up"), ("Down", "down")) if axes.get(side)),
        explained=f"The two directions hold {explained} of all differences between people." if explained else "",
        hidden=f"{paper['hidden_bins']} squares with 1 to 10 people are left out." if paper["hidden_bins"] else "",
        table=table("map", "Squares of the map", ("Square", "People", "Most frequent group", "Later events"), rows),
    )  # fmt: skip


def _here(opening: Opening, groups: list[dict[str, Any]], here: int | None) -> str | None:
    """A sentence on the open patient; None where no chart is open."""
    if opening.launch.context.patient is None or opening.release is None:
        return None
    name = next((one["name"] for one in groups if one["rank"] == here), None)
    if not opening.has_our_definitions() or name is None:
        return "The population run does not place the patient whose chart is open in a group that may be shown."
    return (
        f"The population run as of {day(opening.release.as_of)} placed the patient whose chart is open in group "
        f"{here}, {name}. The group on the patient’s own page is scored from the chart as it is now."
    )
