"""The feature SQL in ``features/``: the same texts on DuckDB and Spark SQL (everyone) and on SQLite (one chart)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.definitions import catalogue
from analytics.definitions.reference_tables import reference_tables

SQL = Path(__file__).parent / "features"

#: Creates or replaces a view of the given name from a SELECT, on whichever engine.
DefineView = Callable[[str, str], None]

#: Why a measurement cannot be used (features/05_measured.sql).
UNUSABLE = ("no_value", "unit_unknown", "implausible")


#: How orders are known that no code explains (features/orders.sql).
ORDERS = ("by_name", "elsewhere")

#: Stages that need the resources of everyone; all later ones concern one person at a time.
SHARED_STAGES = ("current_events", "coded")
#: The stage that no date changes; those after it look at a date.
UNDATED_STAGE = "facts"


@cache
def view_texts() -> dict[str, str]:
    """The staged views in the order in which they build on each other, name -> SELECT."""
    stages = {path.stem.partition("_")[2]: path.read_text(encoding="utf-8") for path in sorted(SQL.glob("[0-9]*.sql"))}
    kinds = sorted((SQL / "kinds").glob("*.sql"))
    columns = "subject_id, feature, value, time, resource"
    values = "\nUNION ALL\n".join(
        f"SELECT {columns} FROM (\n{path.read_text(encoding='utf-8').strip()}\n) {path.stem}"  # noqa: S608
        for path in kinds
        if path.stem in {feature.kind for feature in catalogue.features().values()}
    )
    return stages | {"feature_values": values}


def outcome_text() -> str:
    """SELECT of what happened after the index date; needs the view ``index_params(index_time)``."""
    return (SQL / "outcomes.sql").read_text(encoding="utf-8")


def orders_text() -> str:
    """SELECT of how many orders of each person are known how; needs the stage ``known``."""
    return (SQL / "orders.sql").read_text(encoding="utf-8")


def records_text() -> str:
    """SELECT of what the score of one chart needs of its stages; SQLite alone."""
    orders = f"SELECT 'order', how, n, NULL, NULL FROM ({orders_text()})"  # noqa: S608
    return f"{(SQL / 'records.sql').read_text(encoding='utf-8').rstrip()}\nUNION ALL\n{orders}"


def dialect(engine: str) -> list[str]:
    """The statements that teach an engine ("duckdb" or "spark") what each spells differently (``sqlite_dialect``)."""
    text = (SQL / f"dialect.{engine}.sql").read_text(encoding="utf-8")
    return [statement for statement in text.split(";\n") if statement.strip()]


def params(as_of: date) -> pa.Table:
    """One row: as_of_date, and as_of as the first instant that is too late (midnight UTC after that day)."""
    midnight = datetime.combine(as_of + timedelta(days=1), datetime.min.time())
    return pa.table({"as_of_date": pa.array([as_of], pa.date32()), "as_of": pa.array([midnight], pa.timestamp("us"))})


def define_shared(define: DefineView) -> None:
    """Define the stages that need everyone; ``events`` must exist."""
    for name in SHARED_STAGES:
        define(name, view_texts()[name])


def define_facts(define: DefineView) -> None:
    """Define what no date changes; ``coded`` and the reference tables must exist."""
    define(UNDATED_STAGE, view_texts()[UNDATED_STAGE])


def define_dated(define: DefineView) -> None:
    """Define the stages of a date, of one person or of several side by side; ``facts`` and ``params`` must exist."""
    for name, text in view_texts().items():
        if name not in {*SHARED_STAGES, UNDATED_STAGE, "feature_values"}:
            define(name, text)


def wide(people: pa.Table, values: pa.Table) -> pa.Table:
    """One row for each person with a Patient resource: subject_id, died, and a column for each feature.

    people: subject_id, died. values: subject_id, feature, value, each pair at most once. A feature whose policy is
    "zero" is 0 where there is no value; one that is "unknown" is NULL.
    """
    names = list(catalogue.features())
    row = pc.index_in(values["subject_id"], people["subject_id"].combine_chunks())
    column = pc.index_in(values["feature"], pa.array(names))
    found = pa.table({"row": row, "column": column, "value": values["value"]}).drop_null()
    numbers = np.zeros((len(names), people.num_rows))
    known = np.zeros(numbers.shape, dtype=bool)
    place = (found["column"].to_numpy(), found["row"].to_numpy())
    numbers[place], known[place] = found["value"].to_numpy(), True
    columns = {"subject_id": people["subject_id"], "died": people["died"].cast(pa.int32())}
    for of, feature in enumerate(catalogue.features().values()):
        unknown = None if feature.missing == "zero" else ~known[of]
        columns[feature.name] = pa.array(numbers[of], mask=unknown)
    return pa.table(columns)


def define_wide(connection: duckdb.DuckDBPyConnection) -> None:
    """Give DuckDB the table ``wide`` of its people; all stages must exist. (A pivot in SQL takes ten times as long.)"""
    people = connection.sql("SELECT subject_id, died FROM people").to_arrow_table()
    values = f"SELECT subject_id, feature, value FROM ({view_texts()['feature_values']})"  # noqa: S608
    connection.register("wide", wide(people, connection.sql(values).to_arrow_table()))


def batch_select() -> str:
    """The wide row with what the batch counts: one row for each person on record, with or without a Patient resource.

    Needs ``wide``. died is NULL where there is no Patient resource; unusable measurements are counted by reason, and
    orders that no code explains by how they are known.
    """
    reasons = ", ".join(f"COUNT(CASE WHEN reason = '{reason}' THEN 1 END) AS {reason}" for reason in UNUSABLE)
    orders = ", ".join(f"SUM(CASE WHEN how = '{how}' THEN n ELSE 0 END) AS {how}" for how in ORDERS)
    counted = ", ".join(f"COALESCE(r.{reason}, 0) AS {reason}" for reason in UNUSABLE)
    counted += "".join(f", CAST(COALESCE(o.{how}, 0) AS BIGINT) AS {how}" for how in ORDERS)
    return (
        f"SELECT k.subject_id, w.* EXCLUDE (subject_id), {counted} FROM "  # noqa: S608
        "(SELECT subject_id FROM known UNION SELECT subject_id FROM measured) k "
        f"LEFT JOIN wide w ON k.subject_id = w.subject_id "
        f"LEFT JOIN (SELECT subject_id, {reasons} FROM measured GROUP BY subject_id) r ON k.subject_id = r.subject_id "
        f"LEFT JOIN (SELECT subject_id, {orders} FROM ({orders_text()}) GROUP BY subject_id) o "
        "ON k.subject_id = o.subject_id"
    )


def use_duckdb(connection: duckdb.DuckDBPyConnection, as_of: date) -> DefineView:
    """Put params, reference tables and dialect into DuckDB; returns how to define a stage there (materialised)."""
    for name, table in reference_tables().items():
        connection.register(name, table)
    connection.register("params", params(as_of))
    for statement in dialect("duckdb"):
        connection.execute(statement)

    def define(name: str, text: str) -> None:
        kept = "VIEW" if name == "measurements" else "TABLE"  # read once: not worth a table
        connection.execute(f"CREATE OR REPLACE TEMP {kept} {name} AS {text}")

    return define
