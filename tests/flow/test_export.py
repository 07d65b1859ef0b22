"""An export over real HTTP from the live sandbox into a lake on disk, undisturbed and under every fault of its way."""

import hashlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from analytics.errors import EhrError, ExportError, LakeError
from analytics.export import ExportOptions, export
from analytics.export.verify import damaged, verify
from analytics.lake import Lake
from fhir_fixtures.ehr.faults.bulk_files import multibyte_line
from tests.conformance.bulk.live import SOME_TYPES, Live, live_sandbox

OPTIONS = ExportOptions(types=SOME_TYPES, file_target_bytes=100_000)
COUNTS = {"Condition": 40, "Medication": 3, "Observation": 200, "Patient": 20}



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
        assert (len(data), data.count(b"\n")) == (file["bytes"], file["count"])
    assert lake.newest_export("sandbox") == result.export_id
    root = Path(lake.local(result.path) or "")
    assert sorted(path.name for path in root.iterdir()) == \
        sorted(["_SUCCESS", "files.ndjson", "log.ndjson", "manifest.json", *SOME_TYPES])


def test_every_server_file_is_listed_with_count_length_digest_and_where_it_went(sandbox: Live, lake: Lake) -> None:
    result = export(sandbox.client(), lake, OPTIONS)
    listed = [orjson.loads(line) for line in lake.read_bytes(f"{result.path}/files.ndjson").splitlines()]
    assert [(file["type"], file["count"], file["lines"]) for file in listed] == [
        ("Patient", 20, 20), ("Condition", 40, 40), *[("Observation", 40, 40)] * 5, ("Medication", 3, 3)]
    rows = [body + b"\n" for chunk in sandbox.store.chunks("Observation") for _, body in chunk]
    sent = [b"".join(rows[first:first + 40]) for first in range(0, 200, 40)]
    assert [(file["bytes"], file["sha256"]) for file in listed[2:7]] == \
        [(len(body), hashlib.sha256(body).hexdigest()) for body in sent]
    pieces = listed[4]["in"]
    assert [piece["path"] for piece in pieces] == ["Observation/00000.ndjson", "Observation/00001.ndjson"]
    found = [lake.read_bytes(f"{result.path}/{piece['path']}")[piece["offset"]:piece["offset"] + piece["bytes"]]
             for piece in pieces]
    assert b"".join(found) == sent[2]


@pytest.mark.parametrize(("name", "change"), [
    ("Medication/00000.ndjson", lambda data: data[:-2] + b" \n"),
    ("Medication/00000.ndjson", lambda data: data[:-1]),
    ("Medication/00000.ndjson", lambda data: data + b"{}\n"),
    ("Medication/00000.ndjson", None),
])
def test_what_became_of_a_lake_file_since_is_found_by_the_digests_of_the_server_files(
    name: str, change: Callable[[bytes], bytes] | None, sandbox: Live, lake: Lake
) -> None:
    result = export(sandbox.client(), lake, OPTIONS)
    path, ehr = result.path, result.path.split("/")[0]
    assert verify(lake, ehr, result.export_id) == f"{result.export_id} is as it was received."
    data = lake.read_bytes(f"{path}/{name}")
    lake.delete(f"{path}/{name}")
    if change:
        lake.write_bytes(f"{path}/{name}", change(data))
    assert damaged(lake, path) == [name]
    with pytest.raises(LakeError, match=f"is damaged: {name}. Delete .* and export again"):
        verify(lake, ehr, result.export_id)


def test_a_piece_that_no_server_file_accounts_for_is_damage(sandbox: Live, lake: Lake) -> None:
    path = export(sandbox.client(), lake, OPTIONS).path
    lines = lake.read_bytes(f"{path}/files.ndjson").splitlines(keepends=True)
    lake.write_bytes(f"{path}/files.ndjson", b"".join(lines[:-1]))
    assert damaged(lake, path) == ["Medication/00000.ndjson"]


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
    "files gzipped unasked": "file-gzip-unasked",
    "files shorter than their length": "file-length-long=1",
    "files shorter than their count": "file-length-short=1",
    "files without a count": "file-no-count",
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


def test_letters_of_several_bytes_survive_wherever_a_block_ends(sandbox: Live, lake: Lake) -> None:
    result = export(sandbox.client("multibyte-borders"), lake, OPTIONS)
    lines = [line for path in lake.files(f"{result.path}/Observation", ".ndjson")
             for line in lake.read_bytes(path).splitlines()]
    assert lines[0] == multibyte_line()
    assert len(lines) == COUNTS["Observation"] + 1


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
