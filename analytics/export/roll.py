"""Rolls the server's files into lake files near the target size, one type at a time.

20,000 server files of ten lines become a handful of lake files, and one of 2 GB becomes several: lines go over in the
order of the manifest, byte for byte, so the result does not depend on which download was faster or on interruptions.
A type is done when its folder is renamed; its parts are deleted only then, so a crash costs a copy at most.
"""

import hashlib
from collections.abc import Iterator
from typing import IO, Any

from analytics.export.staging import Part, Staging
from analytics.lake import Lake

BLOCK = 1024 * 1024


def roll_type(staging: Staging, type_name: str, parts: list[Part], target: int) -> list[dict[str, Any]]:
    """Make `Type/00000.ndjson ...` from its parts; their entries for manifest.json come back, and are in the state."""
    lake, state = staging.lake, staging.state()
    rolling, final = f"{staging.folder}/.rolling-{type_name}", f"{staging.folder}/{type_name}"
    rolled = state.setdefault("rolled", {})
    if type_name not in rolled:
        lake.delete(rolling)
        roller = _Roller(lake, rolling, type_name, target)
        for part in parts:
            with lake.reading(staging.part_path(part)) as source:
                roller.copy(source)
        rolled[type_name] = roller.finish()
        staging.save(state)
    if lake.exists(rolling):
        lake.rename(rolling, final)
    for part in parts:
        lake.delete(staging.part_path(part))
    entries: list[dict[str, Any]] = rolled[type_name]
    return entries


class _Roller:
    """Writes lines into numbered files; a new one begins with the first line behind `target` bytes."""

    def __init__(self, lake: Lake, folder: str, type_name: str, target: int) -> None:
        self._lake, self._folder, self._type, self._target = lake, folder, type_name, target
        self._entries: list[dict[str, Any]] = []
        self._writing: Any = None
        self._out: IO[bytes]

    def copy(self, source: IO[bytes]) -> None:
        while block := source.read(BLOCK):
            for piece in self._pieces(block):
                self._write(piece)

    def finish(self) -> list[dict[str, Any]]:
        if self._writing is not None:
            self._close()
        return self._entries

    def _pieces(self, block: bytes) -> Iterator[bytes]:
        """The block, cut behind the line feed at which the running file is full."""
        while block:
            room = max(self._target - self._size, 1) if self._writing is not None else self._target
            cut = block.find(b"\n", room - 1) + 1 if len(block) >= room else 0
            yield block[:cut] if cut else block
            if not cut:
                return
            self._close()
            block = block[cut:]

    def _write(self, piece: bytes) -> None:
        if self._writing is None:
            self._path = f"{self._type}/{len(self._entries):05d}.ndjson"
            self._writing = self._lake.writing(f"{self._folder}/{len(self._entries):05d}.ndjson")
            self._out = self._writing.__enter__()
            self._digest, self._lines, self._size = hashlib.sha256(), 0, 0
        self._out.write(piece)
        self._digest.update(piece)
        self._lines += piece.count(b"\n")
        self._size += len(piece)

    def _close(self) -> None:
        self._writing.__exit__(None, None, None)
        self._writing = None
        self._entries.append({"path": self._path, "type": self._type, "count": self._lines, "bytes": self._size,
                              "sha256": self._digest.hexdigest()})
