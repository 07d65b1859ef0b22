"""Exports that did not end: those that the same command takes up again, and those that failed, each with how far."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from analytics.errors import KindredError
from analytics.lake import Lake

STAGES = ("kick-off", "EHR at work", "downloading", "whole in the lake")


def unfinished(lake: Lake, ehr: str) -> list[dict[str, Any]]:
    """One entry each: export_id, started (UTC), stage, files fetched of all, group and since as they were asked."""
    return [_unfinished(lake, ehr, one) for one in lake.unfinished_exports(ehr)]


def failed(lake: Lake, ehr: str) -> list[dict[str, Any]]:
    """One entry each: export_id and the last error of its log, by status and code."""
    names = lake.names(lake.exports(ehr), hidden=True)
    ids = [name.removeprefix(".").removesuffix(".failed") for name in names if name.endswith(".failed")]
    return [{"export_id": one} | _last_error(lake, f"{lake.exports(ehr)}/.{one}.failed/log.ndjson") for one in ids]


def in_words(ehr: str, found: dict[str, Any]) -> str:
    files = f", {found['files_fetched']} of {found['files']} files" if found["files"] is not None else ""
    since = f" since {found['started']}" if found["started"] else ""
    return (f"{ehr}: export {found['export_id']} is not finished: {found['stage']}{since}{files}; "
            "the same command again goes on with it")


def failed_in_words(ehr: str, found: dict[str, Any]) -> str:
    why = " ".join(str(found[key]) for key in ("status", "code") if found[key])
    return f"{ehr}: export {found['export_id']} failed" + (f": HTTP {why}" if why else "")


def _unfinished(lake: Lake, ehr: str, export_id: str) -> dict[str, Any]:
    from analytics.export.staging import Staging

    staging = Staging(lake, ehr, export_id)
    try:
        state = staging.state()
    except KindredError:
        state = {}
    files = state.get("manifest", {}).get("files")
    stage = 0 if "status_url" not in state else 3 if staging.finished() else 1 if files is None else 2
    began = datetime.fromtimestamp(state.get("started", 0), UTC).isoformat(timespec="seconds")
    return {"export_id": export_id, "started": began if "started" in state else None, "stage": STAGES[stage],
            "files": None if files is None else len(files), "files_fetched": staging.files_fetched(),
            "group": state.get("group"), "since": state.get("since")}


def _last_error(lake: Lake, path: str) -> dict[str, Any]:
    error: dict[str, Any] = {"status": None, "code": None}
    if not lake.exists(path):
        return error
    with lake.reading(path) as file:
        for line in file:
            try:
                event = json.loads(line)
            except ValueError:  # the last line of a run that was killed
                continue
            detail = event.get("eventDetail", {})
            if event.get("eventId", "").endswith("status_error"):
                error = {"status": detail.get("code"), "code": detail.get("message")}
            elif event.get("eventId", "").endswith("kickoff") and detail.get("errorCode"):
                error = {"status": detail["errorCode"], "code": detail.get("errorBody")}
    return error
