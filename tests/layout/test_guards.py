"""The guards of tests/conftest.py, each shown to bite: a small test file is run with them in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import is_this_machine
from tests.layout.sources import ROOT


def run(folder: Path, body: str, ci: str = "") -> subprocess.CompletedProcess[str]:
    file = folder / "test_example.py"
    file.write_text(f"import pytest, random, socket, time, os\n\ndef test_it():\n    {body}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(ROOT), "KINDRED_LAKE": "file:///elsewhere"}
    return subprocess.run(
        [*command, "--rootdir", str(folder), str(file)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("socket.create_connection(('192.0.2.1', 80), timeout=0.1)", "a connection to another machine"),
        ("random.random()", "moved the global random state"),
        ("random.seed(1)", "moved the global random state"),
    ],
)
def test_a_test_that_leaves_its_place_fails(tmp_path: Path, body: str, said: str) -> None:
    result = run(tmp_path, body)
    assert result.returncode == 1 and said in result.stdout


def test_skipping_is_allowed_at_a_desk_and_fails_in_ci(tmp_path: Path) -> None:
    assert run(tmp_path, "pytest.skip('no browser')").returncode == 0
    in_ci = run(tmp_path, "pytest.skip('no browser')", ci="true")
    assert in_ci.returncode == 1 and "nothing may be" in in_ci.stdout


def test_a_module_that_skips_itself_fails_in_ci(tmp_path: Path) -> None:
    in_ci = run(tmp_path, "pass\n\npytest.skip('no java', allow_module_level=True)", ci="true")
    assert in_ci.returncode != 0 and "nothing may be" in in_ci.stdout


def test_an_expected_failure_is_not_a_skip(tmp_path: Path) -> None:
    assert run(tmp_path, "pytest.xfail('known')", ci="true").returncode == 0


def test_clock_zone_is_not_utc_and_the_users_settings_are_gone(tmp_path: Path) -> None:
    assert run(tmp_path, "assert time.timezone != 0 and 'KINDRED_LAKE' not in os.environ").returncode == 0


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        (("127.0.0.1", 80), True), (("127.8.8.8", 80), True), (("::1", 80, 0, 0), True), (("localhost", 80), True),
        ("/tmp/some.socket", True), (("10.0.0.1", 80), False), (("example.org", 80), False), (("::", 80, 0, 0), False),
    ],
)  # fmt: skip
def test_only_loopback_is_this_machine(address: object, answer: bool) -> None:
    assert is_this_machine(address) is answer
