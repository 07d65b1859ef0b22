"""What dies under a lake on HDFS, and what is said of it: nothing is lost or there by half, and one sentence each."""

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from analytics.errors import LakeError
from analytics.lake import Lake
from tests.cluster.hadoop import BLOCK, OPTIONS, Cluster
from tests.cluster.test_lake import on_hdfs

DATA = random.Random(8).randbytes(6 * BLOCK)


@contextmanager
def meanwhile(action: Callable[[], object], after: float) -> Iterator[None]:
    """Do something while the block runs; the block's end waits for it."""
    timer = threading.Timer(after, action)
    timer.start()
    yield
    timer.join()


def test_a_datanode_that_dies_in_the_middle_of_a_file_costs_nothing(hdfs: Cluster, lake: Lake) -> None:
    with meanwhile(lambda: hdfs.kill("datanode-1"), 0.3):
        for number in range(8):
            lake.write_bytes(f"files/{number}", DATA)
    assert all(lake.read_bytes(f"files/{number}") == DATA for number in range(8))
    assert lake.names("files", hidden=True) == [str(number) for number in range(8)]
    assert {file["replication"] for file in hdfs.files(on_hdfs(lake)).values()} == {2}


def test_a_dead_datanode_that_the_namenode_still_offers_is_soon_done_without(hdfs: Cluster, lake: Lake) -> None:
    hdfs.kill("datanode-2")
    three = Lake(lake.location, replace(OPTIONS, replication=3))  # the dead one is among any three
    for number in range(4):
        three.write_bytes(f"files/{number}", DATA[:BLOCK])
    assert hdfs.dead() == 0, "it took as long as the NameNode took to notice"
    hdfs.whole()
    hdfs.wait_until(lambda: hdfs.fsck(on_hdfs(lake)).count("Live_repl=3") == 4, "three copies of each file")


def test_a_datanode_that_dies_while_a_file_is_read_costs_nothing(hdfs: Cluster, lake: Lake) -> None:
    lake.write_bytes("file", DATA)
    with lake.reading("file") as file:
        read = [file.read(BLOCK + 1)]
        hdfs.kill("datanode-2")
        read.append(file.read(BLOCK))
        read.append(file.read())
    assert b"".join(read) == DATA


def test_a_file_is_read_on_when_all_its_blocks_are_at_other_addresses(hdfs: Cluster, lake: Lake) -> None:
    lake.write_bytes("file", DATA)
    with lake.reading("file") as file:
        start = file.read(BLOCK)
        for number in range(3):
            hdfs.kill(f"datanode-{number}")
        hdfs.whole()  # at other ports
        assert start + file.read() == DATA


