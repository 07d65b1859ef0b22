"""`$export` of the sandbox as the Bulk Data IG 3.0 asks, request by request."""

import gzip
from pathlib import Path

import orjson
import pytest

from tests.conformance.bulk.caller import Caller, counts, issue
from tests.conformance.bulk.live import Live, live_sandbox


def test_status_is_202_with_progress_then_a_manifest_that_expires(caller: Caller) -> None:
    status = caller.start("/fhir/$export?_type=Patient")
    first = caller.call("GET", status)
    assert first.status_code == 202 and first.headers["Retry-After"] == "1"
    assert 0 < len(first.headers["X-Progress"]) < 100
    done = caller.wait(status)
    manifest = orjson.loads(done.get_data())
    assert done.headers["Expires"].endswith("GMT") and done.mimetype == "application/json"
    assert manifest["request"] == "http://localhost/fhir/$export?_type=Patient"
    assert manifest["requiresAccessToken"] is True
    assert (manifest["deleted"], manifest["error"]) == ([], [])
    assert counts(manifest) == {"Patient": 20}


def test_files_hold_the_counted_lines_as_they_were_loaded_plain_and_gzipped(sandbox: Live, caller: Caller) -> None:
    manifest = caller.manifest("/fhir/$export?_type=Observation")
    assert [item["count"] for item in manifest["output"]] == [40] * 5
    stored = [body for chunk in sandbox.store.chunks("Observation") for _, body in chunk]
    for number, item in enumerate(manifest["output"]):
        plain = caller.call("GET", item["url"])
        packed = caller.call("GET", item["url"], headers={"Accept-Encoding": "gzip"})
        assert plain.get_data().splitlines() == stored[number * 40: number * 40 + 40]
        assert int(plain.headers["Content-Length"]) == len(plain.get_data())
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.get_data()) == plain.get_data()


def test_system_level_has_everything_patient_level_the_compartments_group_level_its_members(caller: Caller) -> None:
    system = counts(caller.manifest("/fhir/$export"))
    patient = counts(caller.manifest("/fhir/Patient/$export"))
    group = counts(caller.manifest("/fhir/Group/clinic-north/$export"))
    assert system.items() >= {"Patient": 20, "Condition": 40, "Observation": 200, "Medication": 3}.items()
    assert patient == {"Patient": 20, "Condition": 40, "Observation": 200}
    assert 0 < group["Patient"] < 20
    assert group == {kind: group["Patient"] * n for kind, n in (("Patient", 1), ("Condition", 2), ("Observation", 10))}
    assert issue(caller.call("GET", "/fhir/Group/none/$export")) == (404, "not-found")


def test_since_until_elements_and_type_filter_select(caller: Caller) -> None:
    window = "_since=2026-01-10T00:00:00Z&_until=2026-01-12T00:00:00Z"
    some = caller.resources(caller.manifest(f"/fhir/$export?_type=Patient&{window}"), "Patient")
    assert sorted(one["meta"]["lastUpdated"][:10] for one in some) == ["2026-01-11", "2026-01-12"]
    ids = caller.resources(caller.manifest("/fhir/$export?_type=Patient&_elements=gender"), "Patient")
    assert {tuple(sorted(one)) for one in ids} == {("gender", "id", "meta", "resourceType")}
    a1c = caller.manifest("/fhir/$export?_type=Observation,Patient&_typeFilter=Observation%3Fcode=4548-4")
    assert counts(a1c) == {"Observation": 100, "Patient": 20}
    both = "&".join(f"_typeFilter=Observation%3Fcode={code}" for code in ("4548-4", "2160-0"))
    assert counts(caller.manifest(f"/fhir/$export?_type=Observation&{both}")) == {"Observation": 200}


def test_unusable_lines_are_sent_raw_with_a_whole_export_and_with_no_other(tmp_path: Path) -> None:
    patient = b'{"resourceType":"Patient","id":"1","meta":{"lastUpdated":"2026-01-01T00:00:00Z"}}'
    with live_sandbox(tmp_path, data=[("Patient", patient), ("Patient", b'{"resourceType":"Pat')]) as live:
        caller = Caller(live)
        whole = caller.manifest("/fhir/$export?_type=Patient")
        assert [item["count"] for item in whole["output"]] == [1, 1]
        assert caller.call("GET", whole["output"][1]["url"]).get_data() == b'{"resourceType":"Pat\n'
        assert counts(caller.manifest("/fhir/Patient/$export")) == {"Patient": 1}


