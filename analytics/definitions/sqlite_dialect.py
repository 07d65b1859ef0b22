"""What SQLite needs to run the texts of ``features/``: their functions and the reference tables.

The functions are those of ``features/dialect.*.sql``. A time is here the number of its microseconds since 1970 (UTC),
and a date is that of its midnight.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analytics.definitions.errors import DefinitionError
from analytics.definitions.reference_tables import reference_tables

HOUR = 3_600_000_000
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1)
YEAR_1 = (EPOCH - datetime(1, 1, 1)).days * DAY
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
    add_mathematics(connection)
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


def _since_year_1(time: str) -> str:
    """Microseconds since the year 1: division rounds them down before 1970 too."""
    return f"(({time}) + {YEAR_1})"


def _day(time: str) -> str:
    """Whole days since the year 1."""
    return f"({_since_year_1(time)} / {DAY})"


def _year_month_day(time: str) -> str:
    """A date as a number of eight digits."""
    seconds = f"{_since_year_1(time)} / 1000000 - {YEAR_1 // 1_000_000}"
    return f"CAST(strftime('%Y%m%d', {seconds}, 'unixepoch') AS INTEGER)"


#: SQLite has no macros, and a function in Python would ask for the interpreter's lock at each of its calls.
MACROS: dict[str, Callable[..., str]] = {
    "day_of": lambda t: f"({_day(t)} * {DAY} - {YEAR_1})",
    "days_between": lambda a, b: f"({_day(b)} - {_day(a)})",
    "years_between": lambda a, b: f"(({_year_month_day(b)} - {_year_month_day(a)} + 100000000) / 10000 - 10000)",
    "hours_after": lambda t, n: f"(({t}) + ({n}) * {HOUR})",
    "days_after": lambda t, n: f"(({t}) + ({n}) * {DAY})",
}
MACRO = re.compile(rf"\b({'|'.join(MACROS)})\(")


def in_sqlite(text: str) -> str:
    """A text of ``features/`` without the functions that SQLite lacks."""
    while called := MACRO.search(text):
        given, end = _arguments(text, called.end())
        text = text[: called.start()] + MACROS[called[1]](*given) + text[end:]
    return text


def _arguments(text: str, start: int) -> tuple[list[str], int]:
    """The arguments of a call whose parenthesis opens before start, and where the call ends."""
    given, depth = [""], 1
    for place, letter in enumerate(text[start:], start + 1):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return given, place
        if letter == "," and depth == 1:
            given.append("")
        else:
            given[-1] += letter
    raise DefinitionError("a parenthesis of the feature SQL does not close")


#: What SQLite has only where it was built with it: name -> arguments, and what it is.
MATHEMATICS: dict[str, tuple[int, Callable[..., float]]] = {
    "floor": (1, lambda x: float(math.floor(x))),
    "power": (2, math.pow),
    "sqrt": (1, math.sqrt),
}


def add_mathematics(connection: sqlite3.Connection) -> None:
    """Give SQLite the functions of MATHEMATICS that it lacks; of an unknown value they are unknown."""
    had = {name for name, *_ in connection.execute("SELECT name FROM pragma_function_list")}
    for name, (arguments, function) in MATHEMATICS.items():
        if name not in had:
            connection.create_function(name, arguments, _of_known(function), deterministic=True)


def _of_known(function: Callable[..., float]) -> Callable[..., float | None]:
    return lambda *given: None if None in given else function(*given)
