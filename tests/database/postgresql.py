"""A PostgreSQL server for the tests, from the machine's own binaries: on loopback, with passwords, without fsync.

Nothing of it is faked but the safety against a power cut. PostgreSQL does not run as root: then it runs as `nobody`.
"""

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

PASSWORD = "hunter2-zz"  # in no message, in no log
SETTINGS = {"fsync": "off", "synchronous_commit": "off", "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
            "max_connections": "60", "log_statement": "none"}  # fmt: skip


def binaries() -> Path | None:
    """The folder with initdb: of the newest server that Debian's packages installed, else what the PATH has."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if found:
        return max(found, key=lambda folder: float(folder.parent.name))
    return Path(on_path).resolve().parent if on_path else None


def _as_nobody(command: list[str]) -> list[str]:
    if os.geteuid() != 0:
        return command
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]


@dataclass
class Server:
    """A running server; its folder goes with the tests' temporary files."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, folder: Path) -> "Server":
        """Make a cluster in an empty folder and start it; the folder and those above must let `nobody` pass."""
        bin_folder, data = binaries(), folder / "data"
        assert bin_folder, "no PostgreSQL server on this machine: scripts/prerequisites postgresql"
        folder.mkdir(parents=True, exist_ok=True)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
            shutil.chown(secret, "nobody")
        made = [str(bin_folder / "initdb"), "-D", str(data), "-U", "owner", "--auth=scram-sha-256", "--pwfile",
                str(secret), "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(_as_nobody(made), check=True, capture_output=True, cwd=folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        return cls(folder, port, cls._started(bin_folder, folder, port))

    @staticmethod
    def _started(bin_folder: Path, folder: Path, port: int) -> "subprocess.Popen[bytes]":
        given = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        command = [str(bin_folder / "postgres"), "-D", str(folder / "data"), "-p", str(port), *given]
        with (folder / "server.log").open("ab") as log:
            return subprocess.Popen(_as_nobody(command), stdout=log, stderr=log, cwd=folder)

    def url(self, database: str = "postgres", user: str = "owner", password: str = PASSWORD) -> str:
        return f"postgresql+psycopg://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres", **more: object) -> "psycopg.Connection[tuple]":
        """A connection of its owner that commits every statement."""
        options = {"host": "127.0.0.1", "port": self.port, "user": "owner", "password": PASSWORD, "dbname": database}
        return psycopg.connect(**options, **more, autocommit=True)  # type: ignore[arg-type]

    def wait(self, seconds: float = 60) -> None:
        """Until it answers."""
        until = time.monotonic() + seconds
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                log = (self.folder / "server.log").read_text()
                assert self.process.poll() is None and time.monotonic() < until, log
                time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()  # smart shutdown would wait for clients; SIGINT is the fast one
        self.process.send_signal(2)
        self.process.wait(60)
