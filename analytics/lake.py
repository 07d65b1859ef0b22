"""The lake: where exports, events, features and releases lie (docs/architecture.md, "The lake").

One small layer over fsspec, so that `file://` (embedded) and `hdfs://` (hdfs-native) behave the same:
files are written under a hidden temporary name and renamed when they are whole; a folder counts only once it holds
`_SUCCESS`. Paths are relative to the lake ("sandbox/exports/ID/Patient/00000.ndjson"); `url()` gives the full address.
A Lake is only its URL, so it may be sent to a Spark task.
"""

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import fsspec
import orjson

from analytics.errors import LakeError

SUCCESS = "_SUCCESS"
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
DISK_TROUBLE = NO_ROOM | {errno.EIO, errno.EROFS, errno.EFBIG}


@dataclass(frozen=True)
class Lake:
    """The lake at an absolute `file://` or `hdfs://` URL."""

    location: str

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
        with self._explained("look at", path):
            return bool(self._fs.exists(self.url(path)))

    def size(self, path: str) -> int:
        """Length of a file in bytes."""
        with self._explained("look at", path):
            return int(self._fs.info(self.url(path))["size"])

    def names(self, path: str, *, hidden: bool = False) -> list[str]:
        """Names in a folder, sorted, without hidden and temporary ones; empty where there is no such folder."""
        with self._explained("list", path):
            try:
                entries = self._fs.ls(self.url(path), detail=False)
            except FileNotFoundError:
                return []
        names = (str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in entries)
        return sorted(name for name in names if hidden or not name.startswith((".", "_")))

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
        """Open a file to read bytes."""
        with self._explained("read", path):
            file = self._fs.open(self.url(path), "rb")
        with file:
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
        with self._explained("write", path):
            self._fs.makedirs(self.url(folder), exist_ok=True)
            file = self._fs.open(self.url(temporary), "wb")
        try:
            with self._explained("write", path, only=DISK_TROUBLE), file:
                yield file  # the block may also fail for reasons of its own, such as a broken download
                _to_disk(file)
            with self._explained("write", path):
                self._replace(temporary, named() if named else path)
        except BaseException:
            with suppress(Exception):
                self._fs.rm_file(self.url(temporary))
            raise

    def write_bytes(self, path: str, data: bytes) -> None:
        with self.writing(path) as file:
            file.write(data)

    def append(self, path: str, data: bytes) -> None:
        """Append to a log; the file is made where there is none."""
        with self._explained("write", path):
            self._fs.makedirs(self.url(path.rpartition("/")[0]), exist_ok=True)
            mode = "ab" if self.local() is not None or self._fs.exists(self.url(path)) else "wb"
            with self._fs.open(self.url(path), mode) as file:
                file.write(data)

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
        with self._explained("rename", old):
            self._fs.makedirs(self.url(new.rpartition("/")[0]), exist_ok=True)
            self._fs.mv(self.url(old), self.url(new))
        self._sync_folder(new)

    def delete(self, path: str) -> None:
        """Delete a file or a whole folder; nothing happens where there is none."""
        with self._explained("delete", path), suppress(FileNotFoundError):
            self._fs.rm(self.url(path), recursive=True)

    @contextmanager
    def alone(self, path: str, otherwise: str) -> Iterator[None]:
        """Hold a folder of a local lake for this process alone. Raises LakeError with `otherwise` where it is held."""
        local = self.local(path)
        if local is None:
            yield
            return
        with self._explained("write", path):
            self._fs.makedirs(self.url(path), exist_ok=True)
            lock = (Path(local) / ".lock").open("w")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LakeError(otherwise, "Wait for it, or stop it first.") from None
            yield  # the system lets go of the lock however this process ends

    def need_room(self, nbytes: int) -> None:
        """Raise LakeError when the disk of a local lake has less than `nbytes` left (HDFS says so when written)."""
        local = self.local()
        if local is None:
            return
        folder = next(parent for parent in (Path(local), *Path(local).parents) if parent.exists())
        free = shutil.disk_usage(folder).free
        if free < nbytes:
            raise LakeError(f"There is no room on {folder}: {nbytes / 1e6:,.0f} MB needed, {free / 1e6:,.0f} MB free.",
                            "Free some space, or set KINDRED_LAKE to a larger disk.")

    # -- inside -------------------------------------------------------------------------------------------------

    @property
    def _fs(self) -> Any:
        fs, _ = fsspec.core.url_to_fs(self.location)  # cached by fsspec
        return fs

    def _replace(self, temporary: str, path: str) -> None:
        """Rename over a file that may be there."""
        local = self.local(path)
        if local is None:
            self._fs.mv(self.url(temporary), self.url(path), overwrite=True)
            return
        os.replace(str(self.local(temporary)), local)  # noqa: PTH105 - plain strings on a hot path
        self._sync_folder(path)

    def _sync_folder(self, path: str) -> None:
        """A rename survives a power cut only when its folder was synced too."""
        local = self.local(path.rpartition("/")[0])
        if local is not None:
            handle = os.open(local, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    @contextmanager
    def _explained(self, doing: str, path: str, only: set[int] | None = None) -> Iterator[None]:
        """Turn errors of the file system (`only` these numbers) into a LakeError: what, where and what next."""
        try:
            yield
        except OSError as error:
            if only is not None and error.errno not in only:
                raise
            if error.errno in NO_ROOM:
                raise LakeError(f"There is no room on the disk of {self.location}.",
                                "Free some space, or set KINDRED_LAKE to a larger disk; then run it again.") from error
            reason = error.strerror or type(error).__name__
            raise LakeError(f"Cannot {doing} {self.url(path)}: {reason}.",
                            "Check KINDRED_LAKE, and that this user may write there.") from error


def _to_disk(file: IO[bytes]) -> None:
    """Flush and, where the file has a descriptor, fsync it."""
    file.flush()
    with suppress(AttributeError, OSError):
        os.fsync(file.fileno())
