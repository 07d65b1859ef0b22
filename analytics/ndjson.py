"""NDJSON files as Arrow tables of numbered lines, a block at a time.

In the usual block every line is an object from `{` to `}`: then the lines stay where they are, and Arrow's string views
point at them. Any other block goes the slow way of the live score, line by line, which knows what to refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analytics.definitions import events
from analytics.line_feeds import line_feeds

INLINE = 12  # bytes: a string view holds shorter texts itself


class Block:
    """Whole lines of a file. first: number of the first one, from 1; lines: how many, blank ones included."""

    def __init__(self, content: memoryview, first: int) -> None:
        self.content, self.first = content, first
        self._ends = line_feeds(content, 0, len(content))
        if content[-1] != ord("\n"):
            self._ends = np.append(self._ends, len(content))
        self.lines = len(self._ends)

    def table(self, largest: int) -> tuple[pa.Table, list[tuple[int, str]]]:
        """The lines with their numbers, and those refused with the reason, as ``events.read_lines`` has them."""
        starts = np.append(0, self._ends[:-1] + 1)
        lengths = self._ends - starts
        if self._usual(starts, lengths, largest):
            numbers = np.arange(self.first, self.first + self.lines, dtype=np.int64)
            return pa.table({"line_no": numbers, "line": self._views(starts, lengths)}, schema=events.VIEW_SCHEMA), []
        return events.read_lines(self.numbered(), largest)

    def numbered(self) -> Iterator[tuple[int, bytes]]:
        return enumerate(bytes(self.content).split(b"\n"), self.first)

    def _usual(self, starts: NDArray[np.intp], lengths: NDArray[np.intp], largest: int) -> bool:
        """Objects alone, nothing to strip, none too long, and all of it UTF-8."""
        if lengths.min() <= INLINE or lengths.max() > largest:
            return False
        letters = np.frombuffer(self.content, np.uint8)
        objects = (letters[starts] == ord("{")) & (letters[self._ends - 1] == ord("}"))
        return bool(objects.all()) and (letters.max() < 128 or self._utf8())

    def _utf8(self) -> bool:
        whole = pa.py_buffer(np.array([0, len(self.content)], np.int64))
        try:
            pa.Array.from_buffers(pa.large_string(), 1, [None, whole, pa.py_buffer(self.content)]).validate(full=True)
        except pa.ArrowInvalid:
            return False
        return True

    def _views(self, starts: NDArray[np.intp], lengths: NDArray[np.intp]) -> pa.Array:
        """Arrow's layout of a long string: length, its first four bytes, which buffer, and where in it."""
        fours = np.ndarray((len(self.content) - 3,), "<i4", self.content, strides=(1,))  # those at each byte
        views = np.zeros((self.lines, 4), "<i4")
        views[:, 0], views[:, 1], views[:, 3] = lengths, fours[starts], starts
        buffers = [None, pa.py_buffer(views), pa.py_buffer(self.content)]
        return pa.Array.from_buffers(pa.string_view(), self.lines, buffers)


def blocks(file: IO[bytes], size: int) -> Iterator[Block]:
    """The whole file in blocks of at most ``size`` bytes, or of one line that is longer.

    All lie in the same place: a block's lines and tables hold until the next block is asked for.
    """
    room, held, first = bytearray(size), 0, 1
    while True:
        end = _fill(file, room, held)
        cut = room.rfind(b"\n", 0, end) + 1
        if end < len(room):  # no more comes
            cut = end
        if cut:
            block = Block(memoryview(room)[:cut], first)
            yield block
            first += block.lines
        if end < len(room):
            return
        held = end - cut
        if cut:
            room[:held] = room[cut:end]
        else:
            room = room + bytearray(len(room))


def _fill(file: IO[bytes], room: bytearray, held: int) -> int:
    """Read on behind the bytes that are held until the room is full or nothing comes; where that is."""
    with memoryview(room) as rest:
        while held < len(room) and (more := file.readinto(rest[held:])):  # type: ignore[attr-defined]
            held += more
    return held
