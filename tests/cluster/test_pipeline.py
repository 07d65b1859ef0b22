"""Every step with its lake on HDFS, each in processes of their own, gives what it gives with the lake on a disk."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from analytics.lake import Lake
from fhir_fixtures.population import generate, shared_resources
from tests.cluster.commands import Home, home
from tests.cluster.conftest import BLOCK, COPIES, OPTIONS
from tests.cluster.hadoop import Cluster
from tests.cluster.test_lake import on_hdfs
from tests.conformance.bulk.live import live_sandbox

PEOPLE, SEED = 120, 11
ALL_STEPS = """
import json, os
from analytics.config import Settings
from analytics.pipeline import Pipeline
pipeline = Pipeline(Settings.from_environment(os.environ), "sandbox", bootstraps=2)
pipeline.run()
print(json.dumps(pipeline.counts))
"""
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


@dataclass
class Done:
    """A home in which everything ran, and what it counted."""

    home: Home
    counts: dict[str, Any]

    def __post_init__(self) -> None:
        self.release_id = self.home.lake.finished_folders("sandbox/releases")[0]
        self.model = self.home.lake.read_json(f"sandbox/releases/{self.release_id}/release.json")

    @property
    def told(self) -> dict[str, Any]:
        """The release but for what names this run."""
        return {key: value for key, value in self.model.items() if key not in ("created_at", "release_id", "export_id")}


def python(here: Home, text: str, *arguments: str) -> str:
    command = [sys.executable, "-c", text, *arguments]
    done = subprocess.run(command, env=here.environment(KINDRED_SPARK_MASTER="local[2]"), capture_output=True,
                          text=True, check=False, timeout=240)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def both(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Done, Done]]:
    """The same people through all steps: on a disk, and on HDFS."""
    folder = tmp_path_factory.mktemp("steps")
    people = [line for person in generate(PEOPLE, SEED) for line in person.lines] + list(shared_resources())
    with live_sandbox(folder / "ehr", lines_per_file=2_000, data=people) as live:
        lakes = Lake(f"file://{folder}/lake"), Lake(f"{cluster.url}/kindred/steps-{os.getpid()}", OPTIONS)
        homes = [home(folder / name, lake, live) for name, lake in zip(("disk", "hdfs"), lakes, strict=True)]
        done = [Done(here, json.loads(python(here, ALL_STEPS).splitlines()[-1])) for here in homes]
        yield done[0], done[1]


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
