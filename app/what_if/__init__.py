"""The what-if page and its live replies: a person like this with other values or treatments."""

from flask import Blueprint, Response, g, jsonify, render_template, request

from app import audit
from app.chart import repeat_patient
from app.chart.blueprint import launch_page
from app.chart.mark import check_form
from app.chart.reading import launch_of
from app.chart.view import view_of
from app.what_if.answer import answer_to
from app.what_if.form import read_form
from app.what_if.start import seal, start_of, unseal

BLUEPRINT = Blueprint("what_if", __name__, url_prefix="/s/<sid>/what-if")
BLUEPRINT.after_request(repeat_patient)


@BLUEPRINT.route("", methods=["GET", "POST"], endpoint="page")
def what_if_page(sid: str) -> Response:
    """The form with its answer; the page's script gets JSON, and the EHR is not asked for that."""
    if request.method == "POST":
        _, _, launch = launch_of(sid)
        check_form(launch)
        if request.accept_mimetypes.best == "application/json":
            return _live(g.patient_mark)
    page = launch_page(sid)
    reading = page.read()
    start = start_of(reading)
    entered = read_form(start, request.form)
    g.own_script = True
    audit.record(page.smart.engine, "what_if", reading.launch, reading.score["release"])
    return page.show(
        "what_if/page.html", view=view_of(reading), entered=entered, answer=answer_to(start, entered),
        sealed=seal(start, g.patient_mark), unit_changed=request.form.get("do") == "unit",
    )  # fmt: skip


def _live(mark: str) -> Response:
    start = unseal(request.form.get("start", ""), mark)
    entered = read_form(start, request.form)
    found = answer_to(start, entered)
    fields = {
        field.name: {"text": field.text, "mark": field.mark, "words": field.mark_words, "message": field.message}
        for field in entered.fields
    }
    offered = {one.name: {"doses": one.doses, "why": one.why_not} for one in found.offered}
    html = render_template("what_if/answer.html", answer=found)
    return jsonify({"said": found.said, "html": html, "fields": fields, "offered": offered})
