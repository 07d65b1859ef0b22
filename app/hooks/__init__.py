"""CDS Hooks 2.0 at `/cds-services`: cards for a chart that is opened or an order that is selected, without a launch.

docs/cds-hooks.md
"""

import logging
import time
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import date
from typing import Any
from uuid import uuid4

from flask import Blueprint, Flask, Response, current_app, g, jsonify, request
from werkzeug.exceptions import HTTPException

from app import audit, metrics
from app.chart.elsewhere import reports
from app.chart.gap_order import in_order, open_shares
from app.config import Config
from app.hooks.answers import WORDS, Refused, of_problem, of_status
from app.hooks.caller import authenticated
from app.hooks.calls import Call, json_object, read_call
from app.hooks.cards import Draft, drafts
from app.hooks.data import chart_of, server_of
from app.hooks.discovery import SELECT, SERVICES, described
from app.hooks.feedback import keep, read_feedback
from app.hooks.orders.cards import order_drafts
from app.hooks.orders.checks import is_subject
from app.hooks.orders.context import Chosen, draft_orders, read_chosen
from app.hooks.orders.medicines import of_drafts
from app.hooks.store import Given, HookStore
from app.pages import log_fault
from app.problems import Problem
from app.registry import Ehr
from app.score import as_of, score_chart
from app.serving import Release, Serving
from app.smart import Smart
from app.turns import turns

LOG = logging.getLogger(__name__)
BLUEPRINT = Blueprint("hooks", __name__, url_prefix="/cds-services")
SCORE_SECONDS = 3.0  # for a score and its wait for a thread
SLOW_SECONDS = 0.5


def install(app: Flask, config: Config) -> None:
    """Add the services to an app."""
    smart: Smart = app.extensions["smart"]
    app.extensions["hook_store"] = HookStore(smart.engine, config.secret_key)
    app.extensions["hook_keys_failed"] = {}
    app.register_blueprint(BLUEPRINT)


@BLUEPRINT.before_request
def _check_origin() -> None:
    """Pages may call from the origins that their EHR registered, and from no other; servers send no Origin."""
    g.hook_began = time.monotonic()
    origin = request.headers.get("Origin")
    if origin is not None and origin not in _origins():
        raise Refused("origin", "origin")


@BLUEPRINT.after_request
def _allow_origin(response: Response) -> Response:
    """CORS (CDS Hooks 2.0, "Cross-Origin Resource Sharing"): listed origins alone are repeated; no cookie counts."""
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin")
    if origin in _origins():
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        response.headers["Access-Control-Max-Age"] = "600"
    return response


def _origins() -> set[str]:
    smart: Smart = current_app.extensions["smart"]
    return {origin for ehr in smart.ehrs.values() if ehr.hooks for origin in ehr.hooks.origins}


@BLUEPRINT.get("")
def services() -> Response:
    """Discovery. It is the same for everyone and tells of nobody, so it is given without a JWT."""
    smart: Smart = current_app.extensions["smart"]
    days = [as_of(ehr) for ehr in smart.ehrs.values() if ehr.hooks]
    listed = [described(service, min(days)) for service in SERVICES] if days else []
    return jsonify(services=listed)


@BLUEPRINT.post("/<service>")
def cards(service: str) -> Response:
    """The cards for the patient of one call."""
    ehr = _caller(service, f"/cds-services/{service}")
    if not turns().take_card(ehr):
        raise Refused("busy", "card_turns")
    call = read_call(ehr, SERVICES[service])
    chosen = read_chosen(call, ehr) if SERVICES[service] == SELECT else None
    given = _cards(call, chosen, ehr, service) if call.is_professional else []
    metrics.count("hook_calls", "cards" if given else "no_cards")
    if time.monotonic() - g.hook_began > SLOW_SECONDS:
        metrics.count("hook_slow")
    return jsonify(cards=given)


@BLUEPRINT.post("/<service>/feedback")
def feedback(service: str) -> Response:
    """What became of cards of this service. The audience may be this address or that of the service."""
    ehr = _caller(service, f"/cds-services/{service}/feedback", f"/cds-services/{service}")
    keep(_store(), ehr, service, read_feedback(json_object()))
    return jsonify({})


