"""The chart page under `/s/<sid>/`: each path names its launch, so two charts in one browser never mix."""

import logging
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout

from flask import (
    Blueprint,
    Response,
    current_app,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)

from app import audit, metrics
from app.chart import gaps, missing, moves, people, profile, scores, trends, write_page
from app.chart.mark import HEADER, check_mark
from app.chart.note import note_of
from app.chart.opened import opened_of
from app.chart.palette import stylesheet
from app.chart.reading import Reading, launch_of, read
from app.chart.sheet import MEANS, MEANS_NOT, sheet_of
from app.chart.source import source_of
from app.chart.view import view_of
from app.chart.what_if import answer
from app.chart.what_if_form import read_form
from app.chart.what_if_start import seal, start_of, unseal
from app.problems import Problem
from app.security import check_form_token, form_token
from app.smart import Smart
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
    sections = {
        "gaps": gaps.section(reading),
        "scores": scores.section(reading),
        "people": people.section(reading, view.group),
        "profile": profile.section(reading),
        "trends": trends.section(reading),
        "moves": moves.section(reading),
        "missing": missing.section(reading),
    }
    return make_response(
        render_template("chart.html", view=view, opened=opened, styled=_is_styled(style), **sections, **common)
    )


@BLUEPRINT.route("/what-if", methods=["GET", "POST"], endpoint="what_if")
def what_if_page(sid: str) -> Response:
    """A person like this with other values or treatments; the page's script gets JSON, and the EHR is not asked."""
    smart, ehr, launch = launch_of(sid)
    if request.method == "POST":
        check_form_token(sid)
        check_mark(launch)
        if request.accept_mimetypes.best == "application/json":
            return _what_if_live(g.patient_mark)
    turns().take(ehr)
    style = turns().readers(ehr).submit(smart.styles.of, ehr, launch.context.style_url)
    if launch.context.patient is None:
        raise Problem("no_patient", "what_if")
    reading = read(smart, ehr, launch)
    start = start_of(reading)
    entered = read_form(start, request.form)
    g.own_script = True
    audit.record(smart.engine, "what_if", reading.launch, reading.score["release"])
    page = render_template(
        "what_if.html", view=view_of(reading), entered=entered, answer=answer(start, entered),
        sealed=seal(start, g.patient_mark), unit_changed=request.form.get("do") == "unit", styled=_is_styled(style),
        sid=sid, form_token=form_token(sid), mark=g.patient_mark,
    )  # fmt: skip
    return make_response(page)


def _what_if_live(mark: str) -> Response:
    start = unseal(request.form.get("start", ""), mark)
    entered = read_form(start, request.form)
    found = answer(start, entered)
    fields = {
        field.name: {"text": field.text, "mark": field.mark, "words": field.mark_words, "message": field.message}
        for field in entered.fields
    }
    offered = {one.name: {"doses": one.doses, "why": one.why_not} for one in found.offered}
    html = render_template("chart/what_if_answer.html", answer=found)
    return jsonify({"said": found.said, "html": html, "fields": fields, "offered": offered})


@BLUEPRINT.get("/sheet", endpoint="sheet")
def show_sheet(sid: str) -> Response:
    """Two pages for the patient, to print."""
    reading, style = _opened(sid)
    view = view_of(reading)
    made = sheet_of(reading, view.group, unread=bool(view.unread))
    return _page_of(reading, "sheet", style, sheet=made, means=MEANS, means_not=MEANS_NOT)


@BLUEPRINT.get("/note", endpoint="note")
def show_note(sid: str) -> Response:
    """Plain text for the clinician to copy into the chart."""
    reading, style = _opened(sid)
    view = view_of(reading)
    return _page_of(reading, "note", style, view=view, note=note_of(reading, view, missing.section(reading)))


def _opened(sid: str) -> tuple[Reading, "Future[Style | None]"]:
    """The launch's patient, read now, for a page that needs one. Raises Problem, `no_patient` among them."""
    smart, ehr, launch = launch_of(sid)
    turns().take(ehr)
    if launch.context.patient is None:
        raise Problem("no_patient", "page")
    style = turns().readers(ehr).submit(smart.styles.of, ehr, launch.context.style_url)
    return read(smart, ehr, launch), style


def _page_of(reading: Reading, name: str, style: "Future[Style | None]", **parts: object) -> Response:
    """The page of this name, audited as a view."""
    smart: Smart = current_app.extensions["smart"]
    sid = reading.launch.sid
    audit.record(smart.engine, "view", reading.launch, reading.score["release"])
    common = {"sid": sid, "form_token": form_token(sid), "mark": g.patient_mark, "styled": _is_styled(style)}
    return make_response(render_template(f"{name}.html", **parts, **common))


@BLUEPRINT.get("/source/<kind>/<identity>", endpoint="source")
def show_source(sid: str, kind: str, identity: str) -> Response:
    """The record behind a value, read now: as words and as the JSON that the EHR sent."""
    smart, ehr, launch = launch_of(sid)
    check_mark(launch)
    turns().take(ehr)
    style = turns().readers(ehr).submit(smart.styles.of, ehr, launch.context.style_url)
    found = source_of(smart, ehr, launch, kind, identity)
    audit.record(smart.engine, "source", launch)
    page = render_template(
        "source.html", view=found, styled=_is_styled(style), sid=sid, form_token=form_token(sid), mark=g.patient_mark
    )
    return make_response(page, found.status)


@BLUEPRINT.route("/write-back", methods=["GET", "POST"])
def write(sid: str) -> Response:
    """What can be written into the chart, shown whole; the click writes it and nothing else."""
    smart, ehr, launch = launch_of(sid)
    if request.method == "POST":
        check_form_token(sid)
        check_mark(launch)
    turns().take(ehr)
    style = turns().readers(ehr).submit(smart.styles.of, ehr, launch.context.style_url)
    shown = write_page.page_of(smart, ehr, launch, request.form.get("shown") if request.method == "POST" else None)
    common = {"sid": sid, "form_token": form_token(sid), "mark": g.patient_mark, "styled": _is_styled(style)}
    return make_response(render_template("write_back.html", page=shown, view=shown.view, **common), shown.status)


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
