"""The lake: where exports, events, features and releases lie (docs/architecture.md, "The lake").

The same on `file://` (local.py) and on `hdfs://` (hdfs.py): files are written under a hidden temporary name and renamed
when they are whole; a folder counts only once it holds `_SUCCESS`. Paths are relative to the lake
("sandbox/exports/ID/Patient/00000.ndjson"); `url()` gives the full address. A Lake is only its URL and settings, so it
may be sent to a Spark task.
"""

import functools
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import IO, Any, Protocol

import orjson

from analytics.config import HdfsOptions, Settings
from analytics.errors import LakeError
from analytics.lake.local import LocalFiles

SUCCESS = "_SUCCESS"
PATIENCE = 2.0  # seconds a command waits for a NameNode that is away; then it says so
LONG_PATIENCE = 1800.0  # an export, which took hours to prepare, sits out a restart


class Files(Protocol):
    """What the lake asks of a file system; every error is a LakeError."""

    def size(self, path: str) -> int | None: ...
    def names(self, path: str) -> list[str]: ...
    def open(self, path: str) -> IO[bytes]: ...
    def writing(self, path: str, temporary: str, final: Callable[[], str]) -> AbstractContextManager[IO[bytes]]: ...
    def append(self, path: str, data: bytes) -> None: ...
    def rename(self, old: str, new: str) -> None: ...
    def delete(self, path: str) -> None: ...
    def alone(self, path: str, otherwise: str) -> AbstractContextManager[None]: ...
    def need_room(self, nbytes: int) -> None: ...


