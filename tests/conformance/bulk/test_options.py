"""Options of Bulk Data 3.0 and the 4.0 ballot: pages, separate status, blocks by patient, filters, POST."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.conformance.bulk.caller import Caller, counts, issue
from tests.conformance.bulk.live import Live, live_sandbox, resource

SEPARATE = {"Prefer": "respond-async, separate-export-status"}


def parameters(*named: tuple[str, Any]) -> dict[str, Any]:
    kinds = {bool: "valueBoolean", str: "valueString", dict: "valueReference"}
    return {"resourceType": "Parameters", "parameter": [{"name": n, kinds[type(v)]: v} for n, v in named]}


def test_a_separate_status_leaves_http_to_the_request(caller: Caller) -> None:
    kick_off = caller.call("GET", "/fhir/$export?_type=Patient", headers=SEPARATE)
    assert kick_off.headers["Preference-Applied"] == "respond-async, separate-export-status"
    status = kick_off.headers["Content-Location"]
    first = caller.call("GET", status)
    assert (first.status_code, first.headers["X-Export-Status"], first.get_data()) == (200, "202 Accepted", b"")
    while (done := caller.call("GET", status)).headers["X-Export-Status"] == "202 Accepted":
        assert done.status_code == 200
    assert (done.status_code, done.headers["X-Export-Status"]) == (200, "200 OK")
    assert counts(orjson.loads(done.get_data())) == {"Patient": 20}
    caller.job(status).problem = True
    assert (failed := caller.call("GET", status)).headers["X-Export-Status"] == "500 Internal Server Error"
    assert issue(failed) == (200, "exception")


def test_parts_of_a_manifest_come_while_the_job_runs_and_stay_as_they_were(caller: Caller) -> None:
    types = "Observation,Patient,Condition"
    url = caller.start(f"/~job-slow=600/fhir/$export?allowPartialManifests=true&_type={types}")
    while not (early := caller.call("GET", url)).get_data():
        assert early.status_code == 202
    assert (early.status_code, early.mimetype, early.headers["Retry-After"]) == (202, "application/json", "1")
    part = orjson.loads(early.get_data())
    assert len(part["output"]) == 5 and caller.lines(part["output"][0])
    caller.job(url).shortest = 0
    whole = orjson.loads(caller.wait(url).get_data())
    assert whole["output"] == part["output"] and whole["link"][0]["relation"] == "next"
    rest = orjson.loads(caller.wait(whole["link"][0]["url"]).get_data())
    same = set(whole) - {"output", "deleted", "link"}
    assert {name: rest[name] for name in same} == {name: whole[name] for name in same}
    assert "link" not in rest


def test_without_allow_partial_manifests_a_running_job_shows_none(caller: Caller) -> None:
    url = caller.start("/~job-slow=600/fhir/$export?_type=Observation,Patient,Condition")
    while not caller.job(url).planned:
        pass
    assert caller.call("GET", url).get_data() == b""
    caller.job(url).shortest = 0
    assert len(orjson.loads(caller.wait(url).get_data())["output"]) == 7


def test_all_pages_repeat_the_errors(caller: Caller) -> None:
    lenient = {"Prefer": "respond-async, handling=lenient"}
    url: str | None = caller.start("/fhir/$export?allowPartialManifests=true&_odd=1", headers=lenient)
    pages = []
    while url:
        pages.append(orjson.loads(caller.wait(url).get_data()))
        url = next((link["url"] for link in pages[-1].get("link", [])), None)
    assert len(pages) > 1 and all(len(page["error"]) == 1 for page in pages)


@pytest.fixture(scope="module")
def small_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_sandbox(tmp_path_factory.mktemp("small"), lines_per_file=10) as live:
        yield live


@pytest.mark.parametrize(("types", "per_block", "files"), [
    ("Patient,Condition", 3, [9] * 6 + [6]),  # three blocks of header and three resources fit in no file of ten
    ("Patient,Condition,Observation", 13, None)])
def test_output_is_organized_in_blocks(types: str, per_block: int, files: list[int] | None, small_files: Live) -> None:
    caller = Caller(small_files)
    manifest = caller.manifest(f"/fhir/Patient/$export?organizeOutputBy=Patient&_type={types}")
    assert manifest["outputOrganizedBy"] == "Patient"
    assert all("type" not in item for item in manifest["output"])
    blocks: dict[str, list[dict[str, Any]]] = {}
    for item in manifest["output"]:
        lines = caller.lines(item)
        assert len(lines) == item["count"] <= 10
        assert lines[0]["resourceType"] == "Parameters"
        for line in lines:
            if line["resourceType"] == "Parameters":
                block = line["parameter"][0]["valueReference"]["reference"]
            else:
                blocks.setdefault(block, []).append(line)
    assert {len(block) for block in blocks.values()} == {per_block} and len(blocks) == 20
    for patient, block in blocks.items():
        assert f"Patient/{block[0]['id']}" == patient
        assert {one["subject"]["reference"] for one in block[1:]} == {patient}


def test_a_block_that_is_too_long_goes_on_in_the_file_that_is_named(small_files: Live) -> None:
    caller = Caller(small_files)
    manifest = caller.manifest("/fhir/$export?organizeOutputBy=Patient")
    split = [(item, following) for item, following in zip(manifest["output"], manifest["output"][1:], strict=False)
             if "continuesInFile" in item]
    assert split
    for item, following in split:
        assert item["continuesInFile"] == following["url"]
        assert caller.lines(following)[0] == caller.lines(item)[0]


@pytest.mark.parametrize(("prefix", "answer"), [
    ("organize-refused", (400, "not-supported")), ("organize-ignored", "as if it had not been asked")])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_server_may_refuse_or_ignore_blocks(prefix: str, answer: Any, method: str, caller: Caller) -> None:
    named = [("organizeOutputBy", "Patient"), ("_type", "Patient")]
    query = "" if method == "POST" else "?" + "&".join("=".join(pair) for pair in named)
    more = {"json": parameters(*named)} if method == "POST" else {}
    path = f"/~{prefix}/fhir/$export{query}"
    if isinstance(answer, tuple):
        assert issue(caller.call(method, path, **more)) == answer
        return
    manifest = caller.manifest(path, method=method, **more)
    assert "outputOrganizedBy" not in manifest and counts(manifest) == {"Patient": 20}


@pytest.mark.parametrize(("query", "expected"), [
    ("_type=Patient,Condition", {"Patient": 20, "Condition": 40}),
    ("_type=Patient&_type=Condition", {"Patient": 20, "Condition": 40}),
    ("_type=Observation&_typeFilter=Observation%3Fcode%3D4548-4", {"Observation": 100}),
    ("_type=Observation&_typeFilter=Observation%3Fcode%3D4548-4%2C2160-0", {"Observation": 200}),
    ("_type=Observation,Patient&_typeFilter=Observation%3Fcode%3D4548-4,Patient%3F_id%3Dnobody", {"Observation": 100}),
    ("_type=Observation&_typeFilter=Observation%3Fcode%3D4548-4&_typeFilter=Observation%3Fcode%3D2160-0",
     {"Observation": 200}),
    ("_type=Observation&_typeFilter=Patient%3F_id%3Dnobody", {"Observation": 200})])
def test_lists_by_comma_and_by_repeating(query: str, expected: dict[str, int], caller: Caller) -> None:
    assert counts(caller.manifest(f"/fhir/$export?{query}")) == expected


@pytest.mark.parametrize(("query", "method", "status"), [
    ("?_type=Patient,Condition", "GET", 202), ("?_type=Patient&_type=Condition", "GET", 400),
    ("", "POST", 400)])
def test_oracle_refuses_a_repeated_type(query: str, method: str, status: int, caller: Caller) -> None:
    more = {"json": parameters(("_type", "Patient"), ("_type", "Condition"))} if method == "POST" else {}
    path = f"/~repeated-type-refused/fhir/$export{query}"
    assert caller.call(method, path, **more).status_code == status


@pytest.mark.parametrize(("level", "expected"), [("Patient/", 2), ("Group/clinic-north/", 1)])
def test_patients_are_named_by_post_at_patient_and_group_level(
    level: str, expected: int, sandbox: Live, caller: Caller
) -> None:
    body = orjson.loads(caller.call("GET", "/fhir/Group/clinic-north").get_data())
    inside = body["member"][0]["entity"]
    members = {one["entity"]["reference"] for one in body["member"]}
    outside = next({"reference": f"Patient/patient-{n}"} for n in range(20) if f"Patient/patient-{n}" not in members)
    named = parameters(("_type", "Patient"), ("patient", inside), ("patient", outside))
    assert counts(caller.manifest(f"/fhir/{level}$export", method="POST", json=named)) == {"Patient": expected}


def test_the_ballot_takes_post_without_comma_lists_and_has_another_manifest(caller: Caller) -> None:
    path = "/~manifest-stu4/fhir/$export"
    assert caller.call("GET", path).status_code == 405
    assert issue(caller.call("POST", path, json=parameters(("_type", "Patient,Condition"))))[0] == 400
    named = parameters(("_type", "Patient"), ("_type", "Condition"))
    manifest = caller.manifest(path, method="POST", json=named)
    assert counts(manifest) == {"Patient": 20, "Condition": 40}
    assert not {"error", "request"} & set(manifest) and manifest["outcome"] == []
    assert manifest["manifestType"].endswith("/BulkDataManifest")
    assert (manifest["outputFormat"], manifest["extension"]) == ("application/fhir+ndjson", [])


PROVENANCES = [("new", "2026-02-01", "1"), ("old", "2026-01-01", "1"), ("other", "2025-01-01", "2")]


@pytest.mark.parametrize(("value", "expected"), [
    ("LatestProvenanceResources", {"new", "other"}), ("RelevantProvenanceResources", {"old", "new", "other"}),
    (None, None)])
def test_associated_data(value: str | None, expected: set[str] | None, tmp_path: Path) -> None:
    data = [("Patient", resource("Patient", number)) for number in (1, 2)]
    data += [("Provenance", orjson.dumps({"resourceType": "Provenance", "id": name, "recorded": f"{day}T00:00:00Z",
                                          "target": [{"reference": f"Patient/patient-{patient}"}]}))
             for name, day, patient in PROVENANCES]
    with live_sandbox(tmp_path, data=data) as live:
        caller = Caller(live)
        more = f"&includeAssociatedData={value}" if value else ""
        found = caller.resources(caller.manifest(f"/fhir/$export?_type=Patient{more}"), "Provenance")
        assert {one["id"] for one in found} == (expected or set())
