"""A real HDFS on loopback: one NameNode and three DataNodes, each a process of its own with its own storage folder."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from analytics.config import HdfsOptions
from tests.cluster.daemons import JVM, LOG4J, ROOT, Daemons, free_port, java, write_site

JARS = ROOT / ".hadoop" / "jars"
NAMENODE = "org.apache.hadoop.hdfs.server.namenode.NameNode"
DATANODE = "org.apache.hadoop.hdfs.server.datanode.DataNode"
ADMIN = "org.apache.hadoop.hdfs.tools.DFSAdmin"
SHELL = "org.apache.hadoop.fs.FsShell"
FSCK = "org.apache.hadoop.hdfs.tools.DFSck"
SUPERUSER, USER = "hdfs", "kindred"
BLOCK, COPIES = 1024 * 1024, 2  # neither is the cluster's default
OPTIONS = HdfsOptions(block_bytes=BLOCK, replication=COPIES)


@dataclass
class Cluster(Daemons):
    """Addresses and processes. The user `kindred` owns /kindred; `hdfs` is the superuser."""

    rpc_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"hdfs://127.0.0.1:{self.rpc_port}"

    @property
    def conf(self) -> Path:
        return self.folder / "conf"

    # -- starting and stopping ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Format, start all four, wait until three DataNodes live, make /kindred."""
        self._configure()
        self.java("org.apache.hadoop.hdfs.server.namenode.NameNode", "-format", "-nonInteractive")
        self.start_namenode(wait=False)
        for number in range(3):
            self.start_datanode(number)
        self.wait_until(lambda: self.live() == 3 and not self.safe_mode(), "three live DataNodes")
        self.shell("-mkdir", "-p", "/kindred", "/tmp", f"/user/{USER}")
        self.shell("-chown", f"{USER}:{USER}", "/kindred", f"/user/{USER}")

    def start_namenode(self, wait: bool = True) -> None:
        """Start it; `wait` until it answers."""
        self._spawn("namenode", NAMENODE)
        if wait:
            self.wait_until(lambda: self.live() >= 0, "an answer of the NameNode")

    def start_datanode(self, number: int) -> None:
        """Start one of the three, with its storage folder."""
        storage = self.folder / f"storage-{number}"
        self._spawn(f"datanode-{number}", DATANODE, f"-Ddfs.datanode.data.dir=file://{storage}")

    def whole(self) -> None:
        """Start what is not running, and wait until all three DataNodes live."""
        if "namenode" not in self.running:
            self.start_namenode()
        for number in range(3):
            if f"datanode-{number}" not in self.running:
                self.start_datanode(number)
        self.wait_until(lambda: self.live() == 3 and not self.safe_mode(), "three live DataNodes")

    # -- asking -------------------------------------------------------------------------------------------------

    def live(self) -> int:
        """Number of DataNodes that the NameNode counts as live."""
        return int(self._state()["NumLiveDataNodes"])

    def dead(self) -> int:
        return int(self._state()["NumDeadDataNodes"])

    def safe_mode(self) -> bool:
        return bool(self._bean("NameNode", "NameNodeInfo")["Safemode"])

    def status(self, path: str) -> dict[str, Any]:
        """What the NameNode says of a file or folder: length, blockSize, replication, owner, permission."""
        answer = self._web(path, "GETFILESTATUS")
        found: dict[str, Any] = answer.json()["FileStatus"]
        return found

    def files(self, path: str) -> dict[str, dict[str, Any]]:
        """Every file below a path as the NameNode lists it, hidden ones too."""
        found = {}
        for entry in self._web(path, "LISTSTATUS").json()["FileStatuses"]["FileStatus"]:
            below = f"{path}/{entry['pathSuffix']}"
            found |= self.files(below) if entry["type"] == "DIRECTORY" else {below: entry}
        return found

    def java(self, main: str, *arguments: str, user: str = SUPERUSER) -> str:
        """Run one of Hadoop's own tools; its output."""
        done = subprocess.run(self._command(main, *arguments), capture_output=True, text=True, check=False,
                              env=self._environment(user), timeout=120)  # fmt: skip
        assert done.returncode == 0, done.stdout[-500:] + done.stderr[-1500:]
        return done.stdout

    def admin(self, *arguments: str) -> str:
        """`hdfs dfsadmin ...`"""
        return self.java(ADMIN, *arguments)

    def shell(self, *arguments: str, user: str = SUPERUSER) -> str:
        """`hdfs dfs ...`"""
        return self.java(SHELL, *arguments, user=user)

    def fsck(self, path: str) -> str:
        """`hdfs fsck PATH -files -blocks`: the blocks of every file and how many copies of each live."""
        return self.java(FSCK, path, "-files", "-blocks", "-openforwrite")

    # -- inside -------------------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        return self._bean("NameNode", "FSNamesystemState")

    def _bean(self, service: str, name: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.http_port}/jmx"
        answer = requests.get(url, {"qry": f"Hadoop:service={service},name={name}"}, timeout=5)
        bean: dict[str, Any] = (answer.json()["beans"] or [{"NumLiveDataNodes": -1, "Safemode": "starting"}])[0]
        return bean

    def _web(self, path: str, operation: str) -> requests.Response:
        url = f"http://127.0.0.1:{self.http_port}/webhdfs/v1{path}"
        answer = requests.get(url, {"op": operation, "user.name": SUPERUSER}, timeout=10)
        answer.raise_for_status()
        return answer

    def _command(self, main: str, *arguments: str) -> list[str]:
        log4j = f"-Dlog4j.configuration=file://{self.conf}/log4j.properties"
        return [java(), *JVM, log4j, "-cp", f"{self.conf}:{JARS}/*", main, *arguments]

    def _environment(self, user: str) -> dict[str, str]:
        return os.environ | {"HADOOP_USER_NAME": user}

    def _spawn(self, name: str, main: str, *arguments: str) -> None:
        self.spawn(name, self._command(main, *arguments), self._environment(SUPERUSER))

    def _configure(self) -> None:
        for pages in ("hdfs", "datanode"):  # Maven's jars carry no web pages, and the daemons insist on the folders
            (self.conf / "webapps" / pages).mkdir(parents=True)
        (self.conf / "log4j.properties").write_text(LOG4J)
        write_site(self.conf / "core-site.xml", {
            "fs.defaultFS": self.url, "hadoop.tmp.dir": str(self.folder / "tmp"), "hadoop.http.staticuser.user": USER,
        })  # fmt: skip
        write_site(self.conf / "hdfs-site.xml", {
            "dfs.namenode.name.dir": f"file://{self.folder}/name",
            "dfs.namenode.http-address": f"127.0.0.1:{self.http_port}",
            "dfs.namenode.datanode.registration.ip-hostname-check": "false",
            "dfs.datanode.address": "127.0.0.1:0", "dfs.datanode.http.address": "127.0.0.1:0",
            "dfs.datanode.ipc.address": "127.0.0.1:0", "dfs.datanode.hostname": "127.0.0.1",
            # A DataNode is dead for the NameNode 2 rechecks + 10 heartbeats after its last: 11 s, not 10.5 minutes.
            "dfs.heartbeat.interval": "1", "dfs.namenode.heartbeat.recheck-interval": "500",
            "dfs.namenode.safemode.extension": "0", "dfs.namenode.redundancy.interval.seconds": "1s",
            "dfs.namenode.reconstruction.pending.timeout-sec": "3",
            "dfs.namenode.replication.work.multiplier.per.iteration": "10",
            "dfs.datanode.du.reserved": "0", "dfs.replication": "3",
        })  # fmt: skip
