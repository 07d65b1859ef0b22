"""Changes while the sandbox runs: FHIR update and delete for system clients, and `POST /changes` for tests.

Every change gets its instant from the store, so that an export with `_since` holds exactly what changed after it.
"""

import ipaddress
from typing import Any

import orjson
from flask import Blueprint, Response, request

from fhir_fixtures.ehr.fhir import READABLE
from fhir_fixtures.ehr.guard import insufficient, rights
from fhir_fixtures.ehr.outcome import FhirError, fhir_response
from fhir_fixtures.ehr.sandbox import fhir_base, sandbox

blueprint = Blueprint("changes", __name__)

MAX_BYTES = 2_000_000
NDJSON = ("application/fhir+ndjson", "application/ndjson")


@blueprint.put("/fhir/<kind>/<resource_id>")
def update(kind: str, resource_id: str) -> Response:
    """FHIR update (R4 3.1.0.4), also where there was nothing; for tokens with a `system/` scope to update the type."""
    _needs_system_scope(kind, "u")
    if request.mimetype not in READABLE or len(request.get_data()) > MAX_BYTES:
        raise FhirError(415, "The body must be application/fhir+json, and not huge.")
    resource = _parsed(request.get_data())
    if (resource["resourceType"], resource["id"]) != (kind, resource_id):
        raise FhirError(400, "Type or id of the body are not those of the address.", code="invalid")
    (new,), _ = sandbox().store.change([resource])
    _types_may_have_changed()
    response = fhir_response(resource, 201 if new else 200)
    version = resource["meta"]["versionId"]
    response.headers["ETag"] = f'W/"{version}"'
    response.headers["Location"] = f"{fhir_base(request)}/{kind}/{resource_id}/_history/{version}"
    return response


@blueprint.delete("/fhir/<kind>/<resource_id>")
def delete(kind: str, resource_id: str) -> Response:
    """FHIR delete (R4 3.1.0.7): 204, also for what is not there."""
    _needs_system_scope(kind, "d")
    sandbox().store.change(deletes=[(kind, resource_id)])
    return Response(status=204)


@blueprint.post("/changes")
def change() -> Response:
    """For tests on this machine: NDJSON lines, each a resource to store or a transaction Bundle of DELETE entries (as
    in the `deleted` files of an export), all at one instant or not at all.
    """
    if not ipaddress.ip_address(request.remote_addr or "0.0.0.0").is_loopback:  # noqa: S104 -- compared, not bound
        raise FhirError(403, "Changes are taken from this machine only.")
    if request.mimetype not in NDJSON:
        raise FhirError(415, "The body must be application/fhir+ndjson.")
    puts: list[dict[str, Any]] = []
    deletes: list[tuple[str, str]] = []
    for line in request.get_data().splitlines():
        resource = _parsed(line, needs_id=False)
        if resource["resourceType"] == "Bundle":
            deletes += _deletions(resource)
        elif resource.get("id"):
            puts.append(resource)
        else:
            raise FhirError(400, "A line has no id.", code="structure")
    new, gone = sandbox().store.change(puts, deletes)
    _types_may_have_changed()
    told = {"created": sum(new), "updated": len(new) - sum(new), "deleted": sum(gone)}
    return Response(orjson.dumps(told), mimetype="application/json")


def _needs_system_scope(kind: str, action: str) -> None:
    scopes = rights(sandbox(), request).scopes
    if not any(one.level == "system" and one.category is None and one.permits(kind, action) for one in scopes):
        raise insufficient(f"This token has no system scope to {'update' if action == 'u' else 'delete'} {kind}.")


def _parsed(body: bytes, needs_id: bool = True) -> dict[str, Any]:
    try:
        resource = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise FhirError(400, "A resource is not JSON.", code="structure") from error
    wanted = ("resourceType", "id") if needs_id else ("resourceType",)
    if not isinstance(resource, dict) or not all(isinstance(resource.get(name), str) for name in wanted):
        raise FhirError(400, "Something is not a resource with type and id.", code="structure")
    return resource


def _deletions(bundle: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    for entry in bundle.get("entry", []):
        method, (kind, _, resource_id) = entry["request"]["method"], entry["request"]["url"].partition("/")
        if method != "DELETE" or not resource_id:
            raise FhirError(400, "A Bundle here holds DELETE entries only.", code="not-supported")
        found.append((kind, resource_id))
    return found


def _types_may_have_changed() -> None:
    sandbox().__dict__.pop("kinds", None)
