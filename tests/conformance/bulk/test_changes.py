"""The sandbox's data change while it runs, and an export with `_since` holds exactly what changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.conformance.bulk.caller import Caller, counts, issue
from tests.conformance.bulk.live import Live, live_sandbox, resource

NDJSON = {"Content-Type": "application/fhir+ndjson"}
DELETE = [{"request": {"method": "DELETE", "url": url}} for url in ("Observation/observation-3", "Condition/none")]


@pytest.fixture
def changing(tmp_path: Path) -> Iterator[Live]:
    with live_sandbox(tmp_path) as live:
        yield live


@pytest.fixture
def admin(changing: Live) -> Caller:
    return Caller(changing, "system/*.cruds")


def now(caller: Caller) -> str:
    """The transactionTime of an export, for the next one's `_since`."""
    return str(caller.manifest("/fhir/$export?_type=Medication")["transactionTime"])


def post(caller: Caller, *lines: Any) -> dict[str, Any]:
    body = b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines)
    response = caller.call("POST", "/changes", data=body, headers=NDJSON)
    assert response.status_code == 200, response.get_data()
    told: dict[str, Any] = orjson.loads(response.get_data())
    return told


def since(caller: Caller, instant: str, level: str = "", more: str = "") -> dict[str, Any]:
    return caller.manifest(f"/fhir/{level}$export?_since={instant}{more}")


def patient_of(caller: Caller, group: str, member: bool) -> str:
    """Somebody who is, or is not, in a group."""
    body = orjson.loads(caller.call("GET", f"/fhir/Group/{group}").get_data())
    inside = {one["entity"]["reference"].partition("/")[2] for one in body["member"]}
    return next(f"patient-{n}" for n in range(20) if (f"patient-{n}" in inside) == member)


def test_an_update_is_a_new_version_that_stands_alone(admin: Caller) -> None:
    body = orjson.loads(resource("Observation", 3, status="amended"))
    before = now(admin)
    answer = admin.call("PUT", "/fhir/Observation/observation-3", json=body)
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    read = orjson.loads(admin.call("GET", "/fhir/Observation/observation-3").get_data())
    assert (read["status"], read["meta"]["versionId"]) == ("amended", "2")
    assert read["meta"]["lastUpdated"] > before
    assert admin.call("GET", "/fhir/Observation/observation-3/_history/2").status_code == 200
    assert admin.call("GET", "/fhir/Observation/observation-3/_history/1").status_code == 404
    assert counts(admin.manifest("/fhir/$export?_type=Observation")) == {"Observation": 200}


def test_a_deletion_is_gone_and_may_come_back_as_a_further_version(admin: Caller) -> None:
    assert admin.call("DELETE", "/fhir/Observation/observation-3").status_code == 204
    assert admin.call("DELETE", "/fhir/Observation/observation-3").status_code == 204
    assert issue(admin.call("GET", "/fhir/Observation/observation-3")) == (410, "deleted")
    again = admin.call("PUT", "/fhir/Observation/observation-3", json=orjson.loads(resource("Observation", 3)))
    assert (again.status_code, again.headers["ETag"]) == (201, 'W/"3"')
    assert admin.call("GET", "/fhir/Observation/observation-3").status_code == 200


def test_since_holds_what_changed_after_it_and_nothing_twice(admin: Caller) -> None:
    start = now(admin)
    subject = {"reference": "Patient/patient-1"}
    told = post(admin, resource("Observation", 900, subject=subject), resource("Condition", 1, subject=subject),
                {"resourceType": "Bundle", "type": "transaction", "entry": DELETE})
    assert told == {"created": 1, "updated": 1, "deleted": 1}
    first = since(admin, start)
    assert counts(first) == {"Observation": 1, "Condition": 1}
    assert admin.resources(first, "Observation")[0]["id"] == "observation-900"
    assert admin.deleted(first) == ["Observation/observation-3"]
    assert (since(admin, first["transactionTime"])["output"], now(admin) > start) == ([], True)
    post(admin, resource("Observation", 3, subject=subject))  # what was deleted comes back
    second = since(admin, start)
    assert (counts(second)["Observation"], admin.deleted(second)) == (2, [])
    assert counts(since(admin, first["transactionTime"])) == {"Observation": 1}


def test_until_ends_the_window_of_output_and_deletions(admin: Caller) -> None:
    start = now(admin)
    post(admin, resource("Observation", 901), {"resourceType": "Bundle", "entry": DELETE})
    middle = now(admin)
    post(admin, resource("Observation", 902),
         {"resourceType": "Bundle", "entry": [{"request": {"method": "DELETE", "url": "Observation/observation-4"}}]})
    found = since(admin, start, more=f"&_until={middle}")
    assert [one["id"] for one in admin.resources(found, "Observation")] == ["observation-901"]
    assert admin.deleted(found) == ["Observation/observation-3"]


def test_without_since_no_deletion_is_told(admin: Caller) -> None:
    admin.call("DELETE", "/fhir/Observation/observation-3")
    whole = admin.manifest("/fhir/$export?_type=Observation")
    assert (counts(whole), whole["deleted"]) == ({"Observation": 199}, [])


