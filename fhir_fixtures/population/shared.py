"""Organizations, Locations and Practitioners that everybody's resources point to."""

from __future__ import annotations

from functools import lru_cache

import orjson

from .record import PROFILE, TERM, Resource

_CLINICS = (("general-hospital", "Harbor General Hospital", "Fairhaven", "MA"),
            ("family-clinic", "Riverside Family Clinic", "Lakewood", "OH"),
            ("community-center", "Brookfield Community Health Center", "Brookfield", "WI"))
_CLINICIANS = (("amara-osei", "Osei", "Amara", "1234567893"), ("jonas-weber", "Weber", "Jonas", "1245319599"),
               ("lucia-ferrari", "Ferrari", "Lucia", "1003000126"), ("daniel-cho", "Cho", "Daniel", "1497758544"))
_UPDATED = "2015-01-05T14:00:00.000Z"

ORGANIZATIONS = [{"reference": f"Organization/{key}", "display": name} for key, name, _, _ in _CLINICS]
PRACTITIONERS = [{"reference": f"Practitioner/{key}", "display": f"Dr. {given} {family}"}
                 for key, family, given, _ in _CLINICIANS]
LOCATIONS = [{"reference": f"Location/{key}-main", "display": name} for key, name, _, _ in _CLINICS]


def _meta(profile: str) -> Resource:
    return {"versionId": "1", "lastUpdated": _UPDATED, "profile": [PROFILE + profile]}


def _organization(key: str, name: str, city: str, state: str) -> Resource:
    kind = {"coding": [{"system": TERM + "organization-type", "code": "prov", "display": "Healthcare Provider"}]}
    return {"resourceType": "Organization", "id": key, "meta": _meta("organization"), "active": True, "type": [kind],
            "name": name, "telecom": [{"system": "phone", "value": "555-0100", "use": "work"}],
            "address": [{"line": ["1 Hospital Road"], "city": city, "state": state, "country": "US"}]}


def _location(key: str, name: str, city: str, state: str) -> Resource:
    return {"resourceType": "Location", "id": f"{key}-main", "meta": _meta("location"), "status": "active",
            "name": name, "address": {"line": ["1 Hospital Road"], "city": city, "state": state, "country": "US"},
            "managingOrganization": {"reference": f"Organization/{key}"}}


def _practitioner(key: str, family: str, given: str, npi: str) -> Resource:
    return {"resourceType": "Practitioner", "id": key, "meta": _meta("practitioner"), "active": True,
            "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": npi}],
            "name": [{"use": "official", "family": family, "given": [given], "prefix": ["Dr."]}]}


@lru_cache(maxsize=1)
def _resources() -> tuple[tuple[str, bytes], ...]:
    rows = [_organization(*row) for row in _CLINICS] + [_location(*row) for row in _CLINICS]
    rows += [_practitioner(*row) for row in _CLINICIANS]
    return tuple((row["resourceType"], orjson.dumps(row)) for row in rows)


def shared_resources() -> list[tuple[str, bytes]]:
    """(resourceType, NDJSON line) of every shared resource; the same for each population."""
    return list(_resources())
