"""A folder on HDFS for one process: whoever has the lease of its lock file open for writing.

HDFS gives a file's lease to one client, renews it while the client lives, and lets another take it when it was not
renewed for a minute: a killed process holds nothing for ever, whatever machine it ran on. On its own machine nobody has
to wait for that minute: there a lock of the system, which ends with its process, says at once that the holder is dead.
"""

import fcntl
import hashlib
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import hdfs_native

from analytics.errors import LakeError
from analytics.lake.hdfs_link import Link

WAIT = "Wait for it, or stop it first; when it was killed on another machine, HDFS frees the folder within a minute."
RECOVERY = 15.0  # seconds


@contextmanager
def held(link: Link, path: str, otherwise: str) -> Iterator[None]:
    """Hold the lock file while the block runs. Raises LakeError with `otherwise` where another process holds it."""
    with _held_here(f"{link.server}{link.at(path)}", otherwise) as here:
        mark = f"{path}-{here}"  # says on HDFS that the holder may be one of this machine
        target = link.at(path)
        writer = link.persist("write", path, lambda _: _leased(link, target, link.at(mark), otherwise), changes=True)
        try:
            yield
        finally:
            for action in (writer.close, lambda: link.ask("delete", target, False),
                           lambda: link.ask("delete", link.at(mark), False)):
                with suppress(Exception):
                    action()


def _leased(link: Link, target: str, mark: str, otherwise: str) -> Any:
    with suppress(FileExistsError):
        link.ask("create", mark, hdfs_native.WriteOptions(permission=0o640, overwrite=False)).close()
    try:
        return _create(link, target)
    except FileExistsError:
        ours = _marks(link, target) == [mark]
        if ours:  # nobody but this machine has it, and the process that had is dead: else it would hold the lock here
            _recover(link, target)
    try:
        return link.ask("append", target)
    except FileNotFoundError:  # given back just now
        return _create(link, target)
    except FileExistsError:
        if not ours:
            link.ask("delete", mark, False)
        raise LakeError(otherwise, WAIT) from None


def _create(link: Link, target: str) -> Any:
    return link.ask("create", target, hdfs_native.WriteOptions(permission=0o640, overwrite=False))


def _marks(link: Link, target: str) -> list[str]:
    entries = link.client.list_status(target.rpartition("/")[0])
    return [entry.path for entry in entries if entry.path.startswith(f"{target}-")]


def _recover(link: Link, target: str) -> None:
    end = time.monotonic() + RECOVERY
    while not link.ask("recover_lease", target) and time.monotonic() < end:
        time.sleep(0.2)


@contextmanager
def _held_here(name: str, otherwise: str) -> Iterator[str]:
    """The lock of this machine; gives an id that only processes which would meet at this lock share."""
    folder = Path(tempfile.gettempdir()) / f"kindred-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise LakeError(f"{folder} belongs to another user.", "Remove it, or set TMPDIR to a folder of your own.")
    with (folder / hashlib.sha256(name.encode()).hexdigest()[:16]).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LakeError(otherwise, "Wait for it, or stop it first.") from None
        yield _id_in(lock)


def _id_in(lock: IO[str]) -> str:
    lock.seek(0)
    found = lock.read().strip()
    if not found:
        found = secrets.token_hex(4)
        lock.write(found)
        lock.flush()
    return found
