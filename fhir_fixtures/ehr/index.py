"""What search needs to know of a resource, taken from its parsed JSON once, when it is stored.

Nothing here may raise on odd content: a field of an unexpected kind counts as absent. Tokens of one parameter are
kept in
one text, each as `\\n<system>|<code>\\n`, so that a search is an `instr` over the few rows of one patient.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from fhir_fixtures.ehr.dates import Interval, interval, period

CODE_FIELDS = {
    "MedicationRequest": "medicationCodeableConcept",
    "MedicationAdministration": "medicationCodeableConcept",
    "Immunization": "vaccineCode",
    "Encounter": "type",
    "CarePlan": "code",
}
DATE_FIELDS: dict[str, tuple[str, ...]] = {
    "AllergyIntolerance": ("recordedDate",),
    "Claim": ("created",),
    "Condition": ("onsetDateTime", "onsetPeriod"),
    "DiagnosticReport": ("effectiveDateTime", "effectivePeriod"),
    "DocumentReference": ("date",),
    "Encounter": ("period",),
    "ExplanationOfBenefit": ("created",),
    "Immunization": ("occurrenceDateTime",),
    "MedicationRequest": ("authoredOn",),
    "Observation": ("effectiveDateTime", "effectivePeriod", "effectiveInstant"),
    "Patient": ("birthDate",),
    "Procedure": ("performedDateTime", "performedPeriod"),
    "Provenance": ("recorded",),
    "RiskAssessment": ("occurrenceDateTime", "occurrencePeriod"),
}
RECORDED_FIELDS = ("issued", "recordedDate", "authoredOn", "recorded", "created", "date")
NEVER = (None, None)
PATIENT_FIELDS = ("subject", "patient", "beneficiary", "individual", "for")


class Keys(NamedTuple):
    """The columns of one row beside its body; an instant is in ms (see dates.py), None where the resource gives
    none.
    """

    type: str
    id: str
    patient: str | None
    updated: int
    status: str | None
    clinical: str | None
    date_low: int | None
    date_high: int | None
    recorded_low: int | None
    recorded_high: int | None
    code: str | None
    component: str | None
    category: str | None
    class_: str | None
    identifier: str | None


def keys(resource: dict[str, Any], kind: str, resource_id: str) -> Keys:
    """All search keys of a parsed resource. A resource without `meta.lastUpdated` counts as updated when it was
    recorded.
    """
    when = clinical_time(resource, kind)
    recorded = _first_interval(resource, RECORDED_FIELDS)
    meta = resource.get("meta")
    updated = interval(meta.get("lastUpdated")) if isinstance(meta, dict) else None
    known = updated or recorded or when or (0, 0)
    status = resource.get("status")
    columns = (
        kind,
        resource_id,
        patient_of(resource, kind, resource_id),
        known[0],
        status if isinstance(status, str) else None,
        _coded(resource.get("clinicalStatus")),
        *(when or NEVER),
        *(recorded or NEVER),
        _coded(resource.get(CODE_FIELDS.get(kind, "code"))),
        tokens(_component_codings(resource)) if "component" in resource else None,
        _coded(resource.get("category")),
        tokens(_codings({"coding": [resource.get("class")]})) if kind == "Encounter" else None,
        tokens(_identifiers(resource["identifier"])) if "identifier" in resource else None,
    )
    return Keys._make(columns)


def clinical_time(resource: dict[str, Any], kind: str) -> Interval | None:
    """When it happened, by the field that the type's `date` search parameter uses; None when that is absent or
    unreadable.
    """
    return _first_interval(resource, DATE_FIELDS.get(kind, ()))


def _first_interval(resource: dict[str, Any], fields: Iterable[str]) -> Interval | None:
    for field in fields:
        value = resource.get(field)
        if value is not None:
            found = period(value) if isinstance(value, dict) else interval(value)
            if found:
                return found
    return None


def patient_of(resource: dict[str, Any], kind: str, resource_id: str) -> str | None:
    """The patient in whose compartment the resource lies; None for shared resources and those without a usable
    subject.
    """
    if kind == "Patient":
        return resource_id
    if kind == "Group":
        return None
    for field in PATIENT_FIELDS:
        found = reference_id(resource.get(field), "Patient")
        if found:
            return found
    targets = resource.get("target") if kind == "Provenance" else None
    for target in targets if isinstance(targets, list) else ():
        found = reference_id(target, "Patient")
        if found:
            return found
    return None


def reference_id(reference: object, kind: str) -> str | None:
    """The id behind a relative or absolute literal reference to `kind`; None for anything else."""
    value = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(value, str):
        return None
    before, found, after = value.rpartition(kind + "/")
    if not found or (before and not before.endswith("/")):
        return None
    return after.split("/")[0] or None


def tokens(pairs: Iterable[tuple[str, str]]) -> str | None:
    """`\\nsystem|code\\nsystem|code\\n`, or None when there is none."""
    text = "\n".join(f"{system}|{code}" for system, code in pairs)
    return f"\n{text}\n" if text else None


def _coded(value: object) -> str | None:
    """`tokens` of whatever codes a field holds; most fields of most resources hold nothing."""
    return None if value is None else tokens(_codings(value))


def _codings(value: object) -> Iterator[tuple[str, str]]:
    """System and code of every coding in a CodeableConcept, a list of them, or a list of plain codes."""
    for concept in value if isinstance(value, list) else (value,):
        if isinstance(concept, str):
            yield "", _flat(concept)
            continue
        codings = concept.get("coding") if isinstance(concept, dict) else None
        for coding in codings if isinstance(codings, list) else ():
            if isinstance(coding, dict) and isinstance(coding.get("code"), str):
                yield _flat(coding.get("system")), _flat(coding["code"])


def _component_codings(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    components = resource.get("component")
    for component in components if isinstance(components, list) else ():
        if isinstance(component, dict):
            yield from _codings(component.get("code"))


def _identifiers(value: object) -> Iterator[tuple[str, str]]:
    for identifier in value if isinstance(value, list) else (value,):
        if isinstance(identifier, dict) and isinstance(identifier.get("value"), str):
            yield _flat(identifier.get("system")), _flat(identifier["value"])


def _flat(text: object) -> str:
    return text.replace("\n", " ") if isinstance(text, str) else ""
