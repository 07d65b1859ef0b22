"""`kindred demo` as a newcomer and a check run it: one command, and nothing is left when it ends."""

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CRASH = ("Traceback", "terminate called", "FATAL", "Exception ignored")


def demo(home: Path, *words: str) -> subprocess.Popen[str]:
    """The command in a process group of its own, which all that it starts belong to."""
    command = [sys.executable, "-m", "analytics.cli", "demo", *words]
    environment = os.environ | {"KINDRED_HOME": str(home), "KINDRED_SPARK_MASTER": "local[2]"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, env=environment, cwd=ROOT, start_new_session=True, **pipes)  # type: ignore[call-overload, no-any-return]


def group(number: int) -> list[str]:
    """Command lines of the processes of a group that are still there."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == number and fields[0] != "Z":
                found.append((folder / "cmdline").read_text().replace("\0", " ")[:80])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def left_behind(number: int, seconds: float = 5) -> list[str]:
    deadline = time.monotonic() + seconds
    while (found := group(number)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None or group(process.pid):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_the_check_ends_with_a_summary_that_adds_up(tmp_path: Path) -> None:
    process = demo(tmp_path, "--patients", "60", "--seed", "7", "--check")
    try:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        summary: dict[str, Any] = json.loads(out)
        problems = runpy.run_path(str(ROOT / "scripts" / "check-summary"))["summary_problems"]
        assert problems(summary) == []
        assert list(summary["counts"]) == ["export", "load", "build", "fit", "publish"]
        assert summary["counts"]["build"]["read"] == 60
        assert summary["launch"]["patient"] not in err
        assert not [word for word in CRASH if word in err], err
        assert left_behind(process.pid) == []
    finally:
        end(process)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_whoever_stops_the_demo_stops_all_of_it(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """To the command alone, not to the group: as a supervisor does. In the middle of its work."""
    process = demo(tmp_path, "--patients", "60", "--port", "0")
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(("Waiting for", "Loading")):
                break
        assert len(group(process.pid)) > 1
        process.send_signal(number)
        err = process.communicate(timeout=30)[1]
        assert process.returncode == code
        assert not [word for word in CRASH if word in err], err
        assert left_behind(process.pid) == []
    finally:
        end(process)


def test_the_reason_is_seen_when_a_part_cannot_start(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    process = demo(tmp_path / "home", "--data", str(tmp_path / "empty"), "--port", "0")
    try:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (18, "")
        assert "holds no *.ndjson" in err and "before it answered. Its reason is above." in err
        assert "Traceback" not in err and left_behind(process.pid) == []
    finally:
        end(process)
