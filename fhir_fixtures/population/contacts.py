"""Encounter, Procedure and Immunization resources."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from . import catalogue
from .dates import DAY, local
from .record import CVX, ICD10, SNOMED, TERM, Record, Resource, concept, flag
from .shared import LOCATIONS, ORGANIZATIONS, PRACTITIONERS
from .visits import Visit

_DISPOSITIONS = {
    "home": flag("discharge-disposition", "home"),
    "snf": flag("discharge-disposition", "snf"),
    "home_health": {**flag("discharge-disposition", "home"), "text": "Home with home health care"},
    "died": flag("discharge-disposition", "exp"),
    "admitted": {**flag("discharge-disposition", "other-hcf"), "text": "Admitted as an inpatient"}}


@lru_cache(maxsize=64)
def _fixed(kind: str) -> Resource:
    """The part of an Encounter that only depends on its kind."""
    body = catalogue.load("encounters")[kind]
    code, display = body["class"]
    fixed: Resource = {"class": {"system": TERM + "v3-ActCode", "code": code, "display": display},
                       "type": [concept((SNOMED, *body["type"]))]}
    if "priority" in body:
        fixed["priority"] = flag("v3-ActPriority", body["priority"][0])
    return fixed


def encounter(record: Record, visit: Visit, reason: Resource | None, index: int) -> Resource:
    """The finished Encounter of a visit; ``reason`` is its reasonCode."""
    zone, kind = record.zone, catalogue.load("encounters")[visit.kind]
    body: Resource = {
        "resourceType": "Encounter", "id": record.new_id(), "meta": record.meta(visit.end + 45),
        "status": "finished", **_fixed(visit.kind), "subject": record.subject,
        "participant": [{"individual": PRACTITIONERS[(index + visit.start) % len(PRACTITIONERS)]}],
        "period": {"start": local(visit.start, zone), "end": local(visit.end, zone)}}
    if reason is not None:
        body["reasonCode"] = [reason]
    if "days" in kind or visit.disposition != "home":
        body["hospitalization"] = {"dischargeDisposition": _DISPOSITIONS[visit.disposition]}
        if "admit" in kind:
            body["hospitalization"]["admitSource"] = flag("admit-source", kind["admit"][0])
    if "days" in kind:
        body["location"] = [{"location": LOCATIONS[index % len(LOCATIONS)]}]
    body["serviceProvider"] = ORGANIZATIONS[index % len(ORGANIZATIONS)]
    return body


def coded(body: dict[str, Any], mode: str) -> Resource:
    """The CodeableConcept of a condition or reason; mode: both, snomed or icd10."""
    codings = []
    if mode != "icd10":
        codings.append((SNOMED, *body["snomed"]))
    if mode != "snomed":
        codings.append((ICD10, *body["icd10"]))
    return concept(*codings)


def procedure(record: Record, snomed: list[str], start: int, minutes: int, encounter_ref: Resource) -> Resource:
    """A completed Procedure at minute ``start``."""
    return {"resourceType": "Procedure", "id": record.new_id(), "meta": record.meta(start + minutes),
            "status": "completed", "code": concept((SNOMED, *snomed)), "subject": record.subject,
            "encounter": encounter_ref,
            "performedPeriod": {"start": local(start, record.zone), "end": local(start + minutes, record.zone)}}


def immunization(record: Record, cvx: list[str], t: int, encounter_ref: Resource) -> Resource:
    """A completed Immunization at minute t."""
    return {"resourceType": "Immunization", "id": record.new_id(), "meta": record.meta(t),
            "status": "completed", "vaccineCode": concept((CVX, *cvx)), "patient": record.subject,
            "encounter": encounter_ref, "occurrenceDateTime": local(t, record.zone), "primarySource": True,
            "lotNumber": f"L{t // DAY % 9973:04d}"}
