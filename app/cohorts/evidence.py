"""The evidence: more than age and sex? calibrated? what does a screen find? for whom does it hold?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.chart.words import day
from app.cohorts import figures
from app.cohorts.figures import Calibration, Dots
from app.cohorts.opening import Opening
from app.cohorts.table import Table, table
from app.cohorts.words import FEW, HIDDEN, MODELS, STRATA, interval, number, outcome, people, share

NO_CALIBRATION = "Calibration cannot be told from these data."
NO_SCREEN = "Not told: too few people or events."


@dataclass(frozen=True)
class Evidence:
    """All that the page prints; `short` is for a reader who reads nothing else."""

    short: str
    models: Dots
    models_table: Table
    calibration: Calibration | None
    calibration_table: Table | None
    no_calibration: str
    screening: Table | None
    no_screening: str
    subgroups: tuple[Table, ...]
    temporal: Table | None
    temporal_why_not: tuple[str, ...]


def evidence(opening: Opening) -> Evidence | None:
    """The page; None where the release has no such paper."""
    paper = opening.paper("evidence")
    if paper is None:
        return None
    tested = paper["temporal"]
    told = [one for one in tested if one["c"]]
    return Evidence(
        short=_short(paper["discrimination"]),
        models=_models(paper["discrimination"]),
        models_table=_models_table(paper["discrimination"]),
        calibration=figures.calibration(paper["calibration"]),
        calibration_table=_calibration(paper["calibration"]) if paper["calibration"] else None,
        no_calibration=next((one["why_not"] for one in tested if one["why_not"]), NO_CALIBRATION),
        screening=_screening(paper["screening"]) if paper["screening"] else None,
        no_screening=NO_SCREEN,
        subgroups=tuple(_subgroups(by, name, paper["subgroups"]) for by, name in STRATA.items()
                        if any(one["by"] == by for one in paper["subgroups"])),
        temporal=_temporal(told) if told else None,
        temporal_why_not=tuple(_why_not(one) for one in tested if one["why_not"]),
    )  # fmt: skip


def _short(found: Mapping[str, Any]) -> str:
    """Rank against the best simple baseline, in a sentence."""
    known = {key: one["c"] for key, one in found.items() if one and one.get("c") is not None}
    if "rank" not in known:
        return "How well the rank of the group tells who had an event cannot be said: too few people or events."
    rank = number(known["rank"])
    others = {key: known[key] for key in ("age_sex", "charlson", "prior_admissions") if key in known}
    if not others:
        return f"The rank of the group has a c-statistic of {rank}; no baseline could be computed."
    best = max(others, key=lambda key: others[key])
    name = MODELS[best] if best == "charlson" else MODELS[best][:1].lower() + MODELS[best][1:]
    gain = round(known["rank"], 2) - round(others[best], 2)
    how = f"{abs(gain):.2f} {'more' if gain > 0 else 'less'} than" if abs(gain) >= 0.005 else "the same as"
    return f"The rank of the group has a c-statistic of {rank}, {how} the best simple baseline ({name})."


def _models(found: Mapping[str, Any]) -> Dots:
    rows = []
    for key, name in MODELS.items():
        one = found.get(key) or {}
        rows.append(
            {
                "label": name,
                "value": one.get("c"),
                "low": one.get("low"),
                "high": one.get("high"),
                "said": number(one.get("c")),
            }
        )
    return figures.dots(rows, figures.Axis(0.5, 1.0), [(0.5, "chance"), (0.7, "0.70")])


def _models_table(found: Mapping[str, Any]) -> Table:
    head = ("What orders people", "c-statistic (95 % interval)")
    rows = [(name, interval(found.get(key), "c")) for key, name in MODELS.items()]
    return table("discrimination", "The rank of the group against simple baselines", head, rows)


def _calibration(rows: list[dict[str, Any]]) -> Table:
    head = ("Group of the earlier fit", "People", "Expected", "Observed (95 % interval)")
    return table("calibration", "Calibration", head, [
        (f"{one['rank']}", people(one["n"]), share(one["expected"], 1), _observed(one)) for one in rows
    ])  # fmt: skip


def _observed(one: Mapping[str, Any]) -> str:
    if one["observed"] is None or one["low"] is None:
        return HIDDEN
    return f"{share(one['observed'], 1)} ({one['low'] * 100:.1f} to {share(one['high'], 1)})"


def _screening(rows: list[dict[str, Any]]) -> Table:
    head = (
        "Looking at the highest",
        "People",
        "With the outcome",
        "Found of all events (sensitivity)",
        "With it, of those looked at (95 % interval)",
        "Looked at for one event",
    )
    return table("screening", "Used as a screen", head, [
        (share(one["top"]), people(one["people"]), people(one["events"]), share(one["sensitivity"], otherwise=FEW),
         _ppv(one), number(one["number_needed_to_review"], 1)) for one in rows
    ])  # fmt: skip


def _ppv(one: Mapping[str, Any]) -> str:
    told = share(one["ppv"], otherwise=FEW)
    if one["ppv"] is None or one.get("low") is None:
        return told
    return f"{told} ({one['low'] * 100:.0f} to {share(one['high'])})"


def _subgroups(by: str, name: str, rows: list[dict[str, Any]]) -> Table:
    head = (
        name,
        "People",
        "Rate (95 % interval)",
        "c-statistic (95 % interval)",
        "Observed to expected",
        "Found of its events",
    )
    return table(f"subgroups-{by}", f"By {name.lower()}", head, [
        (one["value"], people(one["n"]), outcome(one | {"followed": one["n"]}), interval(one["c"], "c"),
         _ratio(one["observed_to_expected"]), share((one.get("screened") or {}).get("sensitivity"), otherwise=FEW))
        for one in rows if one["by"] == by
    ])  # fmt: skip


def _ratio(found: Any) -> str:
    """With its interval, or as a number alone in releases of an earlier Kindred."""
    return interval(found, "ratio") if isinstance(found, dict) else number(found)


def _temporal(rows: list[dict[str, Any]]) -> Table:
    head = ("Fitted at", "Tested at", "People", "Rank of the group, c", "Age and sex, c", "Agreement with this release")
    return table("temporal", "The same method at earlier dates", head, [
        (day(one["fitted_at"]) or "", day(one["tested_at"]) or "", people(one["people"]), interval(one["c"], "c"),
         interval(one["age_sex"], "c"), number(one["adjusted_rand_index"])) for one in rows
    ])  # fmt: skip


def _why_not(one: Mapping[str, Any]) -> str:
    when = f"Fitted at {day(one['fitted_at'])}" if one["fitted_at"] else "Earlier still"
    return f"{when}: not possible. {one['why_not']}"
