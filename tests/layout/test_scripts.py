"""What the scripts say where something is missing: one sentence, what to do, and an exit that is not 0.

Each test builds a PATH of its own, so that it decides what is on the machine.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.layout.sources import ROOT

TOOLS = ("sh", "dirname", "sed", "head", "awk", "df", "mktemp", "rm", "cat", "grep", "tail")
GOOD_JAVA = 'echo \'openjdk version "17.0.15" 2025-04-15\' >&2'
SEES_A_CHROMIUM = "echo Chromium 120"


class Machine:
    """A PATH with the plain tools and whatever `has` puts there as small shell scripts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for tool in TOOLS:
            (folder / tool).symlink_to(shutil.which(tool) or "/bin/false")
        (folder / "python3").symlink_to(sys.executable)
        self.has("id", "echo 1000")

    def has(self, name: str, script: str) -> None:
        """Puts a command there, in place of the one of that name."""
        (self.folder / name).unlink(missing_ok=True)
        (self.folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (self.folder / name).chmod(0o755)

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs one of our scripts with this PATH and nothing else in the environment."""
        return subprocess.run(
            [str(ROOT / "scripts" / script), *arguments],
            env={"PATH": str(self.folder), **environment}, capture_output=True, text=True, check=False,
        )  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_all_there_says_nothing(machine: Machine) -> None:
    machine.has("java", GOOD_JAVA)
    machine.has("chromium", SEES_A_CHROMIUM)
    result = machine.run("prerequisites", "java", "browser")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("java", "said"),
    [
        ('echo \'openjdk version "11.0.22" 2024-01-16\' >&2', "Java 11 is too old"),
        ('echo \'java version "1.8.0_412"\' >&2', "Java 8 is too old"),
        ("echo 'Unable to locate a Java Runtime.' >&2; exit 1", "Java is missing"),
        (None, "Java is missing"),
    ],
)
def test_java_that_is_missing_or_too_old_is_one_sentence(machine: Machine, java: str | None, said: str) -> None:
    if java:
        machine.has("java", java)
    result = machine.run("prerequisites", "java")
    assert result.returncode == 1
    assert said in result.stderr and "17 or newer" in result.stderr and result.stderr.count("\n") == 1


def test_java_home_is_the_java_that_spark_will_take(machine: Machine, tmp_path: Path) -> None:
    machine.has("java", GOOD_JAVA)
    home = str(tmp_path / "old-jdk")
    result = machine.run("prerequisites", "java", JAVA_HOME=home)
    assert result.returncode == 1 and f"JAVA_HOME is {home}" in result.stderr


def test_root_on_debian_gets_java_installed(machine: Machine) -> None:
    machine.has("id", "echo 0")
    machine.has("java", "exit 1")
    machine.has("good-java", GOOD_JAVA)
    machine.has("apt-get", f"cat {machine.folder}/good-java > {machine.folder}/java")
    result = machine.run("prerequisites", "java")
    assert result.returncode == 0, result.stderr
    assert "Installing openjdk-17-jre-headless" in result.stderr


def test_root_on_debian_without_network_is_told_so(machine: Machine) -> None:
    machine.has("id", "echo 0")
    machine.has("apt-get", "exit 100")
    result = machine.run("prerequisites", "java")
    assert result.returncode == 1 and "apt-get could not install openjdk-17-jre-headless" in result.stderr


def test_python_too_old_is_one_sentence(machine: Machine) -> None:
    machine.has("python3", 'case "$1" in --version) echo Python 3.9.2 ;; *) exit 1 ;; esac')
    result = machine.run("prerequisites", "python")
    assert result.returncode == 1
    assert "Python 3.11 or newer" in result.stderr and "3.9.2" in result.stderr and result.stderr.count("\n") == 1


def test_python_without_venv_is_one_sentence(machine: Machine) -> None:
    script = 'case "$2" in *ensurepip*) exit 1 ;; *print*) echo python3.11-venv ;; esac'
    machine.has("python3", script)
    machine.has("df", "printf 'Filesystem\\nx 1 1 99999999 1 /\\n'")
    result = machine.run("prerequisites", "python")
    assert result.returncode == 1 and "apt-get install python3.11-venv" in result.stderr


def test_a_full_disk_is_said_before_anything_is_fetched(machine: Machine, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "scripts", checkout / "scripts")
    machine.has("df", "printf 'Filesystem\\nx 1 1 102400 99%% /\\n'")
    result = subprocess.run(
        [str(checkout / "scripts" / "prerequisites"), "python"],
        env={"PATH": str(machine.folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1 and "Only 100 MB are free here" in result.stderr


def test_a_missing_browser_stops_only_ci(machine: Machine) -> None:
    at_a_desk = machine.run("prerequisites", "browser")
    in_ci = machine.run("prerequisites", "browser", CI="true")
    assert at_a_desk.returncode == 0 and "browser tests are skipped" in at_a_desk.stderr
    assert in_ci.returncode == 1 and "Chromium is missing" in in_ci.stderr


def test_a_missing_maven_stops_only_ci(machine: Machine) -> None:
    at_a_desk = machine.run("prerequisites", "maven")
    in_ci = machine.run("prerequisites", "maven", CI="true")
    assert at_a_desk.returncode == 0 and "tests on a real HDFS are skipped" in at_a_desk.stderr
    assert in_ci.returncode == 1 and "Maven is missing" in in_ci.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("Failed to establish a new connection: [Errno -3]", "index did not answer"),
        ("ERROR: No matching distribution found for click", "index did not answer"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "not the one in the lock file"),
        ("ERROR: something else", "pip stopped: ERROR: something else"),
    ],
)
def test_pip_failures_are_one_sentence(machine: Machine, tmp_path: Path, words: str, said: str) -> None:
    log = tmp_path / "install.log"
    log.write_text(f"Collecting click\n{words}\n", encoding="utf-8")
    result = machine.run("explain-pip", str(log))
    assert said in result.stdout and result.stdout.count("\n") == 1


def test_postgresql_is_found_on_the_path_or_where_debian_puts_it(machine: Machine, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    missing = machine.run("prerequisites", "postgresql", POSTGRESQL_HOME=nowhere, CI="true")
    assert missing.returncode == 1 and missing.stderr.count("\n") == 1
    assert "apt-get install postgresql" in missing.stderr
    folder = tmp_path / "postgresql" / "15" / "bin"
    folder.mkdir(parents=True)
    (folder / "initdb").touch(mode=0o755)
    assert machine.run("prerequisites", "postgresql", POSTGRESQL_HOME=str(tmp_path / "postgresql")).returncode == 0
    machine.has("initdb", "true")
    assert machine.run("prerequisites", "postgresql", POSTGRESQL_HOME=nowhere).returncode == 0


@pytest.mark.parametrize(("status", "text", "said"), [
    (200, '<h1 id="group-title">A</h1><h2 id="reasons-title">', "ok"),
    (200, '<h1 id="group-title">No risk group is shown</h1>', "no_group"),
    (200, "", "no_group"), (503, "Code: <code>too_many</code>", "too_many"), (502, "", "502"),
])  # fmt: skip
def test_the_bench_counts_a_page_without_the_group_as_an_error(status: int, text: str, said: str) -> None:
    command = f"import screens; print(screens.ended({status}, {text!r}))"
    found = subprocess.run([sys.executable, "-c", command], cwd=ROOT / "scripts/bench", capture_output=True, text=True,
                           check=True)  # fmt: skip
    assert found.stdout.strip() == said


PYTEST = """#!/bin/sh
echo "begins $*" >>order
[ "$3" != slow ] || sleep 0.5
echo "ends $3" >>order
echo "said by $3"
[ "$3" != bad ]
"""


@pytest.mark.parametrize(("runs", "code"), [(("slow", "good", "-m not(x)"), 0), (("bad", "good"), 1)])
def test_lanes_run_everything_and_fail_when_one_does(tmp_path: Path, runs: tuple[str, ...], code: int) -> None:
    """`.venv/bin/python` is a script that says what it was asked, and of a slow run that it took its time."""
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTEST, encoding="utf-8")
    python.chmod(0o755)
    words = [word for run in runs for word in ("--", *run.split())]
    done = subprocess.run([str(ROOT / "scripts/test-lanes"), "2", "-x", *words], cwd=tmp_path, capture_output=True,
                          text=True, check=False)  # fmt: skip
    order = (tmp_path / "order").read_text(encoding="utf-8").splitlines()
    assert done.returncode == code, done.stderr
    assert sorted(line for line in order if line.startswith("begins")) == sorted(
        f"begins -m pytest {run} -x" for run in runs
    )
    if runs[0] == "slow":
        assert order[-1] == "ends slow"  # the other slot took the two others meanwhile
    for run in runs:
        assert f"pytest {run}\nsaid by {run.split()[0]}\n" in done.stdout
