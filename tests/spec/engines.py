"""All stages over all cases, on each engine; every stage is held as rows, so that one result serves every test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pyarrow as pa

from analytics.definitions import events, features
from analytics.definitions.reference_tables import reference_tables

Stages = dict[str, list[dict[str, Any]]]
INDEX = features.params(date(2025, 6, 30)).select(["as_of"]).rename_columns(["index_time"])


def names() -> list[str]:
    """Every stage, the values, the wide row of each person, and what happened in the year after INDEX."""
    return [*features.view_texts(), "wide", "outcomes"]


def on_duckdb(found: pa.Table, as_of: date) -> Stages:
    """As the chart runs them."""
    connection = events.connect()
    features.define_in_duckdb(connection, found, as_of)
    connection.execute(f"CREATE TEMP TABLE feature_values AS {features.view_texts()['feature_values']}")
    connection.register("index_params", INDEX)
    features.define_wide(connection)
    connection.execute(f"CREATE TEMP TABLE outcomes AS {features.outcome_text()}")
    return {name: connection.sql(f"FROM {name}").to_arrow_table().to_pylist() for name in names()}


def on_spark(spark: Any, found: pa.Table, as_of: date) -> Stages:
    """The same texts in Spark SQL. Each stage is brought here and back: Spark would compute it again."""
    given = {"params": features.params(as_of), "index_params": INDEX, "events": found}
    tables = {**reference_tables(), **given}
    for name, table in tables.items():
        # In one chunk: Spark 4.3 loses the rows that follow an empty chunk of an Arrow table.
        spark.createDataFrame(table.combine_chunks()).createOrReplaceTempView(name)
    spark.sql(features.dialect_text("spark"))
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
