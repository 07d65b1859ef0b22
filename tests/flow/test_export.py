"""An export over real HTTP from the live sandbox into a lake on disk, undisturbed and under every fault of its way."""

import hashlib
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from analytics.errors import EhrError, ExportError
from analytics.export import ExportOptions, export
from analytics.lake import Lake
from tests.conformance.bulk.live import SOME_TYPES, Live, live_sandbox

OPTIONS = ExportOptions(types=SOME_TYPES, file_target_bytes=100_000)
COUNTS = {"Condition": 40, "Medication": 3, "Observation": 200, "Patient": 20}


COMMAND = """
import sys
from pathlib import Path
from analytics.config import BulkClient
from analytics.export import ExportOptions, export
from analytics.lake import Lake
registry, lake, types = sys.argv[1:]
options = ExportOptions(types=tuple(types.split(",")), file_target_bytes=100_000, parallel=1)
print(export(BulkClient.from_registry(Path(registry), "sandbox"), Lake(lake), options).files_fetched)
"""

# The process ends, as by kill -9, right before or after one operation on the lake whose path holds a word.
CRASH = """
import os, sys
from analytics.lake import Lake
when, operation, word = (sys.argv.pop(1) for _ in range(3))
real = getattr(Lake, operation)
def crashing(self, *paths):
    if when == "after":
        real(self, *paths)
    if word in "".join(paths):
        os._exit(9)
    return real(self, *paths) if when == "before" else None
setattr(Lake, operation, crashing)
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_sandbox(tmp_path_factory.mktemp("sandbox")) as live:
        yield live


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


def data_files(lake: Lake, export_path: str) -> dict[str, str]:
    """Path -> digest of every NDJSON file of an export, the log left out."""
    root = Path(lake.local(export_path) or "")
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(root.rglob("*/*.ndjson"))}


@pytest.fixture(scope="module")
def undisturbed(sandbox: Live, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    lake = Lake(f"file://{tmp_path_factory.mktemp('undisturbed')}")
    return data_files(lake, export(sandbox.client(), lake, OPTIONS).path)


def test_the_lake_holds_every_line_as_it_was_sent_rolled_near_the_target_size(sandbox: Live, lake: Lake) -> None:
    result = export(sandbox.client(), lake, OPTIONS)
    assert (result.status, result.counts) == ("complete", COUNTS)
    sent = [body for chunk in sandbox.store.chunks("Observation") for _, body in chunk]
    files = lake.files(f"{result.path}/Observation", ".ndjson")
    assert b"".join(map(lake.read_bytes, files)) == b"".join(line + b"\n" for line in sent)
    sizes = [lake.size(path) for path in files]
    assert len(sizes) > 1
    assert all(100_000 <= size < 102_000 for size in sizes[:-1])


def test_the_manifest_describes_the_files_and_success_comes_last(sandbox: Live, lake: Lake) -> None:
    result = export(sandbox.client(), lake, OPTIONS)
    manifest = lake.read_json(f"{result.path}/manifest.json")
    assert manifest["counts"] == COUNTS
    assert manifest["errors"] == [] and manifest["deleted"] == []
    for file in manifest["files"]:
        data = lake.read_bytes(f"{result.path}/{file['path']}")
        assert (len(data), data.count(b"\n"), hashlib.sha256(data).hexdigest()) == \
            (file["bytes"], file["count"], file["sha256"])
    assert lake.newest_export("sandbox") == result.export_id
    root = Path(lake.local(result.path) or "")
    assert sorted(path.name for path in root.iterdir()) == \
        sorted(["_SUCCESS", "log.ndjson", "manifest.json", *SOME_TYPES])


def test_the_log_is_the_de_facto_one_and_holds_no_secret(sandbox: Live, lake: Lake) -> None:
    result = export(sandbox.client(), lake, OPTIONS)
    events = [orjson.loads(line) for line in lake.read_bytes(f"{result.path}/log.ndjson").splitlines()]
    names = [event["eventId"] for event in events]
    assert names[0] == "kickoff" and names[-2:] == ["export_complete", "job_deleted"]
    assert names.count("download_request") == names.count("download_complete") == 8
    assert {event["exportId"] for event in events} == {result.export_id}
    assert b"bulk/status" not in lake.read_bytes(f"{result.path}/log.ndjson")


def test_the_job_is_deleted_at_the_ehr_when_all_is_safe(sandbox: Live, lake: Lake) -> None:
    sandbox.seen.clear()
    export(sandbox.client(), lake, OPTIONS)
    assert sandbox.seen[-1][0] == "DELETE"


SURVIVED = {
    "a slow token endpoint": "token-slow=0.3",
    "tokens that end in mid-export": "token-expires=0.4,file-slow=0.05",
    "a busy EHR at kick-off": "kickoff-429=2",
    "Retry-After as a date": "retry-after-date,kickoff-429=1,status-transient=1,file-503=1",
    "Retry-After as nonsense": "retry-after-nonsense,kickoff-429=1,status-transient=1,file-503=1",
    "POST only": "kickoff-405",
    "a status that fails for a moment": "status-transient=3",
    "files that fail for a moment": "file-503=2",
    "files cut in mid-stream": "file-cut=2",
    "a token refused in mid-download": "file-401-once",
    "files behind redirects": "file-redirect",
    "files without tokens": "file-no-token-needed",
    "links that expire": "file-expired=3",
    "a manifest of the 4.0 ballot": "manifest-stu4",
    "a manifest in pages": "manifest-paged",
}


@pytest.mark.parametrize("faults", SURVIVED.values(), ids=list(SURVIVED))
def test_the_lake_is_byte_for_byte_the_same_after(
    faults: str, sandbox: Live, lake: Lake, undisturbed: dict[str, str]
) -> None:
    result = export(sandbox.client(faults), lake, OPTIONS)
    assert result.status == "complete"
    assert data_files(lake, result.path) == undisturbed


def test_files_cut_in_a_gzip_stream_are_fetched_again(sandbox: Live, lake: Lake, undisturbed: dict[str, str]) -> None:
    options = ExportOptions(types=SOME_TYPES, file_target_bytes=100_000, gzip=True)
    result = export(sandbox.client("case=gzip,file-cut=1"), lake, options)
    assert data_files(lake, result.path) == undisturbed


def test_no_token_goes_where_none_is_needed_nor_to_another_host(
    sandbox: Live, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login me password of-another-use\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    sandbox.seen.clear()
    export(sandbox.client("case=tokens,file-redirect"), lake, OPTIONS)
    elsewhere = [seen for seen in sandbox.seen if "/file/" in seen[1] and seen[3].startswith("localhost")]
    assert {token for _, _, token, _ in elsewhere} == {False}
    sandbox.seen.clear()
    export(sandbox.client("case=tokens,file-no-token-needed"), lake, OPTIONS)
    assert {token for _, path, token, _ in sandbox.seen if "/file/" in path} == {False}


def test_files_on_a_host_that_is_not_registered_are_refused_unless_it_is_listed(
    sandbox: Live, lake: Lake, undisturbed: dict[str, str]
) -> None:
    with pytest.raises(EhrError, match=r"localhost:\d+, which is not registered.* hosts "):
        export(sandbox.client("file-foreign-host"), lake, OPTIONS)
    listed = sandbox.base("").replace("127.0.0.1", "localhost").removesuffix("/fhir")
    result = export(sandbox.client("file-foreign-host", hosts=(listed,)), lake, OPTIONS)
    assert data_files(lake, result.path) == undisturbed


def test_fewer_lines_than_the_manifest_promises_make_the_export_partial(sandbox: Live, lake: Lake) -> None:
    result = export(sandbox.client("file-truncated-count"), lake, OPTIONS)
    assert result.status == "partial"
    assert result.counts == COUNTS
    assert {"severity": "error", "code": "count-mismatch", "type": "Patient", "count": 7} in result.errors


def test_error_files_are_read_and_make_the_export_partial(sandbox: Live, lake: Lake) -> None:
    result = export(sandbox.client("manifest-errors"), lake, OPTIONS)
    assert result.status == "partial"
    assert result.errors == ({"severity": "error", "code": "exception", "type": "OperationOutcome", "count": 1},)


def test_deletions_are_listed(sandbox: Live, lake: Lake) -> None:
    result = export(sandbox.client("manifest-deleted"), lake, OPTIONS)
    assert lake.read_json(f"{result.path}/manifest.json")["deleted"] == ["Observation/gone-1", "Observation/gone-2"]


def test_broken_lines_and_one_of_10_mb_are_kept_and_counted(sandbox: Live, lake: Lake) -> None:
    result = export(sandbox.client("broken-lines"), lake, OPTIONS)
    assert result.status == "complete"
    assert result.counts["Observation"] == 209
    assert result.errors == ({"severity": "warning", "code": "type-mismatch", "type": "Observation", "count": 1},)


def test_a_failed_job_is_forgotten_so_that_the_next_run_starts_anew(sandbox: Live, lake: Lake) -> None:
    with pytest.raises(ExportError, match=r"HTTP 500 \(exception\)"):
        export(sandbox.client("status-failed"), lake, OPTIONS)
    assert not [name for name in lake.names("sandbox/exports", hidden=True) if name.endswith(".partial")]
    assert lake.newest_export("sandbox") is None


@pytest.mark.parametrize("faults", ["discovery-500", "token-plain-401"])
def test_a_refusal_is_one_sentence_without_secrets(faults: str, sandbox: Live, lake: Lake) -> None:
    with pytest.raises(EhrError, match=r"HTTP (500|401)") as caught:
        export(sandbox.client(faults), lake, OPTIONS)
    assert caught.value.next_step
    assert "Unauthorized" not in str(caught.value)


def test_group_patient_level_and_named_patients(sandbox: Live, lake: Lake) -> None:
    group = export(sandbox.client(), lake, ExportOptions(types=SOME_TYPES, group="clinic-north"))
    everyone = export(sandbox.client(), lake, ExportOptions(types=SOME_TYPES, patient_level=True))
    two = ExportOptions(types=SOME_TYPES, patient_level=True, patients=("patient-1", "patient-2"))
    named = export(sandbox.client(), lake, two)
    default = export(sandbox.client(group="clinic-north"), lake, ExportOptions(types=SOME_TYPES))
    assert 0 < group.counts["Patient"] < 20
    assert default.counts == group.counts, "the registry's group is the default"
    assert everyone.counts == COUNTS
    assert named.counts == {"Patient": 2, "Condition": 4, "Observation": 20, "Medication": 3}


def test_a_second_export_at_the_same_time_is_refused(sandbox: Live, lake: Lake) -> None:
    with lake.alone("sandbox/exports", "held"), pytest.raises(Exception, match="Another export of sandbox is running"):
        export(sandbox.client(), lake, OPTIONS)


def test_since_auto_asks_for_what_changed_since_the_newest_export(sandbox: Live, lake: Lake) -> None:
    export(sandbox.client(), lake, OPTIONS)
    later = export(sandbox.client(), lake, ExportOptions(types=SOME_TYPES, since="auto"))
    assert later.counts == {}


def test_killed_in_mid_download_the_same_command_again_fetches_only_what_is_missing(
    sandbox: Live, lake: Lake, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    registry = sandbox.register(tmp_path, "case=kill,file-slow=0.15")
    command = [sys.executable, "-c", COMMAND, str(registry), lake.location, ",".join(SOME_TYPES)]
    sandbox.seen.clear()
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_until(lambda: len(receipts(lake)) >= 3)
    first.kill()
    first.wait()
    finished = receipts(lake)
    assert 3 <= len(finished) < 8
    assert lake.newest_export("sandbox") is None

    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(second.stdout) == 8 - len(finished)
    fetched = Counter(int(path.rpartition("/")[2]) for path in sandbox.paths("/file/"))
    assert {number: fetched[number] for number in finished} == dict.fromkeys(finished, 1)
    assert len(sandbox.paths("$export")) == 1
    export_id = lake.newest_export("sandbox")
    assert data_files(lake, f"sandbox/exports/{export_id}") == undisturbed


@pytest.mark.parametrize(("when", "operation", "word"), [
    ("after", "_replace", "state.json"), ("before", "_replace", "parts/00003"), ("after", "_replace", "parts/00003"),
    ("before", "_replace", ".rolling-Observation/00001"), ("before", "rename", ".rolling-Observation"),
    ("after", "rename", ".rolling-Observation"), ("after", "_replace", "manifest.json"),
    ("after", "_replace", "_SUCCESS"), ("before", "delete", "exports/2")])
def test_ended_at_any_step_the_same_command_again_completes_one_export(
    when: str, operation: str, word: str, sandbox: Live, lake: Lake, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    command = [str(sandbox.register(tmp_path)), lake.location, ",".join(SOME_TYPES)]
    crashing = [sys.executable, "-c", CRASH + COMMAND, when, operation, word]
    sandbox.seen.clear()
    assert subprocess.run([*crashing, *command], stderr=subprocess.DEVNULL, check=False).returncode == 9
    if lake.newest_export("sandbox") is None:  # else it had ended with the export in its place
        subprocess.run([sys.executable, "-c", COMMAND, *command], capture_output=True, check=True)
    assert len(lake.names("sandbox/exports")) == 1
    assert data_files(lake, f"sandbox/exports/{lake.newest_export('sandbox')}") == undisturbed
    assert len(sandbox.paths("$export")) == 1
    assert len(sandbox.paths("/file/")) == 8 + (when == "before" and "parts" in word)


def test_a_job_that_the_ehr_forgot_while_we_were_away_is_started_anew(
    sandbox: Live, lake: Lake, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    command = [str(sandbox.register(tmp_path)), lake.location, ",".join(SOME_TYPES)]
    crash = [sys.executable, "-c", CRASH + COMMAND, "after", "_replace", "parts/00003", *command]
    assert subprocess.run(crash, stderr=subprocess.DEVNULL, check=False).returncode == 9
    sandbox.app.extensions["bulk_jobs"].clear()
    result = export(sandbox.client(), lake, OPTIONS)
    assert data_files(lake, result.path) == undisturbed
    assert lake.names("sandbox/exports") == [result.export_id]


def test_an_ehr_that_is_down_is_named_and_nothing_is_left(sandbox: Live, lake: Lake) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(EhrError, match=f"127.0.0.1:{port} cannot be reached for discovery") as caught:
        export(sandbox.client(issuer=f"http://127.0.0.1:{port}/fhir"), lake, OPTIONS)
    assert "the same command again" in caught.value.next_step
    assert lake.names("sandbox/exports") == []


def test_what_a_run_left_before_the_ehr_answered_is_cleared_away(sandbox: Live, lake: Lake) -> None:
    lake.append("sandbox/exports/.20200101T000000Z-dead.partial/log.ndjson", b"{}\n")
    export(sandbox.client(), lake, OPTIONS)
    assert not [name for name in lake.names("sandbox/exports", hidden=True) if name.endswith(".partial")]


def receipts(lake: Lake) -> set[int]:
    """Numbers of the server files that are finished in the staging folder."""
    root = Path(lake.local("sandbox/exports") or "")
    return {int(path.name.partition(".")[0]) for path in root.glob(".*.partial/parts/[0-9]*.c*")}


def wait_until(happened: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