def _caller(service: str, *endpoints: str) -> Ehr:
    """Who calls, once we know that there is such a service."""
    if service not in SERVICES:
        raise Refused("unknown_service", "service")
    ehr = authenticated(*endpoints)
    origin = request.headers.get("Origin")
    if origin is not None and (ehr.hooks is None or origin not in ehr.hooks.origins):
        raise Refused("origin", "origin_of_another_ehr")
    return ehr


def _cards(call: Call, chosen: Chosen | None, ehr: Ehr, service: str) -> list[dict[str, Any]]:
    serving: Serving = current_app.extensions["serving"]
    on, release = as_of(ehr), serving.current(ehr.name)
    try:
        made = _view(call, ehr, on, release) if chosen is None else _select(call, chosen, ehr, on, release)
    except FutureTimeout as error:
        raise Refused("busy", "score_too_slow") from error
    noted = _wanted(made, call, ehr, service)
    smart: Smart = current_app.extensions["smart"]
    shown = release.release_id if release else None
    audit.record_hook(smart.engine, ehr.name, call.user, call.patient, shown, call.instance)
    _store().note_cards(ehr, [given for given, _ in noted])
    for given, _ in noted:
        metrics.count("hook_cards", given.kind)
    return [draft.card(given.uuid, ehr) for given, draft in noted]


def _view(call: Call, ehr: Ehr, on: date, release: Release | None) -> list[Draft]:
    """Cards for the chart that is opened. Raises TimeoutError as `score_chart` does."""
    chart = chart_of(call, ehr, on, server_of(call, ehr), turns().card_readers(ehr))
    score = score_chart(chart, on, release, ehr, turns().card_scorers, SCORE_SECONDS)
    done = reports().of(ehr, call.patient)
    gaps = [gap for gap in score["gaps"] if gap["id"] not in done]
    score["gaps"] = in_order(gaps, open_shares(current_app.extensions["serving"], release, score["group"]))
    return drafts(score, chart.unread, ehr)


def _select(call: Call, chosen: Chosen, ehr: Ehr, on: date, release: Release | None) -> list[Draft]:
    """Cards for the selected orders. The chart is looked at only where a rule knows what was selected."""
    if not chosen.has_any:
        return []
    server, readers, scorers = server_of(call, ehr), turns().card_readers(ehr), turns().card_scorers
    medicines = of_drafts(draft_orders(chosen, call, ehr, server, readers), on, ehr, scorers, SCORE_SECONDS)
    if not any(map(is_subject, medicines)):
        return []
    chart = chart_of(call, ehr, on, server, readers)
    score = score_chart(chart, on, release, ehr, scorers, SCORE_SECONDS)
    return order_drafts(medicines, score, chart, on, ehr)


def _wanted(made: list[Draft], call: Call, ehr: Ehr, service: str) -> list[tuple[Given, Draft]]:
    """The cards that this user did not turn down of late, each with what is noted of it."""
    assert ehr.hooks is not None
    about = {_store().about(ehr, call.user, call.patient, one.kind, *one.said): one for one in made}
    quiet = _store().is_quiet(about, ehr.hooks.quiet_days) if about else set()
    return [(Given(str(uuid4()), service, one.kind, key), one) for key, one in about.items() if key not in quiet]


def _store() -> HookStore:
    store: HookStore = current_app.extensions["hook_store"]
    return store


@BLUEPRINT.errorhandler(Refused)
def _refused(refused: Refused) -> Response:
    """A refusal as JSON in our own words. Its code and cause go to the log; what was sent goes nowhere."""
    LOG.warning("hook refused %s cause=%s", refused.code, refused.cause or "-")
    metrics.count("hook_calls", refused.code)
    status, words = WORDS[refused.code]
    response = jsonify(error=refused.code, message=words)
    response.status_code = status
    if refused.code == "unauthorized":
        response.headers["WWW-Authenticate"] = "Bearer"
    if refused.code == "busy":
        response.headers["Retry-After"] = "1"
    return response


@BLUEPRINT.errorhandler(Problem)
def _problem(problem: Problem) -> Response:
    return _refused(of_problem(problem))


@BLUEPRINT.errorhandler(HTTPException)
def _http(error: HTTPException) -> Response:
    return _refused(of_status(error.code))


@BLUEPRINT.errorhandler(Exception)
def _fault(error: Exception) -> Response:
    log_fault(error)
    return _refused(Refused("internal", type(error).__name__))
