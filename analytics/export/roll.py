"""Rolls parts into lake files near the target size while others are still on their way.

20,000 server files of ten lines become a handful of lake files, and one of 2 GB becomes several. The lines of a type go
over in the order of the manifest, byte for byte, and a lake file ends with the first line that fills it: what is in it
follows from the manifest and the target alone, not from which download was faster or what was interrupted. As soon as
the next parts in order fill a lake file it is written, entered in the staging folder, and its parts are deleted; so no
type ever has much more than one lake file's worth on this machine.
"""

import threading
from typing import IO, Any

from analytics.errors import ExportError
from analytics.export.lines import LineCounter
from analytics.export.manifest import ServerFile
from analytics.export.spool import Part
from analytics.export.staging import Rolled, Staging

BLOCK = 512 * 1024  # bytes copied at a time, by way of one buffer


class Rolling:
    """All types of one export. Threads may share it; the one that brings the part that fills a file writes the file."""

    def __init__(self, staging: Staging, files: list[ServerFile], target: int) -> None:
        """Goes on where the staging folder says that an earlier run ended."""
        self._staging, self._target = staging, target
        self.changed = threading.Condition()
        self._types = {file.type: _Type(file.type) for file in files if file.kind == "output"}
        for file in files:
            if file.kind == "output":
                self._types[file.type].order.append(file.index)
        self._others: dict[int, Part] = {}  # error and deleted files: they are read, not rolled
        for entry in staging.rolled():
            self._types[entry.type].enter(entry)
        kinds = {file.index: file for file in files}
        done = self.have()
        for part in staging.spool.open().values():
            if part.index in done:  # killed after its lines were in the lake and before it was deleted
                staging.spool.delete(part)
            else:
                self._take(kinds[part.index], part)

    def have(self) -> dict[int, Part]:
        """Receipts of all server files that are whole, in the spool or in the lake."""
        with self.changed:
            found = dict(self._others)
            for one in self._types.values():
                found.update(one.ended)
                found.update(one.parts)
            return found

    def waiting(self, type_name: str) -> int:
        """Bytes of a type that lie in the spool."""
        return self._types[type_name].waiting

    def add(self, file: ServerFile, part: Part) -> None:
        """A part is whole; write what can be written now. Raises LakeError."""
        with self.changed:
            self._take(file, part)
        if file.kind == "output":
            self._roll(self._types[file.type])

    def roll_all(self) -> list[Rolled]:
        """Write what is left when every part is there; all entries come back, by type and number."""
        for one in self._types.values():
            self._roll(one)
        return [entry for name in sorted(self._types) for entry in self._types[name].entries]

    def places(self) -> dict[int, list[dict[str, Any]]]:
        """Where in the lake each server file lies, in order: path, offset and bytes of each piece."""
        return {index: pieces for one in self._types.values() for index, pieces in one.places().items()}

    def _take(self, file: ServerFile, part: Part) -> None:
        if file.kind == "output":
            self._types[file.type].add(part)
        else:
            self._others[part.index] = part

    def _roll(self, one: "_Type") -> None:
        """Write lake files while there is enough for one, unless another thread already does."""
        with self.changed:
            if one.busy:
                return  # that thread looks again before it ends
            one.busy = True
        try:
            while self._is_ready(one):
                entry = self._write(one)
                with self.changed:
                    one.enter(entry)
                for part in entry.ended:
                    self._staging.spool.delete(part)
                with self.changed:
                    self.changed.notify_all()
        except BaseException:
            one.busy = False
            raise

    def _is_ready(self, one: "_Type") -> bool:
        with self.changed:
            one.busy = one.ready(self._target)  # in one step, so that no part comes in between unseen
            return one.busy

    def _write(self, one: "_Type") -> Rolled:
        path = f"{one.name}/{len(one.entries):05d}.ndjson"
        with self._staging.lake.writing(f"{self._staging.folder}/{path}") as out:
            file = _LakeFile(out, one.name, self._target)
            position, offset, ended = one.position, one.offset, []
            while not file.full and position < one.reach:
                part = one.parts[one.order[position]]
                with self._staging.spool.reading(part) as source:
                    offset = file.take(source, part, offset)
                if offset == part.bytes:
                    ended.append(part)
                    position, offset = position + 1, 0
        split = one.parts[one.order[position]] if offset else None
        entry = Rolled(one.name, len(one.entries), file.lines, file.size, tuple(ended), split, offset)
        self._staging.save_rolled(entry)
        return entry


