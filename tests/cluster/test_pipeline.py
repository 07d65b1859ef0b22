"""Every step with its lake on HDFS, each in processes of their own, gives what it gives with the lake on a disk."""

import json
import os
from pathlib import Path

import pytest

from analytics.lake import Lake
from fhir_fixtures.population import generate
from tests.cluster.commands import home
from tests.cluster.hadoop import BLOCK, COPIES, OPTIONS, Cluster
from tests.cluster.steps import SEED, Done, all_steps, python
from tests.cluster.test_lake import on_hdfs
from tests.conformance.bulk.live import Live

LOST = """
import os, signal, sys
from analytics.config import Settings
from analytics.load import load
from analytics.pipeline import Pipeline
pipeline = Pipeline(Settings.from_environment(os.environ), "sandbox")
pipeline.spark
os.kill(int(sys.argv[1]), signal.SIGKILL)  # a DataNode, right before the tasks read
pipeline.load()
print(pipeline.counts["load"])
"""


@pytest.fixture(scope="module")
def both(cluster: Cluster, clinic: Live, on_disk: Done, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Done]:
    """The same people through all steps: on a disk, and on HDFS."""
    lake = Lake(f"{cluster.url}/kindred/steps-{os.getpid()}", OPTIONS)
    return on_disk, all_steps(home(tmp_path_factory.mktemp("steps") / "hdfs", lake, clinic), "local[2]")


def test_every_step_counts_the_same(both: tuple[Done, Done]) -> None:
    disk, hdfs = both
    assert disk.counts == hdfs.counts
    assert list(hdfs.counts) == ["export", "load", "build", "fit", "publish"]
    assert hdfs.counts["export"]["kept"] == hdfs.counts["load"]["read"] > 0


def test_the_release_is_the_same_to_the_last_digit(both: tuple[Done, Done]) -> None:
    disk, hdfs = both
    assert disk.told == hdfs.told and len(hdfs.model["groups"]) > 1


def test_what_spark_writes_has_the_blocks_the_copies_and_the_guard_that_were_set(
    cluster: Cluster, both: tuple[Done, Done]
) -> None:
    files = cluster.files(on_hdfs(both[1].home.lake, "sandbox"))
    by_spark = [path for path in files if "/features/" in path or "/memberships/" in path]
    assert len(by_spark) > 3
    assert {(file["blockSize"], file["replication"], file["permission"]) for file in files.values()} == {
        (BLOCK, COPIES, "640")
    }
    assert not [path for path in files if path.endswith(".tmp") or "/_temporary/" in path]


def test_status_and_score_and_rollback_read_the_lake_on_hdfs(both: tuple[Done, Done], tmp_path: Path) -> None:
    told = []
    person = tmp_path / "person.ndjson"
    person.write_bytes(b"".join(line + b"\n" for _, line in next(iter(generate(1, SEED))).lines))
    for done in both:
        code, out, err = done.home.run("status", "--json")
        assert code == 0, err
        status = json.loads(out)["ehrs"]["sandbox"]["exports"][0]
        code, out, err = done.home.run("score", str(person), "--as-of", "2026-06-30")
        assert code == 0, err
        score = json.loads(out)
        assert done.home.run("rollback", done.release_id)[0] == 0
        told.append((status["load"], status["build"], score["group"], score["features"]))
    assert told[0] == told[1] and told[0][2] is not None


def test_a_datanode_killed_in_the_middle_of_a_load_loses_nothing(
    hdfs: Cluster, both: tuple[Done, Done]
) -> None:
    here = both[1].home
    export_id = here.lake.newest_export("sandbox")
    assert export_id is not None
    here.lake.delete(here.lake.events("sandbox", export_id))
    killed = hdfs.running.pop("datanode-1")
    counted = python(here, LOST, str(killed.pid))
    killed.communicate()
    assert counted == str(both[0].counts["load"])


def test_a_load_without_room_says_so_in_one_sentence(
    hdfs: Cluster, both: tuple[Done, Done]
) -> None:
    here = both[1].home
    export_id = here.lake.newest_export("sandbox")
    assert export_id is not None
    here.lake.delete(here.lake.events("sandbox", export_id))
    hdfs.admin("-setSpaceQuota", str(BLOCK), on_hdfs(here.lake))
    try:
        code, _, err = here.run("load", "sandbox", KINDRED_SPARK_MASTER="local[2]")
    finally:
        hdfs.admin("-clrSpaceQuota", on_hdfs(here.lake))
    assert code == 12 and "quota of HDFS is used up" in err and "Traceback" not in err
    assert not here.lake.finished(here.lake.events("sandbox", export_id))
