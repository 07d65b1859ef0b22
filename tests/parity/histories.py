"""Small random histories: versions, foreign and missing units, partial dates, medicines, stays that merge."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from analytics.definitions import catalogue
from tests.references import REFERENCES, written
from tests.spec.live.fhir import (
    LOINC,
    Resource,
    codes,
    condition,
    encounter,
    observation,
    order,
    patient,
    subject,
)

MEASURED = [c for c in catalogue.concepts().values() if c.family == "measurement"]
CODED = {"condition", "condition_detail", "acute_event", "social_risk", "social_status", "charlson", "screening",
         "exclusion"}  # fmt: skip
CONDITIONS = [c for c in catalogue.concepts().values() if c.family in CODED]
SPECIALTIES = [c for c in catalogue.concepts().values() if c.family == "specialty"]
MEDICINES = [c for c in catalogue.concepts().values() if c.family == "medicine"]
DONE = [c for c in catalogue.concepts().values() if c.family == "screening"]
VACCINES = [c for c in catalogue.concepts().values() if c.family == "vaccine"]
STAYS = ["183495009", "185349003", "183460006", "32485007"]
SMOKING = "72166-2"
START = date(2023, 12, 1)
DAYS = (date(2026, 8, 1) - START).days
MEDICINE_IDS = ("m0", "m1")
CALLED = ["Lipitor 40 mg", "no aspirin", "Aspirin allergy", "lisinopril-HCTZ 20/12.5", "insulin syringe", "Some other"]


@st.composite
def references(draw: st.DrawFn, resource_type: str, idents: st.SearchStrategy[str]) -> str:
    """A reference, mostly relative; now and then as servers also write it, or to another server."""
    template = draw(st.just("{type}/{id}") | st.sampled_from(list(REFERENCES)))
    return written(template, resource_type, draw(idents))


@st.composite
def moments(draw: st.DrawFn) -> str:
    """A date of the three years around both dates, as precise as FHIR allows; near the borders more often."""
    border = draw(st.sampled_from([None, date(2026, 6, 30), date(2025, 6, 30), date(2024, 6, 30), date(2024, 7, 1)]))
    shift = draw(st.integers(-2, 2))
    day = border + timedelta(days=shift) if border else START + timedelta(days=draw(st.integers(0, DAYS)))
    hour, minute = draw(st.sampled_from([(0, 0), (4, 59), (12, 0), (23, 59)]))
    zone = draw(st.sampled_from(["Z", "-05:00", "+14:00", ""]))
    full = f"{datetime(day.year, day.month, day.day, hour, minute).isoformat()}{zone}"
    return draw(st.sampled_from([full, full, full, day.isoformat(), f"{day:%Y-%m}", f"{day.year}"]))


@st.composite
def measurements(draw: st.DrawFn, ident: str, of: str) -> Resource:
    concept = draw(st.sampled_from(MEASURED))
    units = [concept.unit, *concept.also, *(step["unit"] for step in concept.conversions), "", "furlong", None]
    low, high = concept.range
    value = draw(st.floats(low - 1, high + 1) | st.sampled_from([low, high, 5.1, 64, 0]) | st.none())
    code = draw(st.sampled_from(concept.codes)).rpartition("|")[2]
    made = observation(ident, code, value, draw(st.sampled_from(units)), draw(moments()), of)
    return made | draw(st.sampled_from([{}, {}, {"status": "entered-in-error"}, {"issued": draw(moments())}]))


@st.composite
def pressures(draw: st.DrawFn, ident: str, of: str) -> Resource:
    parts = [
        {"code": codes((LOINC, code)), "valueQuantity": {"value": draw(st.integers(50, 270)), "unit": "mmHg"}}
        for code in draw(st.permutations(["8480-6", "8462-4"]))
    ]
    return observation(ident, "85354-9", None, None, draw(moments()), of, component=parts)


@st.composite
def smoking(draw: st.DrawFn, ident: str, of: str) -> Resource:
    answers = [code for _, listed in catalogue.concepts()["smoking_status"].answers for code in listed]
    system, _, code = draw(st.sampled_from([*answers, "http://snomed.info/sct|266927001"])).partition("|")
    return observation(ident, SMOKING, None, None, draw(moments()), of, valueCodeableConcept=codes((system, code)))


@st.composite
def conditions(draw: st.DrawFn, ident: str, of: str) -> Resource:
    meant = draw(st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=2))
    pairs = [tuple(draw(st.sampled_from(c.codes)).replace("*", "9").rpartition("|")[::2]) for c in meant]
    status = draw(st.sampled_from([None, "confirmed", "refuted", "entered-in-error"]))
    made = condition(ident, "", draw(moments() | st.none()), of, recordedDate=draw(moments() | st.none()))
    return made | {"code": codes(*pairs), "verificationStatus": codes((None, status))}


@st.composite
def encounters(draw: st.DrawFn, ident: str, of: str) -> Resource:
    start = START + timedelta(days=draw(st.integers(0, DAYS)), hours=draw(st.integers(0, 23)))
    begun = datetime(start.year, start.month, start.day, draw(st.integers(0, 23)))
    end = begun + timedelta(hours=draw(st.sampled_from([-5, 0, 1, 23, 24, 25, 70, 300])))
    kind = draw(st.sampled_from(["AMB", "VR", "EMER", "IMP", "IMP", "ACUTE", "NONAC"]))
    more: Resource = (
        {"type": [codes(("http://snomed.info/sct", draw(st.sampled_from(STAYS))))]} if draw(st.booleans()) else {}
    )
    if draw(st.booleans()):
        system, _, code = draw(st.sampled_from(SPECIALTIES)).codes[0].rpartition("|")
        more["serviceType"] = codes((system, code))
    zone = draw(st.sampled_from(["Z", "-05:00"]))
    ends = draw(st.sampled_from([end.isoformat() + zone, end.isoformat() + zone, None]))
    return encounter(ident, kind, begun.isoformat() + zone, ends, of, **more)


@st.composite
def orders(draw: st.DrawFn, ident: str, of: str) -> Resource:
    code = draw(st.sampled_from(draw(st.sampled_from(MEDICINES)).codes)).rpartition("|")[2]
    made = order(ident, code, draw(moments()), of)
    if draw(st.booleans()):
        made["dispenseRequest"] = {"validityPeriod": {"end": draw(moments())}}
    if draw(st.integers(0, 2)) == 0:
        del made["medicationCodeableConcept"]
        medicine = draw(references("Medication", st.sampled_from(["m0", "m1", "gone"])))
        made["medicationReference"] = {"reference": medicine}
    elif draw(st.integers(0, 2)) == 0:
        made["medicationCodeableConcept"] = {"text": draw(st.sampled_from(CALLED)), "coding": [{"code": "local"}]}
    return made | draw(st.sampled_from([{}, {}, {"doNotPerform": True}, {"status": "stopped"}]))


@st.composite
def procedures(draw: st.DrawFn, ident: str, of: str) -> Resource:
    system, _, code = draw(st.sampled_from(draw(st.sampled_from(DONE)).codes)).rpartition("|")
    status = draw(st.sampled_from(["completed", "completed", "completed", "not-done", "stopped", "preparation"]))
    return {"resourceType": "Procedure", "id": ident, "status": status, "subject": subject(of),
            "code": codes((system, code)), "performedDateTime": draw(moments())}  # fmt: skip


@st.composite
def vaccines(draw: st.DrawFn, ident: str, of: str) -> Resource:
    system, _, code = draw(st.sampled_from(draw(st.sampled_from(VACCINES)).codes)).rpartition("|")
    return {"resourceType": "Immunization", "id": ident, "status": draw(st.sampled_from(["completed", "not-done"])),
            "patient": subject(of), "vaccineCode": codes((system, code)),
            "occurrenceDateTime": draw(moments())}  # fmt: skip


@st.composite
def allergies(draw: st.DrawFn, ident: str, of: str) -> Resource:
    code = draw(st.sampled_from(draw(st.sampled_from(MEDICINES)).codes)).rpartition("|")[2]
    return {"resourceType": "AllergyIntolerance", "id": ident, "patient": subject(of),
            "code": codes(("http://www.nlm.nih.gov/research/umls/rxnorm", code)),
            "clinicalStatus": codes((None, draw(st.sampled_from(["active", "resolved"])))),
            "recordedDate": draw(moments() | st.none())}  # fmt: skip


@st.composite
def people(draw: st.DrawFn, of: str) -> Resource:
    more = draw(
        st.sampled_from(
            [
                {},
                {},
                {},
                {"deceasedBoolean": True},
                {"deceasedDateTime": "2026-01-05"},
                {"deceasedDateTime": "2026-07-05"},
                {"gender": "other"},
                {"birthDate": None},
            ]
        )
    )
    born = draw(
        st.sampled_from(["1960-03-15", "1951-07", "1948", "2024-02-29", "2000-06-30", "2000-07-01", "2025-09-01"])
    )
    return patient(of, **({"birthDate": born} | more))


@st.composite
def histories(draw: st.DrawFn, of: str) -> list[bytes]:
    """One person's lines: a few resources, some in two versions, in any order, with some lines that are broken."""
    makers = (
        measurements,
        measurements,
        measurements,
        pressures,
        smoking,
        conditions,
        conditions,
        encounters,
        encounters,
        orders,
        procedures,
        vaccines,
        allergies,
    )
    made = [draw(people(of))]
    for number in range(draw(st.integers(0, 14))):
        ident = f"{of}-{draw(st.integers(0, number))}"  # the same id again is another version
        resource = draw(draw(st.sampled_from(makers))(ident, of))
        made.append(resource | {"subject": {"reference": draw(references("Patient", st.just(of)))}})
    stamps = st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2026-01-01T02:00:00+01:00", None])
    lines = [as_line(resource | {"meta": {"lastUpdated": draw(stamps)}}) for resource in made]
    spoiled = draw(
        st.lists(st.sampled_from([b"{", b'{"resourceType":"Observation","id":"x"}', b"[]", lines[-1]]), max_size=2)
    )
    return draw(st.permutations([*lines, *spoiled]))


def medicines(codes_of: Iterable[str]) -> list[bytes]:
    """The Medication resources that orders may refer to; they belong to nobody."""
    system = "http://www.nlm.nih.gov/research/umls/rxnorm"
    return [
        as_line({"resourceType": "Medication", "id": ident, "code": codes((system, code))})
        for ident, code in zip(MEDICINE_IDS, codes_of, strict=True)
    ]


def as_line(resource: dict[str, Any]) -> bytes:
    return json.dumps(resource).encode()
