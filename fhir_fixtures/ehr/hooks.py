"""The EHR as a CDS client (CDS Hooks 2.0): finds an app's services, calls them, tells what became of their cards.

A chart never waits for long and never fails because of a service: two seconds, a few calls at once, and silence.
"""

import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from operator import call
from typing import Any
from urllib.parse import parse_qsl

import orjson
import requests
from flask import Blueprint, Response, jsonify, request
from joserfc import jwt
from joserfc.jwk import Key

from fhir_fixtures.ehr import orders
from fhir_fixtures.ehr.bundle import first_page, has_entries, understand
from fhir_fixtures.ehr.clients import Client, origin
from fhir_fixtures.ehr.guard import Rights
from fhir_fixtures.ehr.keys import public_jwk
from fhir_fixtures.ehr.launches import DEFAULT_CLIENT
from fhir_fixtures.ehr.outcome import FhirError
from fhir_fixtures.ehr.sandbox import Sandbox, external_base, fhir_base, sandbox
from fhir_fixtures.ehr.scopes import resource_scopes
from fhir_fixtures.ehr.vault import Access, Grant

blueprint = Blueprint("hooks", __name__, url_prefix="/cds-hooks")

VIEW, SELECT = "patient-view", "order-select"
SECONDS = 2.0  # that a chart waits for a service
TOKEN_SECONDS = 120
JWT_SECONDS = 120
DISCOVERY_SECONDS = 60.0
SCOPES = ["patient/*.rs"]
PATIENT = "{{context.patientId}}"  # in a template
ALGORITHM = "ES384"


@dataclass
class Draft:
    """A call before it is signed and sent; faults change it. `raw` and `token` replace what the rest would make.

    A member of the body may be a function that makes it: what a fault leaves out is not made.
    """

    url: str
    body: dict[str, Any]
    header: dict[str, Any]
    claims: dict[str, Any]
    key: Key
    raw: bytes | None = None
    token: str | None = None

    def signed(self) -> str:
        """The JWT."""
        if self.token is not None:
            return self.token
        return jwt.encode(self.header, self.claims, self.key, algorithms=[self.header["alg"]])

    def written(self) -> bytes:
        """The body as it goes out."""
        return orjson.dumps(self.body, default=call) if self.raw is None else self.raw


@dataclass
class Answer:
    """What came of a call: HTTP status (0: none in time), milliseconds, and the JSON object, {} without one."""

    service: str
    status: int
    ms: float
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def cards(self) -> list[dict[str, Any]]:
        """Its cards, as far as they can be shown at all."""
        cards = self.body.get("cards")
        known = [card for card in cards if isinstance(card, dict)] if isinstance(cards, list) else []
        return [card for card in known if isinstance(card.get("summary"), str)] if self.status == 200 else []


@blueprint.get("/jwks.json")
def jwks() -> Response:
    """The public key of our JWTs: their `jku`."""
    response = jsonify({"keys": [public_jwk(sandbox().hooks_key)]})
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@blueprint.post("/<any('patient-view', 'order-select'):hook>")
def call_for_scripts(hook: str) -> Response | tuple[Response, int]:
    """`{"patient", "user"}` in, the answers of all services out, as a chart would get them; `medicine` is selected."""
    asked = request.get_json(silent=True)
    patient = asked.get("patient") if isinstance(asked, dict) else None
    if not isinstance(patient, str) or sandbox().store.person(patient) is None:
        return jsonify({"error": "unknown patient"}), 400
    user = str(request.get_json().get("user") or f"Practitioner/{sandbox().clinicians[0].id}")
    if hook == VIEW:
        return jsonify([vars(one) for one in patient_view(patient, user)])
    medicine = orders.medicine(str(request.get_json().get("medicine")))
    if medicine is None:
        return jsonify({"error": "unknown medicine"}), 400
    return jsonify([vars(one) for one in order_select(patient, user, medicine)])


def patient_view(patient: str, user: str) -> list[Answer]:
    """Call every patient-view service of the registered app for a chart that is opened."""
    return _asked(VIEW, patient, user, {})


def order_select(patient: str, user: str, medicine: orders.Medicine) -> list[Answer]:
    """Call every order-select service of the registered app for a medicine that is chosen, before it is signed."""
    return _asked(SELECT, patient, user, orders.context(medicine, patient, sandbox().today))


def _asked(hook: str, patient: str, user: str, more: dict[str, Any]) -> list[Answer]:
    """The answers of all services of a hook; more: what its context has beside user, patient and encounter."""
    if not sandbox().calls.acquire(timeout=SECONDS / 2):
        return []
    try:
        base = f"{origin(str(_app().launch_uri))}/cds-services"
        asked = [service for service in _services(base) if service.get("hook") == hook]
        return [_called(base, service, patient, user, more) for service in asked]
    finally:
        sandbox().calls.release()


def send_feedback(url: str, card: str, reason: dict[str, Any] | None) -> int:
    """Tell a service that a card was overridden; the HTTP status, 0 where there was no answer."""
    why = {"overrideReason": {"reason": reason}} if reason else {}
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    entry = {"card": card, "outcome": "overridden", "outcomeTimestamp": moment, **why}
    return _sent(_draft(f"{url}/feedback", {"feedback": [entry]}), url).status


