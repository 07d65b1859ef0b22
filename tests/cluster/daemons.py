"""Daemons on loopback: each a process of its own that ends with pytest, and what to do with them."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar
from xml.sax.saxutils import escape

import requests

ROOT = Path(__file__).resolve().parents[2]
JVM = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true")
LOG4J = """log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d %p %c{1}: %m%n
"""
# A daemon is killed as soon as its standard input ends, so when pytest is.
WITH_US = ("sh", "-c", 'exec 3<&0; ( read -r _ <&3; kill -9 $$ ) & exec "$@" 3<&- </dev/null', "daemon")
STARTS_WITHIN = 90  # seconds, on a loaded machine


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def java() -> str:
    """The Java that Spark would take."""
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else "java"


def java_home() -> str:
    """Its home, for daemons that start Java themselves."""
    return str(Path(shutil.which(java()) or java()).resolve().parents[1])


def write_site(path: Path, properties: dict[str, str]) -> None:
    """One of Hadoop's *-site.xml."""
    entries = "".join(
        f"<property><name>{escape(name)}</name><value>{escape(value)}</value></property>\n"
        for name, value in properties.items()
    )
    path.write_text(f"<configuration>\n{entries}</configuration>\n")


def processes_in(folder: Path) -> dict[int, str]:
    """Command lines of the processes that work in a folder or below it, by process id: what a daemon there started."""
    found = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if (entry / "cwd").readlink().is_relative_to(folder):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return found


def signal_all(processes: dict[int, str], what: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, what)


@dataclass
class Daemons:
    """Processes by name; each has its log in `folder`."""

    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def spawn(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [*WITH_US, *command], stdout=log, stderr=log, stdin=subprocess.PIPE, env=environment, cwd=self.folder,
                start_new_session=True,
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """kill -9."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def stop(self) -> None:
        for process in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        signal_all(processes_in(self.folder), signal.SIGKILL)

    def wait_until(self, holds: Callable[[], bool], what: str, seconds: float = STARTS_WITHIN) -> None:
        """Ask again and again; raises AssertionError with the last words of the daemons."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(requests.RequestException):
                if holds():
                    return
            ended = [name for name, process in self.running.items() if process.poll() is not None]
            if ended:
                what = f"{what}: {', '.join(ended)} ended"
                break
            time.sleep(0.2)
        words = {log.name: log.read_text(errors="replace")[-600:] for log in self.folder.glob("*.log")}
        raise AssertionError(f"no {what} (waited up to {seconds} s): {words}")


class _Startable(Protocol):
    folder: Path

    def start(self) -> None: ...

    def stop(self) -> None: ...


Started = TypeVar("Started", bound=_Startable)


@contextmanager
def running(daemons: Started) -> Iterator[Started]:
    """Started while the block runs; nothing of them is left behind."""
    try:
        daemons.start()
        yield daemons
    finally:
        daemons.stop()
        shutil.rmtree(daemons.folder, ignore_errors=True)
