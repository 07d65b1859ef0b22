"""The CapabilityStatement: what this server says that it does, made from the tables that do it."""

from collections.abc import Iterable
from typing import Any

from fhir_fixtures.ehr import search
from fhir_fixtures.ehr.create import CREATABLE

OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


def statement(base: str, auth: str, kinds: Iterable[str], built: str) -> dict[str, Any]:
    """`metadata` for a FHIR base and an authorization base. `built`: instant of the store's making."""
    addresses = [{"url": name, "valueUri": f"{auth}/{name}"} for name in ("authorize", "token", "revoke", "introspect")]
    service = [
        {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR"}
            ]
        }
    ]
    security = {"extension": [{"url": OAUTH_URIS, "extension": addresses}], "cors": True, "service": service}
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": built,
        "kind": "instance",
        "software": {"name": "Kindred EHR sandbox", "version": "1"},
        "implementation": {"description": "Synthetic patients for demonstration and tests", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [{"mode": "server", "security": security, "resource": [_resource(kind) for kind in sorted(kinds)]}],
    }


def _resource(kind: str) -> dict[str, Any]:
    actions = ["read", "search-type", *(["create"] if kind in CREATABLE else [])]
    known = search.parameters(kind).values()
    entry: dict[str, Any] = {
        "type": kind,
        "interaction": [{"code": action} for action in actions],
        "searchParam": [{"name": parameter.name, "type": parameter.kind} for parameter in known],
    }
    if kind in CREATABLE:
        entry["conditionalCreate"] = True
    if search.includes(kind):
        entry["searchInclude"] = sorted(search.includes(kind))
    return entry
