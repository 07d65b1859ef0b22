"""Counts the lines of an NDJSON stream, and those that do not look like the promised type, without decoding a letter.

Bytes in, counts out: chunks may end anywhere, also within a multi-byte letter, and a line of any length costs at most
one chunk of memory. The check is a search for `"resourceType":"X"` in the line, not a parse: load does that.
"""

import re

LONG_LINE = 4 * 1024 * 1024  # bytes of an unfinished line that are kept; beyond, only its tail is


class LineCounter:
    """`lines`: non-empty lines; `mismatched`: those without the type; `open_line`: the last one lacks its line feed."""

    def __init__(self, type_name: str) -> None:
        self.lines = 0
        self.mismatched = 0
        self._usual = b'{"resourceType":"%s"' % type_name.encode()
        self._pattern = re.compile(rb'"resourceType"\s*:\s*"%s"' % type_name.encode())
        self._rest = b""  # of the unfinished line
        self._long_has_type: bool | None = None  # set within a long line: was the type seen in what was let go?

    @property
    def open_line(self) -> bool:
        return bool(self._rest) or self._long_has_type is not None

    def feed(self, chunk: bytes) -> None:
        data = self._rest + chunk if self._rest else chunk
        if self._long_has_type is not None:
            data = self._through_long_line(data)
        end = data.rfind(b"\n") + 1
        if end:
            self._whole_lines(data[:end])
        self._keep(data[end:])

    def finish(self) -> None:
        """The stream has ended: a last line without line feed counts too."""
        if self._long_has_type is not None:
            self._count_long(self._rest)
        elif self._rest.strip():
            self._count(self._rest)
        self._rest = b""

    def _whole_lines(self, block: bytes) -> None:
        feeds = block.count(b"\n")
        if block.startswith(self._usual) and block.count(b"\n" + self._usual) == feeds - 1:
            self.lines += feeds  # the usual case: every line starts with the type
            return
        for line in block.split(b"\n"):
            if line.strip():
                self._count(line)

    def _count(self, line: bytes) -> None:
        self.lines += 1
        if not line.startswith(self._usual) and self._pattern.search(line) is None:
            self.mismatched += 1

    def _keep(self, rest: bytes) -> None:
        if len(rest) > LONG_LINE:
            self._long_has_type = bool(self._long_has_type) or self._pattern.search(rest) is not None
            rest = rest[-256:]  # the pattern may lie across the border
        self._rest = rest

    def _through_long_line(self, data: bytes) -> bytes:
        """Look for the end of the long line; what follows it comes back."""
        end = data.find(b"\n") + 1
        if not end:
            self._long_has_type = bool(self._long_has_type) or self._pattern.search(data) is not None
            return data[-256:]
        self._count_long(data[:end])
        return data[end:]

    def _count_long(self, last_piece: bytes) -> None:
        self.lines += 1
        if not self._long_has_type and self._pattern.search(last_piece) is None:
            self.mismatched += 1
        self._long_has_type = None
