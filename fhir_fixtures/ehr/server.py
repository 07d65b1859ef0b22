"""The sandbox as a Flask application: wiring, error answers, headers. No rules of its own."""

from datetime import date

from flask import Flask, Response, current_app, make_response, render_template, request
from joserfc.jwk import Key
from werkzeug.exceptions import HTTPException

from fhir_fixtures.ehr import (
    authorize,
    cards,
    changes,
    discovery,
    fhir,
    hooks,
    launcher,
    launches,
    login,
    styles,
    tokens,
)
from fhir_fixtures.ehr.bulk import routes as bulk
from fhir_fixtures.ehr.clients import Client
from fhir_fixtures.ehr.faults import Faults
from fhir_fixtures.ehr.keys import new_key
from fhir_fixtures.ehr.outcome import CODES, FhirError, fhir_response, operation_outcome
from fhir_fixtures.ehr.recorder import Recorder
from fhir_fixtures.ehr.sandbox import Sandbox, sandbox
from fhir_fixtures.ehr.store import Store

MAX_REQUEST_BYTES = 8_000_000


def create_app(
    store: Store,
    *,
    clients: dict[str, Client],
    today: date,
    base_url: str | None = None,
    signing_key: Key | None = None,
    token_seconds: int = 3600,
    recorder: Recorder | None = None,
    hooks_key: Key | None = None,
) -> Flask:
    """The sandbox over a built store. `base_url`: its public address; None takes the one of each request.

    `recorder`: writes down every request, also those to the foreign host.
    """
    app = Flask(__name__)
    shared = Sandbox(store, clients, signing_key or new_key("RS256"), today, base_url, token_seconds)
    shared.hooks_key = hooks_key or shared.hooks_key
    app.extensions["sandbox"] = shared
    app.config.update(SECRET_KEY=shared.secret, SESSION_COOKIE_NAME="ehr_sandbox", SESSION_COOKIE_SAMESITE="Lax")
    app.config["SESSION_COOKIE_SECURE"] = bool(base_url and base_url.startswith("https:"))
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    app.url_map.strict_slashes = False
    for part in (discovery, authorize, login, tokens, bulk, fhir, changes, launcher, launches, styles, hooks, cards):
        app.register_blueprint(part.blueprint)
    app.register_error_handler(FhirError, FhirError.response)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _failure)
    app.after_request(_headers)
    app.wsgi_app = Faults(app.wsgi_app, shared)  # type: ignore[method-assign]
    if recorder is not None:
        app.wsgi_app = recorder.wrap(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _http_error(error: HTTPException) -> Response:
    """404, 405 and the like: an OperationOutcome below /fhir, a page elsewhere."""
    status = error.code or 500
    message = error.name
    if _is_fhir():
        response = fhir_response(operation_outcome(message, CODES.get(status, "processing")), status)
    else:
        response = make_response(render_template("problem.html", message=message), status)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _failure(error: Exception) -> Response:
    """A fault of ours. The log gets its kind and place without values, which could be a patient's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
    current_app.logger.error("sandbox failed: %s at %s", type(error).__name__, place)
    message = "The sandbox failed; its log names the place."
    if _is_fhir():
        return fhir_response(operation_outcome(message, "exception"), 500)
    return make_response(render_template("problem.html", message=message), 500)


def _is_fhir() -> bool:
    return request.path == "/fhir" or request.path.startswith("/fhir/")


def _headers(response: Response) -> Response:
    """Security headers on all, CORS for the registered apps' origins on what apps call."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if response.mimetype == "text/html":
        response.headers["Content-Security-Policy"] = content_security_policy(sandbox().app_origins())
        response.headers.setdefault("Cache-Control", "no-store")
    origin = request.headers.get("Origin")
    if origin and origin in sandbox().app_origins() and (_is_fhir() or request.path.startswith("/auth/")):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Accept, Prefer, If-None-Exist"
        response.headers["Access-Control-Expose-Headers"] = "Location, Content-Location, Retry-After, X-Progress"
        response.headers.add("Vary", "Origin")
    return response


def content_security_policy(origins: list[str]) -> str:
    """No scripts at all; frames and form answers go to this server and the registered apps (a form's answer
    redirects there).
    """
    apps = " ".join(["'self'", *origins])
    return (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none';"
        f" form-action {apps}; frame-src {apps}; frame-ancestors 'self'"
    )
