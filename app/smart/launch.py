"""`/launch`, `/callback` and our public keys: the SMART App Launch 2.2 sequence from the app's side."""

from dataclasses import replace

from flask import Blueprint, Response, current_app, g, jsonify, make_response, redirect, request, url_for

from app import audit, metrics
from app.problems import Problem
from app.registry import Ehr
from app.smart import Smart, authorize, cookie
from app.smart.client import ask_token, oauth_session
from app.smart.discovery import Metadata
from app.smart.id_token import fhir_user
from app.smart.keys import published
from app.smart.pending import Pending
from app.smart.token_reply import context_of, token_of
from app.smart.tokens import Launch
from app.smart.user import user_name
from app.turns import turns

BLUEPRINT = Blueprint("smart", __name__)
INTENTS = {"risk-reasons": "reasons-title", "risk-evidence": "who-title"}  # part of the page; else its top (2.2, 193)
# What our cards' links hand over.
APP_CONTEXTS = {"kindred:group": "group-title", "kindred:gaps": "gaps-title", "kindred:scores": "scores-title"}
DENIED = {"access_denied", "login_required", "consent_required", "interaction_required"}


def _smart() -> Smart:
    smart: Smart = current_app.extensions["smart"]
    return smart


def _single(name: str) -> str | None:
    """A query parameter that may stand once; None where it is absent or empty."""
    values = request.args.getlist(name)
    if len(values) > 1 or any(len(value) > 4096 for value in values):
        raise Problem("launch_malformed", name)
    return values[0] or None if values else None


@BLUEPRINT.get("/launch")
def launch() -> Response:
    """Begin: the issuer is looked up in the allow-list before anything else happens, then on to the EHR's sign-in."""
    issuer = _single("iss")
    if issuer is None:
        raise Problem("launch_malformed", "no_iss")
    ehr = _smart().by_issuer.get(issuer)
    if ehr is None:
        raise Problem("iss_unknown")
    g.frame_ancestors = ehr.frame_ancestors
    turns().take(ehr)
    browser = cookie.browser_of(request, ehr) or cookie.new_browser()
    response = authorize.send(_smart(), ehr, _single("launch"), browser)
    cookie.set_browser(response, ehr, browser)
    metrics.count("launches_started")
    return response


@BLUEPRINT.get("/callback")
def callback() -> Response:
    """End: state first, on errors too (RFC 6749 10.12); then the code for a token; then one fixed redirect."""
    pending, ehr, browser = _pending()
    metadata = _smart().discovery.of(ehr)
    _check_issuer(metadata)
    if "error" in request.args:
        error = request.args["error"]
        raise Problem("denied", "access_denied") if error in DENIED else Problem("ehr_refused")
    code = _single("code")
    if code is None:
        raise Problem("ehr_refused", "no_code")
    record = _exchange(ehr, metadata, pending, code, browser)
    audit.record(_smart().engine, "launch", record)
    metrics.count("launches_completed")
    context = record.context
    view = APP_CONTEXTS.get(context.app_context or "") or INTENTS.get(context.intent or "")
    return make_response(redirect(url_for("chart.page", sid=record.sid, _anchor=view), 303))


def _pending() -> tuple[Pending, Ehr, str]:
    """The launch that this callback ends. It counts as used before it is judged, so no state serves twice."""
    state = _single("state")
    if state is None:
        raise Problem("state_missing")
    pending = _smart().waiting.take(state)
    if pending is None:
        raise Problem("state_unknown")
    ehr = _smart().ehrs.get(pending.ehr)
    if ehr is None or not pending.is_of(ehr):
        raise Problem("state_unknown", "registration_changed")
    g.frame_ancestors = ehr.frame_ancestors
    turns().take(ehr)
    browser = cookie.browser_of(request, ehr)
    if browser is None:
        g.relaunch = authorize.standalone_address(_smart(), ehr)  # a frame may keep no cookies; a window does
    if browser is None or not pending.is_of_browser(browser):
        raise Problem("other_browser", "no_cookie" if browser is None else "other_cookie")
    return pending, ehr, browser


def _check_issuer(metadata: Metadata) -> None:
    """RFC 9207: here `iss` names the authorization server, not the FHIR base."""
    issuer = _single("iss")
    if (issuer is not None and metadata.issuer is not None and issuer != metadata.issuer) or (
        issuer is None and metadata.names_itself
    ):
        raise Problem("issuer_mismatch")


def _exchange(ehr: Ehr, metadata: Metadata, pending: Pending, code: str, browser: str) -> Launch:
    """Code for token (2.2, 62-72), then who is signed in, then one new record under a new id."""
    with oauth_session(ehr) as client:
        reply = ask_token(
            client.fetch_token, metadata.token_endpoint, grant_type="authorization_code", code=code,
            redirect_uri=ehr.redirect_uri, code_verifier=pending.verifier,
        )  # fmt: skip
    scope = authorize.scope_to_ask(ehr, metadata, pending.from_chart)
    if not isinstance(reply.get("scope"), str) and not pending.asked(scope):
        raise Problem("token_invalid", "no_scope")  # it grants what was asked, and discovery has changed since
    context, user = context_of(reply, scope, ehr.issuer), None
    if context.user_asked and reply.get("id_token") is not None:
        user = fhir_user(reply["id_token"], ehr, metadata, pending.nonce, _smart().keys)
    return _named(ehr, _smart().store.create(ehr.name, browser, token_of(reply), replace(context, fhir_user=user)))


def _named(ehr: Ehr, record: Launch) -> Launch:
    """The record with the name of who is signed in; where the EHR gives none, the page says so."""
    if record.context.fhir_user is None:
        return record
    bearer = _smart().bearer(record)
    name = user_name(record.context.fhir_user, ehr, bearer)
    return _smart().store.replace_name(bearer.launch, name) if name else bearer.launch


@BLUEPRINT.get("/.well-known/jwks.json")
def jwks() -> Response:
    """Our public keys, for EHRs that registered us with private_key_jwt (2.2, 301-315)."""
    response = jsonify(published(_smart().ehrs.values()))
    response.headers["Cache-Control"] = "public, max-age=3600"
    response.add_etag()
    response.make_conditional(request)
    return response
