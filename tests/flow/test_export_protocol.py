"""What the export says to an EHR and understands of it, over HTTP: kick-off, tokens, status, log, cancellation."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from analytics.cli import commands
from analytics.config import Settings
from analytics.errors import EhrError, ExportError
from analytics.export import ExportOptions, export, job
from analytics.export.cancel import cancel_unfinished
from analytics.lake import Lake
from analytics.status import status
from tests.conformance.bulk.live import SOME_TYPES, Live, live_sandbox

OPTIONS = ExportOptions(types=SOME_TYPES, file_target_bytes=100_000)
COUNTS = {"Condition": 40, "Medication": 3, "Observation": 200, "Patient": 20}
Event = dict[str, Any]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_sandbox(tmp_path_factory.mktemp("sandbox")) as live:
        yield live


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/home/lake")


@pytest.fixture
def home(sandbox: Live, tmp_path: Path) -> Settings:
    """A home whose lake is `lake`, with the sandbox registered under faults that the test writes into the registry."""
    (tmp_path / "home").mkdir(exist_ok=True)
    sandbox.register(tmp_path / "home")
    return Settings.from_environment({"KINDRED_HOME": str(tmp_path / "home")})


def events(lake: Lake, path: str) -> list[Event]:
    return [json.loads(line) for line in lake.read_bytes(f"{path}/log.ndjson").splitlines()]


def detail(lake: Lake, path: str, event: str) -> Event:
    return next(one["eventDetail"] for one in events(lake, path) if one["eventId"] == event)


SURVIVED = {
    "a status address without host": "kickoff-relative-location",
    "POST that takes comma lists only": "kickoff-405,repeated-type-refused",
    "the 4.0 ballot, which takes no comma lists": "manifest-stu4",
    "a status that is asked for too often": "status-429=2",
    "a page of a proxy in place of the status": "status-html=2",
    "a Retry-After of hours": "retry-after-hours=6,kickoff-429=1,status-429=1",
    "tokens without expires_in": "token-no-expiry",
    "expires_in as text": "token-expiry-text",
    "expires_in that is no number": "token-expiry-nonsense",
    "a token endpoint that is down for a moment": "token-down=2",
    "a server that knows scopes of version 1 only": "permission-v1",
    "a file that is named twice": "manifest-duplicate",
    "new links in another order": "file-expired=3,manifest-reordered",
    "warnings in the error file": "manifest-warnings",
}


@pytest.mark.parametrize("faults", SURVIVED.values(), ids=list(SURVIVED))
def test_the_export_is_complete_after(faults: str, sandbox: Live, lake: Lake) -> None:
    result = export(sandbox.client(faults), lake, OPTIONS)
    assert (result.status, result.counts) == ("complete", COUNTS)


REFUSED = {
    "kickoff-no-location": r"without saying where its status is",
    "kickoff-foreign-location": r"status address lies on localhost:\d+, which is not registered.* hosts ",
    "discovery-404": r"Discovery at http://127\.0\.0\.1:\d+/~discovery-404/fhir/\.well-known/smart-configuration "
                     r"failed: HTTP 404.*Check issuer",
    "discovery-foreign=token": r"token endpoint lies on a host that is not registered",
    "token-invalid-client": r"gave no token: HTTP 401 \(invalid_client\)\. Check client_id",
    "token-no-token": r"200 without a bearer token",
    "manifest-not-json": r"manifest is not a JSON object",
}


@pytest.mark.parametrize("faults", REFUSED)
def test_a_refusal_is_one_sentence_and_what_to_do(
    faults: str, sandbox: Live, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "TROUBLES_IN_A_ROW", 2)
    with pytest.raises(EhrError, match=REFUSED[faults]) as caught:
        export(sandbox.client(faults), lake, OPTIONS)
    assert caught.value.next_step


@pytest.mark.parametrize(("changes", "message"), [
    ({"group": "nobody"}, r"knows no group nobody: HTTP 404.*--group"),
    ({"types": ("Patient", "Claim"), "scopes": "system/Patient.rs"}, r"may not export Patient, Claim of every"),
    ({"type_filters": ("Observation?nonsense=1",)}, r"does not take _typeFilter: HTTP 400.*--lenient"),
    ({"organize_output_by": "Patient", "faults": "organize-refused"}, r"this request: HTTP 400 .*organizeOutputBy"),
])
def test_a_kick_off_that_is_refused_says_what_of_it(
    changes: dict[str, Any], message: str, sandbox: Live, lake: Lake
) -> None:
    changes = dict(changes)
    client = sandbox.client(changes.pop("faults", ""), scopes=changes.pop("scopes", "system/*.rs"))
    with pytest.raises(EhrError, match=message):
        export(client, lake, replace(OPTIONS, **changes))
    assert lake.unfinished_exports("sandbox") == []


def test_an_ehr_that_is_busy_for_ever_is_said_so(
    sandbox: Live, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "KICKOFF_ATTEMPTS", 3)
    with pytest.raises(EhrError, match=r"still busy with other exports: HTTP 429.*kindred status"):
        export(sandbox.client("case=ever,kickoff-429=99"), lake, OPTIONS)


def test_the_patience_that_was_set_ends_the_waiting_and_not_the_job(sandbox: Live, lake: Lake, home: Settings) -> None:
    client = sandbox.client("case=patience,job-slow=2", patience_days=1 / 86_400)
    with pytest.raises(EhrError, match=r"has worked on the export for .* days.*patience_days.*--cancel"):
        export(client, lake, OPTIONS)
    (waiting,) = status(home)["ehrs"]["sandbox"]["unfinished_exports"]
    assert (waiting["stage"], waiting["files"]) == ("EHR at work", None)
    assert datetime.fromisoformat(waiting["started"]).tzinfo is not None
    result = export(replace(client, patience_days=30), lake, OPTIONS)
    assert (result.export_id, result.counts) == (waiting["export_id"], COUNTS)


def test_separate_export_status_is_asked_for_and_understood(sandbox: Live, lake: Lake) -> None:
    result = export(sandbox.client("case=separate"), lake, replace(OPTIONS, separate_status=True))
    assert result.counts == COUNTS
    assert "status_progress" in [event["eventId"] for event in events(lake, result.path)]


def test_a_job_that_failed_is_told_and_seen_in_the_status(sandbox: Live, lake: Lake, home: Settings) -> None:
    with pytest.raises(ExportError, match=r"HTTP 500 \(exception\)"):
        export(sandbox.client("case=failed,status-failed"), lake, OPTIONS)
    (failed,) = status(home)["ehrs"]["sandbox"]["failed_exports"]
    assert (failed["status"], failed["code"]) == (500, "exception")


def test_every_parameter_is_reached_from_the_command_line(home: Settings, lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("patient-1\npatient-2\n")
    typed = ["--level", "patient", "--types", "Patient,Observation", "--types", "Provenance",
             "--since", "2025-01-01T00:00:00Z", "--until", "2026-01-31T00:00:00+01:00",
             "--type-filter", "Observation?code=4548-4", "--type-filter", "Observation?code=2160-0",
             "--elements", "id,Patient.gender", "--patient", f"@{tmp_path}/ids.txt", "--patient", "patient-3",
             "--include-associated-data", "LatestProvenanceResources", "--organize-output-by", "Patient",
             "--allow-partial-manifests", "--lenient", "--separate-status", "--method", "POST", "--parallel", "2"]
    done = CliRunner().invoke(commands, ["export", "sandbox", *typed], env={"KINDRED_HOME": str(home.home)})
    assert done.exit_code == 0, done.output
    (export_id,) = lake.finished_folders("sandbox/exports")
    assert detail(lake, f"sandbox/exports/{export_id}", "kickoff")["requestParameters"] == {
        "_type": "Patient,Observation,Provenance", "_since": "2025-01-01T00:00:00Z",
        "_until": "2026-01-31T00:00:00+01:00", "_typeFilter": "Observation?code=4548-4,Observation?code=2160-0",
        "_elements": "id,Patient.gender", "includeAssociatedData": "LatestProvenanceResources",
        "organizeOutputBy": "Patient", "allowPartialManifests": "true"}
    text = lake.read_bytes(f"sandbox/exports/{export_id}/log.ndjson").decode()
    assert "patient-1" not in text and "patient-3" not in text


@pytest.mark.parametrize(("typed", "said"), [
    (["--since", "yesterday"], "--since 'yesterday' is not an instant"),
    (["--since", "2026-02-30T00:00:00Z"], "no date and time that there is"),
    (["--until", "2026-06-30"], "--until '2026-06-30' is not an instant"),
    (["--types", "Pateint"], "Did you mean Patient?"),
    (["--type-filter", "Observation"], "not of the form Type?search"),
    (["--level", "patient", "--patient", "Jane Doe"], "1 of 1 are no FHIR ids"),
    (["--patient", "p1"], "on group and patient level only"),
    (["--group", "g", "--level", "system"], "of a group or of a level"),
])
def test_what_is_wrong_is_refused_before_anything_is_sent(
    typed: list[str], said: str, sandbox: Live, home: Settings
) -> None:
    sandbox.seen.clear()
    done = CliRunner().invoke(commands, ["export", "sandbox", *typed], env={"KINDRED_HOME": str(home.home)})
    assert (done.exit_code, sandbox.seen) == (2, [])
    assert said in done.output and "Jane" not in done.output


def unfinished(sandbox: Live, lake: Lake, faults: str) -> None:
    with pytest.raises(EhrError):
        export(sandbox.client(f"{faults},job-slow=9", patience_days=0.1 / 86_400), lake, OPTIONS)
    assert len(lake.unfinished_exports("sandbox")) == 1


@pytest.mark.parametrize("faults", ["case=cancel", "case=cancel,delete-404"])
def test_cancel_ends_the_job_at_the_ehr_and_forgets_it(
    faults: str, sandbox: Live, lake: Lake, home: Settings
) -> None:
    unfinished(sandbox, lake, faults)
    sandbox.seen.clear()
    assert "1 unfinished export of sandbox cancelled" in cancel_unfinished(home, lake, "sandbox")
    assert [method for method, path, _, _ in sandbox.seen if "/status/" in path] == ["DELETE"]
    assert lake.unfinished_exports("sandbox") == []
    assert "no unfinished export" in cancel_unfinished(home, lake, "sandbox")


def test_a_cancellation_that_the_ehr_refuses_forgets_nothing(sandbox: Live, lake: Lake, home: Settings) -> None:
    unfinished(sandbox, lake, "case=keep,delete-500")
    with pytest.raises(EhrError, match=r"did not take the cancellation of .*: HTTP 500"):
        cancel_unfinished(home, lake, "sandbox")
    assert len(lake.unfinished_exports("sandbox")) == 1


SHAPES = {  # version 2 of the log, by the wiki of bulk-data-client; what is ours comes on top
    "kickoff": {"exportUrl", "errorCode", "errorBody", "softwareName", "softwareVersion", "softwareReleaseDate",
                "fhirVersion", "requestParameters", "responseHeaders"},
    "status_progress": {"body", "xProgress", "retryAfter"},
    "status_page_complete": {"transactionTime", "outputFileCount", "deletedFileCount", "errorFileCount"},
    "status_complete": {"transactionTime"},
    "manifest_complete": {"transactionTime", "totalOutputFileCount", "totalDeletedFileCount", "totalErrorFileCount",
                          "totalManifests"},
    "download_request": {"fileUrl", "itemType", "resourceType"},
    "download_complete": {"fileUrl", "resourceCount", "fileSize", "sha256", "attempts"},
    "download_error": {"fileUrl", "message"},
    "export_complete": {"files", "resources", "bytes", "attachments", "duration"},
}


def test_the_log_is_version_2_of_the_de_facto_format(sandbox: Live, lake: Lake) -> None:
    result = export(sandbox.client("case=log,file-503=1"), lake, replace(OPTIONS, group="clinic-north"))
    found = events(lake, result.path)
    names = [event["eventId"] for event in found]
    assert set(names) == {*SHAPES, "job_deleted"}
    for event in found:
        assert set(event) == {"exportId", "timestamp", "eventId", "eventDetail"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["timestamp"])
        assert SHAPES.get(event["eventId"], set()) <= set(event["eventDetail"])
    assert (names[0], names.count("kickoff"), names[-2]) == ("kickoff", 1, "export_complete")
    assert {event["exportId"] for event in found} == {result.export_id}
    kickoff = found[0]["eventDetail"]
    assert kickoff["exportUrl"].endswith("/fhir/Group/clinic-north/$export"), "readers take the group from it"
    assert (kickoff["softwareName"], kickoff["fhirVersion"]) == ("Kindred EHR sandbox", "4.0.1")
    requests = {e["eventDetail"]["fileUrl"] for e in found if e["eventId"] == "download_request"}
    complete = [e["eventDetail"] for e in found if e["eventId"] == "download_complete"]
    assert {one["fileUrl"] for one in complete} == requests and len(complete) == len(requests)
    assert {one["attempts"] for one in complete} == {2}
    done = found[names.index("export_complete")]["eventDetail"]
    assert (done["resources"], done["files"]) == (sum(result.counts.values()), len(complete))


def test_the_log_tells_no_status_address_no_token_and_no_file_address(sandbox: Live, lake: Lake) -> None:
    sandbox.seen.clear()
    result = export(sandbox.client("case=secret"), lake, OPTIONS)
    text = lake.read_bytes(f"{result.path}/log.ndjson").decode()
    jobs = {path.split("/")[-1] for path in sandbox.paths("/status/")} | {
        path.split("/")[-2] for path in sandbox.paths("/file/")}
    assert jobs and not [one for one in jobs if one in text]
    assert "Bearer" not in text and "eyJ" not in text and "content-location" not in text.lower()


def test_the_log_of_changes_has_one_kick_off_though_there_are_more_jobs(sandbox: Live, lake: Lake) -> None:
    options = replace(OPTIONS, group="clinic-north")
    export(sandbox.client(), lake, options)
    result = export(sandbox.client(), lake, replace(options, since="auto"))
    names = [event["eventId"] for event in events(lake, result.path)]
    assert (names.count("kickoff"), names.count("members_kickoff"), names.count("export_complete")) == (1, 1, 1)


def test_ctrl_c_leaves_the_job_so_that_the_same_command_resumes(
    sandbox: Live, lake: Lake, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    sandbox.register(home, "case=ctrl-c,job-slow=3")
    command = [sys.executable, "-m", "analytics.cli", "export", "sandbox", "--types", ",".join(SOME_TYPES)]
    environment = {**os.environ, "KINDRED_HOME": str(home)}
    sandbox.seen.clear()
    first = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while not sandbox.paths("/status/"):
        assert first.poll() is None
        time.sleep(0.05)
    first.send_signal(signal.SIGINT)
    out, said = first.communicate(timeout=30)
    assert (first.returncode, out) == (130, "")
    assert "The same command again resumes; to end it: kindred export sandbox --cancel" in said
    assert not [method for method, _, _, _ in sandbox.seen if method == "DELETE"]
    second = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert len(sandbox.paths("$export")) == 1
    assert lake.finished_folders("sandbox/exports") == [second.stdout.strip()]


def test_a_page_that_is_no_manifest_is_asked_for_again_and_the_job_is_kept(
    sandbox: Live, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "TROUBLES_IN_A_ROW", 3)
    sandbox.seen.clear()
    with pytest.raises(EhrError, match="not a JSON object"):
        export(sandbox.client("case=page,manifest-not-json"), lake, OPTIONS)
    assert len(sandbox.paths("/status/")) >= 4
    assert len(lake.unfinished_exports("sandbox")) == 1