class _Type:
    """One type's server files in order, and how far they have come."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.order: list[int] = []  # numbers of its server files
        self.position = 0  # in `order`: the first one whose lines are not all in the lake
        self.reach = 0  # the first one that is not there
        self.split: Part | None = None  # what lies at `position`, where its first `offset` bytes are in the lake
        self.offset = 0
        self.parts: dict[int, Part] = {}  # in the spool
        self.ended: dict[int, Part] = {}  # in the lake
        self.waiting = 0  # bytes in the spool
        self.reached = 0  # those of them between position and reach
        self.entries: list[Rolled] = []
        self.busy = False

    def add(self, part: Part) -> None:
        """Raises ExportError for a file that is another one than before, and of which a piece is in the lake."""
        if self.split and self.split.index == part.index and self.split != part:
            raise ExportError(f"File {part.index} of the export changed at the EHR.", "Run the command again.")
        self.parts[part.index] = part
        self.waiting += part.bytes
        while self.reach < len(self.order) and (found := self.parts.get(self.order[self.reach])) is not None:
            self.reached += found.bytes
            self.reach += 1

    def enter(self, entry: Rolled) -> None:
        """A lake file is whole."""
        self.entries.append(entry)
        for part in entry.ended:
            self.ended[part.index] = part
            if self.parts.pop(part.index, None):
                self.waiting -= part.bytes
                self.reached -= part.bytes
        self.position += len(entry.ended)
        self.reach = max(self.reach, self.position)
        self.split, self.offset = entry.split, entry.offset

    def ready(self, target: int) -> bool:
        """Whether what belongs in the next lake file is all there: enough to fill it, or the last of the type."""
        rollable = self.reached - self.offset
        return rollable >= target or (rollable > 0 and self.reach == len(self.order))

    def places(self) -> dict[int, list[dict[str, Any]]]:
        """Pieces of each server file in the lake, in order. Those of all files cover every byte of each lake file."""
        found: dict[int, list[dict[str, Any]]] = {}
        begun = 0  # how much of a lake file's first part lies in the files before
        for entry in self.entries:
            at = 0
            for part, end in (*((part, part.bytes) for part in entry.ended), (entry.split, entry.offset)):
                if part and end > begun:
                    found.setdefault(part.index, []).append({"path": entry.path, "offset": at, "bytes": end - begun})
                at, begun = at + end - begun, 0
            begun = entry.offset
        return found


class _LakeFile:
    """A lake file that is being written. Its bytes are those of parts, whose digests are on their receipts."""

    def __init__(self, out: IO[bytes], type_name: str, target: int) -> None:
        self._out, self._type, self._target = out, type_name, target
        self._buffer = bytearray(BLOCK)
        self.size, self.lines, self.full = 0, 0, False

    def take(self, source: IO[bytes], part: Part, offset: int) -> int:
        """Copy a part from `offset` on, up to the line that fills the file; how far it went comes back."""
        whole = offset == 0 and part.bytes <= self._target - self.size
        counter = None if whole else LineCounter(self._type)  # a whole part's lines are on its receipt
        source.seek(offset)
        while not self.full and (length := source.readinto(self._buffer)):  # type: ignore[attr-defined]
            offset += self._copy(length, counter)
        if counter:
            counter.finish()
        self.lines += counter.lines if counter else part.lines
        return offset

    def _copy(self, length: int, counter: LineCounter | None) -> int:
        """Write what was read, or less where a line of it fills the file; how much comes back."""
        room = self._target - self.size
        if counter and length >= room:
            length = self._buffer.find(b"\n", max(room, 1) - 1, length) + 1 or length
        self._out.write(memoryview(self._buffer)[:length])
        self.size += length
        self.full = self.size >= self._target and self._buffer[length - 1] == ord("\n")
        if counter:
            counter.feed(bytes(self._buffer[:length]))
        return length
