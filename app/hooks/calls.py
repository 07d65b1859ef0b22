"""One call of a service, checked (CDS Hooks 2.0, "Calling a CDS Service"); what all hooks' contexts have."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from flask import request
from werkzeug.exceptions import HTTPException

from app.hooks.answers import Refused
from app.registry import Ehr
from app.smart import CallToken
from app.smart.id_token import relative_to
from app.smart.scopes import Granted
from app.smart.token_reply import FHIR_ID

MOST_BYTES = 20 * 1024 * 1024  # of a call: some 10,000 resources; the rest of the app takes 64 kB
USERS = ("Practitioner/", "PractitionerRole/", "Patient/", "RelatedPerson/")
LEAST_SECONDS = 5  # that a token must still live to be worth using


@dataclass(frozen=True)
class Call:
    """What the CDS client says. `token` is None where it gave none that can be used."""

    instance: str
    patient: str
    user: str  # Practitioner/123
    prefetch: dict[str, Any] = field(repr=False)
    token: CallToken | None = field(repr=False)
    granted: Granted
    context: dict[str, Any] = field(default_factory=dict, repr=False)  # what only some hooks have is not checked yet

    @property
    def is_professional(self) -> bool:
        """Is it somebody whom cards are written for?"""
        return self.user.startswith("Practitioner")


def read_call(ehr: Ehr, hook: str) -> Call:
    """The body of the current request, a call of this hook. Raises Refused with the rule it breaks as its cause."""
    body = json_object()
    if body.get("hook") != hook:
        raise Refused("bad_call", "hook")
    _check_server(body, ehr)
    context = _object(body, "context")
    patient, prefetch = context.get("patientId"), body.get("prefetch")
    if not isinstance(patient, str) or not FHIR_ID.fullmatch(patient):
        raise Refused("bad_call", "patient_id")
    if prefetch is not None and not isinstance(prefetch, dict):
        raise Refused("bad_call", "prefetch")
    token, granted = _authorization(body, ehr, patient)
    return Call(_instance(body), patient, _user(context, ehr), prefetch or {}, token, granted, context)


def json_object() -> dict[str, Any]:
    """The body as JSON, up to MOST_BYTES. Nesting beyond what any resource has is refused with the rest."""
    request.max_content_length = MOST_BYTES
    if request.mimetype != "application/json" or request.headers.get("Content-Encoding", "identity") != "identity":
        raise Refused("media_type", "content_type")
    try:
        document = orjson.loads(request.get_data(cache=False))
    except orjson.JSONDecodeError as error:
        raise Refused("bad_json", "json") from error
    except HTTPException:
        raise
    except (OSError, ValueError) as error:
        raise Refused("bad_json", "body") from error
    if not isinstance(document, dict):
        raise Refused("bad_json", "no_object")
    return document


def _instance(body: dict[str, Any]) -> str:
    given = body.get("hookInstance")
    try:
        return str(UUID(given)) if isinstance(given, str) and len(given) == 36 else _no_instance()
    except ValueError:
        return _no_instance()


def _no_instance() -> str:
    raise Refused("bad_call", "hook_instance")


def _check_server(body: dict[str, Any], ehr: Ehr) -> None:
    """A signed call may still name another EHR's server: its data would be scored under the wrong release."""
    server = body.get("fhirServer")
    if server is None and body.get("fhirAuthorization") is None:
        return
    if not isinstance(server, str):
        raise Refused("bad_call", "fhir_server")
    if server.rstrip("/") != ehr.issuer.rstrip("/"):
        raise Refused("fhir_server_unknown", "fhir_server")


def _user(context: dict[str, Any], ehr: Ehr) -> str:
    user = relative_to(ehr.issuer, context.get("userId"))
    if user is None or not user.startswith(USERS):
        raise Refused("bad_call", "user_id")
    return user


def _authorization(body: dict[str, Any], ehr: Ehr, patient: str) -> tuple[CallToken | None, Granted]:
    """The token, unless it ends before it could be used, and what it grants."""
    if body.get("fhirAuthorization") is None:
        return None, Granted(())
    given = _object(body, "fhirAuthorization")
    access, ends, scope = given.get("access_token"), given.get("expires_in"), given.get("scope")
    if not CallToken.is_usable(access) or str(given.get("token_type", "")).lower() != "bearer":
        raise Refused("bad_call", "token")
    if not isinstance(scope, str) or not isinstance(ends, int | float) or isinstance(ends, bool):
        raise Refused("bad_call", "token_terms")
    if given.get("patient", patient) != patient:
        raise Refused("other_patient", "token_patient")
    return (CallToken(ehr, str(access)) if ends >= LEAST_SECONDS else None), Granted(tuple(scope.split()))


def _object(body: dict[str, Any], key: str) -> dict[str, Any]:
    value = body.get(key)
    if not isinstance(value, dict):
        raise Refused("bad_call", key)
    return value
