"""Counts the lines of an NDJSON stream, and those that do not look like the promised type, without decoding a letter.

Bytes in, counts out: blocks may end anywhere, also within a multi-byte letter, and a line of any length costs at most
one block of memory. The check is a search for `"resourceType":"X"` in the line, not a parse: load does that. In the
usual block, where every line starts with the type, numpy finds the line starts and compares what stands there in one
step, and nothing is copied but the first line; one line that starts otherwise sends its block down the slow way.
"""

import re

import numpy as np
import orjson
from numpy.typing import NDArray

from analytics.export.manifest import MIXED
from analytics.line_feeds import line_feeds

LONG_LINE = 4 * 1024 * 1024  # bytes of an unfinished line that are kept; beyond, only its tail is


class LineCounter:
    """`lines`: non-empty lines; `mismatched`: those without the type; `open_line`: the last one lacks its line feed."""

    def __init__(self, type_name: str) -> None:
        self.lines = 0
        self.mismatched = 0
        named = b'"%s"' % type_name.encode() if type_name != MIXED else b'"'
        self._usual = b'{"resourceType":' + named
        self._pattern = re.compile(rb'"resourceType"\s*:\s*' + named)
        self._rest = bytearray()  # of the unfinished line
        self._long_has_type: bool | None = None  # set within a long line: was the type seen in what was let go?

    @property
    def open_line(self) -> bool:
        return bool(self._rest) or self._long_has_type is not None

    @property
    def cut_off(self) -> bool:
        """Is there a last line without line feed that is no whole JSON value?"""
        if self._long_has_type is not None:  # of a long line only the end is kept
            return not self._rest.rstrip().endswith(b"}")
        try:
            orjson.loads(self._rest or b"{}")
        except orjson.JSONDecodeError:
            return True
        return False

    def feed(self, block: bytes) -> None:
        """Take the next bytes of the stream."""
        start = 0
        if self.open_line:
            start = block.find(b"\n") + 1
            self._rest += block[:start] if start else block
            if not start:
                return self._let_go()
            self._end_line()
        end = block.rfind(b"\n") + 1
        if end > start:
            self._whole_lines(block, start, end)
        self._rest += block[max(start, end):]
        return self._let_go()

    def finish(self) -> None:
        """The stream has ended: a last line without line feed counts too."""
        if self.open_line:
            self._end_line()

    def _whole_lines(self, block: bytes, start: int, end: int) -> None:
        starts = start + np.append(0, line_feeds(block, start, end)[:-1] + 1)
        if _all_begin(block, starts, self._usual):
            self.lines += len(starts)  # the usual case: every line starts with the type
            return
        for line in block[start:end].split(b"\n"):
            if line.strip():
                self._count(line)

    def _count(self, line: bytes | bytearray) -> None:
        self.lines += 1
        if not line.startswith(self._usual) and self._pattern.search(line) is None:
            self.mismatched += 1

    def _let_go(self) -> None:
        """Of a line that grows too long only the tail is kept, since the pattern may lie across the border."""
        if len(self._rest) > LONG_LINE:
            self._long_has_type = bool(self._long_has_type) or self._pattern.search(self._rest) is not None
            del self._rest[:-256]

    def _end_line(self) -> None:
        if self._long_has_type is not None:
            self.lines += 1
            self.mismatched += not self._long_has_type and self._pattern.search(self._rest) is None
            self._long_has_type = None
        elif self._rest.strip():
            self._count(self._rest)
        self._rest.clear()


def _all_begin(block: bytes, starts: NDArray[np.intp], prefix: bytes) -> bool:
    """Whether the prefix stands at each of the places."""
    if starts[-1] + len(prefix) > len(block):
        return False
    pieces = np.ndarray((len(block) - len(prefix) + 1,), f"V{len(prefix)}", block, strides=(1,))  # one at each byte
    return pieces[starts].tobytes() == prefix * len(starts)