def test_post_takes_a_parameters_resource_and_named_patients(caller: Caller) -> None:
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "_type", "valueString": "Patient"}, {"name": "_type", "valueString": "Condition"},
        {"name": "patient", "valueReference": {"reference": "Patient/patient-3"}}]}
    manifest = caller.manifest("/fhir/Patient/$export", method="POST", json=body)
    assert counts(manifest) == {"Patient": 1, "Condition": 2}
    assert issue(caller.call("POST", "/fhir/$export", json=body)) == (400, "invalid")
    assert issue(caller.call("POST", "/fhir/$export", json={})) == (400, "structure")


def test_partial_manifests_come_in_pages_that_hold_each_file_once(caller: Caller) -> None:
    url: str | None = caller.start("/fhir/$export?allowPartialManifests=true&_type=Observation,Patient,Condition")
    pages = []
    while url:
        pages.append(orjson.loads(caller.wait(url).get_data()))
        links = pages[-1].get("link", [])
        url = links[0]["url"] if links else None
    assert [len(page["output"]) for page in pages] == [5, 2]
    assert len({item["url"] for page in pages for item in page["output"]}) == 7


def test_delete_answers_202_and_then_the_job_is_gone(caller: Caller) -> None:
    status = caller.start("/fhir/$export?_type=Patient")
    manifest = orjson.loads(caller.wait(status).get_data())
    assert caller.call("DELETE", status).status_code == 202
    assert issue(caller.call("GET", status)) == (404, "not-found")
    assert issue(caller.call("DELETE", status)) == (404, "not-found")
    assert issue(caller.call("GET", manifest["output"][0]["url"])) == (404, "not-found")


def test_every_call_needs_a_token_with_the_right_scopes(sandbox: Live, caller: Caller) -> None:
    bare = sandbox.app.test_client()
    status = caller.start("/fhir/$export?_type=Patient")
    manifest = orjson.loads(caller.wait(status).get_data())
    for path in ("/fhir/$export", status, manifest["output"][0]["url"]):
        assert bare.get(path.removeprefix("http://localhost")).status_code == 401
    patients = Caller(sandbox, "system/Patient.rs")
    assert issue(patients.call("GET", "/fhir/$export?_type=Observation")) == (403, "forbidden")
    assert counts(patients.manifest("/fhir/$export")) == {"Patient": 20}
    assert issue(Caller(sandbox, "patient/*.rs").call("GET", "/fhir/$export?_type=Patient")) == (403, "forbidden")
    stranger = Caller(sandbox, client_id="somebody-else")
    assert issue(stranger.call("GET", status)) == (404, "not-found")


@pytest.mark.parametrize(("query", "code"), [
    ("_since=2026", "value"), ("_outputFormat=text/csv", "not-supported"), ("includeAssociatedData=x", "not-supported"),
    ("organizeOutputBy=Location", "not-supported"), ("patient=1", "invalid"),
    ("_type=Observation&_typeFilter=Observation?colour=red", "not-supported")])
def test_what_cannot_be_honoured_is_refused(query: str, code: str, caller: Caller) -> None:
    assert issue(caller.call("GET", f"/fhir/$export?{query}")) == (400, code)


def test_lenient_handling_passes_over_what_is_unknown_and_says_so_in_an_error_file(caller: Caller) -> None:
    lenient = {"Prefer": "respond-async, handling=lenient"}
    manifest = caller.manifest("/fhir/$export?_type=Patient&organizeOutputBy=Location", headers=lenient)
    assert [item["count"] for item in manifest["error"]] == [1]
    outcome = orjson.loads(caller.call("GET", manifest["error"][0]["url"]).get_data())
    assert outcome["issue"][0]["severity"] == "warning"


def test_without_respond_async_and_with_too_many_jobs_it_is_refused(sandbox: Live) -> None:
    caller = Caller(sandbox, client_id="busy")
    assert issue(caller.call("GET", "/fhir/$export", headers={"Prefer": "handling=lenient"})) == (400, "invalid")
    answers = [caller.call("GET", "/fhir/$export?_type=Patient") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429]
    assert answers[-1].headers["Retry-After"] == "1"
