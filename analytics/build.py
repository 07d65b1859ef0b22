"""build: events to one row of features for each person, at the as-of date and at the index date a year before it.

Spark runs the stages that need everyone (newest version of each resource, medicines by reference) and brings the events
of each person together; the stages of one person run in DuckDB inside the tasks, over the texts of the live score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from analytics import snapshot
from analytics.definitions import catalogue, events, features
from analytics.errors import DataError
from analytics.lake import Lake
from analytics.spark import spark_step

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

EVENTS_PER_PARTITION = 500_000  # what one task holds in memory


def index_date(as_of: date) -> date:
    """The date at which groups are found: their outcomes are what happened from then to as_of."""
    return as_of - timedelta(days=catalogue.group_rules()["outcome"]["days"])


def newest_care(spark: SparkSession, lake: Lake, ehr: str, export_id: str) -> date:
    """The as-of date of an export: the day of its newest encounter that lies not after the export itself.

    Raises DataError when there is none.
    """
    manifest = snapshot.manifest(lake, ehr, export_id)
    exported = datetime.fromisoformat(manifest["transactionTime"]).replace(tzinfo=None)
    with spark_step(spark, "Looking for the newest encounter", "read the events"):
        found = snapshot.events(spark, lake, ehr, export_id).where(
            f"startswith(resource, 'Encounter/') AND time <= TIMESTAMP '{exported}'"
        )
        newest = found.selectExpr("max(time) AS newest").first()
    if newest is None or newest.newest is None:
        raise DataError(
            "The export has no encounter with a readable date, so there is no as-of date.",
            "Give one with --as-of, or export Encounter as well.",
        )
    return newest.newest.date()  # type: ignore[no-any-return]


def build(spark: SparkSession, lake: Lake, ehr: str, export_id: str, as_of: date) -> dict[str, Any]:
    """Make the feature tables of both dates. Returns the counts at as_of; does nothing where they exist already.

    Raises DataError when nobody is left, SparkError when the work cannot be done.
    """
    missing = _not_built(lake, ehr, export_id, as_of)
    if missing:
        for day in missing:
            lake.delete(lake.features(ehr, export_id, day))
        with spark_step(spark, f"Building features as of {as_of} and a year before", "build the features"):
            rows = _coded(spark, lake, ehr, export_id).mapInArrow(_rows_at(as_of), schema=_schema()).cache()
            for day, until in missing.items():
                _write(rows.where(f"as_of = DATE '{day}'"), lake, lake.features(ehr, export_id, day), until)
            rows.unpersist()
    counts = lake.read_counts(lake.features(ehr, export_id, as_of))
    if counts["kept"] == 0:
        raise DataError("Nobody is left to build features for.", "Look at the reasons in `kindred status`.")
    return counts


def built(lake: Lake, ehr: str, export_id: str, as_of: date) -> bool:
    """Whether the features of both dates are there, made with these definitions."""
    return not _not_built(lake, ehr, export_id, as_of)


def _not_built(lake: Lake, ehr: str, export_id: str, as_of: date) -> dict[date, date | None]:
    """The dates whose features are still to be made, each with the day up to which its outcomes are to be known.

    The index date of one release may be the as-of date of another, which needs no outcomes.
    """
    wanted = {as_of: None, index_date(as_of): as_of}
    return {day: until for day, until in wanted.items() if not _made(lake, lake.features(ehr, export_id, day), until)}


def _made(lake: Lake, target: str, until: date | None) -> bool:
    note = f"{target}/made.json"
    made = lake.read_json(note) if lake.finished(target) and lake.exists(note) else {}
    same = made.get("definitions_hash") == catalogue.definitions_hash()
    return bool(same and (until is None or made["outcomes_until"] == until.isoformat()))


def _coded(spark: SparkSession, lake: Lake, ehr: str, export_id: str) -> DataFrame:
    """The newest events of everyone, all those of one person in one partition."""
    found = snapshot.events(spark, lake, ehr, export_id)
    found.createOrReplaceTempView("events")
    features.define_shared(lambda name, text: spark.sql(text).createOrReplaceTempView(name))
    made = snapshot.event_count(lake, ehr, export_id)
    cores = spark.sparkContext.defaultParallelism
    return spark.table("coded").repartition(max(cores, made // EVENTS_PER_PARTITION + 1), "subject_id")


def _rows_at(as_of: date) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The Spark task: batches of events in, the rows of both dates out."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held = list(batches)
        if held:
            yield from _rows(pa.Table.from_batches(held), as_of).to_batches()

    return run


def _rows(coded: pa.Table, as_of: date) -> pa.Table:
    """Rows of both dates. outcome is NULL at as_of: the year after it is not over."""
    connection = events.connect()
    connection.register("coded", coded)
    features.define_facts(features.use_duckdb(connection, as_of))
    return pa.concat_tables(
        [_rows_of(connection, as_of, outcomes=False), _rows_of(connection, index_date(as_of), outcomes=True)]
    )


def _rows_of(connection: duckdb.DuckDBPyConnection, day: date, outcomes: bool) -> pa.Table:
    if outcomes:  # from the stays and deaths on record at as_of, which the stages still hold
        instant = features.params(day).select(["as_of"]).rename_columns(["index_time"])
        connection.register("index_params", instant)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE outcomes AS {features.outcome_text()}")
    features.define_dated(features.use_duckdb(connection, day))
    known = (
        "LEFT JOIN outcomes o ON r.subject_id = o.subject_id" if outcomes else "CROSS JOIN (SELECT NULL AS outcome) o"
    )
    columns = f"r.*, CAST(o.outcome AS INT) AS outcome, DATE '{day}' AS as_of"
    select = f"SELECT {columns} FROM ({features.batch_select()}) r {known}"  # noqa: S608
    connection.execute(f"CREATE OR REPLACE TEMP TABLE rows_of_day AS {select}")  # planned once, not for its schema too
    return connection.sql("FROM rows_of_day").to_arrow_table()


def _schema() -> str:
    """Spark's DDL of what ``_rows`` returns."""
    numbers = [f"{name} DOUBLE" for name in catalogue.features()]
    counts = [f"{reason} BIGINT" for reason in features.UNUSABLE]
    return ", ".join(["subject_id STRING", "died INT", *numbers, *counts, "outcome INT", "as_of DATE"])


def _write(rows: DataFrame, lake: Lake, target: str, until: date | None) -> None:
    """One row for each living person: subject_id, the features, and outcome (0, 1 or NULL)."""
    alive = rows.where("died = 0").drop("died", "as_of", *features.UNUSABLE)
    alive.coalesce(8).write.mode("overwrite").parquet(lake.url(target))
    made = {"definitions_hash": catalogue.definitions_hash(), "outcomes_until": until.isoformat() if until else None}
    lake.write_json(f"{target}/made.json", made)
    _write_counts(rows, lake, target)


def _write_counts(rows: DataFrame, lake: Lake, target: str) -> None:
    sums = [f"sum({reason}) AS {reason}" for reason in features.UNUSABLE]
    counted = rows.selectExpr(
        "count(*) AS read",
        "count_if(died = 0) AS kept",
        "count_if(died = 1) AS deceased",
        "count_if(died IS NULL) AS no_patient_resource",
        *sums,
    ).first()
    if counted is None:
        raise DataError("The features could not be counted.", "Run the step again.")
    dropped = {reason: counted[reason] for reason in ("deceased", "no_patient_resource") if counted[reason]}
    lake.write_json(f"{target}/measurements.json", {reason: counted[reason] or 0 for reason in features.UNUSABLE})
    lake.write_counts(target, counted.read, counted.kept, dropped)
    lake.finish(target)
