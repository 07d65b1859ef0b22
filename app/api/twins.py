"""What each reply holds: the same numbers as the page, through the same rule for small cells."""

from dataclasses import asdict
from typing import Any

from flask import g

from app.chart import gaps
from app.chart.cells import screened_paper, shown_numbers
from app.chart.population import usual_of_everyone
from app.chart.reading import Reading, serving
from app.chart.scores import told
from app.chart.view import View, outcome_sentence, unread_types, view_of
from app.problems import Problem

DOCUMENTS = ("evidence", "map", "drift", "funnel", "model-card", "cohorts")


def chart(reading: Reading) -> dict[str, Any]:
    """The chart page: score, group as it may be shown, reasons, what is missing or unread, scores, gaps."""
    score, view = reading.score, view_of(reading)
    return {
        "mark": g.patient_mark,
        "patient": score["patient"],
        "as_of": score["as_of"],
        "release": score["release"],
        "definitions_hash": score["definitions_hash"],
        "synthetic": view.synthetic,
        "banner": asdict(view.banner) if view.show_banner else None,
        "group": _group(view),
        "hidden": view.hidden,
        "earlier": view.earlier,
        "limits": view.limits,
        "reasons": [_reason(reading, one) for one in score["reasons"]] if view.group else [],
        "features": score["features"],
        "missing": score["missing"],
        "unread": [{"what": what, "why": why} for what, why in view.unread],
        "rests_on_part": view.rests_on_part,
        "orders": score["orders"],
        "units_assumed": score["units_assumed"],
        "scores": told(score["scores"], unread_types(reading)),
        "gaps": [_gap(one) for one in gaps.judged(reading)],
    }


def _group(view: View) -> dict[str, Any] | None:
    if view.group is None:
        return None
    return shown_numbers(view.group) | {"outcome": outcome_sentence(view.group), "firmness_words": view.firmness}


def _reason(reading: Reading, reason: dict[str, Any]) -> dict[str, Any]:
    """The score's reason with what is usual in everyone beside the group's."""
    everyone = usual_of_everyone(reading, reason["feature"])
    return reason | {"everyone": everyone.middle, "everyone_share": everyone.share, "everyone_display": everyone.words}


def _gap(judged: gaps.Judged) -> dict[str, Any]:
    """The score's gap in the state that the page shows: `unjudged` where it rests on what was not read, `reported`."""
    if judged.rests_on_records:
        return judged.of
    return judged.of | {"state": judged.state, "reason": judged.reason, "date": None, "resource": None, "due": None}


def history(ehr: str, patient: str) -> list[dict[str, Any]]:
    """Each release that this EHR still has, oldest first, with the group that its population run gave the patient."""
    placements = serving().history(ehr, patient) or []
    return [{name: getattr(one, name) for name in ("as_of", "current", "rank", "of", "name")} for one in placements]


def cohorts(ehr: str) -> dict[str, Any]:
    """The current release and the names of its documents; both empty without one."""
    release = serving().current(ehr)
    if release is None:
        return {"release": None, "as_of": None, "documents": []}
    there = [name for name in DOCUMENTS if serving().document(release, name) is not None]
    return {"release": release.release_id, "as_of": release.as_of, "documents": there}


def cohort(ehr: str, name: str) -> dict[str, Any]:
    """One document of the current release. Raises Problem `not_found` where there is none of that name."""
    release = serving().current(ehr)
    document = serving().document(release, name) if release and name in DOCUMENTS else None
    if release is None or document is None:
        raise Problem("not_found", "document")
    return {"release": release.release_id, "name": name, "document": screened_paper(document)}
