"""Profiles: what is usual in each group against everyone, later outcomes, care rules, treatments in use."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.definitions import catalogue, explain
from app.chart.words import capital, whole_percent
from app.cohorts import figures
from app.cohorts.figures import Dots
from app.cohorts.opening import NO_PAPER, Opening
from app.cohorts.overview import outcome_dots, outcome_words
from app.cohorts.table import Table, table
from app.cohorts.words import FEW, HIDDEN, interval, people, short

ROWS = 16  # of the heat map: the features in which some group differs most
TOLD = 120  # features in the table, in the same order; the CSV has all
NO_GAPS = "The release was made without care rules."
HEAT = (0.25, 0.75, 1.5)  # standard deviations of everyone from which a cell gets the next step
Compared = tuple[dict[str, Any], list[float | None]]  # a feature, and how far each group lies from everyone
IQR = 1.349  # standard deviations in the middle half of a normal distribution


@dataclass(frozen=True)
class Cell:
    """A cell of the heat map: -3 (far below everyone) to 3 (far above), None where hidden; `text` says the same."""

    rank: int
    x: float
    level: int | None
    text: str


@dataclass(frozen=True)
class Heat:
    """Features by groups; `width` of a cell in percent."""

    rows: tuple[tuple[int, str, tuple[Cell, ...]], ...]  # y, label, cells
    ranks: tuple[tuple[float, int], ...]
    width: float
    height: int


@dataclass(frozen=True)
class Profile:
    """All that the page prints."""

    groups: int
    heat: Heat | None
    features: Table | None
    left_out: int
    no_paper: str
    no_gaps: str
    limits: tuple[str, ...]
    outcome_is: str
    outcomes: Dots
    ratios: Dots | None
    ratios_table: Table | None
    standardisation: str
    gaps: Table | None
    treatments: Table | None


def profile(opening: Opening) -> Profile | None:
    """The page; None without a release."""
    if opening.release is None:
        return None
    groups, paper, evidence = opening.groups(), opening.paper("cohorts") or {}, opening.paper("evidence")
    ranks, features = [one["rank"] for one in groups], paper.get("features") or []
    judged, known = evidence["groups"] if evidence else [], _by_difference(features, ranks)
    return Profile(
        groups=len(groups),
        heat=_heat(known, ranks) if known else None,
        features=_features(known[:TOLD], ranks) if known else None,
        left_out=len(features) - len(known[:TOLD]),
        no_paper=NO_PAPER,
        no_gaps=NO_GAPS if paper else NO_PAPER,
        limits=tuple(paper.get("limits") or ()),
        outcome_is=outcome_words(opening.release.model),
        outcomes=outcome_dots(groups),
        ratios=_ratios(judged),
        ratios_table=_ratio_table(judged) if judged else None,
        standardisation=evidence["standardisation"] if evidence else "",
        gaps=_gaps(paper["gaps"], ranks) if paper.get("gaps") else None,
        treatments=_treatments(paper["treatments"], ranks) if paper.get("treatments") else None,
    )


def distance(of: Mapping[str, Any], everyone: Mapping[str, Any], is_flag: bool) -> float | None:
    """How far a group lies from everyone in (about) standard deviations of everyone; None where either is hidden."""
    key = "share" if is_flag else "usual"
    here, all_of = of.get(key), everyone.get(key)
    if here is None or all_of is None:
        return None
    if is_flag:
        spread = math.sqrt(all_of * (1 - all_of))
        apart = here - all_of
    else:
        spread = (all_of[1] - all_of[0]) / IQR
        apart = (here[0] + here[1] - all_of[0] - all_of[1]) / 2
    if spread > 0:
        return float(apart / spread)
    return math.copysign(HEAT[1], apart) if apart else 0.0  # everyone's middle half is one value: a step that is seen


def level(value: float | None) -> int | None:
    """The step of a cell."""
    if value is None:
        return None
    steps = sum(abs(value) >= mark for mark in HEAT)
    return steps if value > 0 else -steps


def _is_flag(row: Mapping[str, Any]) -> bool:
    """Is it told as the share of people who have it? A count or a date that is only asked "is there one" is, too."""
    told = [row["everyone"], *row["groups"]]
    return row["shape"] == "flag" or not any(one.get("usual") for one in told)


def _cells(row: Mapping[str, Any], ranks: Sequence[int]) -> list[float | None]:
    found = {one["rank"]: one for one in row["groups"]}
    return [distance(found.get(rank, {}), row["everyone"], _is_flag(row)) for rank in ranks]


def _by_difference(features: list[dict[str, Any]], ranks: Sequence[int]) -> list[Compared]:
    """The features that are told, those in which some group differs most from everyone first."""
    found = [(row, _cells(row, ranks)) for row in features]
    known = [(row, cells) for row, cells in found if any(one is not None for one in cells)]
    return sorted(known, key=lambda one: -max(abs(cell) for cell in one[1] if cell is not None))


def _heat(known: list[Compared], ranks: Sequence[int]) -> Heat:
    width = round((figures.RIGHT - figures.LEFT) / max(len(ranks), 1), 2)
    places = [round(figures.LEFT + place * width, 2) for place in range(len(ranks))]
    rows = []
    for place, (row, cells) in enumerate(known[:ROWS]):
        drawn = tuple(
            Cell(rank, x, level(one), _step(level(one))) for rank, x, one in zip(ranks, places, cells, strict=True)
        )
        rows.append((place * 44 + 38, short(capital(row["label"]), 44), drawn))
    return Heat(tuple(rows), tuple(zip(places, ranks, strict=True)), width, len(rows) * 44 + 24)


def _step(of: int | None) -> str:
    """`+2`, `−1`, `0`, or `?` where it is hidden."""
    return "?" if of is None else f"{of:+d}".replace("-", "−") if of else "0"


def _features(known: list[Compared], ranks: Sequence[int]) -> Table:
    rows = []
    for row, _ in known:
        found = {one["rank"]: one for one in row["groups"]}
        rows.append(
            (capital(row["label"]), _usual(row, row["everyone"]), *(_usual(row, found.get(one, {})) for one in ranks))
        )
    return table("features", "What is usual in each group", ("Feature", "Everyone", *_heads(ranks)), rows)


def _usual(row: Mapping[str, Any], of: Mapping[str, Any]) -> str:
    """The middle half of the known values, or how many people have it."""
    if _is_flag(row):
        return whole_percent(of.get("share"), HIDDEN)
    usual, feature = of.get("usual"), catalogue.features().get(row["feature"])
    if usual is None:
        return HIDDEN
    if feature is not None:
        return explain.usual_display(feature, list(usual), of.get("share")) or HIDDEN
    unit = "" if row["unit"] in ("1", "") else f" {explain.unit_words(row['unit'])}"
    return f"{usual[0]:g} to {usual[1]:g}{unit}"


def _heads(ranks: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"Group {rank}" for rank in ranks)


def _ratios(groups: list[dict[str, Any]]) -> Dots | None:
    """Standardised ratios; None where none is told."""
    rows: list[dict[str, Any]] = []
    for one in groups:
        found = one["standardised"] or {}
        figure = {"value": found.get("ratio"), "low": found.get("low"), "high": found.get("high")}
        rows.append({"label": short(f"{one['rank']} {one['name']}"), "said": _ratio(one)} | figure)
    told = [row[key] for row in rows for key in ("low", "high") if row[key] is not None]
    if not told:
        return None
    return figures.dots(rows, figures.Axis(min(told), max(told), ratio=True), [(1.0, "as the reference group")])


def _ratio(group: Mapping[str, Any]) -> str:
    found = group["standardised"]
    if found and found.get("to") == group["rank"]:
        return "reference"
    return interval(found, "ratio", 1)


def _ratio_table(groups: list[dict[str, Any]]) -> Table:
    head = ("Group", "Ratio to the reference group (95 % interval)")
    rows = [(f"{one['rank']}. {one['name']}", _ratio(one)) for one in groups]
    return table("ratios", "Later outcomes at the same age and sex", head, rows)


def _gaps(rules: list[dict[str, Any]], ranks: Sequence[int]) -> Table:
    rows = []
    for rule in rules:
        found = {one["rank"]: one for one in rule["groups"]}
        rows.append((rule["title"], _met(rule["everyone"]), *(_met(found.get(rank, {})) for rank in ranks)))
    return table("gaps", "Care rules that are met", ("Rule", "Everyone", *_heads(ranks)), rows)


def _met(of: Mapping[str, Any]) -> str:
    """`62 % of 1,204`: those who meet the rule, of those to whom it applies."""
    applicable = of.get("applicable")
    if applicable == 0:
        return "applies to nobody"
    if people(applicable) == HIDDEN:
        return HIDDEN
    return f"{whole_percent(of.get('met'), FEW)} of {people(applicable)}"


def _treatments(medicines: list[dict[str, Any]], ranks: Sequence[int]) -> Table:
    rows = []
    for one in medicines:
        found = {group["rank"]: group["share"] for group in one["groups"]}
        told = (one["everyone"], *(found.get(rank) for rank in ranks))
        rows.append((capital(one["label"]), *(whole_percent(value, HIDDEN) for value in told)))
    return table("treatments", "Treatments in use", ("Treatment", "Everyone", *_heads(ranks)), rows)
