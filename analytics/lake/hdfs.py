"""Files on HDFS: the lake at an `hdfs://` URL, written and read with hdfs-native.

What is written is kept in a spool (memory, then an unnamed temporary file of this machine) until HDFS has all of it, so
that it can be sent again: hdfs-native gives up a file when the DataNode that the NameNode offers for its next block has
just died, or when the NameNode restarts.
"""

import errno
import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

import hdfs_native

from analytics.config import HdfsOptions
from analytics.errors import LakeError
from analytics.lake.hdfs_link import ANSWERS_WITHIN, Link, moved, timed
from analytics.lake.hdfs_lock import held

MIB = 1024 * 1024
SPOOLED_IN_MEMORY = 16 * MIB
PIECE = 4 * MIB  # written, or read, in one call
FILE_MODE, FOLDER_MODE = 0o640, 0o750  # patient data: not for every user of the cluster
NO_QUOTA = 2**64 - 1


class HdfsFiles:
    """What the lake does with a folder of HDFS. Paths are relative to it."""

    def __init__(self, location: str, options: HdfsOptions, patience: float) -> None:
        self._link = Link(location, options, patience)
        self._options = options

    def size(self, path: str) -> int | None:
        """Length in bytes, None where there is nothing."""
        try:
            return int(self._link.call("look at", path, "get_file_info", self._link.at(path)).length)
        except FileNotFoundError:
            return None

    def names(self, path: str) -> list[str]:
        """Names in a folder, in any order; none where there is no such folder."""
        def listed(_: int) -> list[str]:
            found = timed(ANSWERS_WITHIN, lambda: list(self._link.client.list_status(self._link.at(path))))
            return [entry.path.rsplit("/", 1)[-1] for entry in found if entry.path != self._link.at(path)]

        try:
            return self._link.persist("list", path, listed)
        except FileNotFoundError:
            return []

    def open(self, path: str) -> IO[bytes]:
        return io.BufferedReader(_Reader(self._link, path), MIB)

    @contextmanager
    def writing(self, path: str, temporary: str, final: Callable[[], str]) -> Iterator[IO[bytes]]:
        """A spool; at the end of the block it goes to HDFS under a temporary name, which becomes `final()`."""
        with tempfile.SpooledTemporaryFile(SPOOLED_IN_MEMORY) as spool:
            with _this_machine_explained():
                yield spool
            try:
                self._send(spool, path, temporary)
                self._move(temporary, final(), overwrite=True)
            except BaseException:
                with suppress(Exception):
                    self._link.ask("delete", self._link.at(temporary), False)
                raise

    def append(self, path: str, data: bytes) -> None:
        """Append, and know after a broken connection how much arrived; a file that cannot grow is written anew."""
        if self.size(path) is None:
            with self.writing(path, _hidden(path), lambda: path) as file:
                file.write(data)
            return
        adding = _Append(data)
        self._link.persist("append to", path, lambda _: self._append(path, adding))

    def rename(self, old: str, new: str) -> None:
        """The new name is free: Lake looked, and HDFS does too."""
        self._make_folder_of(new)
        self._move(old, new, overwrite=False)

    def delete(self, path: str) -> None:
        self._link.call("delete", path, "delete", self._link.at(path), True)

    @contextmanager
    def alone(self, path: str, otherwise: str) -> Iterator[None]:
        """Hold a folder for this process, by the lease of a file in it (hdfs_lock.py)."""
        self._make_folder_of(f"{path}/.lock")
        with held(self._link, f"{path}/.lock", otherwise):
            yield

    def need_room(self, nbytes: int) -> None:
        """Raise LakeError when the lake's own quota leaves less; full disks are HDFS's to say when it is written."""
        try:
            summary = self._link.call("look at", "", "get_content_summary", self._link.at(""))
        except (FileNotFoundError, LakeError):
            return  # not there yet, or not ours to see: then writing tells
        if summary.space_quota == NO_QUOTA:
            return
        copies = self._options.replication or 3
        free = max(summary.space_quota - summary.space_consumed, 0)
        if free < nbytes * copies:
            raise LakeError(f"There is no room in the quota of {self._link.at('')} on HDFS: {copies} copies need "
                            f"{nbytes * copies / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free.",
                            "Raise it (hdfs dfsadmin -setSpaceQuota), or set KINDRED_LAKE to another folder.")

    # -- inside -------------------------------------------------------------------------------------------------

    def _make_folder_of(self, path: str) -> None:
        folder = self._link.at(path.rpartition("/")[0])
        self._link.persist("write", path, lambda _: self._link.ask("mkdirs", folder, FOLDER_MODE, True), changes=True)

    def _send(self, spool: IO[bytes], path: str, temporary: str) -> None:
        self._make_folder_of(path)
        self._link.persist("write", path, lambda failures: self._send_once(spool, temporary, failures))

    def _send_once(self, spool: IO[bytes], path: str, failures: int) -> None:
        """The whole spool. After failures fewer DataNodes are asked for, so that a dead one is soon not among them."""
        target = self._link.at(path)
        replication, fewer = self._options.replication, None
        if failures > 1:
            replication = replication or self._link.ask("get_file_info", target).replication or 3
            fewer = max(replication - failures // 2, 1)
        options = hdfs_native.WriteOptions(self._options.block_bytes, fewer or replication, FILE_MODE, True, False)
        spool.seek(0)
        writer, sent = self._link.ask("create", target, options), 0
        while piece := spool.read(PIECE):
            sent += moved(writer.write, piece)
        moved(writer.close)
        self._check_length(target, sent)
        if fewer:
            self._link.ask("set_replication", target, replication)

    def _check_length(self, target: str, length: int) -> None:
        if self._link.ask("get_file_info", target).length != length:
            raise RuntimeError("DataTransferError: the file has another length")

    def _move(self, old: str, new: str, overwrite: bool) -> None:
        """Rename; a repeated one may find that it was done, though the answer got lost."""
        def attempt(failures: int) -> None:
            try:
                self._link.ask("rename", self._link.at(old), self._link.at(new), overwrite)
            except (FileNotFoundError, FileExistsError):
                if not failures or self.size(old) is not None or self.size(new) is None:
                    raise

        try:
            self._link.persist("rename", old, attempt, changes=True)
        except FileNotFoundError:
            raise LakeError(f"Cannot rename {self._link.url(old)}: there is no such file.",
                            "Run the step that makes it.") from None
        except FileExistsError:
            raise LakeError(f"{self._link.url(new)} exists already.",
                            "Remove it, or run the step with another id.") from None

    def _append(self, path: str, adding: "_Append") -> None:
        target = self._link.at(path)
        if not self._link.ask("recover_lease", target):  # true at once for a file that no killed process had open
            raise RuntimeError("DataTransferError: the lease is being recovered")
        length = self._link.ask("get_file_info", target).length  # only that of a closed file is to be relied on
        adding.base = length if adding.base is None else adding.base
        missing = adding.data[length - adding.base:]
        if not missing:
            return
        adding.attempts += 1
        if adding.attempts > 2:
            self._write_longer(path, adding)
            return
        writer = self._link.ask("append", target)
        moved(writer.write, missing)
        moved(writer.close)

    def _write_longer(self, path: str, adding: "_Append") -> None:
        """The file as it was and the data, as a new file: for when the DataNodes do not let the old one grow."""
        with self.open(path) as old:
            content = old.read(adding.base or 0) + adding.data
        with self.writing(path, _hidden(path), lambda: path) as file:
            file.write(content)


@dataclass
class _Append:
    """What is to be appended, and the length that the file had before."""

    data: bytes
    base: int | None = None
    attempts: int = 0


class _Reader(io.RawIOBase):
    """A file on HDFS, a piece at a time; after a failure it is opened anew, for where its blocks are by then."""

    def __init__(self, link: Link, path: str) -> None:
        self._link, self._path = link, path
        self._file: Any = self._opened()
        self._length = len(self._file)
        self._position, self._piece_at, self._piece = 0, 0, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: Any) -> int:
        start = self._position - self._piece_at
        if not 0 <= start < len(self._piece):
            if self._position >= self._length:
                return 0
            self._piece = self._link.persist("read", self._path, self._read_piece)
            self._piece_at, start = self._position, 0
        found = memoryview(self._piece)[start:start + len(buffer)]
        buffer[:len(found)] = found
        self._position += len(found)
        return len(found)

    def _read_piece(self, failures: int) -> bytes:
        if failures:
            self._file = self._opened()
        size = min(PIECE, self._length - self._position)
        piece: bytes = moved(self._file.read_range, self._position, size)
        if len(piece) != size:
            raise RuntimeError("DataTransferError: a short read")
        return piece

    def _opened(self) -> Any:
        try:
            return self._link.call("read", self._path, "read", self._link.at(self._path))
        except FileNotFoundError:
            raise LakeError(f"Cannot read {self._link.url(self._path)}: there is no such file.",
                            "Check KINDRED_LAKE, or run the step that makes it.") from None


def _hidden(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/.{name}.tmp"


@contextmanager
def _this_machine_explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise LakeError(f"There is no room in {tempfile.gettempdir()}, where a file for HDFS waits until it is whole.",
                        "Free some space, or set TMPDIR to a larger disk; then run it again.") from error
