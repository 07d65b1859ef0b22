"""Spark's own cluster on loopback, from PySpark's jars: a master and two workers of one core each."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pyspark
import requests

from tests.cluster.daemons import Daemons, free_port, java, java_home

SPARK_HOME = Path(pyspark.__file__).parent
SCALA = next((SPARK_HOME / "jars").glob("spark-core_*.jar")).name.split("_")[1].split("-")[0]
HEAP = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true")


@dataclass
class Standalone(Daemons):
    """Addresses and processes."""

    port: int = field(default_factory=free_port)
    web_port: int = field(default_factory=free_port)

    @property
    def master(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    def start(self) -> None:
        """The master and two workers, until it knows both."""
        self._spawn("master", "master.Master", "--port", str(self.port), "--webui-port", str(self.web_port))
        self.wait_until(lambda: self._workers() == 0, "an answer of the master")
        for number in range(2):
            self._spawn(f"worker-{number}", "worker.Worker", "--cores", "1", "--memory", "1g", "--port", "0",
                        "--webui-port", "0", "--work-dir", str(self.work(number)), self.master)  # fmt: skip
        self.wait_until(lambda: self._workers() == 2, "two workers")

    def work(self, number: int) -> Path:
        """Below it run the executors of a worker."""
        return self.folder / f"worker-{number}"

    def _workers(self) -> int:
        answer = requests.get(f"http://127.0.0.1:{self.web_port}/json/", timeout=5)
        return int(answer.json()["aliveworkers"])

    def _spawn(self, name: str, main: str, *arguments: str) -> None:
        command = [java(), *HEAP, "-cp", f"{SPARK_HOME}/jars/*", f"org.apache.spark.deploy.{main}", "--host",
                   "127.0.0.1", *arguments]  # fmt: skip
        more = {"SPARK_HOME": str(SPARK_HOME), "SPARK_LOCAL_IP": "127.0.0.1", "JAVA_HOME": java_home(),
                "SPARK_CONF_DIR": str(self.folder), "SPARK_SCALA_VERSION": SCALA}  # fmt: skip
        # A checkout on this process's PYTHONPATH would be on every executor's, before the archive that they are sent.
        plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        self.spawn(name, command, plain | more)
