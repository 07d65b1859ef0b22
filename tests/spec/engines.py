"""All stages over all cases, on each engine; every stage is held as rows, so that one result serves every test."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date
from typing import Any

import pyarrow as pa

from analytics.definitions import events, features
from analytics.definitions.chart_stages import ChartStages
from analytics.definitions.reference_tables import reference_tables
from analytics.definitions.sqlite_dialect import create, fill, in_sqlite, instant

Stages = dict[str, list[dict[str, Any]]]
ENGINES = ("duckdb", "spark", "sqlite")
#: Columns that SQLite, which knows numbers and texts alone, holds as numbers.
TIMES = {"time", "time_before", "end_time", "recorded", "born", "died_at", "begun", "admitted", "discharged"}
BOOLEANS = {"inferred"}
PEOPLE = pa.schema({"subject_id": pa.string(), "died": pa.int64()})  # of what the wide row is made of
VALUES = pa.schema({"subject_id": pa.string(), "feature": pa.string(), "value": pa.float64()})
INDEX = features.params(date(2025, 6, 30)).select(["as_of"]).rename_columns(["index_time"])


def names() -> list[str]:
    """Every stage, the values, the wide row of each person, and what happened in the year after INDEX."""
    return [*features.view_texts(), "wide", "outcomes"]


def on_duckdb(found: pa.Table, as_of: date) -> Stages:
    """As the tasks of ``build`` run them (the first two stages are Spark's there)."""
    connection = events.connect()
    define = features.use_duckdb(connection, as_of)
    connection.register("events", found)
    for define_some in (features.define_shared, features.define_facts, features.define_dated):
        define_some(define)
    connection.execute(f"CREATE TEMP TABLE feature_values AS {features.view_texts()['feature_values']}")
    connection.register("index_params", INDEX)
    features.define_wide(connection)
    connection.execute(f"CREATE TEMP TABLE outcomes AS {features.outcome_text()}")
    return {name: connection.sql(f"FROM {name}").to_arrow_table().to_pylist() for name in names()}


def on_sqlite(found: pa.Table, as_of: date) -> Stages:
    """As a chart runs them, here all people at once."""
    with ChartStages().of(found, as_of) as connection:
        create(connection, "index_params", INDEX.column_names)
        fill(connection, "index_params", INDEX)
        texts = {name: f"SELECT * FROM {name}" for name in features.view_texts()}
        texts["outcomes"] = in_sqlite(features.outcome_text())
        held = {name: _rows(connection.execute(text)) for name, text in texts.items()}
    people = pa.Table.from_pylist(held["people"], PEOPLE)
    values = pa.Table.from_pylist(held["feature_values"], VALUES)
    return held | {"wide": features.wide(people, values).to_pylist()}


def _rows(cursor: sqlite3.Cursor) -> list[dict[str, Any]]:
    names = [name for name, *_ in cursor.description]
    return [{name: _typed(name, value) for name, value in zip(names, row, strict=True)} for row in cursor]


def _typed(name: str, value: Any) -> Any:
    return instant(value) if name in TIMES else bool(value) if name in BOOLEANS and value is not None else value


def on_spark(spark: Any, found: pa.Table, as_of: date) -> Stages:
    """The same texts in Spark SQL. Each stage is brought here and back: Spark would compute it again."""
    given = {"params": features.params(as_of), "index_params": INDEX, "events": found}
    tables = {**reference_tables(), **given}
    for name, table in tables.items():
        # In one chunk: Spark 4.3 loses the rows that follow an empty chunk of an Arrow table.
        spark.createDataFrame(table.combine_chunks()).createOrReplaceTempView(name)
    for statement in features.dialect("spark"):
        spark.sql(statement)
    held: Stages = {}
    define = _holding(spark, held)
    features.define_shared(define)
    features.define_facts(define)
    features.define_dated(define)
    define("feature_values", features.view_texts()["feature_values"])
    people, values = (pa.Table.from_pylist(held[name]) for name in ("people", "feature_values"))
    held["wide"] = features.wide(people, values).to_pylist()
    define("outcomes", features.outcome_text())
    return held


def _holding(spark: Any, held: Stages) -> Callable[[str, str], None]:
    def define(name: str, text: str) -> None:
        frame = spark.sql(text)
        table = frame.toArrow()
        held[name] = table.to_pylist()
        spark.createDataFrame(table.combine_chunks(), frame.schema).createOrReplaceTempView(name)

    return define
