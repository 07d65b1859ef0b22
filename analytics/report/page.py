"""The report of a release as one HTML page: no script, nothing from elsewhere, a policy that would stop both."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analytics.definitions import catalogue, explain
from analytics.errors import ReleaseError
from analytics.lake import Lake
from analytics.release import hashes, papers
from analytics.report import figures, words

ROOM = Path(__file__).parent / "templates"
FEATURES = 16  # rows of the group profiles: those in which some group differs most
INPUTS = 12  # rows of the drift of inputs


def report(lake: Lake, ehr: str, release_id: str) -> str:
    """The page. Raises ReleaseError where there is no such release, it is not what was made, lacks a paper, or
    shows a small number."""
    folder = lake.release(ehr, release_id)
    if not lake.finished(folder):
        raise ReleaseError(f"There is no finished release {release_id} of {ehr} in the lake.",
                           "`kindred status` lists those there are.")
    hashes.check(lake, ehr, release_id)
    model, found = lake.read_json(f"{folder}/release.json"), papers.read(lake, folder)
    papers.refuse_small_cells(model, found)
    return page(model, found, lake.read_json(f"{folder}/{hashes.NAME}"))


def page(model: dict[str, Any], found: dict[str, Any], hashed: dict[str, Any]) -> str:
    """The page of these papers, by name."""
    style = (ROOM / "report.css").read_text(encoding="utf-8")
    policy = base64.b64encode(sha256(style.encode()).digest()).decode()
    return _environment().get_template("report.html").render(
        model=model, hashed=hashed, style=style, policy=policy, made=datetime.now(UTC).date().isoformat(),
        summary=words.summary(model, found), rules=catalogue.group_rules(), evidence=found["evidence"],
        cohorts=found["cohorts"], map=found["map"], drift=found["drift"], funnel=found["funnel"],
        card=found["model-card"],
        drawn=_drawn(model, found), profile=_profile(model), subgroups=_subgroups(found["evidence"]),
        numbers=_Numbers(),
    )  # fmt: skip


class _Numbers:
    """Figures are numbered as they come on the page."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        self._last += 1
        return self._last


def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(ROOM), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                       lstrip_blocks=True)
    for name in ("percent", "whole", "number", "digits", "interval", "rate", "day", "short", "reason"):
        made.filters[name] = getattr(words, name)
    made.filters["heat"], made.filters["rate_level"] = figures.heat, figures.rate_level
    made.filters["ratio_of"] = words.ratio_of
    made.globals |= {"STEPS": words.STEPS, "MODELS": words.MODELS, "STRATA": words.STRATA, "FAMILIES": words.FAMILIES}
    return made


def _drawn(model: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Positions for every figure."""
    evidence = found["evidence"]
    chosen = (model["choice"].get("family", ""), model["choice"].get("k", 0))
    tried = [one | {"label": f"{words.FAMILIES.get(one.get('family', ''), '')}, {one['k']} groups"}
             for one in model["choice"]["candidates"]]
    return {
        "map": figures.squares(found["map"]),
        "outcomes": _outcomes(evidence["groups"]),
        "ratios": _ratios(evidence["groups"]),
        "baselines": _baselines(evidence["discrimination"]),
        "candidates": figures.candidates(tried, chosen),
        "calibration": figures.calibration(evidence["calibration"]),
        "shares": _shares(found["drift"]["groups"]),
        "inputs": _inputs(found["drift"]["features"]),
    }


def _label(group: dict[str, Any]) -> str:
    return words.short(f"{group['rank']}  {group['name']}", 44)


def _outcomes(groups: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [{"label": _label(one), "value": one["rate"], "low": one["low"], "high": one["high"],
             "below": one["rate_below"], "above": one["rate_above"], "said": words.rate(one)} for one in groups]
    top = figures.bound([row[key] for row in rows for key in ("high", "below")], 0.05)
    return figures.intervals(rows, figures.Axis(0.0, 1.0 if any(row["above"] for row in rows) else top, percent=True))


def _ratios(groups: list[dict[str, Any]]) -> dict[str, Any]:
    rows = []
    for one in groups:
        ratio = one["standardised"] or {"ratio": None, "low": None, "high": None}
        rows.append({"label": _label(one), "value": ratio["ratio"], "low": ratio["low"], "high": ratio["high"],
                     "said": words.interval(ratio, "ratio", 1)})
    told = [row[key] for row in rows for key in ("low", "high") if row[key] is not None]
    axis = figures.Axis(min([1.0, *told]), max([2.0, *told]), log=True)
    return figures.intervals(rows, axis, [(1.0, "as the reference group")])


def _baselines(found: dict[str, Any]) -> dict[str, Any]:
    rows = []
    for key, name in words.MODELS.items():
        one = found.get(key) or {"c": None, "low": None, "high": None}
        rows.append({"label": name, "value": one["c"], "low": one["low"], "high": one["high"],
                     "said": words.interval(one)})
    return figures.intervals(rows, figures.Axis(0.5, 1.0), [(0.5, "chance"), (0.7, "0.70")])


def _shares(groups: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [one | {"label": _label(one), "said": f"{words.whole(one['before'])} before, {words.whole(one['now'])} now"}
            for one in groups]
    top = figures.bound([row[key] for row in rows for key in ("before", "now")], 0.1)
    return figures.pairs(rows, figures.Axis(0.0, top, percent=True))


def _inputs(features: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [{"label": one["label"], "value": one["psi"], "low": None, "high": None,
             "said": words.digits(one["psi"])} for one in features[:INPUTS]]
    axis = figures.Axis(0.0, figures.bound([row["value"] for row in rows], 0.3))
    return figures.intervals(rows, axis, [(0.10, "0.10"), (0.25, "0.25")])


def _profile(model: dict[str, Any]) -> dict[str, Any]:
    """The features in which some group differs most, and for each group by how much and what is usual there."""
    groups = [group for group in model["groups"] if group["rule"] is None]
    distances = [dict(map(tuple, group.get("standing_out", []))) for group in groups]
    known = [name for name in model["features"] if name in catalogue.features() and name in (distances or [{}])[0]]
    most = sorted(known, key=lambda name: -max(abs(one[name]) for one in distances))[:FEATURES]
    rows = []
    for name in most:
        feature = catalogue.features()[name]
        cells = [{"distance": one[name], "usual": _usual(group, feature)}
                 for group, one in zip(groups, distances, strict=True)]
        rows.append({"label": feature.label, "cells": cells, "meaning": feature.meaning})
    return {"groups": groups, "rows": rows, "left_out": len(known) - len(most)}


def _usual(group: dict[str, Any], feature: catalogue.Feature) -> str:
    told = explain.usual_display(feature, group["usual"].get(feature.name), group["share"].get(feature.name))
    return told.replace(" of the group", "") or words.HIDDEN


def _subgroups(evidence: dict[str, Any]) -> list[dict[str, Any]]:
    """Subgroups by what they are by; each row with the rate of every group, as far as told."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in evidence["subgroups"]:
        told = {one["rank"]: words.rate_lines(one) for one in row["groups"]}
        found.setdefault(row["by"], []).append(row | {"rates": told, "ratio": words.ratio_of(row)})
    return [{"by": by, "rows": rows, "groups": sorted({rank for row in rows for rank in row["rates"]})}
            for by, rows in found.items()]
