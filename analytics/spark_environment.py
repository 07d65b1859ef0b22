"""The Python that the executors of a cluster run: packed into one archive here, unpacked by Spark there, and checked.

`pack` makes what venv-pack would make of this environment, but of what the pipeline needs alone, and with Kindred's own
code also where it is installed from a checkout. `check` refuses executors that run anything else.
"""

from __future__ import annotations

import io
import platform
import re
import sys
import tarfile
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from analytics.errors import ConfigError, LakeError, SparkError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FOLDER = "environment"  # where Spark unpacks the archive, below each executor's working folder
PYTHON = f"./{FOLDER}/bin/python"
EXTRAS = frozenset({"spark", "hdfs", "postgresql"})
BROUGHT_BY_SPARK = {"pyspark", "py4j"}
LEFT_OUT = {"tests", "__pycache__", "include"}  # folders within packages
COMPARED = ("duckdb", "numpy", "pyarrow", "pandas", "scikit-learn")
HELP = "Pack the environment anew with `kindred environment`, and name it in KINDRED_SPARK_ENVIRONMENT (docs/spark.md)."


def pack(archive: Path, python: str | None = None) -> int:
    """Write the archive (.tar.gz, or .tar without compression). Returns its size in bytes.

    python: where the executors' machines have this version of Python; by default where this machine has it. Raises
    ConfigError for another ending, LakeError where the file cannot be written.
    """
    if not archive.name.endswith((".tar.gz", ".tgz", ".tar")):
        raise ConfigError(f"{archive.name} is no name of an archive that can be made.", "Let it end in .tar.gz.")
    begun = archive.with_name(f".{archive.name}.partial")
    try:
        if archive.suffix == ".tar":
            with tarfile.open(begun, "w") as target:
                _fill(target, python)
        else:  # level 1: it is unpacked far more often than it travels far
            with tarfile.open(begun, "w:gz", compresslevel=1) as target:
                _fill(target, python)
        begun.replace(archive)
    except OSError as error:
        begun.unlink(missing_ok=True)
        raise LakeError(f"Cannot write {archive}: {error.strerror}.", "Choose a place with room.") from None
    return archive.stat().st_size


def _fill(target: tarfile.TarFile, python: str | None) -> None:
    base = PurePosixPath(python or f"{sys.base_prefix}/bin/python{sys.version_info[0]}.{sys.version_info[1]}")
    link = tarfile.TarInfo("bin/python")
    link.type, link.linkname = tarfile.SYMTYPE, str(base)
    target.addfile(link)
    lines = (f"home = {base.parent}", "include-system-site-packages = false", f"version = {platform.python_version()}")
    text = "".join(f"{line}\n" for line in lines).encode()
    note = tarfile.TarInfo("pyvenv.cfg")
    note.size = len(text)
    target.addfile(note, io.BytesIO(text))
    below = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    for name, path in sorted({**dict(_package_files()), **dict(_own_files())}.items()):
        target.add(path, f"{below}/{name}", recursive=False, filter=_nobodys)


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Readable by whoever runs the executors; whose it was here is nobody's business there."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode |= 0o444
    return entry


def _own_files() -> Iterator[tuple[str, Path]]:
    """Our package, by name within site-packages."""
    package = Path(__file__).parent
    for path in package.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"{package.name}/{path.relative_to(package).as_posix()}", path


def _package_files() -> Iterator[tuple[str, Path]]:
    """Files of all packages that the pipeline needs, by name within site-packages."""
    for package in _needed().values():
        for file in package.files or ():
            path = Path(str(package.locate_file(file)))
            if ".." not in file.parts and not LEFT_OUT & set(file.parts) and path.is_file():
                yield file.as_posix(), path


def _needed() -> dict[str, Distribution]:
    """Installed packages that `kindred` and the extras of the pipeline require, without what Spark brings itself."""
    found: dict[str, Distribution] = {}
    asked: set[tuple[str, frozenset[str]]] = set()
    wanted = [("kindred", EXTRAS)]
    while wanted:
        one = wanted.pop()
        if one not in asked:
            asked.add(one)
            wanted += [(name, extras) for name, extras in _requirements(*one) if name not in BROUGHT_BY_SPARK]
    for name, _ in asked - {("kindred", EXTRAS)}:
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # required on another platform only
            continue
    return found


def _requirements(name: str, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    try:
        lines = distribution(name).requires or []
    except PackageNotFoundError:
        return
    for line in lines:
        head, _, marker = line.partition(";")
        parts = re.match(r"\s*([\w.-]+)\s*(?:\[([^\]]*)\])?", head)
        of_extra = re.search(r"extra\s*==\s*['\"]([\w.-]+)['\"]", marker)
        if parts and (of_extra is None or of_extra[1] in extras):
            named = re.sub(r"[-_.]+", "-", parts[1]).lower()
            yield named, frozenset(extra.strip() for extra in (parts[2] or "").split(",") if extra.strip())


@cache
def fingerprint() -> dict[str, str]:
    """What must be the same everywhere for a run to give the same release: Python, the engines, our own files."""
    said = sha256()
    for name, path in sorted(_own_files()):
        said.update(f"{name} {sha256(path.read_bytes()).hexdigest()}\n".encode())
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return {"Python": python, "Kindred's code": said.hexdigest()[:12]} | {name: version(name) for name in COMPARED}


def check(spark: SparkSession, tasks: int) -> None:
    """Ask executors with so many tasks. Raises SparkError where one has no Kindred, another one, or other engines."""
    try:
        answers = spark.sparkContext.parallelize(range(tasks), tasks).map(lambda _: fingerprint()).collect()
    except Exception as error:
        said = str(error)
        for sign in ("No module named", "PYTHON_VERSION_MISMATCH", "Cannot run program", "PackageNotFoundError"):
            if sign in said:
                raise SparkError("The executors have no Python that can run Kindred.", HELP) from None
        raise
    here = fingerprint()
    other = sorted({name for answer in answers for name in here if answer.get(name) != here[name]})
    if other:
        raise SparkError(f"The executors do not run what runs here: {', '.join(other)} differ.", HELP)
