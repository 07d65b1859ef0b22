"""`/api/v1`: each page of a launch as JSON, under the same cookie and the same checks (docs/api.md)."""

import json
from pathlib import Path
from typing import Any

import orjson
from flask import Blueprint, Response, g, request

from app import audit
from app.api import twins
from app.api.what_if import computed, schemas
from app.chart.mark import HEADER, check_sent_mark
from app.chart.reading import launch_of, read
from app.problems import WORDS, Problem
from app.turns import turns

BLUEPRINT = Blueprint("api", __name__, url_prefix="/api/v1")
_DOCUMENT = Path(__file__).with_name("openapi.json")


@BLUEPRINT.after_request
def repeat_patient(response: Response) -> Response:
    """Every reply of a launch repeats whose it is; what a program asked for another patient, it can see."""
    if "patient_mark" in g:
        response.headers[HEADER] = g.patient_mark
    return response


@BLUEPRINT.get("/openapi.json")
def openapi() -> Response:
    """The contract, with what other rooms define: the inputs of each score, and every problem that there is."""
    document: dict[str, Any] = json.loads(_DOCUMENT.read_text("utf-8"))
    document["components"]["schemas"]["WhatIf"]["oneOf"] = schemas()
    document["x-problems"] = {code: {"status": words.status, "title": words.title} for code, words in WORDS.items()}
    return _json(document)


@BLUEPRINT.get("/launches/<sid>/chart")
def chart(sid: str) -> Response:
    """The chart page's twin."""
    smart, ehr, launch = launch_of(sid)
    check_sent_mark(launch, needed=False)
    turns().take(ehr)
    reading = read(smart, ehr, launch)
    audit.record(smart.engine, "view", reading.launch, reading.score["release"], detail="api chart")
    return _json(twins.chart(reading))


@BLUEPRINT.get("/launches/<sid>/history")
def history(sid: str) -> Response:
    """Where the releases so far had the patient."""
    smart, ehr, launch = launch_of(sid)
    check_sent_mark(launch, needed=False)
    if launch.context.patient is None:
        raise Problem("no_patient", "history")
    audit.record(smart.engine, "view", launch, detail="api history")
    return _json({"mark": g.patient_mark, "releases": twins.history(ehr.name, launch.context.patient)})


@BLUEPRINT.post("/launches/<sid>/what-if")
def what_if(sid: str) -> Response:
    """A published score over the values that were sent; nothing of it is kept."""
    _, _, launch = launch_of(sid)
    check_sent_mark(launch, needed=True)
    return _json({"mark": g.patient_mark, **computed(request)})


@BLUEPRINT.get("/launches/<sid>/cohorts")
def cohorts(sid: str) -> Response:
    """The documents of the current release that can be asked for."""
    _, ehr, launch = launch_of(sid)
    check_sent_mark(launch, needed=False)
    return _json({"mark": g.patient_mark, **twins.cohorts(ehr.name)})


@BLUEPRINT.get("/launches/<sid>/cohorts/<name>")
def cohort(sid: str, name: str) -> Response:
    """One document as it was published. Raises Problem `not_found` for what is none."""
    _, ehr, launch = launch_of(sid)
    check_sent_mark(launch, needed=False)
    return _json({"mark": g.patient_mark, **twins.cohort(ehr.name, name)})


def _json(document: dict[str, Any]) -> Response:
    return Response(orjson.dumps(document), content_type="application/json")