@dataclass(frozen=True)
class Lake:
    """The lake at an absolute `file://` or `hdfs://` URL."""

    location: str
    hdfs: HdfsOptions = field(default_factory=HdfsOptions)
    patience: float = PATIENCE  # seconds

    @classmethod
    def of(cls, settings: Settings) -> "Lake":
        """The lake that the settings name."""
        return cls(settings.lake, settings.hdfs)

    def patient(self) -> "Lake":
        """The same lake for work that waits until a NameNode that restarts is back, and then goes on."""
        return replace(self, patience=LONG_PATIENCE)

    # -- paths of the architecture ------------------------------------------------------------------------------

    def exports(self, ehr: str) -> str:
        return f"{ehr}/exports"

    def export(self, ehr: str, export_id: str) -> str:
        return f"{ehr}/exports/{export_id}"

    def events(self, ehr: str, export_id: str) -> str:
        return f"{ehr}/events/{export_id}"

    def features(self, ehr: str, export_id: str, as_of: object) -> str:
        """`as_of` is a date or its ISO text."""
        return f"{ehr}/features/{export_id}/{as_of}"

    def releases(self, ehr: str) -> str:
        return f"{ehr}/releases"

    def release(self, ehr: str, release_id: str) -> str:
        return f"{ehr}/releases/{release_id}"

    def url(self, path: str = "") -> str:
        """Full URL, as Spark takes it."""
        return f"{self.location}/{path}" if path else self.location

    def local(self, path: str = "") -> str | None:
        """Path on this machine (for DuckDB, pyarrow, os), or None where the lake is not `file://`."""
        url = self.url(path)
        return url.removeprefix("file://") if url.startswith("file://") else None

    # -- what is there ------------------------------------------------------------------------------------------

    def exists(self, path: str) -> bool:
        return self._files.size(path) is not None

    def size(self, path: str) -> int:
        """Length of a file in bytes. Raises LakeError where there is none."""
        size = self._files.size(path)
        if size is None:
            raise LakeError(f"There is no {self.url(path)}.", "Check KINDRED_LAKE, or run the step that makes it.")
        return size

    def names(self, path: str, *, hidden: bool = False) -> list[str]:
        """Names in a folder, sorted, without hidden and temporary ones; empty where there is no such folder."""
        return sorted(name for name in self._files.names(path) if hidden or not name.startswith((".", "_")))

    def files(self, path: str, suffix: str) -> list[str]:
        """Paths (relative to the lake) of the files of a folder that end in `suffix`, sorted."""
        return [f"{path}/{name}" for name in self.names(path) if name.endswith(suffix)]

    def finished(self, path: str) -> bool:
        """Whether the folder holds `_SUCCESS`; without it nobody may read it."""
        return self.exists(f"{path}/{SUCCESS}")

    def finished_folders(self, path: str) -> list[str]:
        """Names of the finished folders below `path`, oldest first (ids start with their UTC time)."""
        return [name for name in self.names(path) if self.finished(f"{path}/{name}")]

    def newest_export(self, ehr: str) -> str | None:
        """Id of the newest finished export of an EHR, None where there is none."""
        return next(reversed(self.finished_folders(self.exports(ehr))), None)

    def unfinished_exports(self, ehr: str) -> list[str]:
        """Ids of exports that were begun and not ended; the same command again goes on with them."""
        names = self.names(self.exports(ehr), hidden=True)
        return [name.removeprefix(".").removesuffix(".partial") for name in names if name.endswith(".partial")]

    # -- reading and writing ------------------------------------------------------------------------------------

    @contextmanager
    def reading(self, path: str) -> Iterator[IO[bytes]]:
        """Open a file to read bytes; of a file on HDFS some megabytes are in memory at a time."""
        with self._files.open(path) as file:
            yield file

    def read_bytes(self, path: str) -> bytes:
        with self.reading(path) as file:
            return file.read()

    def read_json(self, path: str) -> Any:
        try:
            return orjson.loads(self.read_bytes(path))
        except orjson.JSONDecodeError:
            raise LakeError(f"{self.url(path)} is not JSON.", "It was damaged; make it again from its step.") from None

    @contextmanager
    def writing(self, path: str, named: Callable[[], str] | None = None) -> Iterator[IO[bytes]]:
        """Open a file to write bytes; it appears under its name, whole, when the block ends without an error.

        `named`: gives the path that it is to have, where that is known only at the end of the block.
        """
        folder, _, name = path.rpartition("/")
        temporary = f"{folder}/.{name}.{secrets.token_hex(4)}.tmp".lstrip("/")
        with self._files.writing(path, temporary, named or (lambda: path)) as file:
            yield file

    def write_bytes(self, path: str, data: bytes) -> None:
        with self.writing(path) as file:
            file.write(data)

    def append(self, path: str, data: bytes) -> None:
        """Append to a log; the file is made where there is none."""
        self._files.append(path, data)

    def write_json(self, path: str, value: Any) -> None:
        self.write_bytes(path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

    def write_counts(self, folder: str, read: int, kept: int, dropped: dict[str, int]) -> None:
        """`counts.json` of a step; raises ValueError where read is not kept + dropped (a defect of the step)."""
        if read != kept + sum(dropped.values()):
            raise ValueError(f"counts of {folder} do not add up: {read} != {kept} + {sum(dropped.values())}")
        self.write_json(f"{folder}/counts.json", {"read": read, "kept": kept, "dropped": dropped})

    def read_counts(self, folder: str) -> dict[str, Any]:
        counts: dict[str, Any] = self.read_json(f"{folder}/counts.json")
        return counts

    def finish(self, folder: str) -> None:
        """Write `_SUCCESS`: from now on the folder counts."""
        self.write_bytes(f"{folder}/{SUCCESS}", b"")

    def rename(self, old: str, new: str) -> None:
        """Rename a file or folder to a name that is free. Raises LakeError where it is taken."""
        if self.exists(new):
            raise LakeError(f"{self.url(new)} exists already.", "Remove it, or run the step with another id.")
        self._files.rename(old, new)

    def delete(self, path: str) -> None:
        """Delete a file or a whole folder; nothing happens where there is none."""
        self._files.delete(path)

    @contextmanager
    def alone(self, path: str, otherwise: str) -> Iterator[None]:
        """Hold a folder for this process alone. Raises LakeError with `otherwise` where it is held.

        However the process ends, the folder is free again: at once on this machine, within about a minute on another.
        """
        with self._files.alone(path, otherwise):
            yield

    def need_room(self, nbytes: int) -> None:
        """Raise LakeError when the disk, or the lake's quota on HDFS, has less than `nbytes` left."""
        self._files.need_room(nbytes)

    @property
    def _files(self) -> Files:
        return _files(self, os.getpid())


@functools.lru_cache(maxsize=8)
def _files(lake: Lake, process: int) -> Files:
    """One connection for each lake and process; Spark's workers are forked, and a connection does not outlive that."""
    local = lake.local()
    if local is not None:
        return LocalFiles(local)
    from analytics.lake.hdfs import HdfsFiles

    return HdfsFiles(lake.location, lake.hdfs, lake.patience)
