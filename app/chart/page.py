"""The chart page of a launch, what is made of the same reading (sheet, note), and the record behind a value."""

import logging

from flask import Response, make_response, redirect, url_for

from app import audit, metrics
from app.chart import gaps, missing, moves, people, profile, scores, trends
from app.chart.blueprint import BLUEPRINT, LaunchPage, launch_page
from app.chart.mark import check_form, check_mark
from app.chart.note import note_of
from app.chart.opened import opened_of
from app.chart.palette import stylesheet
from app.chart.reading import launch_of
from app.chart.rule import rule_page
from app.chart.sheet import MEANS, MEANS_NOT, sheet_of
from app.chart.source import source_of
from app.chart.view import view_of
from app.problems import Problem
from app.smart.authorize import standalone_address
from app.turns import turns

LOG = logging.getLogger(__name__)


@BLUEPRINT.get("/", endpoint="page")
def chart_page(sid: str) -> Response:
    """The risk group of the launch's patient, read and scored now."""
    page = launch_page(sid)
    if page.launch.context.patient is None:
        return _without_patient(page)
    reading = page.read()
    view = view_of(reading)
    audit.record(page.smart.engine, "view", reading.launch, reading.score["release"])
    metrics.count("chart_views")
    return page.show(
        "chart.html",
        view=view,
        opened=opened_of(reading.launch.context, reading.chart.lines),
        gaps=gaps.section(reading),
        scores=scores.section(reading),
        missing=missing.section(reading),
        profile=profile.section(reading),
        trends=trends.section(reading),
        moves=moves.section(reading),
        people=people.section(reading, view.group),
    )


def _without_patient(page: LaunchPage) -> Response:
    opened, again = opened_of(page.launch.context, []), standalone_address(page.smart, page.ehr)
    return page.show("no_patient.html", opened=opened, again=again)


@BLUEPRINT.get("/sheet", endpoint="sheet")
def patient_sheet(sid: str) -> Response:
    """Two pages for the patient, to print."""
    page = launch_page(sid)
    reading = page.read()
    view = view_of(reading)
    audit.record(page.smart.engine, "view", reading.launch, reading.score["release"])
    made = sheet_of(reading, view.group, gaps.open_gaps(gaps.judged(reading)), unread=bool(view.unread))
    return page.show("sheet.html", sheet=made, means=MEANS, means_not=MEANS_NOT)


@BLUEPRINT.get("/note", endpoint="note")
def clinicians_note(sid: str) -> Response:
    """Plain text for the clinician to copy into the chart."""
    page = launch_page(sid)
    reading = page.read()
    view = view_of(reading)
    audit.record(page.smart.engine, "view", reading.launch, reading.score["release"])
    note = note_of(reading, view, missing.section(reading), gaps.judged(reading))
    return page.show("note.html", view=view, note=note)


@BLUEPRINT.get("/source/<kind>/<identity>", endpoint="source")
def record_behind(sid: str, kind: str, identity: str) -> Response:
    """The record behind a value, read now: as words and as the JSON that the EHR sent."""
    page = launch_page(sid)
    check_mark(page.launch)
    found = source_of(page.smart, page.ehr, page.launch, kind, identity)
    audit.record(page.smart.engine, "source", page.launch)
    return page.show("source.html", view=found, status=found.status)


@BLUEPRINT.get("/rule/<gap>", endpoint="rule")
def rule_of_a_gap(sid: str, gap: str) -> Response:
    """The whole rule of a care gap with the codes that it counts; the same for every patient, so no chart is read."""
    page = launch_page(sid)
    return page.show("rule.html", rule=rule_page(gap), patient=page.launch.context.patient or "")


@BLUEPRINT.get("/style.css", endpoint="style")
def ehr_style(sid: str) -> Response:
    """The EHR's colours and sizes for this launch's page; empty where they cannot be had any more."""
    smart, ehr, launch = launch_of(sid)
    check_mark(launch)
    turns().take(ehr)
    found = smart.styles.of(ehr, launch.context.style_url)
    response = Response(stylesheet(found) if found else "", content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = "private, no-store"
    return response


@BLUEPRINT.post("/close", endpoint="close")
def close_launch(sid: str) -> Response:
    """End the launch: revoke its tokens at the EHR, delete them here."""
    smart, ehr, launch = launch_of(sid)
    check_form(launch)
    bearer = smart.bearer(launch)
    smart.store.forget(sid)
    try:
        turns().take(ehr)
        bearer.revoke()
    except Problem as problem:  # the page closes all the same; the tokens are gone here, and end by themselves there
        LOG.warning("not revoked cause=%s", problem.cause)
    audit.record(smart.engine, "end", launch)
    return make_response(redirect(url_for("closed"), 303))
