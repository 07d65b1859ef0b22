"""What the lake promises, asked of the NameNode: blocks, copies, whole files or none, one writer, not for everyone."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from analytics.config import HdfsOptions
from analytics.errors import LakeError
from analytics.lake import Lake
from tests.cluster.daemons import ROOT
from tests.cluster.hadoop import BLOCK, COPIES, USER, Cluster

DATA = random.Random(7).randbytes(3 * BLOCK + 12_345)


def on_hdfs(lake: Lake, path: str = "") -> str:
    """Absolute path."""
    return "/" + lake.url(path).split("/", 3)[3]


def test_a_file_has_the_blocks_and_copies_that_were_set(hdfs: Cluster, lake: Lake) -> None:
    lake.write_bytes("a/data", DATA)
    status = hdfs.status(on_hdfs(lake, "a/data"))
    assert (status["length"], status["blockSize"], status["replication"]) == (len(DATA), BLOCK, COPIES)
    said = hdfs.fsck(on_hdfs(lake, "a/data"))
    assert said.count("Live_repl=2") == 4 and "HEALTHY" in said
    assert lake.read_bytes("a/data") == DATA


def test_without_settings_the_cluster_s_own_hold(hdfs: Cluster, lake: Lake) -> None:
    plain = Lake(lake.location)
    plain.write_bytes("data", b"x")
    status = hdfs.status(on_hdfs(lake, "data"))
    assert (status["blockSize"], status["replication"]) == (128 * 1024 * 1024, 3)


def test_what_holds_patients_is_not_for_every_user_of_the_cluster(hdfs: Cluster, lake: Lake) -> None:
    lake.write_bytes("a/data", b"x")
    assert [hdfs.status(on_hdfs(lake, path))["permission"] for path in ("", "a", "a/data")] == ["750", "750", "640"]
    assert hdfs.status(on_hdfs(lake, "a/data"))["owner"] == USER


def test_lines_and_places_are_read_as_from_a_disk(lake: Lake) -> None:
    lines = [f"{number} é漢🎈\n".encode() * (number % 7 + 1) for number in range(40_000)]
    lake.write_bytes("a.ndjson", b"".join(lines))
    with lake.reading("a.ndjson") as file:
        assert b"".join(file.readlines(1_000_000)) + file.read() == b"".join(lines)
        file.seek(-9, os.SEEK_END)
        tail = file.read()
        file.seek(len(lines[0]))
        assert (tail, file.readline()) == (b"".join(lines)[-9:], lines[1].splitlines(keepends=True)[0])


def test_a_file_is_there_whole_or_not_at_all(hdfs: Cluster, lake: Lake) -> None:
    lake.write_bytes("a/file", b"old")
    with pytest.raises(RuntimeError), lake.writing("a/file") as out:
        out.write(DATA)
        raise RuntimeError
    with lake.writing("a/named", lambda: "a/other") as out:
        out.write(b"new")
        assert lake.names("a", hidden=True) == ["file"]
    assert (lake.read_bytes("a/file"), lake.read_bytes("a/other")) == (b"old", b"new")
    assert lake.names("a", hidden=True) == ["file", "other"]


def test_names_and_folders_are_those_of_a_disk(lake: Lake) -> None:
    for path in ("x/20260101T000000Z-aaaa/f", "x/20260201T000000Z-bbbb/f", "x/.hidden/f"):
        lake.write_bytes(path, b"1")
    lake.finish("x/20260101T000000Z-aaaa")
    assert lake.names("x") == ["20260101T000000Z-aaaa", "20260201T000000Z-bbbb"]
    assert lake.finished_folders("x") == ["20260101T000000Z-aaaa"] and lake.finished_folders("") == []
    assert (lake.names("none"), lake.exists("none"), lake.exists("x/.hidden/f/below")) == ([], False, False)
    lake.rename("x/.hidden", "y/shown")
    assert lake.files("y/shown", "f") == ["y/shown/f"]
    with pytest.raises(LakeError, match="exists already"):
        lake.rename("y/shown", "x/20260101T000000Z-aaaa")
    lake.delete("x")
    lake.delete("x")
    assert lake.names("", hidden=True) == ["y"]
    with pytest.raises(LakeError, match=r"Cannot read hdfs://.*/x/f: there is no such file"):
        lake.read_bytes("x/f")


def test_a_log_grows_and_its_lines_are_there_once(lake: Lake) -> None:
    for number in range(5):
        lake.append("log", f"{number}\n".encode())
    assert lake.read_bytes("log") == b"0\n1\n2\n3\n4\n"


HOLD = """
import sys, time, hdfs_native
from analytics.lake import Lake
lake = Lake(sys.argv[1])
with lake.alone("exports", "held"):
    lake.write_bytes("exports/file", b"1")
    log = hdfs_native.Client(lake.location.rsplit("/kindred", 1)[0]).append(sys.argv[2])
    log.write(b"half a li")
    log.hsync()
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_killed_process_holds_neither_the_folder_nor_the_log_that_it_had_open(hdfs: Cluster, lake: Lake) -> None:
    path = on_hdfs(lake, "exports/file")
    command = [sys.executable, "-c", HOLD, lake.location, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as holder:
        try:
            assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
            with pytest.raises(LakeError, match="Another one runs"), lake.alone("exports", "Another one runs."):
                pass
            assert "OPENFORWRITE" in hdfs.fsck(path)
        finally:
            holder.send_signal(signal.SIGKILL)
    began = time.monotonic()
    with lake.alone("exports", "Another one runs."):
        lake.append("exports/file", b"\n2\n")
    # What was whole before is there; of what the killed process was writing, as much as the DataNodes had confirmed.
    assert lake.read_bytes("exports/file") in (b"1half a li\n2\n", b"1\n2\n")
    assert lake.names("exports", hidden=True) == ["file"]
    assert time.monotonic() - began < 30, "a lease would have run out by itself after a minute"


def test_a_process_of_another_machine_is_never_robbed_of_the_folder(
    lake: Lake, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lake.alone("exports", "Another one runs."):
        # What makes a machine another one is that its locks are elsewhere.
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("elsewhere")))
        with pytest.raises(LakeError, match=r"Another one runs\. .* within a minute"):
            lake.alone("exports", "Another one runs.").__enter__()
        monkeypatch.undo()
    with lake.alone("exports", "Another one runs."):
        assert lake.names("exports", hidden=True)[0] == ".lock"


def test_room_is_asked_of_the_quota(hdfs: Cluster, lake: Lake) -> None:
    lake.write_bytes("file", b"1")
    lake.need_room(10**12)  # no quota
    hdfs.admin("-setSpaceQuota", str(10 * BLOCK), on_hdfs(lake))
    lake.need_room(4 * BLOCK)
    with pytest.raises(LakeError, match=r"no room in the quota of /kindred/.*2 copies need 13 MB, 10 MB are free"):
        lake.need_room(6 * BLOCK)


@pytest.mark.parametrize(("options", "said"), [
    (HdfsOptions(block_bytes=1024), r"Specified block size 1024 is less than .*min-block-size=1048576"),
    (HdfsOptions(replication=4000), r"Requested replication factor of 4000 exceeds maximum of 512"),
])  # fmt: skip
def test_a_setting_that_the_namenode_refuses_is_told_in_its_words(lake: Lake, options: HdfsOptions, said: str) -> None:
    with pytest.raises(LakeError, match=said):
        Lake(lake.location, options).write_bytes("file", b"1")
