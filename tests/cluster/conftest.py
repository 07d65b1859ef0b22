"""One cluster for the session, whole again after every test that took a part of it."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from analytics.lake import Lake
from tests.cluster import steps
from tests.cluster.commands import home
from tests.cluster.daemons import ROOT, java, running
from tests.cluster.hadoop import OPTIONS, USER, Cluster
from tests.conformance.bulk.live import Live


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Skips, with the reason, where there is no Java or Maven; with CI=true that is a failure (tests/conftest.py)."""
    if not shutil.which(java()):
        pytest.skip("no Java: see scripts/prerequisites java")
    fetched = subprocess.run([ROOT / "scripts/hadoop"], capture_output=True, text=True, check=False)
    if fetched.returncode:
        pytest.skip(fetched.stderr.strip())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HADOOP_USER_NAME", USER)
        environment.delenv("HADOOP_CONF_DIR", raising=False)
        environment.delenv("HADOOP_HOME", raising=False)
        with running(Cluster(tmp_path_factory.mktemp("hadoop"))) as started:
            yield started


@pytest.fixture
def hdfs(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, whole before the test and after it."""
    yield cluster
    cluster.whole()


@pytest.fixture
def lake(hdfs: Cluster, request: pytest.FixtureRequest) -> Lake:
    """A lake of the test's own on HDFS, with blocks of 1 MiB in two copies."""
    return Lake(f"{hdfs.url}/kindred/{request.node.name.split('[')[0]}-{os.getpid()}", OPTIONS)


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A sandbox of the people of steps.py."""
    with steps.live_clinic(tmp_path_factory.mktemp("clinic")) as live:
        yield live


@pytest.fixture(scope="session")
def on_disk(clinic: Live, tmp_path_factory: pytest.TempPathFactory) -> steps.Done:
    """They through all steps on local[*] with the lake on a disk: what every cluster is held against. Read it only."""
    folder = tmp_path_factory.mktemp("on-disk")
    return steps.all_steps(home(folder / "home", Lake(f"file://{folder}/lake"), clinic), "local[*]")