def _app() -> Client:
    return sandbox().clients[DEFAULT_CLIENT]


def _services(base: str) -> list[dict[str, Any]]:
    """What discovery lists; kept for a minute. Nothing where it does not answer."""
    kept = sandbox().services.get(base)
    if kept and kept[0] > time.monotonic():
        return kept[1]
    try:
        token = _draft(base, {}).signed()
        reply = requests.get(base, timeout=SECONDS, allow_redirects=False, headers={"Authorization": f"Bearer {token}"})
        found = reply.json().get("services", []) if reply.status_code == 200 else []
    except (requests.RequestException, ValueError, AttributeError):
        return []
    listed = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    sandbox().services[base] = (time.monotonic() + DISCOVERY_SECONDS, listed)
    return listed


def _called(base: str, service: dict[str, Any], patient: str, user: str, more: dict[str, Any]) -> Answer:
    here, url = sandbox(), f"{base}/{service['id']}"
    visit = here.newest_encounter(patient)
    body: dict[str, Any] = {
        "hook": service["hook"],
        "hookInstance": str(uuid.uuid4()),
        "fhirServer": fhir_base(request),
        "fhirAuthorization": _authorization(here, patient, user),
        "context": {"userId": user, "patientId": patient, **({"encounterId": visit} if visit else {}), **more},
        "prefetch": partial(_prefetch, here, service.get("prefetch") or {}, patient),
    }
    return _sent(_draft(url, body), url)


def _authorization(here: Sandbox, patient: str, user: str) -> dict[str, Any]:
    """A token for this patient alone, which ends soon."""
    grant = Grant(DEFAULT_CLIENT, SCOPES, user=user, patient=patient)
    access = here.vault.access.put(Access(grant, SCOPES), TOKEN_SECONDS)
    return {"access_token": access, "token_type": "Bearer", "expires_in": TOKEN_SECONDS, "scope": " ".join(SCOPES),
            "subject": DEFAULT_CLIENT, "patient": patient}  # fmt: skip


def _prefetch(here: Sandbox, templates: dict[str, str], patient: str) -> dict[str, Any]:
    """Each template filled in and run; one that cannot be run is left out, one that finds nothing is null."""
    rights = Rights(DEFAULT_CLIENT, resource_scopes(SCOPES), patient)
    found: dict[str, Any] = {}
    for key, template in templates.items():
        path, pairs = _filled_in(template, patient)
        if not here.knows(path.partition("/")[0]):
            continue
        try:
            found[key] = _searched(here, rights, path, pairs) if pairs else _record(here, rights, path)
        except FhirError:
            continue
    return found


def _filled_in(template: str, patient: str) -> tuple[str, list[tuple[str, str]]]:
    path, pairs = _opened(template)
    return path.replace(PATIENT, patient), [(name, value.replace(PATIENT, patient)) for name, value in pairs]


@lru_cache(256)  # long lists of codes come with each chart
def _opened(template: str) -> tuple[str, list[tuple[str, str]]]:
    path, _, query = template.partition("?")
    return path, parse_qsl(query)


def _searched(here: Sandbox, rights: Rights, kind: str, pairs: list[tuple[str, str]]) -> Any:
    """The bytes of the Bundle as they go out; None where it is empty."""
    page = first_page(here, rights, understand(kind, pairs), fhir_base(request))
    return orjson.Fragment(page) if isinstance(page, bytes) and has_entries(page) else None


def _record(here: Sandbox, rights: Rights, path: str) -> Any:
    kind, _, identity = path.partition("/")
    body = here.store.read(kind, identity, rights.must(kind, "r"))
    return orjson.Fragment(body) if body else None


def _draft(url: str, body: dict[str, Any]) -> Draft:
    """The call and its JWT, as faults that are switched on leave them."""
    key, base, now = sandbox().hooks_key, external_base(request), int(time.time())
    claims = {"iss": base, "aud": url, "iat": now, "exp": now + JWT_SECONDS, "jti": secrets.token_urlsafe(16)}
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": "JWT", "jku": f"{base}/cds-hooks/jwks.json"}
    draft = Draft(url, body, header, claims, key)
    changes: list[Callable[[Draft], None]] = request.environ.get("kindred.hooks", [])
    for change in changes:
        change(draft)
    return draft


def _sent(draft: Draft, service: str) -> Answer:
    raw = draft.written()
    headers = {"Authorization": f"Bearer {draft.signed()}", "Content-Type": "application/json"}
    began = time.monotonic()
    try:
        with requests.Session() as http:
            http.trust_env = False  # no proxy, no .netrc: to look for them costs a tenth of a call
            reply = http.post(draft.url, raw, headers=headers, timeout=SECONDS, allow_redirects=False)
        body = reply.json()
        status = reply.status_code
    except (requests.RequestException, ValueError):
        status, body = 0, None
    ms = (time.monotonic() - began) * 1000
    return Answer(service, status, ms, body if isinstance(body, dict) else {})
