"""The chart page under `/s/<sid>/`: each path names its launch, so two charts in one browser never mix."""

from flask import Blueprint, Response, current_app, g, make_response, redirect, render_template, request, url_for

from app import audit, metrics
from app.chart.view import view_of
from app.fhir import ChartServer, read_chart
from app.problems import Problem
from app.registry import Ehr
from app.score import as_of, score_chart
from app.security import check_form_token, form_token
from app.serving import Serving
from app.smart import Smart, cookie
from app.smart.tokens import Launch

BLUEPRINT = Blueprint("chart", __name__, url_prefix="/s/<sid>")


def _launch(sid: str) -> tuple[Smart, Ehr, Launch]:
    """The launch of this path, if this browser owns it; its EHR alone may frame what follows."""
    smart: Smart = current_app.extensions["smart"]
    ehr = smart.ehrs.get(smart.store.ehr_of(sid) or "")
    if ehr is None:
        raise Problem("session_unknown", "no_record")
    g.frame_ancestors = ehr.frame_ancestors
    launch = smart.store.find(sid, cookie.browser_of(request, ehr))
    if launch is None:
        raise Problem("session_unknown", "other_browser_or_expired")
    return smart, ehr, launch


@BLUEPRINT.get("/")
def page(sid: str) -> Response:
    """The risk group of the launch's patient, read and scored now."""
    smart, ehr, launch = _launch(sid)
    serving: Serving = current_app.extensions["serving"]
    chart = read_chart(ChartServer(ehr, smart.bearer(launch)), launch.context, current_app.extensions["readers"])
    on, release = as_of(ehr), serving.current(ehr.name)
    score = score_chart(chart, on, release)
    if score["patient"] != launch.context.patient:
        raise Problem("patient_mismatch", "page")
    membership = serving.membership(release, score["patient"]) if release else None
    view = view_of(
        chart, score, on, release, membership,
        show_banner=launch.context.need_patient_banner, synthetic=ehr.is_synthetic,
    )  # fmt: skip
    audit.record(smart.engine, "view", launch, score["release"])
    metrics.count("chart_views")
    return make_response(render_template("chart.html", view=view, sid=sid, form_token=form_token(sid)))


@BLUEPRINT.post("/close")
def close(sid: str) -> Response:
    """End the launch: revoke its tokens at the EHR, delete them here."""
    smart, _, launch = _launch(sid)
    check_form_token(sid)
    bearer = smart.bearer(launch)
    smart.store.forget(sid)
    bearer.revoke()
    audit.record(smart.engine, "end", launch)
    return make_response(redirect(url_for("closed"), 303))
