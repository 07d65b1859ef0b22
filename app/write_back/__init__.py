"""What goes into the chart: shown whole at `/s/<sid>/write-back`, and written on a click or never (README.md)."""

from dataclasses import dataclass, replace

from flask import Blueprint, Response, request

from app import audit
from app.chart import repeat_patient
from app.chart.blueprint import LaunchPage, launch_page
from app.chart.mark import check_form
from app.chart.reading import launch_of
from app.chart.view import View, view_of
from app.searches import ChartServer
from app.write_back.create import Answer
from app.write_back.offer import Offer, offer_of, seal, trouble_with
from app.write_back.words import NOT_OFFERED, OUTCOMES, PROVENANCE, Outcome
from app.write_back.writer import Writer

BLUEPRINT = Blueprint("write_back", __name__, url_prefix="/s/<sid>/write-back")
BLUEPRINT.after_request(repeat_patient)


@dataclass(frozen=True)
class Page:
    """What the template prints. `shown` is the form's seal: None where there is nothing to click."""

    view: View
    offer: Offer
    why_not: str | None
    shown: str | None = None
    outcome: Outcome | None = None
    place: str | None = None
    provenance: str | None = None
    status: int = 200


@BLUEPRINT.route("", methods=["GET", "POST"], endpoint="page")
def write_back_page(sid: str) -> Response:
    """What can be written into the chart, shown whole; the click writes it and nothing else."""
    clicked = None
    if request.method == "POST":
        _, _, launch = launch_of(sid)
        check_form(launch)
        clicked = request.form.get("shown")
    opened = launch_page(sid)
    page = _page_of(opened, clicked)
    return opened.show("write_back/page.html", page=page, view=page.view, status=page.status)


def _page_of(opened: LaunchPage, clicked: str | None) -> Page:
    """The page for a view (`clicked` is None) or for a click, with the seal that its form carried.

    Raises Problem where there is nothing to show, or the click is not from a page of this launch and patient.
    """
    reading = opened.read()
    view = view_of(reading)
    offer = offer_of(reading, view)
    engine, launch = opened.smart.engine, reading.launch
    audit.record(engine, "view", launch, reading.score["release"], detail="write-back")
    if offer.finding is None:
        gone = OUTCOMES["not_offered"] if clicked is not None else None
        return Page(view, offer, offer.why_not, outcome=gone, status=gone.status if gone else 200)
    writer = Writer(engine, ChartServer(opened.ehr, opened.smart.bearer(launch)), launch, offer, offer.finding)
    if clicked is None:
        return _to_look_at(view, writer)
    trouble = trouble_with(launch.sid, offer, clicked)
    if trouble:
        return _again(_to_look_at(view, writer), OUTCOMES[trouble])
    return _written(view, offer, *writer.write())


def _to_look_at(view: View, writer: Writer) -> Page:
    """What would be written, with a button unless it is there, on its way, or not taken here."""
    there, offer = writer.there(), writer.offer
    if there is None:
        return Page(view, offer, None, shown=seal(writer.launch.sid, offer))
    if there.outcome == "unclear":
        return Page(view, offer, None, outcome=OUTCOMES["open"])
    if there.outcome == "not_accepted":
        return Page(view, offer, NOT_OFFERED["not_accepted"])
    return Page(view, offer, None, outcome=OUTCOMES[there.outcome], place=_place(there))


def _again(page: Page, outcome: Outcome) -> Page:
    """The page with word that the click wrote nothing; what it shows is what would be written now."""
    return replace(page, outcome=page.outcome or outcome, status=outcome.status)


def _written(view: View, offer: Offer, answer: Answer, names: Answer | None) -> Page:
    outcome = OUTCOMES[answer.outcome]
    said = PROVENANCE[names.outcome].format(_place(names)) if names else None
    return Page(view, offer, None, None, outcome, _place(answer), said or offer.no_provenance, outcome.status)


def _place(answer: Answer) -> str | None:
    """`RiskAssessment/12, version 1`."""
    if answer.reference is None:
        return None
    return answer.reference + (f", version {answer.version}" if answer.version else "")
