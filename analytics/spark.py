"""The Spark session of the pipeline: quiet, in UTC, and with the same Python on every executor (docs/spark.md)."""

from __future__ import annotations

import getpass
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from analytics import spark_environment
from analytics.config import MIB, HdfsOptions, Settings, SparkOptions
from analytics.errors import LakeError, SparkError
from analytics.progress import progress

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OLDEST_JAVA = 17  # PySpark 4.3
LOG4J = Path(__file__).with_name("log4j2.properties")


def session(settings: Settings) -> SparkSession:
    """Start (or return) the session for the configured master.

    Raises SparkError when Java or Spark cannot start, and when the executors run another Kindred than this process.
    """
    _check_java()
    _choose_python(settings)
    # Python's side of Spark logs the text of failed queries, values included, at any level.
    for name in ("SQLQueryContextLogger", "py4j", "pyspark"):
        logging.getLogger(name).disabled = True
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(settings.spark_master).appName("kindred")
    for key, value in _configuration(settings).items():
        builder = builder.config(key, value)
    with _explained("start"), _quiet_start():
        spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    if not _local(settings):
        with spark_step(spark, "Waiting for executors", "reach its executors"):
            spark_environment.check(spark, tasks=2 * (settings.spark.executors or 2))
    return spark


def _local(settings: Settings) -> bool:
    return settings.spark_master.startswith("local")


def _choose_python(settings: Settings) -> None:
    """The driver runs this interpreter; the executors the one in the archive, else the one at the same path."""
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    if settings.spark.environment and not _local(settings):
        os.environ["PYSPARK_PYTHON"] = spark_environment.PYTHON
        os.environ.pop("PYTHONPATH", None)  # Spark would hand it on, and the archive would be mixed with a checkout
    else:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if _local(settings):  # a host whose own name does not resolve must not stop a local run
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")


def _configuration(settings: Settings) -> dict[str, str]:
    local = _local(settings)
    common = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.structuredLogging.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",  # the same TIMESTAMP as DuckDB's: no zone
        "spark.sql.ansi.enabled": "true",
        "spark.sql.shuffle.partitions": "8" if local else "200",
        "spark.sql.warehouse.dir": str(settings.home / "spark-warehouse"),
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={LOG4J.as_uri()} -Duser.timezone=UTC",
        "spark.driver.memory": settings.spark.driver_memory,
        "spark.executor.extraJavaOptions": "-Duser.timezone=UTC",
    }
    # Who may read what is written. Hadoop sets the modes of local files too, and knows nothing of this process's umask.
    stricter = 0 if settings.lake.startswith("hdfs:") else umask()
    common["spark.hadoop.fs.permissions.umask-mode"] = f"{0o027 | stricter:03o}"
    return common | _hdfs(settings.hdfs) | (
        {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
        if local
        else _cluster(settings.spark_master, settings.spark)
    )


def _cluster(master: str, options: SparkOptions) -> dict[str, str]:
    """What is asked of YARN, a standalone master or Kubernetes; what is not said, spark-defaults.conf says."""
    archive = options.environment and f"{options.environment}#{spark_environment.FOLDER}"
    cores = options.executors and options.executors * (options.executor_cores or 1)
    standalone = master.startswith("spark:")
    wanted = {
        "spark.yarn.dist.archives" if master == "yarn" else "spark.archives": archive,
        "spark.driver.host": options.driver_host,
        "spark.executor.instances": options.executors,
        "spark.executor.cores": options.executor_cores or (1 if standalone and options.executors else None),
        "spark.cores.max": cores if standalone else None,  # a standalone master counts cores, not executors
        "spark.executor.memory": options.executor_memory,
        "spark.executor.memoryOverhead": options.executor_overhead,
        "spark.yarn.queue": options.queue,
        # Python's tasks open the lake themselves; on YARN they would be whoever runs the NodeManager.
        "spark.executorEnv.HADOOP_USER_NAME": os.environ.get("HADOOP_USER_NAME") or getpass.getuser(),
    }
    return {key: str(value) for key, value in wanted.items() if value is not None}


def _hdfs(options: HdfsOptions) -> dict[str, str]:
    """What Spark writes to HDFS is like what analytics/lake/hdfs.py writes: blocks and copies."""
    wanted = {
        "spark.hadoop.dfs.blocksize": options.block_bytes,
        "spark.hadoop.dfs.replication": options.replication,
        # Parquet asks for blocks of at least its row group, of 128 MiB where nothing is said.
        "spark.hadoop.parquet.block.size": options.block_bytes and min(options.block_bytes, 128 * MIB),
        # A NameNode that is away is said within seconds; a DataNode that is away is done without.
        "spark.hadoop.ipc.client.connect.timeout": 10_000,
        "spark.hadoop.ipc.client.connect.max.retries.on.timeouts": 2,
        "spark.hadoop.dfs.client.block.write.replace-datanode-on-failure.best-effort": "true",
        "spark.kerberos.principal": options.principal,
        "spark.kerberos.keytab": options.keytab,
    }
    return {key: str(value) for key, value in wanted.items() if value is not None}


def umask() -> int:
    """This process's."""
    found = os.umask(0o077)
    os.umask(found)
    return found


def _check_java() -> None:
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    install = (
        f"Install a Java {OLDEST_JAVA} runtime (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME."
    )
    if not java or not shutil.which(java):
        where = f"in JAVA_HOME ({home})" if home else "on the PATH"
        raise SparkError(f"Spark needs Java, and there is none {where}.", install)
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as error:
        raise SparkError(f"{java} cannot be run ({type(error).__name__}).", install) from None
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)  # Java 8 calls itself 1.8
    if not found or int(found[1]) < OLDEST_JAVA:
        version = found[1] if found else "of an unknown version"
        raise SparkError(f"Spark needs Java {OLDEST_JAVA} or newer; {java} is Java {version}.", install)


@contextmanager
def _quiet_start() -> Iterator[None]:
    """The launcher script writes banners to stderr before any log setting counts; keep them out of the way."""
    sys.stderr.flush()
    saved = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


@contextmanager
def _explained(doing: str) -> Iterator[None]:
    """Turn any failure of Spark into one sentence with its class, never with its text: that may quote data."""
    try:
        yield
    except Exception as error:
        module = type(error).__module__
        if not module.startswith(("pyspark", "py4j")):
            raise
        if lake := re.search(r"^\s*analytics\.errors\.LakeError: (.+)$", str(error), re.MULTILINE):
            raise LakeError(lake[1]) from None  # a task's, in our own words: the lake is full, or is away
        condition = getattr(error, "getCondition", lambda: None)() or type(error).__name__
        raise SparkError(
            f"Spark could not {doing} ({condition}).",
            "Run the same command again; if it stays, look at memory and disk room.",
        ) from None


@contextmanager
def spark_step(spark: SparkSession, title: str, doing: str) -> Iterator[None]:
    """Show the tasks of the jobs that run in the block as progress, and explain a failure in one sentence."""
    tracker = spark.sparkContext.statusTracker()
    stop = threading.Event()

    def watch() -> None:
        finished: dict[int, tuple[int, int]] = {}
        while not stop.wait(0.5):
            for stage in tracker.getActiveStageIds():
                if info := tracker.getStageInfo(stage):
                    finished[stage] = (info.numCompletedTasks, info.numTasks)
            step.update(done=sum(done for done, _ in finished.values()))

    with progress(title, unit="tasks") as step, _explained(doing):
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()
