"""The audit trail as FHIR R4 AuditEvents, one JSON object a line (`python -m app audit`)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Engine, select

from app.audit import AUDIT
from app.fhir_systems import SYSTEM, TERMINOLOGY

DCM = "http://dicom.nema.org/resources/ontology/DCM"
# action -> DICOM audit event (PS3.16, CID 400), its name, FHIR action, DICOM subtype (CID 401 and 402) or None
EVENTS: dict[str, tuple[str, str, str, tuple[str, str] | None]] = {
    "launch": ("110114", "User Authentication", "E", ("110122", "Login")),
    "view": ("110110", "Patient Record", "R", None),
    "end": ("110114", "User Authentication", "E", ("110123", "Logout")),
    "write": ("110110", "Patient Record", "C", None),
    "source": ("110110", "Patient Record", "R", None),
    "what_if": ("110110", "Patient Record", "R", None),
    "list": ("110112", "Query", "E", None),
    "hook": ("110110", "Patient Record", "R", None),
    "done_elsewhere": ("110110", "Patient Record", "U", None),
    "done_elsewhere_undone": ("110110", "Patient Record", "U", None),
    "export": ("110106", "Export", "R", None),
    "refused": ("110113", "Security Alert", "E", None),
}
AUDIT_LOG_USED = ("110101", "Audit Log Used", "R", None)
TREATMENT = {"coding": [{"system": f"{TERMINOLOGY}/v3-ActReason", "code": "TREAT", "display": "treatment"}]}
NOT_SAID = "The EHR did not say who is signed in"


def lines(
    engine: Engine, issuers: Mapping[str, str], since: datetime | None = None, until: datetime | None = None
) -> Iterator[bytes]:
    """Each row from `since` on and before `until`, oldest first. `issuers`: EHR name to FHIR base, for references."""
    wanted = select(AUDIT).order_by(AUDIT.c.id)
    if since is not None:
        wanted = wanted.where(AUDIT.c.time >= since.timestamp())
    if until is not None:
        wanted = wanted.where(AUDIT.c.time < until.timestamp())
    with engine.connect() as connection:
        for row in connection.execution_options(yield_per=500).execute(wanted).mappings():
            yield orjson.dumps(audit_event(dict(row), issuers.get(row["ehr"])))


def audit_event(row: Mapping[str, Any], issuer: str | None) -> dict[str, Any]:
    """One row as an AuditEvent, checked. References are absolute where the EHR is still registered."""
    from fhir.resources.R4B.auditevent import AuditEvent

    is_of_trail = row["action"] == "export" and row["detail"] == "audit trail"
    code, display, action, subtype = AUDIT_LOG_USED if is_of_trail else EVENTS[row["action"]]
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": f"kindred-{row['id']}",
        "type": {"system": DCM, "code": code, "display": display},
        "subtype": [{"system": SYSTEM, "code": row["action"]}],
        "action": action,
        "recorded": datetime.fromtimestamp(row["time"], UTC).isoformat(timespec="milliseconds"),
        "outcome": row["outcome"] or "0",
        "agent": [_person(row, issuer), _device()],
        "source": _source(row),
        "entity": list(_entities(row, issuer)),
    }
    if subtype:
        event["subtype"].insert(0, {"system": DCM, "code": subtype[0], "display": subtype[1]})
    if row["detail"]:
        event["outcomeDesc"] = row["detail"]
    if row["patient"] and row["action"] != "refused":
        event["purposeOfEvent"] = [TREATMENT]
    AuditEvent.model_validate(event)
    return event


def _reference(issuer: str | None, relative: str) -> dict[str, str]:
    return {"reference": f"{issuer.rstrip('/')}/{relative}" if issuer else relative}


def _person(row: Mapping[str, Any], issuer: str | None) -> dict[str, Any]:
    who = {"who": _reference(issuer, row["who"])} if row["who"] else {"name": NOT_SAID}
    return {**who, "requestor": True}


def _device() -> dict[str, Any]:
    kind = {"coding": [{"system": DCM, "code": "110150", "display": "Application"}]}
    return {"type": kind, "who": {"display": "Kindred"}, "requestor": False}


def _source(row: Mapping[str, Any]) -> dict[str, Any]:
    kind = {"system": f"{TERMINOLOGY}/security-source-type", "code": "4", "display": "Application Server"}
    return {"site": row["ehr"], "observer": {"display": "Kindred"}, "type": [kind]}


def _entities(row: Mapping[str, Any], issuer: str | None) -> Iterator[dict[str, Any]]:
    """The patient, the release under which it was, and the launch with the row's place in the chain."""
    kinds, roles = f"{TERMINOLOGY}/audit-entity-type", f"{TERMINOLOGY}/object-role"
    if row["patient"]:
        yield {"what": _reference(issuer, f"Patient/{row['patient']}"),
               "type": {"system": kinds, "code": "1", "display": "Person"},
               "role": {"system": roles, "code": "1", "display": "Patient"}}  # fmt: skip
    if row["release"]:
        yield {"what": {"identifier": {"system": SYSTEM, "value": row["release"]}}, "name": "release",
               "type": {"system": kinds, "code": "2", "display": "System Object"}}  # fmt: skip
    details = {"chain": row["chain"], "chain key": row["key_id"]}
    yield {
        "what": {"identifier": {"value": row["launch"] or "none"}},
        "name": "launch",
        "type": {"system": kinds, "code": "4", "display": "Other"},
        "detail": [{"type": name, "valueString": value} for name, value in details.items() if value]
        or [{"type": "chain", "valueString": "none"}],
    }
