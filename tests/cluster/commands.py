"""`kindred ...` in a process of its own, with its lake on the cluster."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analytics.lake import Lake
from tests.cluster.hadoop import BLOCK, COPIES, USER
from tests.conformance.bulk.live import SOME_TYPES, Live


@dataclass
class Home:
    """A state folder whose registry names a live sandbox, and whose lake is on HDFS."""

    folder: Path
    lake: Lake
    user: str = USER
    target: int = BLOCK

    def environment(self, **more: str) -> dict[str, str]:
        named = {
            "KINDRED_HOME": str(self.folder), "KINDRED_LAKE": self.lake.location, "HADOOP_USER_NAME": self.user,
            "KINDRED_HDFS_BLOCK_BYTES": str(BLOCK), "KINDRED_HDFS_REPLICATION": str(COPIES),
            "KINDRED_FILE_TARGET_BYTES": str(self.target),
        }  # fmt: skip
        return os.environ | named | more

    def begin(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-m", "analytics.cli", *arguments], env=self.environment(**more),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip

    def run(self, *arguments: str, **more: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        with self.begin(*arguments, **more) as process:
            out, err = process.communicate(timeout=180)
        return process.returncode, out, err

    def data(self, export_id: str) -> dict[str, bytes]:
        """The rolled files of an export, by path."""
        folder = self.lake.export("sandbox", export_id)
        files: list[dict[str, Any]] = self.lake.read_json(f"{folder}/manifest.json")["files"]
        return {file["path"]: self.lake.read_bytes(f"{folder}/{file['path']}") for file in files}


def home(folder: Path, lake: Lake, live: Live, faults: str = "") -> Home:
    folder.mkdir()
    live.register(folder, faults)
    return Home(folder, lake)


EXPORT = ("export", "sandbox", "--types", ",".join(SOME_TYPES))
