"""The population as it stands at an export: a full export, and the increments that build on it, one on the other.

Each increment names the export it builds on (`base` in its manifest), because exports of several groups or with other
types may lie side by side. What an increment does to what came before it, in this order:

1. who is no longer a member of the group goes, with all events (`members.ndjson`, group exports only);
2. what the EHR reported as deleted goes; a deleted Patient takes the whole person along;
3. every resource that the increment holds goes, unless what is there is newer by `meta.lastUpdated`;
4. the increment's own events come. A resource that was deleted and created again is back with them.

What is left of a resource in two versions is settled at build: the newest wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.counts import parquet_rows, require_all
from analytics.errors import DataError
from analytics.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def exports_of(lake: Lake, ehr: str, export_id: str) -> list[str]:
    """Ids of the exports that make up the population at ``export_id``, oldest first: a full one, then increments.

    Raises DataError where the chain is broken: no base, one that is gone, or one that is not complete.
    """
    found = [export_id]
    while (described := manifest(lake, ehr, found[0])).get("since") is not None:
        base = described.get("base")
        if base is None:
            raise DataError(
                f"The export {found[0]} holds changes only, and there is no complete export that it builds on.",
                f"Run `kindred export {ehr}` without --since.",
            )
        if base in found or not lake.finished(lake.export(ehr, base)):
            raise DataError(
                f"The export {found[0]} builds on {base}, which is not in the lake.",
                f"Run `kindred export {ehr}` without --since.",
            )
        if manifest(lake, ehr, base)["status"] != "complete":
            raise DataError(
                f"The export {found[0]} builds on {base}, which is not complete.",
                f"Run `kindred export {ehr}` without --since.",
            )
        found.insert(0, base)
    return found


def manifest(lake: Lake, ehr: str, export_id: str) -> dict[str, Any]:
    """What the export step wrote about an export."""
    read: dict[str, Any] = lake.read_json(f"{lake.export(ehr, export_id)}/manifest.json")
    return read


def events(spark: SparkSession, lake: Lake, ehr: str, export_id: str) -> DataFrame:
    """Events of the whole population at an export."""
    ids = exports_of(lake, ehr, export_id)
    whole = _events(spark, lake, ehr, ids[0])
    for one in ids[1:]:
        whole = _merged(spark, lake, ehr, whole, one)
    return whole


def event_count(lake: Lake, ehr: str, export_id: str) -> int:
    """How many events there are at most, to lay out the work."""
    return sum(
        lake.read_json(f"{lake.events(ehr, one)}/events.json")["events"] for one in exports_of(lake, ehr, export_id)
    )


def _merged(spark: SparkSession, lake: Lake, ehr: str, whole: DataFrame, increment: str) -> DataFrame:
    folder = lake.events(ehr, increment)
    deleted = manifest(lake, ehr, increment)["deleted"]
    newer = touched = None
    if lake.files(folder, ".parquet"):  # nothing may have changed
        newer = _events(spark, lake, ehr, increment)
        touched = spark.read.parquet(f"{lake.url(folder)}/touched-*.parquet")
        touched = touched.groupBy("resource").agg({"updated": "max"}).toDF("resource", "updated")
    whole = _without_deleted(spark, whole, deleted)
    if newer is not None and touched is not None:
        newer = _without_deleted(spark, newer, [one for one in deleted if one.startswith("Patient/")], touched)
        whole = _without_touched(whole, touched).unionByName(newer)
    return _of_members(spark, lake, ehr, whole, increment)


def _without_deleted(
    spark: SparkSession, events: DataFrame, deleted: list[str], created_again: DataFrame | None = None
) -> DataFrame:
    """Without these resources, and without everything of a Patient among them, but for those created again."""
    if not deleted:
        return events
    gone = spark.createDataFrame([(reference,) for reference in deleted], "resource STRING")
    if created_again is not None:
        gone = gone.join(created_again, "resource", "left_anti")
    people = gone.where("startswith(resource, 'Patient/')").selectExpr("substr(resource, 9) AS subject_id")
    left = events.join(gone, "resource", "left_anti").join(people, "subject_id", "left_anti")
    return left.select(events.columns)


def _without_touched(whole: DataFrame, touched: DataFrame) -> DataFrame:
    """Without the resources of the increment, unless what is there was updated later than what came now."""
    named = touched.selectExpr("resource AS touched_resource", "updated AS touched_updated")
    not_newer = (named.touched_updated == "") | (_updated(whole) <= named.touched_updated)
    return whole.join(named, (whole.resource == named.touched_resource) & not_newer, "left_anti")


def _updated(events: DataFrame) -> Any:
    """meta.lastUpdated as text: a version is that, `#`, and a digest."""
    from pyspark.sql.functions import substring_index

    return substring_index(events.version, "#", 1)


def _of_members(spark: SparkSession, lake: Lake, ehr: str, whole: DataFrame, increment: str) -> DataFrame:
    """Only events of members, and those of nobody, such as medicines; all where the increment names no members."""
    path = f"{lake.export(ehr, increment)}/members.ndjson"
    if not lake.exists(path):
        return whole
    members = spark.read.schema("id STRING").json(lake.url(path))
    mine = whole.join(members, whole.subject_id == members.id, "left_semi")
    return mine.unionByName(whole.where("subject_id IS NULL"))


def _events(spark: SparkSession, lake: Lake, ehr: str, export_id: str) -> DataFrame:
    """Events of one export. Raises DataError where there are not as many as load wrote."""
    folder = lake.events(ehr, export_id)
    made = lake.read_json(f"{folder}/events.json")["events"]
    require_all(parquet_rows(lake, folder), made, lake.url(folder), f"Remove it and run `kindred load {ehr}`.")
    return spark.read.parquet(f"{lake.url(folder)}/part-*.parquet")
