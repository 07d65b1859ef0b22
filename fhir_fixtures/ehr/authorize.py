"""The authorization endpoint (SMART App Launch 2.2, "Obtain authorization code").

A launch from the chart is signed in already and is redirected at once; a standalone one goes through login.py's pages.
A request from an unknown client or to an unregistered address gets a page, never a redirect.
"""

import re
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from fhir_fixtures.ehr import scopes
from fhir_fixtures.ehr.clients import Client
from fhir_fixtures.ehr.sandbox import fhir_base, sandbox
from fhir_fixtures.ehr.vault import CODE_SECONDS, LOGIN_SECONDS, REPLAY_SECONDS, Code, Grant, Launch

blueprint = Blueprint("authorize", __name__, url_prefix="/auth")

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # base64url of a SHA-256 digest (RFC 7636 4.2)


class Refusal(Exception):
    """An error that goes back to the app by its redirect address: OAuth error code and a sentence without user data."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@blueprint.route("/authorize", methods=["GET", "POST"])
def authorize() -> Response | tuple[str, int]:
    """Answer an authorization request sent as a query or as a form."""
    asked = request.form if request.method == "POST" else request.args
    repeated = [name for name in asked if len(asked.getlist(name)) > 1]
    client = sandbox().clients.get(asked.get("client_id", ""))
    address = asked.get("redirect_uri", "")
    if client is None or address not in client.redirect_uris:
        return error_page("This app, or the address it wants to return to, is not registered here.")
    try:
        if repeated:
            raise Refusal("invalid_request", "A parameter is given twice.")
        words = _check(client, asked)
        return _launched(client, asked, words) if "launch" in asked else _standalone(client, asked, words)
    except Refusal as refusal:
        return back(asked, error=refusal.error, error_description=refusal.description)


def _check(client: Client, asked: Mapping[str, str]) -> list[str]:
    """Everything that needs no clinician; gives the scopes that may be granted."""
    if asked.get("response_type") != "code":
        raise Refusal("unsupported_response_type", "response_type must be code.")
    if not asked.get("state"):
        raise Refusal("invalid_request", "state is missing.")
    if asked.get("aud", "").rstrip("/") != fhir_base(request):
        raise Refusal("invalid_request", "aud must be the FHIR base URL of this server.")
    if asked.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(asked.get("code_challenge", "")):
        raise Refusal("invalid_request", "PKCE with code_challenge_method S256 is required.")
    words = scopes.granted(asked.get("scope", ""), client.scopes, ("patient", "user"))
    if not words:
        raise Refusal("invalid_scope", "None of the requested scopes can be granted.")
    return words


def _launched(client: Client, asked: Mapping[str, str], words: list[str]) -> Response:
    """EHR launch: the handle stands for the open chart and the clinician who is signed in."""
    if "launch" not in words:
        raise Refusal("invalid_scope", "A launch parameter needs the launch scope.")
    launch = sandbox().vault.launches.take(asked["launch"])
    if launch is None:
        raise Refusal("invalid_request", "The launch is unknown, used or expired.")
    return grant_code(client, asked, words, launch)


def _standalone(client: Client, asked: Mapping[str, str], words: list[str]) -> Response:
    if "launch" in words:
        raise Refusal("invalid_scope", "The launch scope needs a launch parameter; ask for launch/patient instead.")
    browser = session.setdefault("browser", secrets.token_urlsafe(16))
    login: dict[str, Any] = {"client": client.client_id, "asked": dict(asked), "words": words, "browser": browser}
    key = sandbox().vault.logins.put(login, LOGIN_SECONDS)
    return redirect(url_for("login.sign_in", login=key), 303)


def grant_code(client: Client, asked: Mapping[str, str], words: list[str], launch: Launch) -> Response:
    """Issue a code for what the user has open or chose."""
    context = _context(words, launch)
    grant = Grant(client.client_id, words, launch.user, context.get("patient"), context, launch.relative_user)
    code = Code(grant, asked["redirect_uri"], asked["code_challenge"], asked.get("nonce"), time.time() + CODE_SECONDS)
    return back(asked, code=sandbox().vault.codes.put(code, REPLAY_SECONDS))


def _context(words: list[str], launch: Launch) -> dict[str, Any]:
    """Launch context parameters of the token response; what does not exist is left out."""
    context = dict(launch.context)
    if launch.patient and ("launch" in words or "launch/patient" in words):
        context["patient"] = launch.patient
    if launch.encounter and ("launch" in words or "launch/encounter" in words):
        context["encounter"] = launch.encounter
    return context


def back(asked: Mapping[str, str], **answer: str) -> Response:
    """Redirect to the app's registered address with the answer and its state."""
    answer |= {"state": asked["state"]} if asked.get("state") else {}
    joint = "&" if "?" in asked["redirect_uri"] else "?"
    return redirect(f"{asked['redirect_uri']}{joint}{urlencode(answer)}", 303 if request.method == "POST" else 302)


def error_page(message: str, status: int = 400) -> tuple[str, int]:
    """A page for the clinician where a redirect would be unsafe."""
    return render_template("problem.html", message=message), status
