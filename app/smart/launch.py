"""`/launch`, `/callback` and our public keys: the SMART App Launch 2.2 sequence from the app's side."""

import hmac
import logging
import secrets
import time

from flask import Blueprint, Response, current_app, g, jsonify, make_response, redirect, request, url_for

from app import audit, metrics
from app.problems import Problem
from app.registry import Ehr
from app.smart import Smart, cookie
from app.smart.client import ask_token, oauth_session
from app.smart.discovery import Metadata
from app.smart.id_token import fhir_user
from app.smart.keys import published
from app.smart.pending import Pending, hashed, remember, take
from app.smart.scopes import to_request
from app.smart.token_reply import context_of, token_of
from app.smart.tokens import Launch

LOG = logging.getLogger(__name__)
BLUEPRINT = Blueprint("smart", __name__)
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
    browser = cookie.browser_of(request, ehr) or cookie.new_browser()
    response = make_response(redirect(_authorization_url(ehr, _single("launch"), browser), 302))
    cookie.set_browser(response, ehr, browser)
    metrics.count("launches_started")
    return response


def _authorization_url(ehr: Ehr, launch_value: str | None, browser: str) -> str:
    """The EHR's authorize URL (2.2, 32-45). `launch` is echoed exactly, and left out of a standalone launch."""
    metadata = _smart().discovery.of(ehr)
    scope, verifier, nonce = to_request(ehr.scopes, launch_value is not None), secrets.token_urlsafe(48), _nonce()
    pending = Pending(hashed(browser), ehr.name, ehr.issuer, ehr.redirect_uri, verifier, nonce, scope, time.time())
    state = remember(_smart().engine, pending)
    extra = {"aud": ehr.issuer, **({"launch": launch_value} if launch_value is not None else {})}
    if "openid" in ehr.scopes:
        extra["nonce"] = nonce
    with oauth_session(ehr, scope) as client:
        url, _ = client.create_authorization_url(
            metadata.authorization_endpoint, state=state, code_verifier=verifier, **extra
        )
    return str(url)


def _nonce() -> str:
    return secrets.token_urlsafe(32)


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
    return make_response(redirect(url_for("chart.page", sid=record.sid), 303))


def _pending() -> tuple[Pending, Ehr, str]:
    """The launch that this callback ends. It is taken out before it is judged, so no state serves twice."""
    state = _single("state")
    if state is None:
        raise Problem("state_missing")
    pending = take(_smart().engine, state)
    if pending is None:
        raise Problem("state_unknown")
    ehr = _smart().ehrs.get(pending.ehr)
    if ehr is None or ehr.issuer != pending.issuer or ehr.redirect_uri != pending.redirect_uri:
        raise Problem("state_unknown", "registration_changed")
    g.frame_ancestors = ehr.frame_ancestors
    browser = cookie.browser_of(request, ehr)
    if browser is None or not hmac.compare_digest(hashed(browser), pending.browser_hash):
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
            redirect_uri=pending.redirect_uri, code_verifier=pending.verifier,
        )  # fmt: skip
    user, id_token = None, reply.get("id_token")
    if isinstance(id_token, str) and "openid" in ehr.scopes:
        user = fhir_user(id_token, ehr, metadata, pending.nonce)
    context = context_of(reply, pending.scope, user)
    return _smart().store.create(ehr.name, browser, token_of(reply), context)


@BLUEPRINT.get("/.well-known/jwks.json")
def jwks() -> Response:
    """Our public keys, for EHRs that registered us with private_key_jwt (2.2, 301-315)."""
    response = jsonify(published(_smart().ehrs.values()))
    response.headers["Cache-Control"] = "public, max-age=3600"
    response.add_etag()
    return response.make_conditional(request)
