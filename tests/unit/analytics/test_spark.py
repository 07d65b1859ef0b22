"""Java: missing, too old or broken is one sentence that says what to install. No Spark starts here."""

import stat
from pathlib import Path

import pytest

from analytics.config import Settings
from analytics.errors import SparkError
from analytics.spark import session


def java(folder: Path, answer: str) -> Path:
    """A program of that name that answers `-version` as real ones do, on stderr."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho '{answer}' >&2\n" if answer else "not a program")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def refused(folder: Path) -> str:
    with pytest.raises(SparkError) as failed:
        session(Settings.from_environment({"KINDRED_HOME": str(folder)}))
    assert failed.value.exit_code == 14 and "openjdk-17-jre-headless" in str(failed.value)
    return failed.value.message


def test_no_java(folder: Path) -> None:
    assert refused(folder) == "Spark needs Java, and there is none on the PATH."


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('openjdk version "11.0.2" 2019-01-15', "is Java 11."),
        ('openjdk version "16-ea" 2021-03-16', "is Java 16."),
        ('java version "1.8.0_292"', "is Java 8."),
        ("something else", "is Java of an unknown version."),
    ],
)
def test_java_too_old(folder: Path, answer: str, said: str) -> None:
    java(folder, answer)
    assert refused(folder).endswith(said)


def test_a_java_that_cannot_be_run(folder: Path) -> None:
    java(folder, "")
    assert "cannot be run" in refused(folder)


def test_java_home_goes_before_the_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java(folder, 'openjdk version "21.0.1" 2023-10-17')
    monkeypatch.setenv("JAVA_HOME", str(folder / "jdk"))
    assert refused(folder) == f"Spark needs Java, and there is none in JAVA_HOME ({folder}/jdk)."
    java(folder / "jdk" / "bin", 'openjdk version "11.0.2" 2019-01-15')
    assert f"{folder}/jdk/bin/java is Java 11" in refused(folder)
