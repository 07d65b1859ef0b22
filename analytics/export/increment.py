"""Incremental exports: what to build on, and from when (Bulk Data 3.0, `_since` and "new members of a group").

An increment builds on a complete export of the same request: a partial one lacks something that nobody would ever ask
for again. It asks a little further back than that one's transactionTime, because a server may stamp a change before it
can be seen; the merge (analytics/snapshot.py) takes what comes twice once.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from analytics import snapshot
from analytics.config import BulkClient
from analytics.errors import ConfigError, DataError, ExportError
from analytics.export.options import ExportOptions
from analytics.lake import Lake

OVERLAP = timedelta(minutes=5)


@dataclass(frozen=True)
class Base:
    """The export that an increment builds on, and the instant up to which it holds every change."""

    export_id: str
    reaches: datetime


def with_base(options: ExportOptions, bulk: BulkClient, lake: Lake) -> tuple[ExportOptions, str | None]:
    """The options with `_since` settled, and the id of the export to build on (None for a full export, and for changes
    since an instant that no complete export reaches).

    Raises ExportError where `auto` has partial exports only to build on, ConfigError where it cannot work.
    """
    if options.since is None:
        return options, None
    same = [one for one in _exports(lake, bulk.ehr) if one["series"] == options.series(bulk.issuer)]
    bases = [base for one in same if (base := _base(lake, bulk.ehr, one)) is not None]
    newest = max(bases, key=lambda base: (base.reaches, base.export_id), default=None)
    if options.since == "auto":
        if newest is None and same:
            raise ExportError(f"No export of this request from {bulk.ehr} is complete, so nothing may build on them.",
                              "Run the same command without --since.")
        if newest is not None and newest.reaches - OVERLAP > datetime.now(UTC):
            raise ExportError(f"The transactionTime of export {newest.export_id} lies in the future.",
                              "Compare this machine's clock with the EHR's; if the EHR's was wrong then, run the "
                              "command without --since.")
        options = replace(options, since=_instant(newest.reaches - OVERLAP) if newest else None)
    elif newest is not None and newest.reaches < datetime.fromisoformat(options.since or ""):
        newest = None  # what changed in between would be missing
    if newest is not None and options.group and not options.patients and "Patient" not in options.types:
        raise ConfigError("Changes of a group cannot be told without its Patients: who joined is fetched whole.",
                          "Add Patient to --types, also for the full export, or leave out --since.")
    return options, newest.export_id if newest else None


def needs_members(options: ExportOptions, base: str | None) -> bool:
    """Whether people may have joined or left since the base: in a group, unless single patients are named."""
    return base is not None and options.group is not None and not options.patients


def of_members(options: ExportOptions) -> ExportOptions:
    """The request for the ids of a group's members now."""
    filters = tuple(text for text in options.type_filters if text.startswith("Patient?"))
    return replace(options, types=("Patient",), elements=("id",), type_filters=filters, since=None, until=None,
                   include_associated_data=(), organize_output_by=None, lenient=True)


def of_additions(options: ExportOptions, joined: tuple[str, ...]) -> ExportOptions:
    """The request for everything of those who joined."""
    method = "auto" if options.method == "GET" else options.method
    return replace(options, since=None, patients=joined, method=method)


def _exports(lake: Lake, ehr: str) -> list[dict[str, Any]]:
    ids = lake.finished_folders(lake.exports(ehr))
    return [{"series": None, "until": None} | snapshot.manifest(lake, ehr, one) for one in ids]


def _base(lake: Lake, ehr: str, described: dict[str, Any]) -> Base | None:
    """An export as a base, None where nothing may build on it."""
    if described["status"] != "complete":
        return None
    try:
        snapshot.exports_of(lake, ehr, described["export_id"])
    except DataError:
        return None
    times = [_time(text) for text in (described["transactionTime"], described["until"]) if text]
    reaches = None if None in times or not times else min(time for time in times if time is not None)
    return Base(described["export_id"], reaches) if reaches else None


def _time(text: str) -> datetime | None:
    """A transactionTime is an instant; without a zone it is taken as UTC, and an unreadable one is no base."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _instant(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