@pytest.mark.parametrize(("query", "told"), [
    ("", 2), ("&_type=Observation", 1), ("&_type=Medication", 0),
    ("&_type=Observation&_typeFilter=Observation%3Fcode=4548-4", 1),
    ("&_type=Observation&_typeFilter=Observation%3Fcode=2160-0", 0)])
def test_deletions_match_the_request_as_the_resources_did(query: str, told: int, admin: Caller) -> None:
    start = now(admin)
    admin.call("DELETE", "/fhir/Observation/observation-3")
    admin.call("DELETE", "/fhir/Patient/patient-2")
    assert len(admin.deleted(since(admin, start, more=query))) == told


def test_a_group_tells_deletions_of_its_own_members_only(admin: Caller) -> None:
    start = now(admin)
    member, other = (patient_of(admin, "clinic-north", inside) for inside in (True, False))
    for patient in (member, other):
        admin.call("DELETE", f"/fhir/Observation/observation-{patient.rpartition('-')[2]}")
    admin.call("DELETE", f"/fhir/Patient/{member}")
    gone = admin.deleted(since(admin, start, "Group/clinic-north/"))
    assert sorted(gone) == [f"Observation/observation-{member.rpartition('-')[2]}", f"Patient/{member}"]


@pytest.mark.parametrize(("prefix", "whole"), [("", False), ("/~group-since-new-members", True)])
def test_a_group_that_changes_is_seen_by_its_ids(prefix: str, whole: bool, admin: Caller) -> None:
    """New members' older data come with `_since` only where the server supports that."""
    start = now(admin)
    group = orjson.loads(admin.call("GET", "/fhir/Group/clinic-north").get_data())
    new, leaver = patient_of(admin, "clinic-north", False), patient_of(admin, "clinic-north", True)
    stay = [one for one in group["member"] if one["entity"]["reference"] != f"Patient/{leaver}"]
    group["member"] = [*stay, {"entity": {"reference": f"Patient/{new}"}}]
    assert admin.call("PUT", "/fhir/Group/clinic-north", json=group).status_code == 200
    listed = admin.manifest("/fhir/Group/clinic-north/$export?_type=Patient&_elements=id")
    ids = {one["id"] for one in admin.resources(listed, "Patient")}
    assert new in ids and leaver not in ids and len(ids) == len(group["member"])
    changes = admin.manifest(f"{prefix}/fhir/Group/clinic-north/$export?_since={start}")
    assert counts(changes) == ({"Patient": 1, "Condition": 2, "Observation": 10} if whole else {})
    parameters = {"resourceType": "Parameters", "parameter": [
        {"name": "patient", "valueReference": {"reference": f"Patient/{new}"}}]}
    one = admin.manifest("/fhir/Group/clinic-north/$export", method="POST", json=parameters)
    assert counts(one) == {"Patient": 1, "Condition": 2, "Observation": 10}


def test_an_export_is_of_one_instant_whatever_changes_meanwhile(admin: Caller) -> None:
    status = admin.start("/~job-slow=600/fhir/$export?_type=Observation")
    while not admin.job(status).planned:
        pass
    admin.call("DELETE", "/fhir/Observation/observation-3")
    admin.call("PUT", "/fhir/Observation/observation-4", json=orjson.loads(resource("Observation", 4, status="x")))
    admin.job(status).shortest = 0
    manifest = orjson.loads(admin.wait(status).get_data())
    statuses = [one["status"] for one in admin.resources(manifest, "Observation")]
    assert (len(statuses), set(statuses)) == (200, {"final"})
    later = since(admin, manifest["transactionTime"])
    assert (counts(later), admin.deleted(later)) == ({"Observation": 1}, ["Observation/observation-3"])


@pytest.mark.parametrize(("scope", "status"), [
    ("system/*.cruds", 200), ("system/Observation.u", 200), ("system/*.rs", 403), ("patient/*.cruds", 403),
    ("system/Condition.cruds", 403), ("system/Observation.u?category=laboratory", 403)])
def test_an_update_needs_a_system_scope_for_the_type(scope: str, status: int, changing: Live) -> None:
    body = orjson.loads(resource("Observation", 3))
    assert Caller(changing, scope).call("PUT", "/fhir/Observation/observation-3", json=body).status_code == status


@pytest.mark.parametrize(("lines", "headers", "address", "status"), [
    (b'{"resourceType":"Patient","id":"n"}', NDJSON, "127.0.0.1", 200),
    (b'{"resourceType":"Patient","id":"n"}', NDJSON, "10.0.0.9", 403),
    (b'{"resourceType":"Patient","id":"n"}', {"Content-Type": "text/plain"}, "127.0.0.1", 415),
    (b'{"resourceType":"Patient","id":"n"}\n{"resourceType":"Patient"}', NDJSON, "127.0.0.1", 400),
    (b'{"resourceType":"Patient","id":"n"}\n{"resource', NDJSON, "127.0.0.1", 400),
    (b'{"resourceType":"Bundle","entry":[{"request":{"method":"PUT","url":"Patient/n"}}]}', NDJSON, "127.0.0.1", 400)])
def test_posted_changes_are_taken_whole_from_this_machine(
    lines: bytes, headers: dict[str, str], address: str, status: int, admin: Caller
) -> None:
    answer = admin.call("POST", "/changes", data=lines, headers=headers, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == status
    assert admin.call("GET", "/fhir/Patient/n").status_code == (200 if status == 200 else 404)
