"""compose.yaml, the Dockerfile and the Hadoop of tests/cluster agree: commands, addresses, settings, versions."""

import os
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from analytics.config import Settings
from tests.cluster.distributed import SMALL
from tests.cluster.hadoop import DATANODE, NAMENODE
from tests.cluster.yarn import MANAGERS
from tests.layout.sources import ROOT

CONF = ROOT / "tests" / "cluster" / "compose"
DAEMONS = {"namenode": 1, "datanode": 3, "resourcemanager": 1, "nodemanager": 2}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


def site(name: str) -> dict[str, str]:
    root = ET.parse(CONF / f"{name}-site.xml").getroot()
    return {str(one.findtext("name")): str(one.findtext("value")) for one in root.iter("property")}


def settings_of(service: dict[str, Any], folder: Path) -> Settings:
    """As the service would read them; its archive is there."""
    (folder / "environment.tar.gz").touch()
    given = {key: value.replace("/state/", f"{folder}/") for key, value in service["environment"].items()}
    return Settings.from_environment(given)


def test_the_three_commands_are_services_on_one_image(services: dict[str, Any]) -> None:
    ours = {name: service for name, service in services.items()
            if service["image"] == "kindred" and "entrypoint" not in service}  # fmt: skip
    assert {name: service["command"][0] for name, service in ours.items()} == {
        "sandbox": "sandbox", "app": "app", "analytics": "analytics", "environment": "environment"
    }  # fmt: skip
    assert all("state:/state" in service["volumes"] for service in ours.values())


def test_issuer_and_app_are_one_address_for_browser_and_server(services: dict[str, Any]) -> None:
    shared = [name for name, service in services.items() if service.get("network_mode") == "service:sandbox"]
    assert sorted(shared) == ["analytics", "app"]
    assert services["sandbox"]["ports"] == ["127.0.0.1:9400:9400", "127.0.0.1:9500:9500"]
    assert [name for name, service in services.items() if "ports" in service] == ["sandbox"]


def test_one_command_runs_the_pipeline_on_hdfs_yarn_and_postgresql(services: dict[str, Any], tmp_path: Path) -> None:
    analytics = services["analytics"]
    assert analytics["command"] == ["analytics", "run", "sandbox"]
    settings = settings_of(analytics, tmp_path)
    assert settings.lake == f"{site('core')['fs.defaultFS']}/kindred"
    assert (settings.spark_master, settings.hdfs.replication) == ("yarn", DAEMONS["datanode"])
    assert settings.database.startswith("postgresql+psycopg://") and "@database:5432/" in settings.database
    assert set(analytics["depends_on"]) == {
        "environment", "sandbox", "database", "namenode", "datanode-1", "datanode-2", "datanode-3", "resourcemanager",
        "nodemanager-1", "nodemanager-2",
    }  # fmt: skip


def test_the_executors_run_the_environment_that_is_packed_before(services: dict[str, Any], tmp_path: Path) -> None:
    packs, runs = services["environment"], services["analytics"]
    assert packs["command"] == ["environment", runs["environment"]["KINDRED_SPARK_ENVIRONMENT"]]
    assert runs["depends_on"]["environment"] == {"condition": "service_completed_successfully"}
    asked = settings_of(runs, tmp_path).spark
    assert asked.driver_host == runs["network_mode"].removeprefix("service:")  # executors call it by that name
    assert (asked.executors, asked.executor_cores) == (DAEMONS["nodemanager"], 1)
    assert set(SMALL) - set(runs["environment"]) == {"SPARK_LOCAL_IP"}  # what tests/cluster runs with
    total = sum(int(size.removesuffix("g")) for size in (asked.executor_memory or "", asked.executor_overhead or ""))
    assert total * 1024 <= int(site("yarn")["yarn.nodemanager.resource.memory-mb"])


def test_each_daemon_is_there_with_a_folder_of_its_own(services: dict[str, Any], compose: dict[str, Any]) -> None:
    daemons = {name: service for name, service in services.items()
               if service.get("entrypoint") == ["/hadoop/compose/daemon"] and name != "hadoop-jars"}  # fmt: skip
    roles = [service["command"][0] for service in daemons.values()]
    assert {role: roles.count(role) for role in roles} == DAEMONS
    folders = [volume for service in daemons.values() for volume in service["volumes"] if volume.endswith(":/data")]
    assert len(folders) == len(set(folders)) == 6  # all but the ResourceManager's
    named = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())}
    assert {name for name in named if not name.startswith(".")} == set(compose["volumes"])


def test_hosts_that_the_configuration_names_are_services(services: dict[str, Any]) -> None:
    assert re.fullmatch(r"hdfs://(\w+):8020", site("core")["fs.defaultFS"])[1] in services  # type: ignore[index]
    assert site("yarn")["yarn.resourcemanager.hostname"] in services


def test_the_daemons_are_those_of_tests_cluster_in_the_version_of_pyspark_s_client(tmp_path: Path) -> None:
    script = (CONF / "daemon").read_text(encoding="utf-8")
    tested = {NAMENODE, DATANODE, *MANAGERS.values()}
    packages = dict(re.findall(r"^(hdfs|yarn)=(\S+)$", script, re.MULTILINE))
    assert {f"{packages[kind]}.{main}" for kind, main in re.findall(r"main=\$(\w+)\.(\S+) ;;", script)} == tested
    pom = (ROOT / "tests" / "cluster" / "pom.xml").read_text(encoding="utf-8")
    version = re.search(r"<hadoop.version>(.+)</hadoop.version>", pom)[1]  # type: ignore[index]
    assert list((ROOT / ".venv").glob(f"lib/*/site-packages/pyspark/jars/hadoop-client-api-{version}.jar"))


def test_a_daemon_is_started_from_the_jars_with_this_configuration(tmp_path: Path) -> None:
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text('#!/bin/sh\necho "$JAVA_HOME $*"\n')
    java.chmod(0o755)
    environment = {"PATH": f"{java.parent}:{os.environ['PATH']}", "HADOOP_CONF_DIR": str(CONF), "HADOOP_JARS": "/jars"}
    said = {
        role: subprocess.check_output([CONF / "daemon", role], env=environment, text=True) for role in DAEMONS
    }
    for role, lines in said.items():
        assert lines.splitlines()[-1].startswith(f"{tmp_path / 'jdk'} -Xmx512m")
        assert f"-cp {CONF}:/jars/* org.apache.hadoop." in lines and role in lines.splitlines()[-1].lower()
    assert "-format -nonInteractive" in said["namenode"]  # there is no /data/name yet


def test_the_image_runs_as_nobody_in_particular_and_keeps_its_state_in_a_volume(services: dict[str, Any]) -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    last_user = re.findall(r"^USER (\S+)$", text, re.MULTILINE)[-1]
    assert last_user == "kindred" and "VOLUME /state" in text and "KINDRED_HOME=/state" in text
    uid = re.search(r"useradd --uid (\d+)", text)[1]  # type: ignore[index]
    assert services["folders"]["entrypoint"][:2] == ["chown", f"{uid}:{uid}"]
    assert site("hdfs")["dfs.permissions.superusergroup"] == last_user
    assert "/opt/kindred/lib/python3.11/site-packages" in (CONF / "spark-defaults.conf").read_text()
