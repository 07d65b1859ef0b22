"""A real YARN on loopback, on top of the HDFS of hadoop.py: a ResourceManager and two NodeManagers."""

import os
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.cluster.daemons import JVM, LOG4J, Daemons, free_port, java, java_home, processes_in, signal_all, write_site
from tests.cluster.hadoop import JARS, SUPERUSER, Cluster

SERVER = "org.apache.hadoop.yarn.server"
MANAGERS = {"resourcemanager": f"{SERVER}.resourcemanager.ResourceManager",
            "nodemanager": f"{SERVER}.nodemanager.NodeManager"}  # fmt: skip
NODE_MEMORY = 2560  # MB: the application master and one executor, or two executors
LOST_AFTER = 5_000  # ms without a heartbeat; by default YARN waits for ten minutes


@dataclass
class Yarn(Daemons):
    """Addresses and processes; `hdfs` is the file system below."""

    hdfs: Cluster = field(kw_only=True)
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in (
        "address", "scheduler.address", "resource-tracker.address", "admin.address", "webapp.address")})  # fmt: skip

    @property
    def conf(self) -> Path:
        """HADOOP_CONF_DIR of this YARN and the HDFS below."""
        return self.folder / "conf"

    def start(self) -> None:
        """All three, until both NodeManagers are there."""
        self._configure()
        self._spawn("resourcemanager", "resourcemanager")
        self.whole()

    def whole(self) -> None:
        """Start the NodeManagers that do not run, and wait until both are there."""
        for number in range(2):
            if f"nodemanager-{number}" not in self.running:
                local = self.work(number)
                shutil.rmtree(local, ignore_errors=True)
                local.mkdir()
                self._spawn(f"nodemanager-{number}", "nodemanager", f"-Dyarn.nodemanager.local-dirs={local}/local",
                            f"-Dyarn.nodemanager.log-dirs={local}/logs")  # fmt: skip
        self.wait_until(lambda: self._nodes("RUNNING") == 2, "two NodeManagers")

    def work(self, number: int) -> Path:
        """Below it run the containers of a NodeManager."""
        return self.folder / f"node-{number}"

    def kill_node(self, number: int) -> dict[int, str]:
        """As when the machine dies: the NodeManager and every container on it, kill -9. Returns the containers."""
        containers = processes_in(self.work(number))
        self.kill(f"nodemanager-{number}")
        signal_all(processes_in(self.work(number)) | containers, signal.SIGKILL)
        return containers

    def holds_master(self, number: int) -> bool:
        """Whether the application master of a run is on this node."""
        return any("spark.deploy.yarn.ExecutorLauncher" in line for line in processes_in(self.work(number)).values())

    def applications(self, *states: str) -> list[dict[str, Any]]:
        """Applications in any of these states, such as RUNNING or FINISHED."""
        answer = self._ask("apps", states=",".join(states))["apps"]
        found: list[dict[str, Any]] = (answer or {}).get("app", [])
        return found

    def _nodes(self, state: str) -> int:
        answer = self._ask("nodes")["nodes"]
        return sum(node["state"] == state for node in (answer or {}).get("node", []))

    def _ask(self, what: str, **query: str) -> Any:
        url = f"http://127.0.0.1:{self.ports['webapp.address']}/ws/v1/cluster/{what}"
        answer = requests.get(url, query, headers={"Accept": "application/json"}, timeout=5)
        answer.raise_for_status()
        return answer.json()

    def _spawn(self, name: str, role: str, *properties: str) -> None:
        log4j = f"-Dlog4j.configuration=file://{self.conf}/log4j.properties"
        command = [java(), *JVM, log4j, "-cp", f"{self.conf}:{JARS}/*", MANAGERS[role], *properties]
        more = {"HADOOP_USER_NAME": SUPERUSER, "JAVA_HOME": java_home(), "HADOOP_CONF_DIR": str(self.conf)}
        self.spawn(name, command, os.environ | more)

    def _configure(self) -> None:
        shutil.copytree(self.hdfs.conf, self.conf)
        for pages in ("cluster", "node"):
            (self.conf / "webapps" / pages).mkdir(parents=True, exist_ok=True)
        (self.conf / "log4j.properties").write_text(LOG4J)
        scheduler = f"{SERVER}.resourcemanager.scheduler.fifo.FifoScheduler"
        write_site(self.conf / "yarn-site.xml", {
            "yarn.resourcemanager.hostname": "127.0.0.1",
            **{f"yarn.resourcemanager.{name}": f"127.0.0.1:{port}" for name, port in self.ports.items()},
            "yarn.resourcemanager.bind-host": "127.0.0.1",
            "yarn.resourcemanager.scheduler.class": scheduler,
            "yarn.nodemanager.address": "127.0.0.1:0", "yarn.nodemanager.localizer.address": "127.0.0.1:0",
            "yarn.nodemanager.webapp.address": "127.0.0.1:0", "yarn.nodemanager.bind-host": "127.0.0.1",
            "yarn.nodemanager.resource.memory-mb": str(NODE_MEMORY), "yarn.nodemanager.resource.cpu-vcores": "2",
            "yarn.scheduler.minimum-allocation-mb": "128",
            "yarn.nodemanager.vmem-check-enabled": "false",  # Java reserves far more than it uses
            "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "100",
            "yarn.nodemanager.env-whitelist": "JAVA_HOME,HADOOP_CONF_DIR,PATH,LANG,TZ",
            "yarn.application.classpath": str(self.conf),
            "yarn.nm.liveness-monitor.expiry-interval-ms": str(LOST_AFTER),
            "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "300",
            "yarn.nodemanager.delete.debug-delay-sec": "0",
        })  # fmt: skip
