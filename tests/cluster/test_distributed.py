"""One export, fitted on local[*], on a Spark standalone cluster and on YARN over HDFS: the same release from all of
them, whatever dies on the way. The executors run the environment that was shipped to them and nothing of the checkout.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from analytics.export import ExportOptions, export
from analytics.lake import Lake
from analytics.publish import publish
from analytics.spark_environment import pack
from fhir_fixtures.population import generate, shared_resources
from tests.cluster.commands import Home
from tests.cluster.conftest import OPTIONS
from tests.cluster.daemons import ROOT, running
from tests.cluster.distributed import (
    EHR,
    MASTER,
    SMALL,
    Release,
    Way,
    copy_export,
    differences,
    executors_in,
    freeze,
    released,
)
from tests.cluster.hadoop import Cluster
from tests.cluster.standalone import Standalone
from tests.cluster.yarn import Yarn
from tests.conformance.bulk.live import live_sandbox
from tests.unit.analytics.releases import write_release

PEOPLE, SEED = 300, 11
LINES_PER_FILE, TARGET = 5_000, 2_000_000  # several files of a type, so that each executor loads some
ISSUER = "http://127.0.0.1:9/fhir"  # nobody asks it
OLD = "20250101-00000000"  # a release of before

pytestmark = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for executors in /proc: Linux alone")


@dataclass
class World:
    """The export, the packed environment, and homes that hold the one and name the other."""

    folder: Path
    source: Lake
    export_id: str
    hdfs: Cluster
    archive: Path
    homes: dict[str, Way] = field(default_factory=dict)

    def way(self, name: str, lake: Lake, **settings: str) -> Way:
        """A new home in which the export lies and nothing else."""
        home = self.folder / name
        home.mkdir()
        (home / "ehrs.toml").write_text(f'[{EHR}]\nissuer = "{ISSUER}"\n')  # of every home: a release depends on it
        copy_export(self.source, lake, self.export_id)
        return Way(Home(home, lake, target=TARGET), settings)

    def on_hdfs(self, name: str, **settings: str) -> Way:
        lake = Lake(f"{self.hdfs.url}/kindred/{name}-{os.getpid()}", OPTIONS)
        return self.way(name, lake, **SMALL, **settings)


@pytest.fixture(scope="module")
def world(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("distributed")
    pack(folder / "environment.tar.gz")
    people = [line for person in generate(PEOPLE, SEED) for line in person.lines] + list(shared_resources())
    source = Lake(f"file://{folder}/source")
    with live_sandbox(folder / "ehr", lines_per_file=LINES_PER_FILE, data=people) as live:
        made = export(live.client(), source, ExportOptions(file_target_bytes=TARGET))
    cluster.whole()
    yield World(folder, source, made.export_id, cluster, folder / "environment.tar.gz")


@pytest.fixture(scope="module")
def expected(world: World) -> Release:
    """What local[*] makes of the export, with the lake on a disk."""
    way = world.way("local", Lake(f"file://{world.folder}/lake"), **{MASTER: "local[*]"})
    way.run()
    made = released(way.lake)
    assert way.current == made.release_id and len(made.people) > 0.9 * PEOPLE and len(made.papers) > 1
    return made


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    with running(Standalone(tmp_path_factory.mktemp("standalone"))) as started:
        yield started


@pytest.fixture(scope="module")
def yarn(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yarn]:
    with running(Yarn(tmp_path_factory.mktemp("yarn"), hdfs=cluster)) as started:
        yield started


@pytest.fixture(scope="module")
def on_standalone(world: World, standalone: Standalone) -> Callable[[str], Way]:
    """The archive is a file of this machine: executors fetch it from the driver."""
    more = {MASTER: standalone.master, "KINDRED_SPARK_ENVIRONMENT": str(world.archive)}
    return lambda name: world.on_hdfs(name, **more)


@pytest.fixture(scope="module")
def on_yarn(world: World, yarn: Yarn) -> Callable[[str], Way]:
    """The archive is on HDFS for everyone to read: a NodeManager unpacks it once for all runs."""
    place = f"/kindred/environment-{os.getpid()}.tar.gz"
    world.hdfs.shell("-put", str(world.archive), place)
    more = {MASTER: "yarn", "HADOOP_CONF_DIR": str(yarn.conf), "KINDRED_SPARK_ENVIRONMENT": f"{world.hdfs.url}{place}"}
    return lambda name: world.on_hdfs(name, **more)


def assert_same(way: Way, expected: Release) -> None:
    made = released(way.lake)
    assert made.release_id == expected.release_id == way.current
    assert {who: row[:2] for who, row in made.people.items()} == {who: row[:2] for who, row in expected.people.items()}
    firm, expected_firm = ({who: rows[who][2] for who in sorted(rows)} for rows in (made.people, expected.people))
    assert differences(made.papers, expected.papers) == [] and differences(firm, expected_firm) == []


def assert_runs_the_archive(answers: list[Any], below: Path) -> None:
    places = {folder for _, _, _, folder in answers}
    assert len(places) == 2, "both executors answered"
    for code, python, path, folder in answers:
        assert folder.startswith(f"{below}/") and code.startswith(f"{folder}/environment/lib/")
        assert python == f"{folder}/environment/bin/python"
        assert not [one for one in path if one.startswith(str(ROOT)) and "/pyspark/" not in one], path


def leftovers(lake: Lake, below: str = EHR) -> list[str]:
    """Files and folders that only a run under way may have."""
    found = []
    for name in lake.names(below, hidden=True):
        path = f"{below}/{name}"
        if name.endswith((".tmp", ".partial", ".lock")) or name == "_temporary":
            found.append(path)
        elif not name.endswith((".parquet", ".ndjson", ".json", "_SUCCESS", ".crc")):
            found += leftovers(lake, path)
    return found


def test_a_standalone_cluster_makes_the_release_of_one_machine_though_an_executor_is_killed_in_mid_run(
    expected: Release, on_standalone: Callable[[str], Way], standalone: Standalone
) -> None:
    way = on_standalone("standalone")
    with way.begun() as driver:
        driver.until(lambda: way.lake.finished(f"{EHR}/events/{way.lake.newest_export(EHR)}"))
        one = executors_in(standalone.work(0))
        freeze(driver, one, standalone.folder)
        for process in one:
            os.kill(process, 9)
        assert_runs_the_archive(driver.result(), standalone.folder)
    assert "ExecutorLostFailure" in way.losses()
    assert_same(way, expected)


def test_the_driver_killed_leaves_the_old_release_and_the_next_run_on_yarn_is_clean(
    expected: Release, on_yarn: Callable[[str], Way], yarn: Yarn, tmp_path: Path
) -> None:
    yarn.whole()
    way = on_yarn("driver")
    before = Lake(f"file://{tmp_path}/before")
    write_release(before, EHR, OLD, [("patient-1", 1, None, None)])
    publish(way.database, before, EHR, OLD)
    with way.begun() as driver:
        driver.until(lambda: way.lake.names(way.lake.releases(EHR), hidden=True))
        driver.kill()
    assert way.lake.finished_folders(way.lake.releases(EHR)) == [] and way.current == OLD
    yarn.wait_until(lambda: not yarn.applications("ACCEPTED", "RUNNING"), "end of what the dead driver had started")
    assert_runs_the_archive(way.run(), yarn.folder)
    assert_same(way, expected)
    assert leftovers(way.lake) == []


def test_a_nodemanager_killed_in_mid_run_changes_nothing(
    expected: Release, on_yarn: Callable[[str], Way], yarn: Yarn
) -> None:
    yarn.whole()
    way = on_yarn("node")
    with way.begun() as driver:
        driver.until(lambda: way.lake.finished(f"{EHR}/events/{way.lake.newest_export(EHR)}"))
        number = next(number for number in range(2) if not yarn.holds_master(number))
        freeze(driver, executors_in(yarn.work(number)), yarn.folder)
        yarn.kill_node(number)
        driver.result()
    assert "ExecutorLostFailure" in way.losses()
    assert_same(way, expected)
