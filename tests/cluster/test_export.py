"""`kindred export` onto HDFS, in a process of its own: where it lands, and what it survives."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from analytics.export import ExportOptions, export
from analytics.lake import Lake
from tests.cluster.commands import EXPORT, Home, home
from tests.cluster.hadoop import BLOCK, COPIES, Cluster
from tests.cluster.test_lake import on_hdfs
from tests.conformance.bulk.live import SOME_TYPES, Live

TARGET = 100_000  # bytes of a lake file, so that 300 KB make several
SLOW = "file-drip=8000"  # bytes of each file a second: a file of 40 observations takes seconds


@pytest.fixture(scope="module")
def expected(sandbox: Live, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The same export on a disk, undisturbed."""
    lake = Lake(f"file://{tmp_path_factory.mktemp('undisturbed')}")
    result = export(sandbox.client(), lake, ExportOptions(types=SOME_TYPES, file_target_bytes=TARGET))
    return Home(Path(), lake).data(result.export_id)


@pytest.fixture
def here(tmp_path: Path, lake: Lake, sandbox: Live) -> Home:
    made = home(tmp_path / "home", lake, sandbox)
    made.target = TARGET
    return made


@pytest.fixture
def slow(here: Home, sandbox: Live) -> Home:
    sandbox.register(here.folder, SLOW)
    return here


def until(holds: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def lake_files(here: Home) -> list[str]:
    """Rolled files of the export under way."""
    return [
        name
        for export_id in here.lake.unfinished_exports("sandbox")
        for kind in SOME_TYPES
        for name in here.lake.names(f"sandbox/exports/.{export_id}.partial/{kind}")
    ]


def test_an_export_lands_with_the_blocks_and_copies_that_were_set(
    hdfs: Cluster, here: Home, expected: dict[str, bytes]
) -> None:
    code, out, err = here.run(*EXPORT)
    assert code == 0, err
    assert here.data(out.strip()) == expected and here.lake.newest_export("sandbox") == out.strip()
    files = hdfs.files(on_hdfs(here.lake, "sandbox/exports"))
    assert {(file["blockSize"], file["replication"]) for file in files.values()} == {(BLOCK, COPIES)}
    below = {path.rpartition(f"{out.strip()}/")[2] for path in files}
    assert below == {*expected, "_SUCCESS", "manifest.json", "files.ndjson", "log.ndjson"}
    said = hdfs.fsck(on_hdfs(here.lake, f"sandbox/exports/{out.strip()}"))
    assert "HEALTHY" in said and "OPENFORWRITE" not in said


def test_a_datanode_killed_in_the_middle_of_an_export_loses_nothing(
    hdfs: Cluster, slow: Home, expected: dict[str, bytes]
) -> None:
    with slow.begin(*EXPORT) as process:
        until(lambda: lake_files(slow))
        hdfs.kill("datanode-0")
        out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert slow.data(out.strip()) == expected


def test_a_namenode_that_restarts_is_waited_for(hdfs: Cluster, slow: Home, expected: dict[str, bytes]) -> None:
    with slow.begin(*EXPORT) as process:
        until(lambda: lake_files(slow))
        hdfs.kill("namenode")
        assert process.stderr is not None
        assert any("Waiting for HDFS: nothing listens at" in line for line in process.stderr), "it ended instead"
        hdfs.start_namenode(wait=False)
        out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert "HDFS works again." in err
    assert slow.data(out.strip()) == expected


def test_an_export_that_is_killed_goes_on_with_the_same_command(
    hdfs: Cluster, slow: Home, expected: dict[str, bytes]
) -> None:
    for after in (0, 1):
        process = slow.begin(*EXPORT)
        until(lambda: len(lake_files(slow)) > after)  # noqa: B023 - called at once
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert slow.lake.newest_export("sandbox") is None and slow.lake.names("sandbox/exports") == []
    code, out, err = slow.run(*EXPORT)
    assert code == 0, err
    assert slow.data(out.strip()) == expected
    shown = slow.lake.names(f"sandbox/exports/{out.strip()}", hidden=True)
    assert sorted(shown) == sorted({path.split("/")[0] for path in expected}
                                   | {"_SUCCESS", "files.ndjson", "log.ndjson", "manifest.json"})  # fmt: skip
    assert "OPENFORWRITE" not in hdfs.fsck(on_hdfs(slow.lake))


def nothing_is_visible(here: Home) -> bool:
    return here.lake.names("sandbox/exports") == [] and here.lake.newest_export("sandbox") is None


def test_an_export_without_room_says_so_and_goes_on_when_there_is_some(
    hdfs: Cluster, here: Home, expected: dict[str, bytes]
) -> None:
    here.lake.write_bytes("there", b"1")
    hdfs.admin("-setSpaceQuota", str(3 * BLOCK), on_hdfs(here.lake))
    code, out, err = here.run(*EXPORT)
    assert (code, out) == (12, "") and "no room" in err and "quota" in err and "Traceback" not in err
    assert nothing_is_visible(here)
    hdfs.admin("-clrSpaceQuota", on_hdfs(here.lake))
    code, out, err = here.run(*EXPORT)
    assert code == 0 and here.data(out.strip()) == expected


def test_an_export_without_the_right_says_whose_it_is(hdfs: Cluster, here: Home) -> None:
    here.lake.write_bytes("there", b"1")
    here.user = "somebody"
    code, out, err = here.run(*EXPORT)
    assert (code, out) == (12, "") and "does not permit it to the user somebody" in err and "Traceback" not in err
    assert nothing_is_visible(here)


def test_an_export_in_safe_mode_says_so(hdfs: Cluster, here: Home) -> None:
    hdfs.admin("-safemode", "enter")
    try:
        code, out, err = here.run(*EXPORT)
    finally:
        hdfs.admin("-safemode", "leave")
    assert (code, out) == (12, "") and "HDFS is in safe mode" in err and "Traceback" not in err
    assert nothing_is_visible(here)


@pytest.mark.parametrize(("place", "said"), [
    ("hdfs://127.0.0.1:1/x", "nothing listens at 127.0.0.1:1"),
    ("hdfs://no-such-host.invalid/x", "there is no host of the name in no-such-host.invalid"),
])  # fmt: skip
def test_an_export_to_a_wrong_host_says_so_within_seconds(here: Home, place: str, said: str) -> None:
    began = time.monotonic()
    code, out, err = here.run(*EXPORT, KINDRED_LAKE=place)
    assert (code, out) == (12, "") and said in err and "Traceback" not in err
    assert time.monotonic() - began < 15
