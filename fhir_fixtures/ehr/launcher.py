"""The pages that look like an EHR: patient list, chart with the app in a frame, a start without a chart."""

from typing import Any

from flask import Blueprint, Response, abort, render_template, request, stream_template

from fhir_fixtures.ehr import orders
from fhir_fixtures.ehr.cards import app_context, shown
from fhir_fixtures.ehr.clients import Client
from fhir_fixtures.ehr.launches import DEFAULT_CLIENT, keep, launch_url
from fhir_fixtures.ehr.sandbox import Clinician, sandbox

blueprint = Blueprint("launcher", __name__)

PAGE_ROWS = 25


@blueprint.get("/")
def patients() -> str:
    """The patient list: named stories first, search by name or MRN, pages."""
    name = request.args.get("name", "").strip()[:100]
    number = max(1, request.args.get("page", 1, int))
    store = sandbox().store
    return render_template(
        "patients.html",
        people=store.people(name, offset=(number - 1) * PAGE_ROWS, limit=PAGE_ROWS),
        total=store.count_people(name),
        rows=PAGE_ROWS,
        name=name,
        number=number,
        clinician=_clinician(),
        clinicians=sandbox().clinicians,
        today=sandbox().today,
        apps=_apps(),
    )


@blueprint.get("/chart/<patient>")
def chart(patient: str) -> Response:
    """An open chart with the app launched inside, sent before its cards are there, which stand at its end.

    `?launch=broken` hands the app a handle that does not exist; `?card=HANDLE` launches it as that card's link asks;
    `?order=CODE` chooses a medicine of the list, whose cards stand there then.
    """
    person = sandbox().store.person(patient) or abort(404)
    client, clinician = _app(request.args.get("app")), _clinician()
    broken = request.args.get("launch") == "broken"
    handle = "no-such-launch" if broken else keep({"patient": patient, "clinician": clinician.id, **_by_card(patient)})
    order = orders.medicine(request.args["order"]) or abort(404) if "order" in request.args else None
    page = stream_template(
        "chart.html",
        cards=shown(patient, f"Practitioner/{clinician.id}", order),
        order=order,
        medicines=orders.MEDICINES,
        person=person,
        age=_age(person["born"], person["died"]),
        clinician=clinician,
        signed_in=clinician.name,
        app=client,
        broken=broken,
        launch_url=launch_url(client, handle),
    )
    return Response(page, content_type="text/html; charset=utf-8")


def _by_card(patient: str) -> dict[str, Any]:
    """What the link of a card adds to the launch (CDS Hooks 2.0, "Link"): appContext in the token response."""
    if "card" not in request.args:
        return {}
    context = app_context(request.args["card"], request.args.get("link", 0, int), patient)
    return {"extra": {"appContext": context}} if context else {}


@blueprint.get("/standalone")
def standalone() -> str:
    """A page that starts the app without a patient, as a bookmark or an app gallery would."""
    client = _app(request.args.get("app"))
    return render_template("standalone.html", app=client, launch_url=launch_url(client, None))


def _clinician() -> Clinician:
    """The one chosen by `?clinician=`, else the first."""
    return sandbox().clinician(request.args.get("clinician")) or sandbox().clinicians[0]


def _apps() -> list[Client]:
    return [client for client in sandbox().clients.values() if client.launch_uri]


def _app(client_id: str | None) -> Client:
    found = sandbox().clients.get(client_id or DEFAULT_CLIENT) or abort(404)
    return found if found.launch_uri else abort(404)


def _age(born: str, died: str) -> int | None:
    """Whole years on the sandbox's today, or at death; None without a full birth date."""
    end = died or sandbox().today.isoformat()
    if len(born) != 10 or len(end) < 10:
        return None
    return int(end[:4]) - int(born[:4]) - (end[5:10] < born[5:])
