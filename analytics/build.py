"""build: events to one row of features for each person, at the as-of date, at the index date a year before it, and at
earlier dates, at which the same method is tried again.

Spark runs the stages that need everyone (newest version of each resource, medicines by reference) and brings the events
of each person together; the stages of one person run in DuckDB inside the tasks, over the texts of the live score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from analytics import snapshot
from analytics.counts import parquet_rows, require_all
from analytics.definitions import catalogue, events, features
from analytics.errors import DataError
from analytics.evidence import strata
from analytics.lake import Lake
from analytics.spark import spark_step

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

EVENTS_PER_PARTITION = 500_000  # what one task holds in memory
PEOPLE_PER_FILE = 500_000  # of features: about 400 bytes each
MOST_EARLIER = 9  # dates before the index date
LAYOUT = 2  # of the feature table; 2: race and ethnicity beside the features


def index_date(as_of: date) -> date:
    """The date at which groups are found: their outcomes are what happened from then to as_of."""
    return as_of - timedelta(days=catalogue.group_rules()["outcome"]["days"])


def dates(as_of: date, earlier: int) -> list[date]:
    """The as-of date, the index date, and so many dates before it, each a year before the one before."""
    found = [as_of]
    for _ in range(1 + earlier):
        found.append(index_date(found[-1]))
    return found


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


def build(
    spark: SparkSession, lake: Lake, ehr: str, export_id: str, as_of: date, earlier: int = 0
) -> dict[str, Any]:
    """Make the feature tables of all dates. Returns the counts at as_of; does nothing where they exist already.

    earlier: how many dates before the index date. Raises DataError when nobody is left, SparkError when the work
    cannot be done.
    """
    days = dates(as_of, earlier)
    missing = _not_built(lake, ehr, export_id, days)
    if missing:
        for day in missing:
            lake.delete(lake.features(ehr, export_id, day))
        with spark_step(spark, f"Building features as of {as_of} and {len(days) - 1} earlier dates", "build features"):
            rows = _coded(spark, lake, ehr, export_id).mapInArrow(_rows_at(days), schema=_schema()).cache()
            for day, until in missing.items():
                made = _what_makes_them(lake, ehr, export_id) | {"outcomes_until": until.isoformat() if until else None}
                _write(rows.where(f"as_of = DATE '{day}'"), lake, lake.features(ehr, export_id, day), made)
            rows.unpersist()
    counts = lake.read_counts(lake.features(ehr, export_id, as_of))
    if counts["kept"] == 0:
        raise DataError("Nobody is left to build features for.", "Look at the reasons in `kindred status`.")
    return counts


def built(lake: Lake, ehr: str, export_id: str, as_of: date) -> bool:
    """Whether the features that a release needs are there, made with these definitions."""
    return not _not_built(lake, ehr, export_id, dates(as_of, 0))


def built_earlier(lake: Lake, ehr: str, export_id: str, as_of: date) -> list[date]:
    """The index date and the dates a year apart before it whose features were built, the newest first."""
    days = dates(as_of, MOST_EARLIER)
    missing = _not_built(lake, ehr, export_id, days)
    return list(takewhile(lambda day: day not in missing, days[1:]))


def _not_built(lake: Lake, ehr: str, export_id: str, days: list[date]) -> dict[date, date | None]:
    """The dates whose features are still to be made, each with the day up to which its outcomes are to be known.

    The index date of one release may be the as-of date of another, which needs no outcomes.
    """
    wanted = dict(zip(days, [None, *days], strict=False))
    same = _what_makes_them(lake, ehr, export_id)
    return {
        day: until
        for day, until in wanted.items()
        if not _made(lake, lake.features(ehr, export_id, day), until, same)
    }


def _what_makes_them(lake: Lake, ehr: str, export_id: str) -> dict[str, Any]:
    """What the features of an export depend on beside its resources and the date."""
    base = loaded_base(lake, ehr, export_id)
    return {"layout": LAYOUT, "definitions_hash": catalogue.definitions_hash(), "fhir_base": base}


def loaded_base(lake: Lake, ehr: str, export_id: str) -> str | None:
    """The FHIR base for which the events of an export were made: whose absolute references are ours."""
    note = f"{lake.events(ehr, export_id)}/events.json"
    return lake.read_json(note).get("fhir_base") if lake.exists(note) else None


def _made(lake: Lake, target: str, until: date | None, same: dict[str, Any]) -> bool:
    note = f"{target}/made.json"
    made = lake.read_json(note) if lake.finished(target) and lake.exists(note) else {}
    if not made or {key: made.get(key) for key in same} != same:
        return False
    return until is None or bool(made["outcomes_until"] == until.isoformat())


def _coded(spark: SparkSession, lake: Lake, ehr: str, export_id: str) -> DataFrame:
    """The newest events of everyone, all those of one person in one partition."""
    found = snapshot.events(spark, lake, ehr, export_id)
    found.createOrReplaceTempView("events")
    features.define_shared(lambda name, text: spark.sql(text).createOrReplaceTempView(name))
    made = snapshot.event_count(lake, ehr, export_id)
    cores = spark.sparkContext.defaultParallelism
    return spark.table("coded").repartition(max(cores, made // EVENTS_PER_PARTITION + 1), "subject_id")


def _rows_at(days: list[date]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The Spark task: batches of events in, the rows of all dates out."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held = list(batches)
        if held:
            yield from _rows(pa.Table.from_batches(held), days).to_batches()

    return run


def _rows(coded: pa.Table, days: list[date]) -> pa.Table:
    """Rows of all dates, the newest first. outcome is NULL at that one: the year after it is not over.

    What happened after each other date is looked up in the stages of the date after it, as a release made then would.
    """
    connection = events.connect()
    connection.register("coded", coded)
    features.define_facts(features.use_duckdb(connection, days[0]))
    connection.register("strata_codes", strata.codes())
    connection.execute(f"CREATE TEMP TABLE strata AS {strata.recorded_select()}")
    return pa.concat_tables([_rows_of(connection, day, outcomes=place > 0) for place, day in enumerate(days)])


def _rows_of(connection: duckdb.DuckDBPyConnection, day: date, outcomes: bool) -> pa.Table:
    if outcomes:  # from the stays and deaths on record a year later, which the stages still hold
        instant = features.params(day).select(["as_of"]).rename_columns(["index_time"])
        connection.register("index_params", instant)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE outcomes AS {features.outcome_text()}")
    features.define_dated(features.use_duckdb(connection, day))
    features.define_wide(connection)
    known = (
        "LEFT JOIN outcomes o ON r.subject_id = o.subject_id" if outcomes else "CROSS JOIN (SELECT NULL AS outcome) o"
    )
    columns = f"r.*, s.race, s.ethnicity, CAST(o.outcome AS INT) AS outcome, DATE '{day}' AS as_of"
    known += " LEFT JOIN strata s ON r.subject_id = s.subject_id"
    select = f"SELECT {columns} FROM ({features.batch_select()}) r {known}"  # noqa: S608
    connection.execute(f"CREATE OR REPLACE TEMP TABLE rows_of_day AS {select}")  # planned once, not for its schema too
    return connection.sql("FROM rows_of_day").to_arrow_table()


def _schema() -> str:
    """Spark's DDL of what ``_rows`` returns."""
    numbers = [f"{name} DOUBLE" for name in catalogue.features()]
    counts = [f"{reason} BIGINT" for reason in (*features.UNUSABLE, *features.ORDERS)]
    beside = [f"{name} STRING" for name in strata.RECORDED]
    return ", ".join(["subject_id STRING", "died INT", *numbers, *counts, *beside, "outcome INT", "as_of DATE"])


def _write(rows: DataFrame, lake: Lake, target: str, made: dict[str, Any]) -> None:
    """One row for each living person: subject_id, the features, race and ethnicity, and outcome (0, 1 or NULL)."""
    kept = _write_counts(rows, lake, target)  # the first to ask for the rows: all cores make them, whatever the files
    alive = rows.where("died = 0").drop("died", "as_of", *features.UNUSABLE, *features.ORDERS)
    alive.coalesce(max(kept // PEOPLE_PER_FILE, 1)).write.mode("append").parquet(lake.url(target))
    written = parquet_rows(lake, target)
    require_all(written, kept, lake.url(target), "Run `kindred build` again.")
    lake.write_json(f"{target}/made.json", made)
    lake.finish(target)


def _write_counts(rows: DataFrame, lake: Lake, target: str) -> int:
    """How many people are kept."""
    sums = [f"sum({reason}) AS {reason}" for reason in (*features.UNUSABLE, *features.ORDERS)]
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
    for name, counts in (("measurements", features.UNUSABLE), ("orders", features.ORDERS)):
        lake.write_json(f"{target}/{name}.json", {one: counted[one] or 0 for one in counts})
    lake.write_counts(target, counted.read, counted.kept, dropped)
    return int(counted.kept)
