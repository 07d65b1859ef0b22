"""What an export reports beside its data: the EHR's error files, lines of a wrong type, wrong counts, deletions.

Only codes and numbers are kept. The free text of an OperationOutcome may hold patient data, so it goes nowhere.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from analytics.export.manifest import Manifest, ServerFile
from analytics.export.staging import Part, Staging

SEVERITIES = {"fatal", "error", "warning", "information"}


def errors_of(staging: Staging, manifest: Manifest, parts: dict[int, Part]) -> list[dict[str, Any]]:
    """Entries {severity, code, count, ...} for manifest.json, sorted."""
    found: Counter[tuple[str, str, str]] = Counter()
    for file in manifest.files:
        part = parts.get(file.index)
        if part is None:
            continue
        if file.kind == "error":
            found.update(_issues(staging, part))
        if part.mismatched:
            found["warning", "type-mismatch", file.type] += part.mismatched
        found.update(_wrong_count(file, part))
    return [{"severity": severity, "code": code, "type": type_name, "count": count}
            for (severity, code, type_name), count in sorted(found.items())]


def status_of(errors: list[dict[str, Any]]) -> str:
    """partial as soon as anything is reported as failed or missing."""
    return "partial" if any(error["severity"] in ("fatal", "error") for error in errors) else "complete"


def deletions_of(staging: Staging, manifest: Manifest, parts: dict[int, Part]) -> list[str]:
    """References ("Observation/1") that the EHR says were deleted since `_since`; unreadable lines are passed over."""
    deleted: set[str] = set()
    for file in manifest.files:
        if file.kind == "deleted" and file.index in parts:
            for bundle in _objects(staging, parts[file.index]):
                for entry in bundle.get("entry") or []:
                    request = entry.get("request") if isinstance(entry, dict) else None
                    if isinstance(request, dict) and request.get("method") == "DELETE":
                        deleted.add(str(request.get("url")))
    return sorted(deleted)


def _wrong_count(file: ServerFile, part: Part) -> dict[tuple[str, str, str], int]:
    """Fewer lines than promised make the export partial; more are worth a warning."""
    if file.count is None or file.count == part.lines:
        return {}
    severity = "error" if part.lines < file.count else "warning"
    return {(severity, "count-mismatch", file.type): abs(file.count - part.lines)}


def _issues(staging: Staging, part: Part) -> Iterator[tuple[str, str, str]]:
    for outcome in _objects(staging, part):
        for issue in outcome.get("issue") or []:
            if isinstance(issue, dict):
                severity, code = str(issue.get("severity")), str(issue.get("code"))
                known = code.isascii() and code.replace("-", "").isalpha() and len(code) < 40
                yield severity if severity in SEVERITIES else "error", code if known else "unknown", "OperationOutcome"


def _objects(staging: Staging, part: Part) -> Iterator[dict[str, Any]]:
    with staging.lake.reading(staging.part_path(part)) as lines:
        for line in lines:
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(value, dict):
                yield value
