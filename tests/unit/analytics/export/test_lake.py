"""The lake on disk: whole files or none, finished folders only, errors in words."""

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest

from analytics.errors import LakeError
from analytics.export.spool import Part
from analytics.export.staging import Staging
from analytics.lake import Lake
from analytics.progress import progress


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}")


def test_paths_are_those_of_the_architecture(lake: Lake) -> None:
    assert lake.export("a", "X") == "a/exports/X"
    assert lake.events("a", "X") == "a/events/X"
    assert lake.features("a", "X", "2026-06-30") == "a/features/X/2026-06-30"
    assert lake.release("a", "R") == "a/releases/R"
    assert lake.url("a/exports") == f"{lake.location}/a/exports"
    assert lake.local("a") == f"{lake.location.removeprefix('file://')}/a"
    assert Lake("hdfs://name:8020/kindred").local("a") is None


def test_the_newest_export_is_the_newest_finished_one(lake: Lake) -> None:
    assert lake.newest_export("a") is None
    for name in ("20260101T000000Z-aaaa", "20260201T000000Z-bbbb", "20260301T000000Z-cccc"):
        lake.write_bytes(f"a/exports/{name}/manifest.json", b"{}")
    lake.finish("a/exports/20260101T000000Z-aaaa")
    lake.finish("a/exports/20260201T000000Z-bbbb")
    lake.finish("a/exports/.20260401T000000Z-dddd.partial")
    assert lake.newest_export("a") == "20260201T000000Z-bbbb"
    assert lake.unfinished_exports("a") == ["20260401T000000Z-dddd"]


def test_a_file_that_fails_half_way_leaves_nothing_and_the_old_one_stays(lake: Lake) -> None:
    lake.write_bytes("a/file", b"old")
    with pytest.raises(RuntimeError), lake.writing("a/file") as out:
        out.write(b"half")
        raise RuntimeError
    assert lake.read_bytes("a/file") == b"old"
    assert lake.names("a", hidden=True) == ["file"]


def test_counts_must_add_up(lake: Lake) -> None:
    lake.write_counts("a", 10, 7, {"broken_json": 3})
    assert lake.read_counts("a") == {"read": 10, "kept": 7, "dropped": {"broken_json": 3}}
    with pytest.raises(ValueError, match="do not add up"):
        lake.write_counts("a", 10, 7, {})


def test_a_full_disk_is_said_in_words(lake: Lake) -> None:
    with pytest.raises(LakeError, match="no room on the disk") as caught, lake.writing("a/file"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.exit_code == 12
    with pytest.raises(LakeError, match=r"no room on .* MB needed"):
        lake.need_room(10**18)


def test_a_broken_connection_while_writing_is_not_called_a_lake_error(lake: Lake) -> None:
    with pytest.raises(ConnectionError), lake.writing("a/file"):
        raise ConnectionResetError(errno.ECONNRESET, "reset")


def test_a_name_that_is_taken_is_never_renamed_over(lake: Lake) -> None:
    lake.write_bytes("a/one/file", b"1")
    lake.write_bytes("a/two/file", b"2")
    with pytest.raises(LakeError, match="exists already"):
        lake.rename("a/one", "a/two")


def test_what_cannot_be_read_is_named(lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"Cannot read file://.*/a/none: No such file"):
        lake.read_bytes("a/none")
    lake.write_bytes("a/bad.json", b"{")
    with pytest.raises(LakeError, match="is not JSON"):
        lake.read_json("a/bad.json")


@pytest.mark.parametrize(("umask", "folder", "file", "part"), [
    (0o000, 0o750, 0o640, 0o600), (0o022, 0o750, 0o640, 0o600), (0o077, 0o700, 0o600, 0o600)])
def test_files_and_folders_are_private_whatever_the_umask_allows(
    umask: int, folder: int, file: int, part: int, tmp_path: Path
) -> None:
    lake, before = Lake(f"file://{tmp_path}/home/lake"), os.umask(umask)
    try:
        lake.write_json("a/exports/.X.partial/state.json", {})
        lake.append("a/exports/.X.partial/log.ndjson", b"")
        lake.rename("a/exports/.X.partial/log.ndjson", "a/exports/.X.failed/log.ndjson")
        with lake.alone("b/exports", "held"):
            pass
        spool = Staging(lake, "a", "X").spool
        spool.open()
        with spool.receiving(0) as receiver:
            receiver.keep(Part(0, 0, 0, 0, "0" * 64))
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert {path.name for path in modes if path.is_dir() and path != spool.folder} == {
        "home", "lake", "a", "b", "exports", ".X.partial", ".X.failed"}
    for path, mode in modes.items():
        private = path == spool.folder or path.parent == spool.folder
        wanted = (0o700 if private else folder) if path.is_dir() else part if private else file
        assert mode == wanted, path


def test_progress_off_a_terminal_is_a_line_at_start_and_end_and_now_and_then(monkeypatch: Any) -> None:
    clock = iter([0.0, 1.0, 12.0, 13.0, 14.0])
    monkeypatch.setattr("analytics.progress.time.monotonic", lambda: next(clock))
    out = io.StringIO()
    with progress("Downloading", total=3, unit="files", stream=out) as step:
        for _ in range(3):
            step.advance()
    assert out.getvalue().splitlines() == [
        "Downloading ...", "Downloading: 2 of 3 files ...", "Downloading: 3 of 3 files done after 14.0 s"]


def test_progress_says_when_it_was_stopped() -> None:
    out = io.StringIO()
    with pytest.raises(KeyboardInterrupt), progress("Downloading", stream=out):
        raise KeyboardInterrupt
    assert "stopped after" in out.getvalue()
