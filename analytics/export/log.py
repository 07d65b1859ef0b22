"""`log.ndjson`: the de-facto bulk export log, version 2, that bulk-data-client, SMART Fetch and Cumulus read and write.

One line per event: exportId, timestamp, eventId, eventDetail. Beyond version 2 a download also has bytes, sha256 and
attempts. It lies beside the data and is as private; no token is ever in it, and the status URL is not either.
"""

import threading
import time
from datetime import UTC, datetime
from typing import Any

import orjson

from analytics.lake import Lake

FLUSH_EVERY = 1.0  # seconds; a killed export loses at most this much of its log, never of its data


class ExportLog:
    """Appends events to one file of the lake; safe for several threads."""

    def __init__(self, lake: Lake, path: str, export_id: str) -> None:
        self._lake, self._path, self._export_id = lake, path, export_id
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self._flushed = time.monotonic()

    def event(self, event_id: str, **detail: Any) -> None:
        line = {"exportId": self._export_id, "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "eventId": event_id, "eventDetail": detail}
        with self._lock:
            self._waiting.append(orjson.dumps(line) + b"\n")
            if time.monotonic() - self._flushed >= FLUSH_EVERY:
                self._write()

    def flush(self) -> None:
        with self._lock:
            self._write()

    def _write(self) -> None:
        if self._waiting:
            self._lake.append(self._path, b"".join(self._waiting))
        self._waiting.clear()
        self._flushed = time.monotonic()
