"""The population as it stands at an export: the newest full export up to it, and the incremental ones since.

An incremental export (``--since``) holds only what changed. The newest version of a resource wins at build, whichever
of these exports it came with; a resource that an EHR reported as deleted is gone from every earlier export.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.errors import DataError
from analytics.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def exports_of(lake: Lake, ehr: str, export_id: str) -> list[str]:
    """Ids of the exports that make up the population at ``export_id``, oldest first: a full one, then increments.

    Raises DataError when there is no full export to build on.
    """
    found: list[str] = []
    for one in reversed([one for one in lake.finished_folders(lake.exports(ehr)) if one <= export_id]):
        found.insert(0, one)
        if manifest(lake, ehr, one).get("since") is None:
            return found
    raise DataError(
        f"The export {export_id} holds changes only, and there is no full export before it.",
        f"Run `kindred export {ehr}` without --since.",
    )


def manifest(lake: Lake, ehr: str, export_id: str) -> dict[str, Any]:
    """What the export step wrote about an export."""
    read: dict[str, Any] = lake.read_json(f"{lake.export(ehr, export_id)}/manifest.json")
    return read


def events(spark: SparkSession, lake: Lake, ehr: str, export_id: str) -> DataFrame:
    """Events of the whole population: those of each export but for what a later one reported as deleted."""
    ids = exports_of(lake, ehr, export_id)
    whole = _events(spark, lake, ehr, ids[0])
    for one in ids[1:]:
        whole = _without(spark, whole, manifest(lake, ehr, one)["deleted"])
        if lake.files(lake.events(ehr, one), ".parquet"):  # nothing may have changed
            whole = whole.unionByName(_events(spark, lake, ehr, one))
    return whole


def event_count(lake: Lake, ehr: str, export_id: str) -> int:
    """How many events there are at most, to lay out the work."""
    return sum(
        lake.read_json(f"{lake.events(ehr, one)}/events.json")["events"] for one in exports_of(lake, ehr, export_id)
    )


def _events(spark: SparkSession, lake: Lake, ehr: str, export_id: str) -> DataFrame:
    return spark.read.parquet(f"{lake.url(lake.events(ehr, export_id))}/part-*.parquet")


def _without(spark: SparkSession, events: DataFrame, deleted: list[str]) -> DataFrame:
    if not deleted:
        return events
    gone = spark.createDataFrame([(reference,) for reference in deleted], "resource STRING")
    return events.join(gone, "resource", "left_anti").select(events.columns)
