"""The packed Python environment: what is in it, that it runs where it is unpacked, and who is refused."""

import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from analytics import spark_environment
from analytics.errors import ConfigError, LakeError, SparkError
from analytics.spark_environment import check, fingerprint, pack

WHERE = "import sys, analytics, analytics.spark_environment; print(sys.prefix, analytics.__file__)"


@pytest.fixture
def only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the packages, whose 190 MB tests/cluster packs."""
    monkeypatch.setattr(spark_environment, "_package_files", lambda: iter(()))


def test_it_holds_what_the_pipeline_needs_but_for_spark_and_nothing_of_development() -> None:
    needed = set(spark_environment._needed())
    assert {"duckdb", "pyarrow", "numpy", "pandas", "scikit-learn", "hdfs-native", "psycopg-binary"} <= needed
    assert not needed & {"pyspark", "py4j", "pytest", "mypy", "ruff", "playwright", "kindred"}


@pytest.mark.usefixtures("only_ours")
@pytest.mark.parametrize("name", ["e.tar.gz", "e.tar"])
def test_unpacked_anywhere_it_runs_its_own_code(tmp_path: Path, name: str) -> None:
    size = pack(tmp_path / name)
    assert size == (tmp_path / name).stat().st_size > 100_000
    with tarfile.open(tmp_path / name) as archive:
        archive.extractall(tmp_path / "environment", filter="fully_trusted")  # python is a link out of it
    folder = (tmp_path / "environment").resolve()
    told = subprocess.check_output(["./environment/bin/python", "-c", WHERE], cwd=tmp_path, text=True).split()
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    assert told == [str(folder), str(folder / "lib" / version / "site-packages" / "analytics" / "__init__.py")]


def test_its_files_are_nobodys_and_everyone_may_read_them() -> None:
    mine = tarfile.TarInfo("secret.py")
    mine.uid, mine.gid, mine.uname, mine.gname, mine.mode = 1000, 1000, "me", "us", 0o600
    entry = spark_environment._nobodys(mine)
    assert (entry.uid, entry.gid, entry.uname, entry.gname, entry.mode) == (0, 0, "", "", 0o644)


@pytest.mark.usefixtures("only_ours")
def test_its_python_is_where_it_was_said_to_be(tmp_path: Path) -> None:
    pack(tmp_path / "e.tar", python="/usr/bin/python3.11")
    with tarfile.open(tmp_path / "e.tar") as archive:
        entries = {entry.name: entry for entry in archive}
        told = archive.extractfile("pyvenv.cfg")
        assert told is not None and b"home = /usr/bin\n" in told.read()
    assert entries["bin/python"].linkname == "/usr/bin/python3.11"
    assert not [name for name in entries if "__pycache__" in name or name.startswith("/")]


def test_another_ending_or_a_place_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"end in \.tar\.gz"):
        pack(tmp_path / "environment.zip")
    with pytest.raises(LakeError, match=r"Cannot write .*No such file"):
        pack(tmp_path / "none" / "e.tar")


class Executors:
    """Stands where a session stands; each task answers with the next of these, or raises it."""

    def __init__(self, *answers: Any) -> None:
        self.answers = answers
        self.sparkContext = self

    def parallelize(self, *_: Any) -> "Executors":
        return self

    map = parallelize

    def collect(self) -> list[Any]:
        if isinstance(self.answers[0], Exception):
            raise self.answers[0]
        return list(self.answers)


def test_executors_that_run_the_same_are_taken() -> None:
    check(Executors(fingerprint(), dict(fingerprint())), 2)  # type: ignore[arg-type]


@pytest.mark.parametrize(("answer", "said"), [
    ({"Kindred's code": "0"}, "Kindred's code differ"),
    ({"duckdb": "1.0", "Python": "3.12"}, "Python, duckdb differ"),
    (RuntimeError("ModuleNotFoundError: No module named 'analytics'"), "no Python that can run Kindred"),
    (RuntimeError("[PYTHON_VERSION_MISMATCH] 3.9 and 3.11"), "no Python that can run Kindred"),
])  # fmt: skip
def test_executors_that_run_something_else_are_refused(answer: Any, said: str) -> None:
    one = answer if isinstance(answer, Exception) else fingerprint() | answer
    with pytest.raises(SparkError, match=said) as refused:
        check(Executors(one, fingerprint()), 2)  # type: ignore[arg-type]
    assert "kindred environment" in refused.value.next_step
