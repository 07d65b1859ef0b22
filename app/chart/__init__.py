"""The chart page under `/s/<sid>/`: each path names its launch, so two charts in one browser never mix."""

import logging
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout

from flask import Blueprint, Response, g, make_response, redirect, render_template, url_for

from app import audit, metrics
from app.chart.mark import HEADER, check_mark
from app.chart.opened import opened_of
from app.chart.palette import stylesheet
from app.chart.reading import launch_of, read
from app.chart.view import view_of
from app.problems import Problem
from app.security import check_form_token, form_token
from app.smart.authorize import standalone_address
from app.smart.style import Style
from app.turns import turns

LOG = logging.getLogger(__name__)
BLUEPRINT = Blueprint("chart", __name__, url_prefix="/s/<sid>")
STYLE_SECONDS = 0.5  # that a page which is ready otherwise waits for the EHR's style


@BLUEPRINT.after_request
def repeat_patient(response: Response) -> Response:
    """Every reply of a launch repeats whose it is."""
    if "patient_mark" in g:
        response.headers[HEADER] = g.patient_mark
    return response


@BLUEPRINT.get("/")
def page(sid: str) -> Response:
    """The risk group of the launch's patient, read and scored now."""
    smart, ehr, launch = launch_of(sid)
    turns().take(ehr)
    style = turns().readers(ehr).submit(smart.styles.of, ehr, launch.context.style_url)
    common = {"sid": sid, "form_token": form_token(sid), "mark": g.patient_mark}
    if launch.context.patient is None:
        opened = opened_of(launch.context, [])
        again = standalone_address(smart, ehr)
        return make_response(
            render_template("no_patient.html", opened=opened, again=again, styled=_is_styled(style), **common)
        )
    reading = read(smart, ehr, launch)
    view = view_of(reading)
    audit.record(smart.engine, "view", reading.launch, reading.score["release"])
    metrics.count("chart_views")
    opened = opened_of(reading.launch.context, reading.chart.lines)
    return make_response(render_template("chart.html", view=view, opened=opened, styled=_is_styled(style), **common))


def _is_styled(style: "Future[Style | None]") -> bool:
    """Has the EHR a style of its own that can be used, and is it here already? Else the page keeps ours."""
    try:
        found = style.result(STYLE_SECONDS)
    except FutureTimeout:
        return False
    return found is not None and stylesheet(found) != ""


@BLUEPRINT.get("/style.css")
def style(sid: str) -> Response:
    """The EHR's colours and sizes for this launch's page; empty where they cannot be had any more."""
    smart, ehr, launch = launch_of(sid)
    check_mark(launch)
    turns().take(ehr)
    found = smart.styles.of(ehr, launch.context.style_url)
    response = Response(stylesheet(found) if found else "", content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = "private, no-store"
    return response


@BLUEPRINT.post("/close")
def close(sid: str) -> Response:
    """End the launch: revoke its tokens at the EHR, delete them here."""
    smart, ehr, launch = launch_of(sid)
    check_form_token(sid)
    check_mark(launch)
    bearer = smart.bearer(launch)
    smart.store.forget(sid)
    try:
        turns().take(ehr)
        bearer.revoke()
    except Problem as problem:  # the page closes all the same; the tokens are gone here, and end by themselves there
        LOG.warning("not revoked cause=%s", problem.cause)
    audit.record(smart.engine, "end", launch)
    return make_response(redirect(url_for("closed"), 303))
