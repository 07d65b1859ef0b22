"""What is there: exports with their counts and quarantine, releases, and which is current."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from analytics import unfinished
from analytics.config import Settings
from analytics.lake import Lake
from analytics.release import hashes

EXAMPLES = 3  # places of quarantined lines that are named for each reason


def status(settings: Settings) -> dict[str, Any]:
    """Everything as plain data. Holds counts, files, lines and reasons, never content."""
    from analytics.publish import published

    lake = Lake.of(settings)
    return {
        "settings": settings.redacted(),
        "ehrs": {ehr: _ehr(lake, ehr) for ehr in lake.names("")},
        "releases": published(settings.database),
    }


def _ehr(lake: Lake, ehr: str) -> dict[str, Any]:
    return {
        "exports": [_export(lake, ehr, name) for name in lake.finished_folders(lake.exports(ehr))],
        "unfinished_exports": unfinished.unfinished(lake, ehr),
        "failed_exports": unfinished.failed(lake, ehr),
        "releases": [_release(lake, lake.release(ehr, name)) for name in lake.finished_folders(lake.releases(ehr))],
    }


def _release(lake: Lake, folder: str) -> dict[str, Any]:
    """A release of the lake: its hash, and what of its files does not match it (None where all of it does)."""
    made = lake.read_json(f"{folder}/{hashes.NAME}") if lake.exists(f"{folder}/{hashes.NAME}") else {}
    return {"release_id": folder.rsplit("/", 1)[1], "hash": made.get("release"), "fault": hashes.fault(lake, folder)}


def _export(lake: Lake, ehr: str, export_id: str) -> dict[str, Any]:
    manifest = lake.read_json(f"{lake.export(ehr, export_id)}/manifest.json")
    found: dict[str, Any] = {
        "export_id": export_id,
        "status": manifest["status"],
        "transactionTime": manifest["transactionTime"],
        "resources": sum(manifest["counts"].values()),
        "since": manifest.get("since"),
        "base": manifest.get("base"),
        "members": manifest.get("members"),
        "reported_errors": manifest["errors"],
    }
    events = lake.events(ehr, export_id)
    if lake.finished(events):
        found["load"] = lake.read_counts(events) | {"quarantine": _quarantine(lake, events)}
    days = lake.finished_folders(f"{ehr}/features/{export_id}")
    found["build"] = {day: _features(lake, lake.features(ehr, export_id, day)) for day in days}
    return found


def _features(lake: Lake, folder: str) -> dict[str, Any]:
    """What was built, with the measurements that could not be used and the orders that no code explains."""
    orders = f"{folder}/orders.json"  # older features have none
    return lake.read_counts(folder) | {
        "unusable_measurements": lake.read_json(f"{folder}/measurements.json"),
        "orders": lake.read_json(orders) if lake.exists(orders) else {},
    }


def _quarantine(lake: Lake, events: str) -> dict[str, Any]:
    counted: Counter[str] = Counter()
    places: dict[str, list[str]] = {}
    with lake.reading(f"{events}/quarantine.ndjson") as file:
        for line in file:
            row = json.loads(line)
            counted[row["reason"]] += 1
            named = places.setdefault(row["reason"], [])
            if len(named) < EXAMPLES:
                named.append(f"{row['file']}:{row['line']}")
    return {reason: {"n": n, "first": places[reason]} for reason, n in counted.most_common()}


def in_words(found: dict[str, Any]) -> str:
    """The status for people."""
    lines = [f"{name}: {value}" for name, value in found["settings"].items()]
    if not found["ehrs"]:
        lines += ["", "Nothing in the lake yet. `kindred run EHR` fills it; `kindred demo`: with made-up people."]
    for ehr, there in found["ehrs"].items():
        for export in there["exports"]:
            changes = f" changed since {export['since']}" if export["since"] else ""
            resources = f"{export['resources']:,} resources{changes}"
            lines += ["", f"{ehr}: export {export['export_id']} {export['status']}, {resources}"]
            lines += [f"  reported or found wrong: {_error_words(error)}" for error in export["reported_errors"]]
            lines += _load_words(export.get("load"))
            lines += [line for day, built in export["build"].items() for line in _build_words(day, built)]
        lines += [unfinished.in_words(ehr, one) for one in there["unfinished_exports"]]
        lines += [unfinished.failed_in_words(ehr, one) for one in there["failed_exports"]]
        lines += [f"  release {one['release_id']} in the lake: {_whole_words(one)}" for one in there["releases"]]
    lines += [""] + [
        f"release {r['release_id']} of {r['ehr']} as of {r['as_of']}{' (current)' if r['current'] else ''}"
        for r in found["releases"]
    ]
    return "\n".join(lines).rstrip()


def _whole_words(release: dict[str, Any]) -> str:
    if release["fault"]:
        return f"not usable, {release['fault']}"
    return f"whole, SHA-256 {release['hash'][:16]}"


def _error_words(error: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in error.items())


def _load_words(load: dict[str, Any] | None) -> list[str]:
    if load is None:
        return ["  not loaded"]
    lines = [f"  load: {_counts_words(load)}"]
    for reason, quarantined in load["quarantine"].items():
        lines.append(f"    {reason}: {quarantined['n']:,}, first at {', '.join(quarantined['first'])}")
    return lines


def _build_words(day: str, built: dict[str, Any]) -> list[str]:
    orders = built.get("orders", {})
    told = [f"    medicine orders known by name alone: {orders['by_name']:,}"] if orders.get("by_name") else []
    if orders.get("elsewhere"):
        told.append(f"    medicine orders that point to another server: {orders['elsewhere']:,}")
    return [f"  build {day}: {_counts_words(built)}", *told]


def _counts_words(counts: dict[str, Any]) -> str:
    dropped = ", ".join(f"{reason} {n:,}" for reason, n in counts["dropped"].items())
    return f"{counts['read']:,} read, {counts['kept']:,} kept" + (f", dropped: {dropped}" if dropped else "")
