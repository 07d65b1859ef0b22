"""`log.ndjson`: the de-facto bulk export log, version 2, that bulk-data-client, SMART Fetch and Cumulus read and write.

One line per event: exportId, timestamp, eventId, eventDetail. Beyond version 2 a download also has bytes, sha256 and
attempts. It lies beside the data and is as private, and still no token, status URL or patient id is ever in it: file
links, which may be signed or carry the job's id, stand there as host and digest, the same in every event of a file.
"""

import hashlib
import threading
import time
from datetime import UTC, datetime
from typing import Any

import orjson
import requests

from analytics.errors import KindredError
from analytics.export.http import Http, origin
from analytics.lake import Lake

FLUSH_EVERY = 1.0  # seconds; a killed export loses at most this much of its log, never of its data
VERSION = "2"
HEADERS = ("Content-Type", "Date", "Expires", "Retry-After", "Server", "X-Correlation-Id", "X-Export-Status",
           "X-Request-Id")  # kept of an answer; others, such as Content-Location, may be secrets


class ExportLog:
    """Appends events to one file of the lake; safe for several threads."""

    def __init__(self, lake: Lake, path: str, export_id: str) -> None:
        self._lake, self._path, self._export_id = lake, path, export_id
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self._flushed = time.monotonic()

    def event(self, event_id: str, **detail: Any) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"exportId": self._export_id, "timestamp": now, "eventId": event_id, "eventDetail": detail}
        with self._lock:
            self._waiting.append(orjson.dumps(line) + b"\n")
            if time.monotonic() - self._flushed >= FLUSH_EVERY:
                self._write()

    def flush(self) -> None:
        with self._lock:
            self._write()

    def software(self, http: Http) -> dict[str, Any]:
        """What a kickoff says of both sides: the EHR's software by its CapabilityStatement, null where it has none."""
        try:
            answer = http.send("GET", f"{http.base}/metadata", with_token=False,
                               headers={"Accept": "application/fhir+json"})
            found = answer.json() if answer.status_code == 200 else {}
        except (KindredError, requests.RequestException, ValueError, RecursionError):
            found = {}
        found = found if isinstance(found, dict) else {}
        software = found.get("software") if isinstance(found.get("software"), dict) else {}
        return {"logVersion": VERSION, "softwareName": _text(software, "name"),
                "softwareVersion": _text(software, "version"), "softwareReleaseDate": _text(software, "releaseDate"),
                "fhirVersion": _text(found, "fhirVersion"), "_client": "kindred"}

    def _write(self) -> None:
        if self._waiting:
            self._lake.append(self._path, b"".join(self._waiting))
        self._waiting.clear()
        self._flushed = time.monotonic()


def kept_headers(answer: requests.Response) -> dict[str, str]:
    """The headers of an answer that the log may hold."""
    return {name.lower(): answer.headers[name][:200] for name in HEADERS if name in answer.headers}


def file_url(url: str) -> str:
    """A file's link as the log may hold it: scheme, host, port, and a digest in place of path and query."""
    scheme, host, port = origin(url)
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}/{hashlib.sha256(url.encode()).hexdigest()[:20]}"


def _text(values: Any, key: str) -> str | None:
    value = values.get(key)
    return value[:100] if isinstance(value, str) else None
