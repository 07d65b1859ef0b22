"""The files of an export job: all in one nameless file on disk, which ends with the job, each a slice of it."""

import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

PIECE = 500  # lines written at once


@dataclass(frozen=True)
class BulkFile:
    """`count` lines that lie at `offset`. `type` is None where types are mixed (organizeOutputBy); `continues`: the
    last block goes on in the next file.
    """

    type: str | None
    count: int
    offset: int
    size: int
    continues: bool = False


class Spool:
    """Where a job writes its lines, once, and from where any number of downloads read them meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 -- closed with the last one who reads it
        self.size = 0

    def write(self, kind: str | None, lines: Iterable[bytes], most: int, *, continues: bool = False
              ) -> Iterator[BulkFile]:
        """Cut `lines` into files of at most `most`."""
        lines = iter(lines)
        while True:
            offset, count = self.size, 0
            while count < most and (piece := list(islice(lines, min(PIECE, most - count)))):
                piece.append(b"")
                self.size += self._file.write(b"\n".join(piece))
                count += len(piece) - 1
            if not count:
                return
            yield BulkFile(kind, count, offset, self.size - offset, continues)

    def flush(self) -> None:
        """From now on what was written can be read."""
        self._file.flush()

    def __del__(self) -> None:
        self._file.close()

    def read(self, offset: int, size: int) -> bytes:
        """Bytes that were flushed; fewer at the end."""
        return os.pread(self._file.fileno(), size, offset)


class Slice:
    """One BulkFile as a readable file, for `wsgi.file_wrapper`. Servers read a piece to send it and once more to pass
    over it, so the last piece is kept.
    """

    def __init__(self, spool: Spool, file: BulkFile) -> None:
        self._spool, self._start, self._size = spool, file.offset, file.size
        self._position, self._kept, self._kept_at = 0, b"", 0

    def read(self, size: int = -1) -> bytes:
        left = self._size - self._position
        size = left if size < 0 else min(size, left)
        if self._kept_at != self._position or len(self._kept) < size:
            self._kept, self._kept_at = self._spool.read(self._start + self._position, size), self._position
        self._position += size
        return self._kept if len(self._kept) == size else self._kept[:size]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._kept = b""


def gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same, gzipped while it streams (level 1: the sandbox and its client share one machine)."""
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()
