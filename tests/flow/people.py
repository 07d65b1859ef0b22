"""People of our own for launches: with long diabetes, well, without any record, with a script for a name, with all
that a score needs."""

import json
from collections.abc import Iterator
from typing import Any

DIABETES, HYPERTENSION = "44054006", "59621000"
ANA, BEN, EVA, DAN = "ana-1", "ben-2", "eva-3", "dan-4"
FAY = "fay-6"  # a smoker of 58 with every value of PREVENT, and LDL
SCRIPT = "<script>alert(1)</script>"  # a name may hold anything


def lines() -> Iterator[tuple[str, bytes]]:
    """`(type, line)` pairs as the sandbox's store takes them."""
    for resource in _resources():
        yield resource["resourceType"], json.dumps(resource, ensure_ascii=False).encode()


def _resources() -> Iterator[dict[str, Any]]:
    yield _patient(ANA, "Ångström-Núñez", ["Ana"], "1954-03-09", "female", "MRN-0001")
    yield from _conditions(ANA, DIABETES, HYPERTENSION)
    yield from _visits(ANA, 6)
    yield _measurement(ANA, "hba1c", "4548-4", 9.4, "%", "2026-05-04")
    yield _pressure(ANA, 148, 86, "2026-05-04")
    yield _medicine(ANA, "860975", "2026-04-01")
    coded = {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}
    patient = {"patient": {"reference": f"Patient/{ANA}"}}
    day = "2019-10-01"
    yield {"resourceType": "Procedure", "id": f"{ANA}-Procedure", "status": "completed", "code": coded,
           "performedDateTime": day} | _about(ANA)  # fmt: skip
    yield {"resourceType": "Immunization", "id": f"{ANA}-Immunization", "status": "completed", "vaccineCode": coded,
           "occurrenceDateTime": day} | patient  # fmt: skip
    yield {"resourceType": "AllergyIntolerance", "id": f"{ANA}-a", "code": coded} | patient
    yield _patient(BEN, "Baker", ["Ben"], "1990-11-30", "male", "MRN-0002")
    yield from _visits(BEN, 1)
    yield _measurement(BEN, "hba1c", "4548-4", 5.2, "%", "2026-02-01")
    yield {"resourceType": "Patient", "id": EVA}
    yield _patient(DAN, "Dunn", [SCRIPT], "1954-03", "unknown", SCRIPT)
    yield from _scored()


def _scored() -> Iterator[dict[str, Any]]:
    yield _patient(FAY, "Falk", ["Fay"], "1968-01-15", "female", "MRN-0006")
    yield from _visits(FAY, 2)
    for name, loinc, value, unit in (
        ("tc", "2093-3", 220, "mg/dL"), ("hdl", "2085-9", 45, "mg/dL"), ("ldl", "13457-7", 145, "mg/dL"),
        ("bmi", "39156-5", 28, "kg/m2"), ("scr", "2160-0", 0.9, "mg/dL"),
    ):  # fmt: skip
        yield _measurement(FAY, name, loinc, value, unit, "2026-03-02")
    yield _pressure(FAY, 152, 88, "2026-05-04")
    smoker = {"coding": [{"system": "http://snomed.info/sct", "code": "449868002"}]}
    yield _observation(FAY, "smoke", "72166-2", "2026-05-04") | {"valueCodeableConcept": smoker}


def _patient(identity: str, family: str, given: list[str], born: str, sex: str, mrn: str) -> dict[str, Any]:
    kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
    return {
        "resourceType": "Patient",
        "id": identity,
        "identifier": [{"type": kind, "system": "urn:example:mrn", "value": mrn}],
        "name": [{"use": "official", "family": family, "given": given}],
        "birthDate": born,
        "gender": sex,
    }


def _about(patient: str) -> dict[str, Any]:
    return {"subject": {"reference": f"Patient/{patient}"}}


def _conditions(patient: str, *codes: str) -> Iterator[dict[str, Any]]:
    active = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
    for code in codes:
        yield {
            "resourceType": "Condition",
            "id": f"{patient}-c-{code}",
            "clinicalStatus": active,
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": code}]},
            "onsetDateTime": "2015-02-01T00:00:00Z",
            "recordedDate": "2015-02-01T00:00:00Z",
        } | _about(patient)


def _medicine(patient: str, rxnorm: str, day: str) -> dict[str, Any]:
    coding = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": rxnorm}
    return {
        "resourceType": "MedicationRequest",
        "id": f"{patient}-m-{rxnorm}",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [coding]},
        "authoredOn": f"{day}T08:00:00Z",
    } | _about(patient)


def _visits(patient: str, count: int) -> Iterator[dict[str, Any]]:
    ambulatory = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    for month in range(1, count + 1):
        day = f"2026-{month:02}-01"
        yield {
            "resourceType": "Encounter",
            "id": f"{patient}-e-{month}",
            "status": "finished",
            "class": ambulatory,
            "period": {"start": f"{day}T09:00:00Z", "end": f"{day}T09:30:00Z"},
        } | _about(patient)


def _measurement(patient: str, name: str, loinc: str, value: float, unit: str, day: str) -> dict[str, Any]:
    quantity = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return _observation(patient, name, loinc, day) | {"valueQuantity": quantity}


def _pressure(patient: str, systolic: int, diastolic: int, day: str) -> dict[str, Any]:
    def part(loinc: str, value: int) -> dict[str, Any]:
        quantity = {"value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
        return {"code": {"coding": [{"system": "http://loinc.org", "code": loinc}]}, "valueQuantity": quantity}

    parts = [part("8480-6", systolic), part("8462-4", diastolic)]
    return _observation(patient, "bp", "85354-9", day) | {"component": parts}


def _observation(patient: str, name: str, loinc: str, day: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"{patient}-o-{name}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
        "effectiveDateTime": f"{day}T08:00:00Z",
        "issued": f"{day}T12:00:00Z",
    } | _about(patient)
