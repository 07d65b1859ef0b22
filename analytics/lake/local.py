"""Files on this machine: the lake at a `file://` URL, private as on HDFS whatever the umask allows."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from analytics.errors import LakeError

NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
FILE_MODE, FOLDER_MODE = 0o640, 0o750  # patient data: not for every user of the machine
DISK_TROUBLE = NO_ROOM | {errno.EIO, errno.EROFS, errno.EFBIG}


def make_folder(folder: Path, mode: int = FOLDER_MODE) -> None:
    """Make a folder and what is missing above it, no wider than `mode`; what is there stays as it is."""
    try:
        folder.mkdir(mode)
    except FileNotFoundError:
        make_folder(folder.parent)
        make_folder(folder, mode)
    except FileExistsError:
        if not folder.is_dir():
            raise


def open_private(path: Path, how: str, mode: int = FILE_MODE, buffering: int = -1) -> IO[bytes]:
    """Open a file to write bytes; where it is made, no wider than `mode`."""
    return open(path, how, buffering, opener=lambda name, flags: os.open(name, flags, mode))


class LocalFiles:
    """What the lake does with a folder of this machine. Paths are relative to it."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def size(self, path: str) -> int | None:
        """Length in bytes, None where there is nothing."""
        with self._explained("look at", path):
            try:
                return self._at(path).stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                return None

    def names(self, path: str) -> list[str]:
        """Names in a folder, in any order; none where there is no such folder."""
        with self._explained("list", path):
            try:
                return os.listdir(self._at(path))  # noqa: PTH208 - names alone
            except (FileNotFoundError, NotADirectoryError):
                return []

    def open(self, path: str) -> IO[bytes]:
        with self._explained("read", path):
            return self._at(path).open("rb")

    @contextmanager
    def writing(self, path: str, temporary: str, final: Callable[[], str]) -> Iterator[IO[bytes]]:
        """A file under a temporary name, synced and renamed to `final()` at the end of the block."""
        with self._explained("write", path):
            make_folder(self._at(temporary).parent)
            file = open_private(self._at(temporary), "wb")
        try:
            with self._explained("write", path, only=DISK_TROUBLE), file:
                yield file  # the block may also fail for reasons of its own, such as a broken download
                file.flush()
                os.fsync(file.fileno())
            with self._explained("write", path):
                self._at(temporary).replace(self._at(final()))
            self._sync_folder(final())
        except BaseException:
            with suppress(OSError):
                self._at(temporary).unlink()
            raise

    def append(self, path: str, data: bytes) -> None:
        with self._explained("write", path):
            make_folder(self._at(path).parent)
            with open_private(self._at(path), "ab") as file:
                file.write(data)

    def rename(self, old: str, new: str) -> None:
        """The new name is free: Lake looked."""
        with self._explained("rename", old):
            make_folder(self._at(new).parent)
            self._at(old).rename(self._at(new))
        self._sync_folder(new)

    def delete(self, path: str) -> None:
        with self._explained("delete", path), suppress(FileNotFoundError):
            if self._at(path).is_dir():
                shutil.rmtree(self._at(path))
            else:
                self._at(path).unlink()

    @contextmanager
    def alone(self, path: str, otherwise: str) -> Iterator[None]:
        """Hold a folder for this process. The system lets go of the lock however the process ends."""
        with self._explained("write", path):
            make_folder(self._at(path))
            lock = open_private(self._at(path) / ".lock", "wb")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LakeError(otherwise, "Wait for it, or stop it first.") from None
            yield

    def need_room(self, nbytes: int) -> None:
        """Raise LakeError when the disk has less than `nbytes` left."""
        folder = next(parent for parent in (self._folder, *self._folder.parents) if parent.exists())
        free = shutil.disk_usage(folder).free
        if free < nbytes:
            raise LakeError(f"There is no room on {folder}: {nbytes / 1e6:,.0f} MB needed, {free / 1e6:,.0f} MB free.",
                            "Free some space, or set KINDRED_LAKE to a larger disk.")

    def _at(self, path: str) -> Path:
        return self._folder / path.lstrip("/")

    def _sync_folder(self, path: str) -> None:
        """Make the renamed name itself safe; some file systems have no such thing."""
        with suppress(OSError):
            handle = os.open(self._at(path).parent, os.O_RDONLY)
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
                raise LakeError(f"There is no room on the disk of file://{self._folder}.",
                                "Free some space, or set KINDRED_LAKE to a larger disk; then run it again.") from error
            reason = error.strerror or type(error).__name__
            raise LakeError(f"Cannot {doing} file://{self._at(path)}: {reason}.",
                            "Check KINDRED_LAKE, and that this user may write there.") from error
