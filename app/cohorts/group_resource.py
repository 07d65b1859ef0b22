"""A risk group as a FHIR R4 Group: its definition for sharing (actual false), or the listed patients (actual true)."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.chart.cells import SMALLEST_SHOWN
from app.registry import Ehr
from app.serving import Release

SYSTEM = "urn:kindred:risk-group"


def definition(release: Release, group: Mapping[str, Any]) -> bytes:
    """The group of a release without anybody in it: who belongs is whoever that release places there."""
    n = group["n"]
    counted = {"quantity": n} if isinstance(n, int) and n >= SMALLEST_SHOWN else {}
    return _checked(_body(release, group) | {"actual": False} | counted)


def members(release: Release, group: Mapping[str, Any], ehr: Ehr, patients: Sequence[str]) -> bytes:
    """The patients of one page of the list, by absolute references to the EHR that they belong to.

    Raises ValueError where there is nobody: such a Group would say that the group is empty.
    """
    if not patients:
        raise ValueError("nobody is on this list")
    named = [{"entity": {"reference": f"{ehr.issuer.rstrip('/')}/Patient/{one}"}} for one in patients]
    return _checked(_body(release, group) | {"actual": True, "quantity": len(named), "member": named})


def _body(release: Release, group: Mapping[str, Any]) -> dict[str, Any]:
    place = f"{release.release_id}/{group['rank']}"
    name = f"Risk group {group['rank']}: {group['name']}"
    code = {"coding": [{"system": SYSTEM, "code": place, "display": group["name"]}], "text": name}
    return {
        "resourceType": "Group",
        "identifier": [{"system": SYSTEM, "value": place}],
        "active": True,
        "type": "person",
        "code": code,
        "name": name,
        "characteristic": [
            {"code": {"text": "Risk group by Kindred"}, "valueCodeableConcept": code, "exclude": False,
             "period": {"start": release.as_of}},
            *_rule(group),
        ],
    }  # fmt: skip


def _rule(group: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the group has in common: a rule holds for all of them, the other groups lie closest to a centre."""
    code = "Rule that decides" if group.get("rule") else "Closest centre among the groups of the release; mostly"
    said = group.get("description") or group["name"]
    return [{"code": {"text": code}, "valueCodeableConcept": {"text": said}, "exclude": False}]


def _checked(body: dict[str, Any]) -> bytes:
    """The resource as JSON, after fhir.resources has looked at it. Raises its ValidationError (a ValueError)."""
    from fhir.resources.R4B.group import Group  # takes a second to import, and only downloads need it

    return Group.model_validate(body).model_dump_json(exclude_none=True, indent=1).encode()
