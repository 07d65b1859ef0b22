"""What an export reports beside its data: the EHR's error files, lines of a wrong type, wrong counts, deletions.

Only codes and numbers are kept. The free text of an OperationOutcome may hold patient data, so it goes nowhere.
"""

import re
from collections import Counter
from collections.abc import Iterator
from io import BufferedReader
from typing import Any

import orjson

from analytics.export.manifest import MIXED, Manifest, ServerFile
from analytics.export.spool import Part
from analytics.export.staging import Staging

SEVERITIES = {"fatal", "error", "warning", "information"}
REFERENCE = re.compile(r"(?:^|/)([A-Z][A-Za-z]{1,63}/[A-Za-z0-9.\-]{1,64})(?:/_history/[^/]*)?$")
UNREADABLE: dict[str, Any] = {}  # stands for a line that is not a JSON object


def errors_of(staging: Staging, manifest: Manifest, parts: dict[int, Part]) -> list[dict[str, Any]]:
    """Entries {severity, code, count, ...} for manifest.json, sorted.

    A line of an error or deleted file that cannot be read is an error too: nobody knows what it took away.
    """
    found: Counter[tuple[str, str, str]] = Counter()
    for file in manifest.files:
        part = parts.get(file.index)
        if part is None:
            continue
        if file.kind == "error":
            found.update(_issues(staging, part))
        if file.kind == "deleted":
            unusable = sum(reference is None for reference in _deletions(staging, part))
            found.update({("error", "deletion-unusable", file.type): unusable} if unusable else {})
        if part.mismatched and file.type != MIXED:  # nothing as promised: a page of an error, or another file
            severity = "error" if part.mismatched == part.lines else "warning"
            found[severity, "type-mismatch", file.type] += part.mismatched
        found.update(_wrong_count(file, part))
    return [{"severity": severity, "code": code, "type": type_name, "count": count}
            for (severity, code, type_name), count in sorted(found.items())]


def status_of(errors: list[dict[str, Any]]) -> str:
    """partial as soon as anything is reported as failed or missing."""
    return "partial" if any(error["severity"] in ("fatal", "error") for error in errors) else "complete"


def deletions_of(staging: Staging, manifest: Manifest, parts: dict[int, Part]) -> list[str]:
    """References ("Observation/1") that the EHR says were deleted since `_since`, each once."""
    return sorted({reference for file in manifest.files if file.kind == "deleted" and file.index in parts
                   for reference in _deletions(staging, parts[file.index]) if reference is not None})


def _deletions(staging: Staging, part: Part) -> Iterator[str | None]:
    """References of the DELETE entries; None for one that names no resource by type and id."""
    for bundle in _objects(staging, part):
        entries = bundle.get("entry", []) if bundle.get("resourceType") == "Bundle" else [None]
        for entry in entries if isinstance(entries, list) else [None]:
            request = entry.get("request") if isinstance(entry, dict) else None
            if not isinstance(request, dict):
                yield None
            elif request.get("method") == "DELETE":
                named = REFERENCE.search(str(request.get("url")))
                yield named[1] if named else None


def _wrong_count(file: ServerFile, part: Part) -> dict[tuple[str, str, str], int]:
    """Fewer lines than promised make the export partial; more are worth a warning."""
    if file.count is None or file.count == part.lines:
        return {}
    severity = "error" if part.lines < file.count else "warning"
    return {(severity, "count-mismatch", file.type): abs(file.count - part.lines)}


def _issues(staging: Staging, part: Part) -> Iterator[tuple[str, str, str]]:
    for outcome in _objects(staging, part):
        if outcome is UNREADABLE:
            yield "error", "unreadable", "OperationOutcome"
        for issue in outcome.get("issue") or []:
            if isinstance(issue, dict):
                severity, code = str(issue.get("severity")), str(issue.get("code"))
                known = code.isascii() and code.replace("-", "").isalpha() and len(code) < 40
                yield severity if severity in SEVERITIES else "error", code if known else "unknown", "OperationOutcome"


def _objects(staging: Staging, part: Part) -> Iterator[dict[str, Any]]:
    with staging.spool.reading(part) as file, BufferedReader(file) as lines:
        for line in lines:
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError:
                value = None
            if line.strip():
                yield value if isinstance(value, dict) else UNREADABLE
