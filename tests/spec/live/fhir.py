"""Small FHIR R4 resources, with only what a test is about, for all tests of the definitions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from analytics.definitions import catalogue, events

PATIENT = "p1"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

Resource = dict[str, Any]


def codes(*pairs: tuple[str | None, str | None]) -> dict[str, Any]:
    """A CodeableConcept of (system, code) pairs."""
    return {"coding": [{"system": system, "code": code} for system, code in pairs]}


def subject(of: str = PATIENT) -> dict[str, str]:
    return {"reference": f"Patient/{of}"}


def patient(of: str = PATIENT, **more: Any) -> Resource:
    return {"resourceType": "Patient", "id": of, "birthDate": "1960-03-15", "gender": "female", **more}


def observation(
    ident: str, code: str, value: Any, unit: str | None, when: str, of: str = PATIENT, **more: Any
) -> Resource:
    """A final laboratory value or vital sign by LOINC code; unit is the UCUM code, None leaves it out."""
    quantity = {"value": value} | ({"code": unit, "unit": unit} if unit is not None else {})
    return {
        "resourceType": "Observation",
        "id": ident,
        "status": "final",
        "subject": subject(of),
        "code": codes((LOINC, code)),
        "effectiveDateTime": when,
        "valueQuantity": quantity,
        **more,
    }


def condition(ident: str, code: str, onset: str | None, of: str = PATIENT, **more: Any) -> Resource:
    """A condition by SNOMED code."""
    return {
        "resourceType": "Condition",
        "id": ident,
        "subject": subject(of),
        "code": codes((SNOMED, code)),
        "onsetDateTime": onset,
        **more,
    }


def encounter(ident: str, kind: str, start: str, end: str | None = None, of: str = PATIENT, **more: Any) -> Resource:
    """A finished encounter of a class of v3-ActCode: AMB, EMER, IMP."""
    return {
        "resourceType": "Encounter",
        "id": ident,
        "status": "finished",
        "class": {"system": ACT, "code": kind},
        "subject": subject(of),
        "period": {"start": start, "end": end},
        **more,
    }


def order(ident: str, code: str, authored: str, of: str = PATIENT, **more: Any) -> Resource:
    """A medication order by RxNorm code."""
    return {
        "resourceType": "MedicationRequest",
        "id": ident,
        "status": "active",
        "intent": "order",
        "subject": subject(of),
        "authoredOn": authored,
        "medicationCodeableConcept": codes((RXNORM, code)),
        **more,
    }


def line(resource: Resource | str | bytes) -> bytes:
    """The resource as one NDJSON line; text and bytes stay as they are."""
    if isinstance(resource, bytes):
        return resource
    return (resource if isinstance(resource, str) else json.dumps(resource)).encode()


@cache
def reader() -> events.Reader:
    """One DuckDB for all tests: opening one costs more than most tests."""
    return events.Reader()


def read(resources: Iterable[Resource | str | bytes], expected: str = "", largest: int = 5_000_000) -> events.Batch:
    """What a batch makes of these lines, numbered from 1, in a file of the expected type."""
    table, too_bad = events.read_lines(enumerate(map(line, resources), start=1), largest)
    batch = reader().events_of(table, expected)
    return events.Batch(batch.read + len(too_bad), batch.events, batch.dropped + too_bad)


#: Kinds that follow from others: their tables stand in cases_series.py, cases_recent.py, cases_for_gaps.py.
FOLLOWING = {"value_age_days", "variability", "trend", "years_since_onset", "charlson", "starts", "stops", "egfr_2021",
             "recent_family_count", "ended_family_count", "day_lowest", "extreme", "answer_age_days"}  # fmt: skip


def known(features: dict[str, float | None]) -> dict[str, float]:
    """The features that are known and not zero, of the window of a year where there are three, without FOLLOWING."""
    return {
        name: value
        for name, value in features.items()
        if value
        and catalogue.features()[name].kind not in FOLLOWING
        and not name.endswith(("_6m", "_24m"))
        and name not in {"ingredients_in_use", "days_since_glycaemic_test"}
    }
