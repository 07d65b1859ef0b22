"""`python -m app`: one line when it answers, one sentence and an exit code when it cannot."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import requests

from tests.unit.app.test_registry import registry


def environment(folder: Path, ehrs: Path) -> dict[str, str]:
    return os.environ | {"KINDRED_HOME": str(folder / "home"), "KINDRED_EHRS": str(ehrs)}


def test_says_when_it_answers_and_ends_on_sigterm(tmp_path: Path) -> None:
    command, settings = [sys.executable, "-m", "app", "--port", "0"], environment(tmp_path, registry(tmp_path))
    with subprocess.Popen(
        command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("app ready: http://127.0.0.1:")
        url = line.removeprefix("app ready: ").strip()
        assert requests.get(url + "healthz", timeout=10).json() == {"status": "ok"}
        process.terminate()
        assert process.wait(10) == 0


def test_a_taken_port_ends_with_17(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = _run(tmp_path, registry(tmp_path), str(taken.getsockname()[1]))
    assert ended.returncode == 17
    assert "choose another with --port" in ended.stderr and ended.stderr.count("\n") == 1


def test_bad_settings_end_with_3(tmp_path: Path) -> None:
    ended = _run(tmp_path, tmp_path / "nowhere.toml", "0")
    assert ended.returncode == 3
    assert "KINDRED_EHRS: there is no file" in ended.stderr and ended.stderr.count("\n") == 1


def test_check_says_what_is_registered_without_starting_anything(tmp_path: Path) -> None:
    path = registry(tmp_path, client_auth='"client_secret_basic"', client_secret='"s3cret-of-client"')
    path.write_text(path.read_text().replace("[north.app]", 'notes = ["Changes take a night"]\n[north.app]'))
    path.chmod(0o600)
    command = [sys.executable, "-m", "app", "--check"]
    ended = subprocess.run(
        command, env=environment(tmp_path, path), capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        "north: https://ehr.example.org/fhir, client kindred (client_secret_basic), authorize by GET, never framed, "
        "back to https://kindred.example.org/callback",
        "north: note: Changes take a night",
    ]
    assert not (tmp_path / "home").exists()


def _run(folder: Path, ehrs: Path, port: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", "--port", port]
    return subprocess.run(
        command, env=environment(folder, ehrs), capture_output=True, text=True, timeout=30, check=False
    )
