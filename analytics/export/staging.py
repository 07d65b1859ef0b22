"""The unfinished export: what is on disk so that the same command again goes on where the last one ended.

    LAKE/EHR/exports/.EXPORT_ID.partial/     hidden: nobody takes it for an export
        state.json                           request, status URL, manifest; written before anything depends on it
        parts/00017.c2000.m0.b991.SHA256     a finished server file; the name is its receipt: one rename says "done"
        Patient/00000.ndjson ... manifest.json, log.ndjson, _SUCCESS     as they will lie in the export
"""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from analytics.lake import Lake

RECEIPT = re.compile(r"(\d{5,})\.c(\d+)\.m(\d+)\.b(\d+)\.([0-9a-f]{64})")


@dataclass(frozen=True)
class Part:
    """A finished server file in staging."""

    index: int
    lines: int
    mismatched: int  # lines that are not of the promised type
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.index:05d}.c{self.lines}.m{self.mismatched}.b{self.bytes}.{self.sha256}"


class Staging:
    """One unfinished export of an EHR."""

    def __init__(self, lake: Lake, ehr: str, export_id: str) -> None:
        self.lake, self.ehr, self.export_id = lake, ehr, export_id
        self.folder = f"{lake.exports(ehr)}/.{export_id}.partial"

    @classmethod
    def new(cls, lake: Lake, ehr: str) -> "Staging":
        now = datetime.now(UTC)
        return cls(lake, ehr, f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}")

    @classmethod
    def unfinished(cls, lake: Lake, ehr: str, fingerprint: str) -> "Staging | None":
        """The newest unfinished export of the same request, None where there is none.

        Folders without a state are cleared away: their run ended before the EHR's answer was on disk.
        """
        found = None
        for export_id in lake.unfinished_exports(ehr):
            staging = cls(lake, ehr, export_id)
            state = staging.state()
            if not state:
                staging.discard()
            elif state["fingerprint"] == fingerprint:
                found = staging
        return found

    def state(self) -> dict[str, Any]:
        path = f"{self.folder}/state.json"
        found: dict[str, Any] = self.lake.read_json(path) if self.lake.exists(path) else {}
        return found

    def save(self, state: dict[str, Any]) -> None:
        self.lake.write_json(f"{self.folder}/state.json", state)

    def part_path(self, part: Part) -> str:
        return f"{self.folder}/parts/{part.name}"

    def parts(self) -> dict[int, Part]:
        """Finished server files by index."""
        found = {}
        for name in self.lake.names(f"{self.folder}/parts"):
            if match := RECEIPT.fullmatch(name):
                index, lines, mismatched, size = map(int, match.groups()[:4])
                found[index] = Part(index, lines, mismatched, size, match.group(5))
        return found

    def finished(self) -> bool:
        """Whole in the lake, but perhaps not yet freed at the EHR or renamed."""
        return self.lake.finished(self.folder)

    def discard(self) -> None:
        """Forget the state and the data; the log stays, in a hidden folder, for whoever asks why."""
        log = f"{self.folder}/log.ndjson"
        if self.lake.exists(log):
            self.lake.rename(log, f"{self.lake.exports(self.ehr)}/.{self.export_id}.failed/log.ndjson")
        self.lake.delete(self.folder)
