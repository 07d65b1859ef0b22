"""JSON in, event rows out: for each FHIR type, and for each way in which it may be written."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.spec.live.fhir import (
    ACT,
    LOINC,
    RXNORM,
    SNOMED,
    Resource,
    codes,
    condition,
    encounter,
    observation,
    order,
    patient,
    read,
    subject,
)

OMB = "urn:oid:2.16.840.1.113883.6.238"
RACE = {
    "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
    "extension": [
        {"url": "ombCategory", "valueCoding": {"system": OMB, "code": "2106-3"}},
        {"url": "text", "valueString": "White"},
    ],
}
PRESSURE = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "subject": subject(),
    "code": codes((LOINC, "85354-9")),
    "effectiveDateTime": "2026-01-02",
    "component": [
        {"code": codes((LOINC, "8480-6")), "valueQuantity": {"value": 142, "code": "mm[Hg]"}},
        {"code": codes((LOINC, "8462-4")), "valueQuantity": {"value": 88, "unit": "mmHg"}},
        {"code": codes((LOINC, "8867-4")), "valueCodeableConcept": codes((SNOMED, "1"))},
    ],
}
CONTAINED = {
    "contained": [
        {"resourceType": "Medication", "id": "m", "code": codes((RXNORM, "6472"))},
        {"resourceType": "Medication", "id": "other", "code": codes((RXNORM, "1"))},
    ]
}


def rows(*resources: Resource) -> list[tuple[Any, ...]]:
    """(code without its system, numeric, text, unit, time) of each event; nothing may be dropped."""
    batch = read(resources)
    assert batch.dropped == []
    return [
        (
            e["code"].rpartition("|")[2] or e["code"],
            e["numeric_value"],
            e["text_value"],
            e["unit"],
            e["time"].isoformat(" ", "minutes") if e["time"] else None,
        )
        for e in batch.events.to_pylist()
    ]


MIDNIGHT = "2026-01-02 00:00"
OBSERVED: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    # name                     fields of the Observation                        numeric, text, unit
    "quantity": ({"valueQuantity": {"value": 7.1, "code": "%"}}, (7.1, None, "%")),
    "code before unit text": ({"valueQuantity": {"value": 7, "unit": "percent", "code": "%"}}, (7.0, None, "%")),
    "unit text alone": ({"valueQuantity": {"value": 7, "unit": "percent"}}, (7.0, None, "percent")),
    "no unit": ({"valueQuantity": {"value": 7}}, (7.0, None, None)),
    "comparator": ({"valueQuantity": {"value": 5, "comparator": "<", "code": "%"}}, (5.0, "<", "%")),
    "number as text": ({"valueQuantity": {"value": "7.1", "code": "%"}}, (7.1, None, "%")),
    "words for a number": ({"valueQuantity": {"value": "high", "code": "%"}}, (None, None, "%")),
    "integer": ({"valueInteger": 12}, (12.0, None, None)),
    "boolean": ({"valueBoolean": True}, (None, "true", None)),
    "text": ({"valueString": "positive"}, (None, "positive", None)),
    "coded": ({"valueCodeableConcept": codes((SNOMED, "8517006"))}, (None, f"{SNOMED}|8517006", None)),
    "coded without system": ({"valueCodeableConcept": codes((None, "x"))}, (None, "|x", None)),
    "no value": ({"dataAbsentReason": codes((None, "unknown"))}, (None, None, None)),
}


@pytest.mark.parametrize("name", OBSERVED)
def test_the_value_of_an_observation(name: str) -> None:
    fields, (number, text, unit) = OBSERVED[name]
    made = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "subject": subject(),
        "code": codes((LOINC, "4548-4")),
        "effectiveDateTime": "2026-01-02",
    }
    assert rows(made | fields) == [("4548-4", number, text, unit, MIDNIGHT)]


def test_an_observation_gives_one_event_for_each_coding_and_each_component() -> None:
    two = observation("o", "", 7, "%", "2026-01-02") | {
        "code": codes(("urn:local", "A1C"), (LOINC, "4548-4"), (LOINC, None))
    }
    assert [row[0] for row in rows(two)] == ["A1C", "4548-4"]
    assert rows(PRESSURE) == [
        ("85354-9", None, None, None, MIDNIGHT),
        ("8480-6", 142.0, None, "mm[Hg]", MIDNIGHT),
        ("8462-4", 88.0, None, "mmHg", MIDNIGHT),
        ("8867-4", None, f"{SNOMED}|1", None, MIDNIGHT),
    ]


BORN_FEMALE = ("female", "1960-03-15 00:00")  # what holds from birth on has the time of birth
PERSON: dict[str, tuple[dict[str, Any], list[tuple[str, str | None]]]] = {
    "alive": ({}, [("MEDS_BIRTH", "1960-03-15 00:00"), BORN_FEMALE]),
    "no birth date": ({"birthDate": None}, [("MEDS_BIRTH", None), ("female", None)]),
    "no gender": ({"gender": None}, [("MEDS_BIRTH", "1960-03-15 00:00")]),
    "died on a day": (
        {"deceasedDateTime": "2026-05-01T12:00:00Z"},
        [("MEDS_BIRTH", "1960-03-15 00:00"), BORN_FEMALE, ("MEDS_DEATH", "2026-05-01 12:00")],
    ),
    "died, no day": (
        {"deceasedBoolean": True},
        [("MEDS_BIRTH", "1960-03-15 00:00"), BORN_FEMALE, ("MEDS_DEATH", None)],
    ),
    "said to be alive": ({"deceasedBoolean": False}, [("MEDS_BIRTH", "1960-03-15 00:00"), BORN_FEMALE]),
    "race": ({"extension": [RACE]}, [("MEDS_BIRTH", "1960-03-15 00:00"), BORN_FEMALE, ("2106-3", "1960-03-15 00:00")]),
}


@pytest.mark.parametrize("name", PERSON)
def test_a_patient_gives_birth_sex_death_and_race(name: str) -> None:
    fields, expected = PERSON[name]
    assert [(row[0], row[4]) for row in rows(patient(**fields))] == expected


ORDERED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "concept": ({}, ["6472"]),
    "reference": ({"medicationReference": {"reference": "Medication/m"}}, ["reference|Medication/m"]),
    "absolute reference": (
        {"medicationReference": {"reference": "https://e.org/fhir/Medication/m"}},
        ["reference|elsewhere"],
    ),
    "versioned reference": (
        {"medicationReference": {"reference": "Medication/m/_history/3"}},
        ["reference|Medication/m"],
    ),
    "contained": ({"medicationReference": {"reference": "#m"}} | CONTAINED, ["6472"]),
    "contained, not meant": (
        {"medicationReference": {"reference": "Medication/m"}} | CONTAINED,
        ["reference|Medication/m"],
    ),
}


@pytest.mark.parametrize("name", ORDERED)
def test_the_medicine_of_an_order(name: str) -> None:
    fields, expected = ORDERED[name]
    made = order("r", "6472", "2026-01-02")
    if "medicationReference" in fields:
        del made["medicationCodeableConcept"]
    found = read([made | fields]).events.to_pylist()
    assert [e["code"].removeprefix(f"{RXNORM}|") for e in found] == expected
    assert {e["text_value"] for e in found} == {"order"}


def test_an_order_not_to_give_a_medicine_says_so_in_its_status() -> None:
    assert read([order("r", "6472", "2026-01-02", doNotPerform=True)]).events["status"].to_pylist() == [
        "do-not-perform"
    ]


def test_an_encounter_gives_class_priority_and_types_with_the_discharge_disposition() -> None:
    made = encounter(
        "e",
        "IMP",
        "2026-01-02T10:00:00-05:00",
        "2026-01-04",
        priority=codes((None, "EM")),
        type=[codes((SNOMED, "1")), codes((SNOMED, "2"), (SNOMED, "3"))],
        hospitalization={"dischargeDisposition": codes((None, "home"))},
    )
    assert [row[:3:2] for row in rows(made)] == [
        ("IMP", "home"),
        ("EM", None),
        ("1", "home"),
        ("2", "home"),
        ("3", "home"),
    ]
    assert set(read([made]).events["end_time"].to_pylist()) == {datetime(2026, 1, 4)}


@pytest.mark.parametrize(
    ("kind", "told"), [("IMP", True), ("EMER", True), (None, True), ("AMB", False), ("VR", False)]
)
def test_why_somebody_stayed_and_whence_they_came_is_no_diagnosis(kind: str | None, told: bool) -> None:
    """A reason is coded apart from conditions; of a clinic visit it is not kept."""
    more = {"reasonCode": [codes((SNOMED, "44054006"), ("http://hl7.org/fhir/sid/icd-10-cm", "Z51.11"))],
            "type": [codes((SNOMED, "32485007"))],
            "hospitalization": {"admitSource": codes((None, "emd"))}}  # fmt: skip
    made = encounter("e", kind or "", "2026-01-02", **more) | ({} if kind else {"class": None})
    beside = {f"reason|{SNOMED}|44054006", "reason|http://hl7.org/fhir/sid/icd-10-cm|Z51.11", "admitted|emd"}
    found = set(read([made]).events["code"].to_pylist())
    assert found & beside == (beside if told else set()) and f"{SNOMED}|44054006" not in found


CALLED: dict[str, tuple[dict[str, Any], str | None]] = {
    "text": ({"medicationCodeableConcept": {"text": "Aspirin 81 mg"}}, "aspirin 81 mg"),
    "text and displays": (
        {"medicationCodeableConcept": {"text": "ASA", "coding": [{"display": "Aspirin", "code": "x"}]}},
        "asa aspirin",
    ),
    "a display that is the text": (
        {"medicationCodeableConcept": {"text": "Aspirin", "coding": [{"display": "Aspirin", "code": "x"}]}},
        "aspirin",
    ),
    "marks part words": (
        {"medicationCodeableConcept": {"text": "lisinopril/HCTZ--20|12.5"}},
        "lisinopril hctz 20 12 5",
    ),
    "accents": ({"medicationCodeableConcept": {"text": "Furos\u00e9mide"}}, "furosemide"),
    "display of a reference": ({"medicationReference": {"reference": "Medication/m", "display": "Lipitor"}}, "lipitor"),
    "contained": (
        {"medicationReference": {"reference": "#m"},
         "contained": [{"id": "m", "code": {"text": "Warfarin"}}, {"id": "n", "code": {"text": "Aspirin"}}]},
        "warfarin",
    ),
    "nothing but marks": ({"medicationCodeableConcept": {"text": " -- ", "coding": [{"code": "x"}]}}, None),
    "no name": ({"medicationCodeableConcept": {"coding": [{"code": "x"}]}}, None),
    "text of another kind": ({"medicationCodeableConcept": {"text": {"a": 1}, "coding": [{"code": "x"}]}}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLED)
def test_what_an_order_calls_its_medicine(name: str) -> None:
    fields, words = CALLED[name]
    made = order("r", "", "2026-01-02")
    del made["medicationCodeableConcept"]
    called = [code for code in read([made | fields]).events["code"].to_pylist() if code.startswith("name|")]
    if name == "text of another kind":  # whatever it is, it stands for nothing that is looked for
        assert len(called) <= 1
    else:
        assert called == ([f"name|{words}"] if words else [])


def test_a_name_is_cut_and_the_order_says_how_it_is_meant() -> None:
    made = order("r", "", "2026", medicationCodeableConcept={"text": "x" * 5_000}, intent="plan")
    (event,) = read([made]).events.to_pylist()
    assert event["code"] == "name|" + "x" * 300 and event["text_value"] == "plan"


OTHERS: dict[str, tuple[Resource, tuple[str, str | None, str | None, str | None]]] = {
    # name                      resource                                                       code, time, end, text
    "condition": (
        condition("c", "44054006", "2020-05", abatementDateTime="2021", clinicalStatus=codes((None, "resolved"))),
        ("44054006", "2020-05-01", "2021-01-01", "resolved"),
    ),
    "condition, onset period": (
        condition("c", "1", None, onsetPeriod={"start": "2020-05-04"}, abatementPeriod={"end": "2021-02-03"}),
        ("1", "2020-05-04", "2021-02-03", None),
    ),
    "condition, recorded only": (condition("c", "1", None, recordedDate="2022-01-01"), ("1", "2022-01-01", None, None)),
    "procedure": (
        {
            "resourceType": "Procedure",
            "id": "x",
            "status": "completed",
            "subject": subject(),
            "code": codes((SNOMED, "5")),
            "performedPeriod": {"start": "2020-01-01", "end": "2020-01-02"},
        },
        ("5", "2020-01-01", "2020-01-02", None),
    ),
    "immunization": (
        {
            "resourceType": "Immunization",
            "id": "x",
            "status": "completed",
            "patient": subject(),
            "vaccineCode": codes(("http://hl7.org/fhir/sid/cvx", "140")),
            "occurrenceDateTime": "2025-10-01",
        },
        ("140", "2025-10-01", None, None),
    ),
    "allergy without a date": (
        {
            "resourceType": "AllergyIntolerance",
            "id": "x",
            "patient": subject(),
            "code": codes((SNOMED, "9")),
            "clinicalStatus": codes((None, "active")),
        },
        ("9", None, None, "active"),
    ),
    "medication of nobody": (
        {"resourceType": "Medication", "id": "x", "code": codes((RXNORM, "6472"))},
        ("6472", None, None, None),
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_types(name: str) -> None:
    resource, (code, time, end, text) = OTHERS[name]
    (event,) = read([resource]).events.to_pylist()
    day = {key: event[key].date().isoformat() if event[key] else None for key in ("time", "end_time")}
    assert (event["code"].rpartition("|")[2], day["time"], day["end_time"], event["text_value"]) == (
        code,
        time,
        end,
        text,
    )
    assert event["resource"] == f"{resource['resourceType']}/{resource['id']}"
    assert event["subject_id"] == (None if resource["resourceType"] == "Medication" else "p1")


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026", "2026-01-01T00:00:00"),
        ("2026-02", "2026-02-01T00:00:00"),
        ("2026-02-03", "2026-02-03T00:00:00"),
        ("2026-02-03T23:30:00Z", "2026-02-03T23:30:00"),
        ("2026-02-03T23:30:00-06:00", "2026-02-04T05:30:00"),
        ("2026-02-03T00:30:00+14:00", "2026-02-02T10:30:00"),
        ("2026-02-03T23:30:00", "2026-02-03T23:30:00"),
        ("2026-02-03T23:30:00.123456Z", "2026-02-03T23:30:00.123456"),
        ("2026-03-08T02:30:00-05:00", "2026-03-08T07:30:00"),  # an hour that New York, where the tests run, skipped
        ("1880-01-01", "1880-01-01T00:00:00"),
        ("2100-01-01", "2100-01-01T00:00:00"),
    ],
)
def test_dates_become_instants_in_utc_and_partial_ones_their_first(written: str, instant: str) -> None:
    found = read([observation("o", "1", 1, None, written)])
    assert found.events["time"].to_pylist() == [datetime.fromisoformat(instant)] and found.dropped == []


def test_known_since_is_issued_or_recorded_and_else_the_clinical_time() -> None:
    later = read(
        [
            observation("o", "1", 1, None, "2026-01-02", issued="2026-01-09"),
            observation("u", "1", 1, None, "2026-01-03"),
        ]
    )
    assert [day.isoformat()[:10] for day in later.events["recorded"].to_pylist()] == ["2026-01-09", "2026-01-03"]


@pytest.mark.parametrize("ident", ["a.B-9", "1", "x" * 64])
def test_whose_a_resource_is(ident: str) -> None:
    """Every way to refer to a patient: test_references.py."""
    assert read([observation("o", "1", 1, None, "2026-01-02", ident)]).events["subject_id"].to_pylist() == [ident]
    too_long = read([observation("o", "1", 1, None, "2026-01-02", "x" * 65)])
    assert too_long.dropped == [(1, "no_subject")]


def test_a_version_sorts_by_its_instant_and_then_by_its_line() -> None:
    def version(updated: str | None, **more: Any) -> str:
        (found,) = (
            read([observation("o", "1", 1, None, "2026", meta={"lastUpdated": updated}, **more)])
            .events["version"]
            .to_pylist()
        )
        return str(found)

    assert version("2026-01-01T00:30:00+01:00") < version("2026-01-01T00:00:00Z") < version("2026-01-01T00:00:00.001Z")
    assert version("2026-01-01") != version("2026-01-01", status="amended")
    assert version(None).startswith("#") and version(None) == version(None)


def test_a_system_is_part_of_the_code() -> None:
    found = read([encounter("e", "IMP", "2026"), condition("c", "", "2026") | {"code": codes((None, "x"))}])
    assert set(found.events["code"].to_pylist()) == {f"{ACT}|IMP", "|x"}
