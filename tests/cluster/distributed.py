"""The same export on one machine, on Spark's own cluster and on YARN: a home for each, runs, and what came of them."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from analytics.lake import Lake
from analytics.publish import current
from tests.cluster.commands import Home
from tests.cluster.daemons import ROOT, WITH_US, processes_in, signal_all
from tests.cluster.standalone import SPARK_HOME
from tests.cluster.steps import EARLIER
from tests.conftest import SHORT_LIVED_JVM

EHR = "sandbox"
RUN = """
import json, os
from analytics.config import Settings
from analytics.pipeline import Pipeline

def where(_):
    import os, sys, analytics.load
    return analytics.load.__file__, sys.executable, sys.path, os.getcwd()

def told():
    print(json.dumps(pipeline.spark.sparkContext.parallelize(range(8), 8).map(where).collect()), flush=True)

pipeline = Pipeline(Settings.from_environment(os.environ), "sandbox", bootstraps=2)
told()
pipeline.run(fresh=False)
told()
"""
DEFAULTS = f"""
spark.yarn.jars                  local:{SPARK_HOME}/jars/*
spark.yarn.am.memory             384m
spark.yarn.am.extraJavaOptions   {SHORT_LIVED_JVM}
spark.executor.defaultJavaOptions {SHORT_LIVED_JVM}
spark.scheduler.minRegisteredResourcesRatio       1.0
spark.scheduler.maxRegisteredResourcesWaitingTime 300s
spark.eventLog.enabled           true
spark.eventLog.rolling.enabled   false
spark.eventLog.compress          false
"""
MORE = {"KINDRED_SPARK_DRIVER_MEMORY": "768m", **EARLIER}
SMALL = {"KINDRED_SPARK_EXECUTORS": "2", "KINDRED_SPARK_EXECUTOR_CORES": "1", "KINDRED_SPARK_EXECUTOR_MEMORY": "512m",
         "KINDRED_SPARK_EXECUTOR_OVERHEAD": "512m", "KINDRED_SPARK_DRIVER_HOST": "127.0.0.1",
         "SPARK_LOCAL_IP": "127.0.0.1"}  # fmt: skip
MASTER = "KINDRED_SPARK_MASTER"
RUN_WITHIN = 900  # seconds, on a loaded machine


@dataclass
class Way:
    """A home of its own whose lake holds the export, and how its runs reach a cluster."""

    home: Home
    settings: dict[str, str]
    log: Path = field(init=False)  # what Spark noted of each job, task and executor

    def __post_init__(self) -> None:
        self.log = self.home.folder / "spark-events"
        self.log.mkdir()
        (self.home.folder / "spark-defaults.conf").write_text(f"{DEFAULTS}spark.eventLog.dir {self.log.as_uri()}\n")

    @property
    def lake(self) -> Lake:
        return self.home.lake

    @property
    def current(self) -> str | None:
        """The release that the app would show."""
        return current_of(self.home)

    @contextmanager
    def begun(self) -> Iterator["Driver"]:
        """A run in a process of its own, whose leftovers end with the block."""
        more = {"SPARK_CONF_DIR": str(self.home.folder), **MORE, **self.settings}
        with (self.home.folder / "stdout").open("wb") as out, (self.home.folder / "stderr").open("ab") as said:
            process = subprocess.Popen([*WITH_US, sys.executable, "-c", RUN], env=self.home.environment(**more),
                                       stdin=subprocess.PIPE, stdout=out, stderr=said, cwd=ROOT,
                                       start_new_session=True)  # fmt: skip
        driver = Driver(process, self.home.folder)
        try:
            yield driver
        finally:
            driver.kill()

    def losses(self) -> list[str]:
        """Why tasks of the runs here failed that had to be done again, by Spark's own names."""
        lines = [line for file in self.log.iterdir() if file.is_file() for line in file.read_text().splitlines(True)]
        events = [json.loads(line) for line in lines if line.endswith("\n")]  # the last of a killed driver's is cut
        ended = [event["Task End Reason"]["Reason"] for event in events if event["Event"] == "SparkListenerTaskEnd"]
        return [reason for reason in ended if reason != "Success"]


def database(home: Home) -> str:
    return f"sqlite:///{home.folder}/kindred.db"


def current_of(home: Home) -> str | None:
    """The release that the app would show."""
    model = current(database(home), EHR)
    return None if model is None else str(model["release_id"])


@dataclass
class Driver:
    """The process of a run, and the JVM that it started."""

    process: subprocess.Popen[bytes]
    home: Path

    @property
    def said(self) -> str:
        """Its last words."""
        return (self.home / "stderr").read_text(errors="replace")[-3000:]

    def told(self) -> list[list[Any]]:
        """Where eight tasks found our code, their Python, its path, and their working folder: before the first step and
        after the last, as far as it is."""
        return [json.loads(line) for line in (self.home / "stdout").read_text().splitlines(True) if line.endswith("\n")]

    def result(self) -> tuple[list[Any], list[Any]]:
        """What it told before and after; it must have ended well."""
        assert self.process.wait(RUN_WITHIN) == 0, self.said
        before, after = self.told()
        return before, after

    def kill(self) -> None:
        """kill -9 both."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def until(self, holds: Callable[[], object]) -> None:
        """Wait while it runs; raises AssertionError with its last words when it ends before."""
        end = time.monotonic() + RUN_WITHIN
        while not holds():
            ended = self.process.poll()
            assert ended is None and time.monotonic() < end, self.said
            time.sleep(0.1)

    def stands_still(self, cluster: Path) -> bool:
        """Whether neither it nor anything below the cluster's folder wants to run but now and then, for two seconds.

        Not how much they ran, for on a loaded machine that is little.
        """
        busy = 0
        for _ in range(20):
            time.sleep(0.1)
            busy += any(wants_to_run(process) for process in (*self._own(), *processes_in(cluster)))
        return busy < 10

    def _own(self) -> list[int]:
        """The process and its JVM."""
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                if os.getpgid(int(entry.name)) == self.process.pid:
                    found.append(int(entry.name))
        return found


def executors_in(folder: Path) -> dict[int, str]:
    """The executors' JVMs that run below a worker's or a NodeManager's folder."""
    return {process: line for process, line in processes_in(folder).items()
            if "CoarseGrainedExecutorBackend" in line and Path(line.split()[0]).name == "java"}  # fmt: skip


def wants_to_run(process: int) -> bool:
    """Whether any of its threads runs or waits for a core."""
    with suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            if (thread / "stat").read_text().rpartition(")")[2].split()[0] == "R":
                return True
    return False


def freeze(driver: Driver, executors: dict[int, str], cluster: Path) -> None:
    """Stop executors until the run waits for them: then one of them holds a task, whatever the machine's pace."""
    assert executors
    signal_all(executors, signal.SIGSTOP)
    driver.until(lambda: driver.stands_still(cluster))


def copy_export(source: Lake, target: Lake, export_id: str) -> None:
    """The same export in another lake."""
    folder = source.export(EHR, export_id)
    names = ["manifest.json", "files.ndjson", "log.ndjson"]
    for name in [*names, *(file["path"] for file in source.read_json(f"{folder}/manifest.json")["files"])]:
        target.write_bytes(f"{folder}/{name}", source.read_bytes(f"{folder}/{name}"))
    target.finish(folder)


@dataclass(frozen=True)
class Release:
    """What is to be the same whoever made it: every paper but for its hash and the time at which it was made."""

    release_id: str
    papers: dict[str, Any]
    people: dict[str, tuple[int, int | None, float | None]]


def released(lake: Lake) -> Release:
    """The only release in a lake."""
    (release_id,) = lake.finished_folders(lake.releases(EHR))
    folder = lake.release(EHR, release_id)
    made = lake.read_json(f"{folder}/release.json")["created_at"]  # the model card says it too
    papers = {name: _undated(lake.read_json(f"{folder}/{name}"), made) for name in lake.names(folder)
              if name.endswith(".json") and name != "hashes.json"}  # fmt: skip
    people = {}
    for path in lake.files(f"{folder}/memberships", ".parquet"):
        with lake.reading(path) as file:
            for row in pq.read_table(file).to_pylist():
                people[row["subject_id"]] = (row["rank"], row["second_rank"], row["firmness"])
    return Release(release_id, papers, people)


def _undated(value: Any, made: str) -> Any:
    if isinstance(value, dict):
        return {key: _undated(one, made) for key, one in value.items()}
    if isinstance(value, list):
        return [_undated(one, made) for one in value]
    return "when it was made" if value == made else value


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """Where two JSON values differ: everything must be equal, numbers to 1e-9 (relative; absolute near 0)."""
    if isinstance(one, float) and isinstance(other, float):
        return [] if math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9) else [f"{where}: {one!r} {other!r}"]
    if isinstance(one, dict) and isinstance(other, dict) and list(one) == list(other):
        return [found for key in one for found in differences(one[key], other[key], f"{where}/{key}")]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [found for number, pair in pairs for found in differences(*pair, f"{where}/{number}")]
    return [] if type(one) is type(other) and one == other else [f"{where}: {one!r:.80} {other!r:.80}"]
