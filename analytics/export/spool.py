"""Server files that are whole, in a folder of this machine, until their lines are in the lake.

A part appears by one rename, and its name is its receipt: number, lines, lines of another type, length, digest. Nothing
here is synced, which would cost more than the download: after a crash each part is read again and counts only if it is
what its receipt says, so neither a killed process nor a power cut can leave a broken one behind.
"""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import IO

from analytics.errors import LakeError

RECEIPT = re.compile(r"(\d{5,})\.c(\d+)\.m(\d+)\.b(\d+)\.([0-9a-f]{64})")
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class Part:
    """A server file that came whole. `bytes` and `sha256` are those of its lines as they go to the lake."""

    index: int
    lines: int
    mismatched: int  # lines that are not of the promised type
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.index:05d}.c{self.lines}.m{self.mismatched}.b{self.bytes}.{self.sha256}"

    @classmethod
    def named(cls, name: str) -> "Part | None":
        """The part of a file name, None where it is no receipt."""
        match = RECEIPT.fullmatch(name)
        if match is None:
            return None
        index, lines, mismatched, size = map(int, match.groups()[:4])
        return cls(index, lines, mismatched, size, match.group(5))


class Spool:
    """A folder of parts. Raises LakeError for whatever the disk refuses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> dict[int, Part]:
        """Make the folder, or look what an earlier run left in it: parts by index. What is not whole is deleted."""
        found = {}
        with self._explained():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for path in self.folder.iterdir():
                part = Part.named(path.name)
                if part is not None and self._holds(path, part):
                    found[part.index] = part
                else:
                    path.unlink()
        return found

    def indexes(self) -> set[int]:
        """Numbers of the parts that lie there, by their names alone."""
        if not self.folder.is_dir():
            return set()
        return {part.index for path in self.folder.iterdir() if (part := Part.named(path.name)) is not None}

    @contextmanager
    def receiving(self, index: int) -> Iterator["Receiver"]:
        """A file to write a part into; it is a part only when `Receiver.keep` was called."""
        path = self.folder / f".{index:05d}"
        with self._explained():
            file = path.open("wb", buffering=0)
        receiver = Receiver(self, path, file)
        try:
            with file:
                yield receiver
        finally:
            if not receiver.kept:
                path.unlink(missing_ok=True)

    @contextmanager
    def reading(self, part: Part) -> Iterator[FileIO]:
        """A part's bytes, unbuffered: whoever reads brings a buffer."""
        with self._explained():
            file = self._path(part).open("rb", buffering=0)
        with file:
            yield file

    def delete(self, part: Part) -> None:
        with self._explained():
            self._path(part).unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete the folder and all that is in it."""
        with self._explained(), suppress(FileNotFoundError):
            shutil.rmtree(self.folder)

    def _path(self, part: Part) -> Path:
        return self.folder / part.name

    def _holds(self, path: Path, part: Part) -> bool:
        if path.stat().st_size != part.bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == part.sha256

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in NO_ROOM:
                raise LakeError(f"There is no room for the export's files in {self.folder.parent}.",
                                "Free some space there; then run the same command again.") from error
            raise LakeError(f"Cannot keep the export's files in {self.folder}: {error.strerror}.",
                            "Check that this user may write there; then run the same command again.") from error


class Receiver:
    """A part that is on its way."""

    def __init__(self, spool: Spool, path: Path, file: IO[bytes]) -> None:
        self._spool, self._path, self._file, self.kept = spool, path, file, False

    def write(self, block: bytes) -> None:
        """Write all of it; the disk's errors are told from the connection's here."""
        with self._spool._explained():
            written = self._file.write(block)
            while written < len(block):  # a disk that fills up may take a piece
                written += self._file.write(memoryview(block)[written:])

    def keep(self, part: Part) -> None:
        """The part is whole: give it its name."""
        with self._spool._explained():
            os.replace(self._path, self._spool._path(part))  # noqa: PTH105 - one call per server file
        self.kept = True
