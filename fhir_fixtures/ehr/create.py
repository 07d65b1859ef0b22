"""FHIR create: RiskAssessment, Provenance, Group and Observation, checked as FHIR and against the token's patient."""

import re
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import orjson
from flask import Request
from pydantic import ValidationError

from fhir_fixtures.ehr.guard import Rights, insufficient, token_condition
from fhir_fixtures.ehr.index import keys, reference_id
from fhir_fixtures.ehr.outcome import FhirError
from fhir_fixtures.ehr.sandbox import Sandbox
from fhir_fixtures.ehr.search import targets
from fhir_fixtures.ehr.store import Condition, all_of

CREATABLE = ("Group", "Observation", "Provenance", "RiskAssessment")
MAX_BYTES = 1_000_000


def create(sandbox: Sandbox, rights: Rights, kind: str, request: Request) -> tuple[dict[str, Any], bool]:
    """Store the resource in the request's body. Gives the stored resource, and False when If-None-Exist found one.

    Raises FhirError: 403 without scope or for another patient, 400 unreadable, 422 not valid or for an unknown patient,
    412 when If-None-Exist finds several.
    """
    rights_needed = [scope for scope in rights.scopes if scope.permits(kind, "c")]
    if not rights_needed:
        raise insufficient(f"This token has no scope to create {kind}.")
    resource = _parsed(kind, request)
    resource |= {"id": str(uuid.uuid4()), "meta": _meta(resource)}
    found = keys(resource, kind, resource["id"])
    if kind == "Provenance":
        found = found._replace(patient=_patient_of_targets(sandbox, resource))
    if not rights.may_create(found):
        raise insufficient(f"This token may not create this {kind}: it belongs to another patient or category.")
    _check_references(sandbox, rights, kind, resource)
    existing = _existing(sandbox, kind, request, rights)
    if existing is not None:
        return existing, False
    sandbox.store.add(resource, found)
    return resource, True


def _parsed(kind: str, request: Request) -> dict[str, Any]:
    if kind not in CREATABLE:
        raise FhirError(405, f"{kind} cannot be created here.", headers={"Allow": "GET"})
    if request.mimetype not in ("application/fhir+json", "application/json"):
        raise FhirError(415, "The body must be application/fhir+json.")
    body = request.get_data()
    if len(body) > MAX_BYTES:
        raise FhirError(413, "The resource is too large.", code="too-long")
    try:
        resource = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise FhirError(400, "The body is not JSON.", code="structure") from error
    if not isinstance(resource, dict) or resource.get("resourceType") != kind:
        raise FhirError(400, f"The body is not a {kind}.", code="structure")
    _validate(kind, resource)
    return resource


def _validate(kind: str, resource: dict[str, Any]) -> None:
    """Check against the R4B model, which for these types takes what R4 allows. Messages name fields, never values."""
    from fhir.resources.R4B import get_fhir_model_class  # 1 s to import, and most runs never create

    try:
        get_fhir_model_class(kind).model_validate(resource)
    except ValidationError as error:
        fields = {".".join(str(part) for part in issue["loc"]) for issue in error.errors()[:20]}
        known = sorted(re.sub(r"[^A-Za-z0-9_.]", "", field) for field in fields if field)
        raise FhirError(422, f"Not a valid {kind}; look at: {', '.join(known) or 'the whole resource'}.") from error


def _meta(resource: dict[str, Any]) -> dict[str, Any]:
    sent = resource.get("meta")
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**(sent if isinstance(sent, dict) else {}), "versionId": "1", "lastUpdated": now}


def _check_references(sandbox: Sandbox, rights: Rights, kind: str, resource: dict[str, Any]) -> None:
    """Each patient that the resource names must exist and, like each target of a Provenance, be within the token's
    reach.
    """
    named = {patient for patient in _patients(resource) if patient}
    for patient in named:
        if sandbox.store.person(patient) is None:
            raise FhirError(422, "The resource names a patient who is not here.", code="not-found")
    bound = all(scope.level == "patient" for scope in rights.scopes if scope.permits(kind, "c"))
    if bound and named - {rights.patient}:
        raise insufficient("This token may write about the patient of its launch only.")


def _patient_of_targets(sandbox: Sandbox, provenance: dict[str, Any]) -> str | None:
    """A Provenance about other resources lies with their patient; None when they have none, or several."""
    targets = [str(target.get("reference", "")).split("/") for target in provenance["target"]]
    found = {_patient_of_resource(sandbox, *target[-2:]) if len(target) > 1 else None for target in targets}
    return found.pop() if len(found) == 1 else None


def _patient_of_resource(sandbox: Sandbox, kind: str, resource_id: str) -> str | None:
    rows = sandbox.store.select("patient", Condition("id = ? AND type = ?", (resource_id, kind)))
    return rows[0][0] if rows else None


def _patients(resource: object) -> list[str | None]:
    """Every patient that is referred to anywhere in a resource."""
    if isinstance(resource, list):
        return [patient for part in resource for patient in _patients(part)]
    if not isinstance(resource, dict):
        return []
    return [reference_id(resource, "Patient"), *(p for part in resource.values() for p in _patients(part))]


def _existing(sandbox: Sandbox, kind: str, request: Request, rights: Rights) -> dict[str, Any] | None:
    """Conditional create (FHIR R4 3.1.0.8.1) by identifier, or of a Provenance by target, among this patient's."""
    header = request.headers.get("If-None-Exist", "").lstrip("?")
    if not header:
        return None
    name, _, token = header.partition("=")
    if name not in ("identifier", *(["target"] if kind == "Provenance" else [])) or not token or "&" in token:
        raise FhirError(400, "If-None-Exist is supported for one identifier or target.", code="not-supported")
    own = Condition("patient = ?", (rights.patient,)) if rights.patient else Condition("1")
    sought = targets(unquote(token)) if name == "target" else token_condition("identifier", unquote(token))
    where = all_of([Condition("type = ?", (kind,)), own, sought])
    rows = sandbox.store.select("body", where, "LIMIT 2")
    if len(rows) > 1:
        raise FhirError(412, "More than one resource has this identifier.")
    return orjson.loads(rows[0][0]) if rows else None
