"""The sandbox and the app as processes of their own; the pipeline never imports them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from analytics.config import Settings
from analytics.errors import KindredError, PortTaken


class ProcessFailed(KindredError):
    """A process of ours ended before it answered; it has said why on stderr."""

    exit_code = 18


def sandbox_command(
    settings: Settings, *, patients: int, seed: int, data: Path | None, port: int, app_url: str, host: str = "127.0.0.1"
) -> list[str]:
    """How to start the embedded EHR so that it registers Kindred in this home."""
    source = ["--data", str(data)] if data else ["--patients", str(patients), "--seed", str(seed)]
    where = ["--host", host, "--port", str(port), "--app-url", app_url]
    return [
        sys.executable,
        "-m",
        "fhir_fixtures.ehr",
        *source,
        *where,
        "--registry",
        str(settings.ehrs),
        "--home",
        str(settings.home),
    ]


def app_command(port: int, host: str = "127.0.0.1") -> list[str]:
    """How to start the SMART app."""
    return [sys.executable, "-m", "app", "--host", host, "--port", str(port)]


def become(command: list[str]) -> None:
    """Turn this process into another one; its exit code and signals are then its own."""
    os.execv(command[0], command)  # noqa: S606 - our own interpreter and module


@contextmanager
def running(command: list[str], ready: str, ended: threading.Event | None = None) -> Iterator[str]:
    """Run a process until the block ends; yields the address that it prints after ``ready``. Its stderr is ours.

    ``ended`` is set when the process ends, of itself or at the end of the block.

    Raises ProcessFailed when it ends before it is ready.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        yield _address(process, ready, ended or threading.Event())
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[str], ready: str, ended: threading.Event) -> str:
    assert process.stdout is not None
    with ExitStack() as unread:
        unread.callback(process.stdout.close)
        for line in process.stdout:
            if line.startswith(ready):
                unread.pop_all()
                threading.Thread(target=_drain, args=(process.stdout, ended), daemon=True).start()
                return line.removeprefix(ready).strip()
    raise ProcessFailed(
        f"A part of Kindred ended with exit code {process.wait()} before it answered.", "Its reason is above."
    )


def _drain(output: IO[str], ended: threading.Event) -> None:
    """Never let the pipe of a child fill up; its end is the child's end."""
    with output:
        for _ in output:
            pass
    ended.set()


def check_free(port: int) -> None:
    """Raise PortTaken when another program listens on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise PortTaken(f"You may not listen on 127.0.0.1:{port}.", "Choose another with --port.") from None
        except OSError:
            raise PortTaken(
                f"Another program listens on 127.0.0.1:{port}.", "Stop it, or choose another with --port."
            ) from None


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
