"""One export, fitted on local[*], on a Spark standalone cluster and on YARN over HDFS: the same release from all of
them, whatever dies on the way. The executors run the environment that was shipped to them and nothing of the checkout.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from analytics.lake import Lake
from analytics.publish import publish
from analytics.spark_environment import pack
from tests.cluster.commands import Home
from tests.cluster.daemons import ROOT, running
from tests.cluster.distributed import (
    EHR,
    MASTER,
    SMALL,
    Release,
    Way,
    copy_export,
    current_of,
    database,
    differences,
    executors_in,
    freeze,
    released,
)
from tests.cluster.hadoop import OPTIONS, Cluster
from tests.cluster.standalone import Standalone
from tests.cluster.steps import PEOPLE, Done
from tests.cluster.yarn import Yarn
from tests.conformance.bulk.live import Live
from tests.unit.analytics.releases import write_release

OLD = "20250101-00000000"  # a release of before


@dataclass
class World:
    """The export, the packed environment, and homes that hold the one and name the other."""

    folder: Path
    source: Lake
    export_id: str
    issuer: str  # of every home: a release depends on it
    hdfs: Cluster
    archive: Path
    homes: dict[str, Way] = field(default_factory=dict)

    def way(self, name: str, lake: Lake, **settings: str) -> Way:
        """A new home in which the export lies and nothing else."""
        home = self.folder / name
        home.mkdir()
        (home / "ehrs.toml").write_text(f'[{EHR}]\nissuer = "{self.issuer}"\n')
        copy_export(self.source, lake, self.export_id)
        return Way(Home(home, lake), settings)

    def on_hdfs(self, name: str, **settings: str) -> Way:
        lake = Lake(f"{self.hdfs.url}/kindred/{name}-{os.getpid()}", OPTIONS)
        return self.way(name, lake, **SMALL, **settings)


@pytest.fixture(scope="module")
def world(cluster: Cluster, clinic: Live, on_disk: Done, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("distributed")
    pack(folder / "environment.tar.gz")
    cluster.whole()
    return World(folder, on_disk.home.lake, on_disk.model["export_id"], clinic.base(), cluster,
                 folder / "environment.tar.gz")  # fmt: skip


@pytest.fixture(scope="module")
def expected(on_disk: Done) -> Release:
    """What local[*] makes of the export, with the lake on a disk."""
    made = released(on_disk.home.lake)
    assert current_of(on_disk.home) == made.release_id == on_disk.release_id
    assert len(made.people) > 0.9 * PEOPLE and len(made.papers) > 1
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


def assert_runs_the_archive(answers: list[Any], below: Path, executors: int = 2) -> None:
    places = {folder for _, _, _, folder in answers}
    assert len(places) >= executors, "so many executors answered"
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
        for answers in driver.result():
            assert_runs_the_archive(answers, standalone.folder)
    assert "ExecutorLostFailure" in way.losses()
    assert_same(way, expected)


@pytest.fixture(scope="module")
def abandoned(on_yarn: Callable[[str], Way], yarn: Yarn) -> Way:
    """Where a driver on YARN was killed while it wrote its first release, with an old one published."""
    way = on_yarn("yarn")
    before = Lake(f"file://{way.home.folder}/before")
    write_release(before, EHR, OLD, [("patient-1", 1, None, None)])
    publish(database(way.home), before, EHR, OLD)
    with way.begun() as driver:
        driver.until(driver.told)
        assert_runs_the_archive(driver.told()[0], yarn.folder)
        driver.until(lambda: way.lake.names(way.lake.releases(EHR), hidden=True))
        driver.kill()
    return way


def wait_until_idle(yarn: Yarn) -> None:
    yarn.wait_until(lambda: not yarn.applications("ACCEPTED", "RUNNING"), "end of what the dead driver had started")


def test_a_driver_killed_on_yarn_leaves_the_old_release(abandoned: Way, yarn: Yarn) -> None:
    way = abandoned
    assert way.lake.finished_folders(way.lake.releases(EHR)) == [] and way.current == OLD
    assert "ExecutorLostFailure" not in way.losses()
    wait_until_idle(yarn)


def test_the_next_run_is_clean_and_a_nodemanager_killed_in_the_middle_of_it_changes_nothing(
    expected: Release, abandoned: Way, yarn: Yarn
) -> None:
    way = abandoned
    wait_until_idle(yarn)
    with way.begun() as driver:
        driver.until(driver.told)
        number = next(number for number in range(2) if not yarn.holds_master(number))
        freeze(driver, executors_in(yarn.work(number)), yarn.folder)
        yarn.kill_node(number)
        before, after = driver.result()
    assert_runs_the_archive(before, yarn.folder)
    assert_runs_the_archive(after, yarn.folder, executors=1)  # whoever is left
    assert "ExecutorLostFailure" in way.losses()
    assert_same(way, expected)
    assert leftovers(way.lake) == []
