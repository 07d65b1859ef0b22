"""Who a `fhirUser` can be, and the resource behind it (SMART App Launch 2.2, "Scopes for requesting identity data").

Practitioners and patients come from the store. A PractitionerRole, RelatedPerson or Person is made from one of them
when it is asked for: `PractitionerRole/role-<practitioner>`, `RelatedPerson/relative-<patient>`,
`Person/person-<patient>`. They are not stored, so no export and no search has them.
"""

from typing import Any

import orjson

from fhir_fixtures.ehr.ingest import display_name
from fhir_fixtures.ehr.store import Condition, Store

MADE_FROM = {
    "PractitionerRole": ("role-", "Practitioner"),
    "RelatedPerson": ("relative-", "Patient"),
    "Person": ("person-", "Patient"),
}
STORED = ("Practitioner", "Patient")
ANYONE = Condition("1")


def resource(store: Store, reference: str) -> dict[str, Any] | None:
    """The resource of a relative reference; None for an unknown one and for a type that no user can be."""
    kind, _, resource_id = reference.partition("/")
    if kind in STORED:
        body = store.read(kind, resource_id, ANYONE)
        return dict(orjson.loads(body)) if body else None
    prefix, source_kind = MADE_FROM.get(kind, ("", ""))
    if not source_kind or not resource_id.startswith(prefix):
        return None
    source = resource(store, f"{source_kind}/{resource_id.removeprefix(prefix)}")
    return _made(kind, resource_id, source) if source else None


def own(reference: str) -> tuple[str, ...]:
    """What a signed-in user may read of themselves: the own entry, and the Practitioner that a role belongs to."""
    kind, _, resource_id = reference.partition("/")
    if kind == "PractitionerRole":
        return reference, f"Practitioner/{resource_id.removeprefix(MADE_FROM[kind][0])}"
    return (reference,)


def patient_behind(reference: str | None) -> str | None:
    """The patient whom a patient or relative may see; None for clinicians and where nobody is signed in."""
    kind, _, resource_id = (reference or "").partition("/")
    prefix, source_kind = MADE_FROM.get(kind, ("", kind))
    return resource_id.removeprefix(prefix) if source_kind == "Patient" else None


def _made(kind: str, resource_id: str, source: dict[str, Any]) -> dict[str, Any]:
    name = display_name(source)
    head = {"resourceType": kind, "id": resource_id, "active": True}
    to_source = {"reference": f"{source['resourceType']}/{source['id']}", "display": name}
    if kind == "PractitionerRole":
        return {**head, "practitioner": to_source, "code": [{"text": "General practitioner"}]}
    family = name.partition(",")[0] or "Kin"
    if kind == "RelatedPerson":
        return {**head, "patient": to_source, "name": [{"family": family, "given": ["Robin"]}]}
    return {**head, "name": source.get("name", []), "link": [{"target": to_source}]}
