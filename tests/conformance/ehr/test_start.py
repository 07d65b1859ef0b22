"""`python -m fhir_fixtures.ehr` as a process: what it prints, writes, reuses, and how it refuses and ends."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
import requests

from fhir_fixtures.ehr.clients import write_registry
from fhir_fixtures.ehr.keys import read_private

COMMAND = [sys.executable, "-m", "fhir_fixtures.ehr"]


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address, once it says that it is ready."""
    process = subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready.startswith("sandbox ready: http://127.0.0.1:"), process.stderr and process.stderr.read()
        yield process, ready.split()[-1]
    finally:
        process.kill()
        process.communicate()


def refused(*options: str) -> tuple[int, str]:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stderr


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "Patient.ndjson").write_text('{"resourceType":"Patient","id":"a"}\n{broken\n')
    period = '"period":{"start":"2024-05-06T10:00:00Z"}'
    (folder / "Encounter.ndjson").write_text(f'{{"resourceType":"Encounter","id":"e",{period}}}\n')
    return folder


def test_it_serves_a_folder_writes_the_registry_and_ends_at_a_signal(tmp_path: Path, data: Path) -> None:
    registry = tmp_path / "ehrs.toml"
    options = ("--data", str(data), "--port", "0", "--home", str(tmp_path / "home"), "--registry", str(registry))
    with running(*options) as (process, address):
        assert requests.get(f"{address}fhir/metadata", timeout=5).status_code == 200
        written = tomllib.loads(registry.read_text())["sandbox"]
        assert written["issuer"] == f"{address}fhir"
        assert written["app"]["today"] == date(2024, 5, 6)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "not usable: 1 lines (broken_json)" in log
    with running(*options) as (process, _):
        os.kill(process.pid, signal.SIGINT)
        _, log = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "built" not in log


def test_it_serves_a_foreign_host_and_tells_what_it_received(tmp_path: Path, data: Path) -> None:
    options = ("--data", str(data), "--port", "0", "--home", str(tmp_path), "--foreign-port", "0", "--record",
               "--base-url", "https://ehr.example")  # fmt: skip
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "sandbox ready: https://ehr.example/\n"
            foreign = process.stdout.readline().removeprefix("foreign host: ").strip()
            said = requests.get(f"{foreign}/~discovery-foreign/fhir/.well-known/smart-configuration", timeout=5).json()
            assert said["issuer"] == "https://ehr.example/~discovery-foreign/fhir"
            assert said["token_endpoint"] == f"{foreign}/auth/token"
            (seen,) = requests.get(f"{foreign}/recorder", timeout=5).json()
            assert (seen["host"], seen["faults"]) == (foreign.removeprefix("http://"), "~discovery-foreign")
        finally:
            process.kill()


def test_a_taken_port_is_one_sentence(tmp_path: Path, data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, message = refused("--data", str(data), "--home", str(tmp_path / "home"), "--port", str(port))
    assert code == 17
    assert message.count("\n") == 1 and str(port) in message


@pytest.mark.parametrize("options", [
    ("--data", "no-such-folder"), ("--patients", "0"), ("--patients", "many"), ("--port", "99999"), ("--nonsense",),
    ("--app-url", "127.0.0.1:9500"), ("--data", ".git"),
])  # fmt: skip
def test_a_wrong_command_line_is_one_sentence_and_exit_2(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / ".git").mkdir()
    given = [str(tmp_path / ".git") if option == ".git" else option for option in options]
    code, message = refused("--port", "0", "--home", str(tmp_path / "home"), *given)
    assert code == 2
    assert message.count("\n") == 1, message


def test_the_registry_is_what_the_architecture_says_and_its_key_is_private(tmp_path: Path) -> None:
    path = tmp_path / "ehrs.toml"
    key = write_registry(
        path, issuer="http://127.0.0.1:9400/fhir", app_url="http://127.0.0.1:9500", today=date(2026, 6, 30)
    )
    tables = tomllib.loads(path.read_text())["sandbox"]
    assert tables["issuer"] == "http://127.0.0.1:9400/fhir"
    assert tables["app"]["redirect_uri"] == "http://127.0.0.1:9500/callback"
    assert tables["app"]["frame_ancestors"] == ["http://127.0.0.1:9400"]
    assert tables["app"]["today"] == date(2026, 6, 30)
    assert tables["bulk"]["scopes"] == "system/*.rs"
    file = tmp_path / tables["bulk"]["private_key"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (key.kid, key.get("alg")) == (read_private(file).kid, "ES384")


def test_a_registry_keeps_its_key_and_other_ehrs(tmp_path: Path) -> None:
    path = tmp_path / "ehrs.toml"
    path.write_text('# ours\n[hospital]\nissuer = "https://ehr.example/fhir"\n')
    known = {"app_url": "http://127.0.0.1:9500", "today": date(2026, 6, 30)}
    first = write_registry(path, issuer="http://127.0.0.1:9400/fhir", **known)  # type: ignore[arg-type]
    before = path.stat().st_mtime_ns
    again = write_registry(path, issuer="http://127.0.0.1:9400/fhir", **known)  # type: ignore[arg-type]
    assert path.stat().st_mtime_ns == before
    moved = write_registry(path, issuer="http://127.0.0.1:9401/fhir", **known)  # type: ignore[arg-type]
    assert first.kid == again.kid == moved.kid
    tables = tomllib.loads(path.read_text())
    assert tables["hospital"]["issuer"] == "https://ehr.example/fhir"
    assert tables["sandbox"]["issuer"] == "http://127.0.0.1:9401/fhir"
    assert path.read_text().startswith("# ours")


def test_a_registry_that_is_not_toml_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ehrs.toml"
    path.write_text("[broken")
    with pytest.raises(ValueError, match="not TOML"):
        write_registry(path, issuer="http://x/fhir", app_url="http://y", today=date(2026, 6, 30))
    assert path.read_text() == "[broken"
