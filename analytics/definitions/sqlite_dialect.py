"""What SQLite needs to run the texts of ``features/``: their functions and the reference tables.

The functions are those of ``features/dialect.*.sql``. A time is here the number of its microseconds since 1970 (UTC), and
a date is that of its midnight.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analytics.definitions.reference_tables import reference_tables

HOUR = 3_600_000_000
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1)
MOST_STATEMENTS = 64  # that are kept planned: more than a score has
#: Stands for NUL, which FHIR does not allow in a text, and at which SQLite's functions believe that it ends.
NO_CHARACTER = "\ufffd"
#: What the texts look up in the reference tables.
INDEXES = {
    "concepts": ("code",), "plausible": ("concept",), "units": ("concept, unit",), "answers": ("concept, code",),
    "feature_defs": ("concept, kind", "kind, concept"),
}  # fmt: skip


def connect() -> sqlite3.Connection:
    """A private SQLite in memory with the reference tables; it begins no transaction by itself."""
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=MOST_STATEMENTS)
    connection.execute("PRAGMA temp_store = MEMORY")  # nobody's data go to a file
    for name, (arguments, function) in FUNCTIONS.items():
        connection.create_function(name, arguments, _of_known(function), deterministic=True)
    for name, table in reference_tables().items():
        create(connection, name, table.column_names)
        fill(connection, name, table)
        for place, columns in enumerate(INDEXES.get(name, ())):
            connection.execute(f"CREATE INDEX {name}_{place} ON {name} ({columns})")
    return connection


def create(connection: sqlite3.Connection, name: str, columns: Iterable[str]) -> None:
    """An empty table whose columns take what comes as it is: none has a type."""
    connection.execute(f"CREATE TABLE {name} ({', '.join(columns)})")


def fill(connection: sqlite3.Connection, name: str, table: pa.Table) -> None:
    """Add the rows of a table; the statement, which is kept, keeps the values of the last of them."""
    insert = f"INSERT INTO {name} VALUES ({', '.join('?' * table.num_columns)})"  # noqa: S608 (names of our own)
    connection.executemany(insert, zip(*map(_cells, table.columns), strict=True))


def instant(microseconds: int | None) -> datetime | None:
    """The time that a number of microseconds stands for."""
    return None if microseconds is None else EPOCH + timedelta(microseconds=microseconds)


def _cells(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_string(column.type) and pc.any(pc.match_substring(column, "\0")).as_py():
        column = pc.replace_substring(column, "\0", NO_CHARACTER)
    if pa.types.is_date32(column.type):
        column = column.cast(pa.timestamp("us"))
    return list((column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist())


def _years_between(earlier: int, later: int) -> int:
    first, second = ((EPOCH + timedelta(microseconds=one)).date() for one in (earlier, later))
    return second.year - first.year - ((second.month, second.day) < (first.month, first.day))


#: name -> number of arguments, and what it is of those; of an unknown one it is unknown.
FUNCTIONS: dict[str, tuple[int, Callable[..., float]]] = {
    "day_of": (1, lambda t: t - t % DAY),
    "days_between": (2, lambda a, b: b // DAY - a // DAY),
    "years_between": (2, _years_between),
    "hours_after": (2, lambda t, n: t + n * HOUR),
    "days_after": (2, lambda t, n: t + n * DAY),
    # SQLite has these only where it was built with them.
    "floor": (1, lambda x: float(math.floor(x))),
    "power": (2, math.pow),
    "sqrt": (1, math.sqrt),
}


def _of_known(function: Callable[..., float]) -> Callable[..., float | None]:
    return lambda *given: None if None in given else function(*given)
