"""The unfinished export: what is on disk so that the same command again goes on where the last one ended.

    LAKE/EHR/exports/.EXPORT_ID.partial/     hidden: nobody takes it for an export
        state.json                           request, status URL, manifest; written before anything depends on it
        Patient/00000.ndjson ...             lake files, whole
        rolled/Patient-00000.json            a lake file's entry: what is in it, and where the next one begins
        manifest.json, files.ndjson, log.ndjson, _SUCCESS      as they will lie in the export
    SPOOL/                                   parts: server files whose lines are not all in the lake yet (spool.py)

The spool lies on this machine: in the same folder (`parts`) where the lake does too, else below KINDRED_HOME.
"""

import os
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analytics.config import Settings
from analytics.errors import LakeError
from analytics.export.spool import Part, Spool
from analytics.lake import Lake

VERSION = 2  # of what lies in the folder


@dataclass(frozen=True)
class Rolled:
    """A lake file that is whole, and how far the parts of its type are in the lake with it."""

    type: str
    number: int
    count: int  # lines that are not empty
    bytes: int
    ended: tuple[Part, ...]  # parts whose last line is in it
    split: Part | None  # the part that follows them, where it begins in this file and does not end here
    offset: int  # how many of its bytes are in the lake

    @property
    def path(self) -> str:
        return f"{self.type}/{self.number:05d}.ndjson"

    @property
    def file(self) -> dict[str, Any]:
        """The file's entry in manifest.json."""
        return {"path": self.path, "type": self.type, "count": self.count, "bytes": self.bytes}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Rolled":
        split = value["split"]
        return cls(**{**value, "ended": tuple(Part(**part) for part in value["ended"]),
                      "split": Part(**split) if split else None})


class Staging:
    """One unfinished export of an EHR."""

    def __init__(self, lake: Lake, ehr: str, export_id: str) -> None:
        self.lake, self.ehr, self.export_id = lake, ehr, export_id
        self.folder = f"{lake.exports(ehr)}/.{export_id}.partial"
        local = lake.local(f"{self.folder}/parts")
        self.spool = Spool(Path(local) if local else _home() / "spool" / ehr / export_id)

    @classmethod
    def new(cls, lake: Lake, ehr: str) -> "Staging":
        now = datetime.now(UTC)
        return cls(lake, ehr, f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}")

    @classmethod
    def unfinished(cls, lake: Lake, ehr: str, fingerprint: str) -> "Staging | None":
        """The newest unfinished export of the same request, None where there is none.

        Folders without a state are cleared away: their run ended before the EHR's answer was on disk. Raises LakeError
        for one that another version of Kindred began.
        """
        found = None
        for export_id in lake.unfinished_exports(ehr):
            staging = cls(lake, ehr, export_id)
            state = staging.state()
            if not state:
                staging.discard()
            elif state.get("fingerprint") == fingerprint:
                found = staging
        if found is not None and not found.readable():
            raise LakeError(f"The unfinished export {found.export_id} was begun by another version of Kindred.",
                            f"Finish it with that version, or end it with `kindred export {ehr} --cancel`.")
        return found

    def state(self) -> dict[str, Any]:
        path = f"{self.folder}/state.json"
        found: dict[str, Any] = self.lake.read_json(path) if self.lake.exists(path) else {}
        return found

    def save(self, state: dict[str, Any]) -> None:
        self.lake.write_json(f"{self.folder}/state.json", state)

    def readable(self) -> bool:
        """Whether this version of Kindred can go on with it."""
        return self.state().get("version") == VERSION

    def rolled(self) -> list[Rolled]:
        """Entries of the lake files that are whole, by type and number."""
        entries = (self.lake.read_json(path) for path in self.lake.files(f"{self.folder}/rolled", ".json"))
        return sorted(map(Rolled.from_json, entries), key=lambda entry: (entry.type, entry.number))

    def save_rolled(self, entry: Rolled) -> None:
        """From now on the lake file counts, and the parts that ended in it are needed no more."""
        self.lake.write_json(f"{self.folder}/rolled/{entry.type}-{entry.number:05d}.json", asdict(entry))

    def sweep(self) -> None:
        """Delete the half-written files of a run that was killed."""
        below = [f"{self.folder}/{name}" for name in self.lake.names(self.folder) if "." not in name]
        for folder in (self.folder, *below):
            for name in self.lake.names(folder, hidden=True):
                if name.startswith(".") and name.endswith(".tmp"):
                    self.lake.delete(f"{folder}/{name}")

    def tidy(self) -> None:
        """Forget all that only an unfinished export needs, but for its state: without that it would not be found."""
        self.spool.clear()
        self.lake.delete(f"{self.folder}/rolled")

    def files_fetched(self) -> int:
        """How many server files came whole, by what lies there; nothing is checked or changed."""
        if not self.readable():
            return 0
        ended = {part.index for entry in self.rolled() for part in entry.ended}
        return len(ended | self.spool.indexes())

    def finished(self) -> bool:
        """Whole in the lake, but perhaps not yet freed at the EHR or renamed."""
        return self.lake.finished(self.folder)

    def discard(self) -> None:
        """Forget the state and the data; the log stays, in a hidden folder, for whoever asks why."""
        log = f"{self.folder}/log.ndjson"
        if self.lake.exists(log):
            self.lake.rename(log, f"{self.lake.exports(self.ehr)}/.{self.export_id}.failed/log.ndjson")
        self.spool.clear()
        self.lake.delete(self.folder)


def _home() -> Path:
    """KINDRED_HOME, where what must be on this machine lies when the lake does not."""
    return Settings.from_environment(os.environ).home
