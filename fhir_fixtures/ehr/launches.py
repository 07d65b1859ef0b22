"""Launches with a context of one's choice: `POST /launches` for scripts, two pages for people."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, jsonify, render_template, request

from fhir_fixtures.ehr import context, styles, users
from fhir_fixtures.ehr.clients import Client
from fhir_fixtures.ehr.ingest import display_name
from fhir_fixtures.ehr.sandbox import external_base, fhir_base, foreign_base, sandbox
from fhir_fixtures.ehr.vault import LAUNCH_SECONDS

blueprint = Blueprint("launches", __name__)

DEFAULT_CLIENT = "kindred"
BANNERS = {"true": True, "false": False, "none": None}


@blueprint.post("/launches")
def new_launch() -> Response | tuple[Response, int]:
    """JSON in as context.py and the README say, `{"launch", "iss", "url"}` out; 400 names what is unknown."""
    asked = request.get_json(silent=True)
    if not isinstance(asked, dict) or "patient" not in asked:
        return jsonify({"error": "patient is missing; null launches without one"}), 400
    client = sandbox().clients.get(str(asked.get("client_id", DEFAULT_CLIENT)))
    if client is None or not client.launch_uri:
        return jsonify({"error": "unknown client"}), 400
    try:
        handle = keep(asked)
    except ValueError as error:
        return jsonify({"error": str(error)}), 400
    return jsonify({"launch": handle, "iss": fhir_base(request), "url": launch_url(client, handle)})


@blueprint.get("/options")
def options() -> str:
    """The form on which people choose what a launch hands over."""
    store = sandbox().store
    first = store.people(limit=1)
    patient = request.args.get("patient") or (first[0]["id"] if first else "")
    clinician = sandbox().clinicians[0].id
    return render_template(
        "options.html",
        patient=patient,
        apps=[client for client in sandbox().clients.values() if client.launch_uri],
        users=[f"Practitioner/{clinician}", f"PractitionerRole/role-{clinician}", f"Patient/{patient}",
               f"RelatedPerson/relative-{patient}", f"Person/person-{patient}"],
        styles=[*styles.STYLES, "foreign", "none"],
    )  # fmt: skip


@blueprint.get("/start")
def start() -> str | tuple[str, int]:
    """A chart, or no chart, with the app launched as the form says."""
    client = sandbox().clients.get(request.args.get("app", DEFAULT_CLIENT))
    try:
        if client is None or not client.launch_uri:
            raise ValueError("unknown app")
        asked = _from_form(request.args)
        handle = keep(asked)
    except ValueError as error:
        return render_template("problem.html", message=f"This launch cannot be made: {error}."), 400
    user = users.resource(sandbox().store, asked["user"]) or {}
    return render_template(
        "chart.html",
        person=sandbox().store.person(asked["patient"]) if asked["patient"] else None,
        age=None,
        clinician=sandbox().clinicians[0],
        signed_in=display_name(user) or asked["user"],
        app=client,
        broken=False,
        launch_url=launch_url(client, handle),
        cards=list,
    )


def _from_form(form: Mapping[str, str]) -> dict[str, Any]:
    """The form's fields as a launch request; ValueError for a fhirContext that is not JSON."""
    try:
        listed = orjson.loads(form["fhirContext"]) if form.get("fhirContext", "").strip() else None
    except orjson.JSONDecodeError as error:
        raise ValueError("fhirContext is not JSON") from error
    patient = form.get("patient") or None
    asked: dict[str, Any] = {
        "patient": patient,
        "user": form.get("user") or f"Practitioner/{sandbox().clinicians[0].id}",
        "fhir_user": form.get("fhir_user", "absolute"),
        "intent": form.get("intent") or None,
        "tenant": form.get("tenant") or None,
        "fhirContext": listed,
        "need_patient_banner": BANNERS.get(form.get("banner", "false" if patient else "none")),
        "smart_style_url": None if form.get("style") == "none" else form.get("style", "default"),
    }
    return asked | ({"encounter": None} if form.get("encounter") == "none" else {})


def keep(asked: Mapping[str, Any]) -> str:
    """Keep the launch that is asked for and give its handle; ValueError names what is unknown."""
    launch = context.read(sandbox(), asked, external_base(request), foreign_base(request))
    return sandbox().vault.launches.put(launch, LAUNCH_SECONDS)


def launch_url(client: Client, handle: str | None) -> str:
    """The app's launch address; without a handle the launch is standalone."""
    launch = {"launch": handle} if handle else {}
    return f"{client.launch_uri}?{urlencode({'iss': fhir_base(request), **launch})}"
