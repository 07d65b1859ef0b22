"""KINDRED_SPARK_...: what is read, what is refused and how it is said, and what Spark is told on each cluster."""

import getpass
import os
import sys
from pathlib import Path

import pytest

from analytics.config import Settings, SparkOptions
from analytics.errors import ConfigError
from analytics.spark import _choose_python, _configuration


def settings(tmp_path: Path, **given: str) -> Settings:
    named = {f"KINDRED_SPARK_{key}": value for key, value in given.items()}
    return Settings.from_environment({"KINDRED_HOME": str(tmp_path), **named})


def test_every_setting_is_read_and_printed(tmp_path: Path) -> None:
    archive = tmp_path / "environment.tar.gz"
    archive.touch()
    found = settings(
        tmp_path, MASTER="yarn", ENVIRONMENT=str(archive), DRIVER_HOST="edge.example", DRIVER_MEMORY="4G",
        EXECUTORS="6", EXECUTOR_CORES="2", EXECUTOR_MEMORY="1536m", EXECUTOR_OVERHEAD="3g", QUEUE="research",
    )  # fmt: skip
    assert found.spark == SparkOptions(archive.as_uri(), "edge.example", "4g", 6, 2, "1536m", "3g", "research")
    told = {key: value for key, value in found.redacted().items() if key.startswith("spark_")}
    assert told == {
        "spark_master": "yarn", "spark_environment": archive.as_uri(), "spark_driver_host": "edge.example",
        "spark_driver_memory": "4g", "spark_executors": 6, "spark_executor_cores": 2, "spark_executor_memory": "1536m",
        "spark_executor_overhead": "3g", "spark_queue": "research",
    }  # fmt: skip


def test_without_settings_the_cluster_s_own_hold(tmp_path: Path) -> None:
    assert settings(tmp_path).spark == SparkOptions()


@pytest.mark.parametrize(("name", "value", "said"), [
    ("EXECUTORS", "0", "not a whole number of executors above 0"),
    ("EXECUTORS", "two", "not a whole number of executors above 0"),
    ("EXECUTOR_CORES", "1.5", "not a whole number of cores above 0"),
    ("EXECUTOR_MEMORY", "4", "no size of at least 256m"),
    ("EXECUTOR_MEMORY", "128m", "no size of at least 256m"),
    ("EXECUTOR_OVERHEAD", "4 GB", "no size of at least 256m"),
    ("DRIVER_MEMORY", "-1g", "no size of at least 256m"),
    ("ENVIRONMENT", "/none/environment.tar.gz", "there is no file /none/environment.tar.gz"),
    ("ENVIRONMENT", "s3://bucket/environment.tar.gz", "no archive that Spark unpacks"),
    ("ENVIRONMENT", "hdfs://namenode/environment", "no archive that Spark unpacks"),
    ("ENVIRONMENT", "hdfs://namenode/environment#1.tar.gz", "no archive that Spark unpacks"),
])  # fmt: skip
def test_what_cannot_be_is_refused_with_the_name_of_the_variable(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=f"KINDRED_SPARK_{name}.*{said}"):
        settings(tmp_path, **{name: value})


def test_a_password_in_the_archive_s_url_is_not_printed(tmp_path: Path) -> None:
    given = settings(tmp_path, ENVIRONMENT="hdfs://kindred:hunter2@namenode/environment.tar.gz")
    assert "hunter2" not in str(given.redacted())
    with pytest.raises(ConfigError) as refused:
        settings(tmp_path, ENVIRONMENT="s3://kindred:hunter2@bucket/environment.tar.gz")
    assert "hunter2" not in str(refused.value)


ASKED = {"ENVIRONMENT": "hdfs://namenode/e.tar.gz", "EXECUTORS": "3", "EXECUTOR_CORES": "2", "EXECUTOR_MEMORY": "1g",
         "EXECUTOR_OVERHEAD": "2g", "DRIVER_HOST": "10.0.0.5", "QUEUE": "research"}  # fmt: skip


@pytest.mark.parametrize(("master", "told"), [
    ("yarn", {"spark.yarn.dist.archives": "hdfs://namenode/e.tar.gz#environment", "spark.executor.instances": "3",
              "spark.executor.cores": "2", "spark.yarn.queue": "research"}),
    ("spark://master:7077", {"spark.archives": "hdfs://namenode/e.tar.gz#environment", "spark.cores.max": "6",
                             "spark.executor.cores": "2"}),
])  # fmt: skip
def test_a_cluster_is_told_all_of_it(tmp_path: Path, master: str, told: dict[str, str]) -> None:
    made = _configuration(settings(tmp_path, MASTER=master, **ASKED))
    both = {"spark.executor.memory": "1g", "spark.executor.memoryOverhead": "2g", "spark.driver.host": "10.0.0.5"}
    assert made.items() >= (both | told).items()


@pytest.mark.parametrize(("given", "user"), [("somebody", "somebody"), ("", getpass.getuser())])
def test_tasks_open_the_lake_as_who_runs_the_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, user: str
) -> None:
    monkeypatch.setenv("HADOOP_USER_NAME", given)
    assert _configuration(settings(tmp_path, MASTER="yarn"))["spark.executorEnv.HADOOP_USER_NAME"] == user


def test_what_is_not_set_is_left_to_spark_defaults(tmp_path: Path) -> None:
    made = _configuration(settings(tmp_path, MASTER="yarn"))
    assert not [key for key in made if key.startswith(("spark.executor.memory", "spark.executor.cores", "spark.yarn"))]
    assert "spark.driver.host" not in made and made["spark.driver.memory"] == "2g"


def test_on_one_machine_nothing_is_shipped_and_all_is_on_loopback(tmp_path: Path) -> None:
    made = _configuration(settings(tmp_path, **ASKED))
    assert made["spark.driver.host"] == made["spark.driver.bindAddress"] == "127.0.0.1"
    assert "spark.archives" not in made and "spark.executor.instances" not in made


@pytest.mark.parametrize(("master", "python", "path"), [
    ("yarn", "./environment/bin/python", None), ("local[2]", sys.executable, "/checkout"),
])  # fmt: skip
def test_executors_start_the_archive_s_python_and_get_no_path_of_the_driver_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, master: str, python: str, path: str | None
) -> None:
    for name in ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON", "SPARK_LOCAL_IP"):
        monkeypatch.setenv(name, "")  # so that it is as before afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", "/checkout")
    _choose_python(settings(tmp_path, MASTER=master, **ASKED))
    assert (os.environ["PYSPARK_PYTHON"], os.environ.get("PYTHONPATH")) == (python, path)
    assert os.environ["PYSPARK_DRIVER_PYTHON"] == sys.executable
