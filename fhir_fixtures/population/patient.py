"""Patient and AllergyIntolerance: US Core demographics drawn apart from everything that drives the course."""

from __future__ import annotations

from typing import Any

from . import catalogue
from .dates import DAY, day, local
from .draw import weighted, whole
from .profile import Profile
from .record import PROFILE, SNOMED, TERM, Record, Resource, concept, flag
from .shared import ORGANIZATIONS, PRACTITIONERS

_OMB = "urn:oid:2.16.840.1.113883.6.238"
_UNKNOWN = TERM + "v3-NullFlavor"


def patient(record: Record, profile: Profile, index: int, last: int) -> Resource:
    """The Patient; ``last`` is the minute of the newest change to it."""
    rng, people = record.rng, catalogue.load("people")
    given = people[f"given_{profile.sex}"]
    updated = (profile.death * DAY + 600) if profile.death is not None else last
    body: Resource = {
        "resourceType": "Patient", "id": record.patient,
        "meta": {**record.meta(updated), "profile": [PROFILE + "patient"]},
        "extension": _extensions(record, profile, people),
        "identifier": [{"use": "usual", "type": concept((TERM + "v2-0203", "MR", "Medical Record Number")),
                        "system": "urn:oid:2.16.840.1.113883.3.9999.1", "value": f"MRN-{index + 1:07d}"}],
        "active": True,
        "name": [{"use": "official", "family": people["family"][int(rng.random() * len(people["family"]))],
                  "given": [given[int(rng.random() * len(given))], given[int(rng.random() * len(given))][0]]}],
        "telecom": [{"system": "phone", "use": "home",
                     "value": f"555-{whole(rng, 100, 999)}-{whole(rng, 0, 9999):04d}"}],
        "gender": profile.sex, "birthDate": day(profile.birth), "address": [_address(record, profile, people)],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en-US"}]}}],
        "generalPractitioner": [PRACTITIONERS[index % len(PRACTITIONERS)]],
        "managingOrganization": ORGANIZATIONS[index % len(ORGANIZATIONS)]}
    if profile.death is not None:
        body["deceasedDateTime"] = local(profile.death * DAY + 300, profile.zone)
    return body


def _extensions(record: Record, profile: Profile, people: dict[str, Any]) -> list[Resource]:
    rng = record.rng
    race = weighted(rng, [(row, row[2]) for row in people["race"]]) or people["race"][0]
    system = _UNKNOWN if race[0] == "ASKU" else _OMB
    hispanic = rng.random() < people["hispanic"]
    ethnicity = ("2135-2", "Hispanic or Latino") if hispanic else ("2186-5", "Not Hispanic or Latino")
    return [
        {"url": PROFILE + "race", "extension": [
            {"url": "ombCategory", "valueCoding": {"system": system, "code": race[0], "display": race[1]}},
            {"url": "text", "valueString": race[1]}]},
        {"url": PROFILE + "ethnicity", "extension": [
            {"url": "ombCategory", "valueCoding": {"system": _OMB, "code": ethnicity[0], "display": ethnicity[1]}},
            {"url": "text", "valueString": ethnicity[1]}]},
        {"url": PROFILE + "birthsex", "valueCode": "F" if profile.sex == "female" else "M"}]


def _address(record: Record, profile: Profile, people: dict[str, Any]) -> Resource:
    street = people["street"][int(record.rng.random() * len(people["street"]))]
    place = profile.place
    return {"use": "home", "line": [f"{whole(record.rng, 1, 899)} {street}"], "city": place["city"],
            "state": place["state"], "postalCode": place["postal"], "country": "US"}


def allergies(record: Record, t: int) -> list[Resource]:
    """Known allergies, recorded at the first contact (minute t)."""
    return [_allergy(record, body, t) for body in catalogue.load("services")["allergy"].values()
            if record.rng.random() < body["p"]]


def _allergy(record: Record, body: dict[str, Any], t: int) -> Resource:
    code, display = body["snomed"]
    return {"resourceType": "AllergyIntolerance", "id": record.new_id(), "meta": record.meta(t),
            "clinicalStatus": flag("allergyintolerance-clinical", "active"),
            "verificationStatus": flag("allergyintolerance-verification", "confirmed"),
            "type": "allergy", "category": [body["category"]], "criticality": "low",
            "code": concept((SNOMED, code, display)), "patient": record.subject,
            "recordedDate": local(t, record.zone)}
