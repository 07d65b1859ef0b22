"""`python -m app`: one line when it answers, one sentence and an exit code when it cannot."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from sqlalchemy import text

from app import audit
from app.database import open_database
from tests.unit.app.registry.test_registry import registry


def environment(folder: Path, ehrs: Path) -> dict[str, str]:
    return os.environ | {"KINDRED_HOME": str(folder / "home"), "KINDRED_EHRS": str(ehrs)}


def test_says_when_it_answers_and_ends_on_sigterm(tmp_path: Path) -> None:
    command, settings = [sys.executable, "-m", "app", "--port", "0"], environment(tmp_path, registry(tmp_path))
    with subprocess.Popen(
        command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stderr
        line = process.stdout.readline()
        assert line.startswith("app ready: http://127.0.0.1:")
        url = line.removeprefix("app ready: ").strip()
        assert requests.get(url + "healthz", timeout=10).json() == {"status": "ok"}
        process.terminate()
        said = process.stderr.read()
        assert process.wait(10) == 0 and "leaked" not in said and "Traceback" not in said


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
        "no cards, back to https://kindred.example.org/callback",
        "north: note: Changes take a night",
    ]
    assert not (tmp_path / "home").exists()


def _run(folder: Path, ehrs: Path, port: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", "--port", port]
    return subprocess.run(
        command, env=environment(folder, ehrs), capture_output=True, text=True, timeout=30, check=False
    )


def test_the_audit_trail_is_exported_and_checked_by_command(tmp_path: Path) -> None:
    ehrs = registry(tmp_path)
    before = _command(tmp_path, ehrs, "--check-audit")
    assert before.returncode == 3 and "the app was never started there" in before.stderr
    engine = open_database(tmp_path / "home")
    key = (tmp_path / "home" / "app.key").read_bytes().strip()
    row = {"action": "view", "ehr": "north", "who": "Practitioner/1", "patient": "p1", "launch": "l1", "outcome": "0"}
    for _ in range(2):
        audit.append(engine, row, secret_key=key)
    whole = _command(tmp_path, ehrs, "--check-audit")
    assert (whole.returncode, whole.stderr) == (0, "") and whole.stdout.startswith("audit: 2 rows, whole; end: 2 ")
    exported = _command(tmp_path, ehrs, "audit", "--since", "2026-01-01")
    events = [json.loads(line) for line in exported.stdout.splitlines()]
    assert (exported.returncode, exported.stderr) == (0, "")
    assert [event["type"]["display"] for event in events] == ["Patient Record", "Patient Record", "Audit Log Used"]
    assert events[0]["agent"][0]["who"]["reference"] == "https://ehr.example.org/fhir/Practitioner/1"
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_keeps_rows"))
        connection.execute(text("DELETE FROM audit WHERE id = 2"))
    engine.dispose()
    broken = _command(tmp_path, ehrs, "--check-audit")
    assert broken.returncode == 21 and "NOT WHOLE" in broken.stdout
    assert broken.stderr.startswith("row 3 is not as it was written")


@pytest.mark.parametrize("words", [["audit"], ["--check"], ["--check-audit"]])
def test_an_output_that_nobody_reads_any_more_ends_it_as_sigpipe_ends_any_command(
    tmp_path: Path, words: list[str]
) -> None:
    ehrs = registry(tmp_path)
    (tmp_path / "home").mkdir()
    open_database(tmp_path / "home").dispose()
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "app", *words]
    with os.fdopen(writes, "wb") as output:
        ended = subprocess.run(command, env=environment(tmp_path, ehrs), stdout=output, stderr=subprocess.PIPE,
                               timeout=30, check=False)  # fmt: skip
    assert (ended.returncode, ended.stderr) == (-signal.SIGPIPE, b"")  # 141 in a shell


def test_a_day_that_is_none_is_a_wrong_command_line(tmp_path: Path) -> None:
    ended = _command(tmp_path, registry(tmp_path), "audit", "--since", "soon")
    assert ended.returncode == 2 and "--since: a day or an instant" in ended.stderr


def _command(folder: Path, ehrs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(
        command, env=environment(folder, ehrs), capture_output=True, text=True, timeout=30, check=False
    )