def test_a_log_has_its_lines_once_when_an_answer_was_lost(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.append("log", b"1\n")
    lost = []

    def moved(action: Callable[..., object], *arguments: object) -> object:
        result = action(*arguments)
        if action.__name__ == "close" and not lost:
            lost.append(action)
            raise RuntimeError("DataTransferError: the answer did not come")
        return result

    monkeypatch.setattr("analytics.lake.hdfs.moved", moved)
    lake.append("log", b"2\n")
    assert lost and lake.read_bytes("log") == b"1\n2\n"


def test_a_log_grows_while_a_datanode_that_has_it_dies(hdfs: Cluster, lake: Lake) -> None:
    for number in range(8):
        lake.append("log", f"{number}\n".encode())
        if number == 2:
            hdfs.kill("datanode-0")
    assert lake.read_bytes("log") == b"0\n1\n2\n3\n4\n5\n6\n7\n"


def test_patient_work_sits_out_a_restart_of_the_namenode_and_other_work_says_so(
    hdfs: Cluster, lake: Lake, capfd: pytest.CaptureFixture[str]
) -> None:
    patient = lake.patient()
    patient.write_bytes("files/before", b"1")
    hdfs.kill("namenode")
    with pytest.raises(LakeError, match=f"nothing listens at 127.0.0.1:{hdfs.rpc_port}"):
        lake.names("")
    with meanwhile(lambda: hdfs.start_namenode(wait=False), 5):
        patient.write_bytes("files/after", DATA)
        patient.append("files/before", b"2")
    assert (lake.read_bytes("files/before"), lake.read_bytes("files/after")) == (b"12", DATA)
    said = [line for line in capfd.readouterr().err.splitlines() if "HDFS" in line]
    assert said == [f"Waiting for HDFS: nothing listens at 127.0.0.1:{hdfs.rpc_port}.", "HDFS works again."]


def test_a_namenode_that_dies_in_the_middle_of_a_file_costs_nothing(hdfs: Cluster, lake: Lake) -> None:
    def restart() -> None:
        hdfs.kill("namenode")
        hdfs.start_namenode(wait=False)

    patient = lake.patient()
    patient.write_bytes("files/0", b"1")
    with meanwhile(restart, 0.1):
        for number in range(1, 6):
            patient.write_bytes(f"files/{number}", DATA)
    assert all(lake.read_bytes(f"files/{number}") == DATA for number in range(1, 6))
    assert lake.names("files", hidden=True) == ["0", "1", "2", "3", "4", "5"]


def test_safe_mode_is_said_and_nothing_is_there_by_half(hdfs: Cluster, lake: Lake) -> None:
    lake.write_bytes("file", b"old")
    hdfs.admin("-safemode", "enter")
    try:
        with pytest.raises(LakeError, match=r"Cannot write hdfs://.*/file: HDFS is in safe mode.* -safemode get"):
            lake.write_bytes("file", b"new")
        assert lake.read_bytes("file") == b"old"
    finally:
        hdfs.admin("-safemode", "leave")
    assert lake.names("", hidden=True) == ["file"]


def test_a_quota_that_is_used_up_is_said_and_nothing_is_there_by_half(hdfs: Cluster, lake: Lake) -> None:
    lake.write_bytes("file", b"old")
    hdfs.admin("-setSpaceQuota", str(5 * BLOCK), on_hdfs(lake))
    with pytest.raises(LakeError, match=r"Cannot write hdfs://.*/more: there is no room: a quota of HDFS is used up"):
        lake.write_bytes("more", DATA)
    assert lake.names("", hidden=True) == ["file"]


def test_a_user_without_the_right_is_named(hdfs: Cluster) -> None:
    for path in ("/kindred-not-ours", ""):
        with pytest.raises(LakeError, match=r"Cannot write hdfs://.*: HDFS does not permit it to the user kindred\."):
            Lake(f"{hdfs.url}{path}", OPTIONS).write_bytes("a/file", b"1")


def test_no_datanode_at_all_is_said_after_two_minutes_of_trying(
    hdfs: Cluster, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.lake.hdfs_link.DATA_PATIENCE", 3.0)
    for number in range(3):
        hdfs.kill(f"datanode-{number}")
    with pytest.raises(LakeError, match=r"Cannot write .*: (none of the 0 DataNodes|a DataNode or the)"):
        lake.write_bytes("file", b"1")


@pytest.mark.parametrize(("url", "said"), [
    ("hdfs://127.0.0.1:1/x", "nothing listens at 127.0.0.1:1"),
    ("hdfs://no-such-host.invalid/x", "there is no host of the name in no-such-host.invalid"),
    ("hdfs:///x", "fs.defaultFS has no port and is no nameservice of HADOOP_CONF_DIR"),
])  # fmt: skip
def test_a_wrong_address_is_said_within_seconds(cluster: Cluster, url: str, said: str) -> None:
    began = time.monotonic()
    with pytest.raises(LakeError, match=said) as caught:
        Lake(url).patient().names("sandbox")  # also where work would be patient: this NameNode never worked
    assert time.monotonic() - began < 8 and caught.value.exit_code == 12


def test_a_port_that_is_not_a_namenode_s_is_said(cluster: Cluster) -> None:
    with pytest.raises(LakeError, match=f"at 127.0.0.1:{cluster.http_port} hangs up on a NameNode's client"):
        Lake(f"hdfs://127.0.0.1:{cluster.http_port}/x").names("")


def test_a_namenode_that_does_not_answer_is_said_within_15_seconds(cluster: Cluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(LakeError, match="did not answer in time"):
            Lake(f"hdfs://127.0.0.1:{silent.getsockname()[1]}/x").names("")
        assert time.monotonic() - began < 15


def test_a_full_disk_on_this_machine_is_not_called_hdfs_s(lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"no room in .*, where a file for HDFS waits"), lake.writing("file"):
        raise OSError(28, os.strerror(28))
