"""FHIR JSON lines to events (MEDS shape), by the SQL in ``events/``; the same for the batch and for one chart."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

SQL = Path(__file__).parent / "events"

#: Columns of an event, in order (docs/architecture.md says what each means).
EVENT_SCHEMA = pa.schema(
    [
        ("subject_id", pa.string()),
        ("time", pa.timestamp("us")),
        ("code", pa.string()),
        ("numeric_value", pa.float64()),
        ("text_value", pa.string()),
        ("unit", pa.string()),
        ("end_time", pa.timestamp("us")),
        ("status", pa.string()),
        ("recorded", pa.timestamp("us")),
        ("resource", pa.string()),
        ("version", pa.string()),
    ]
)
LINE_SCHEMA = pa.schema([("line_no", pa.int64()), ("line", pa.string())])
SERVER_SCHEMA = pa.schema([("base", pa.string())])


@dataclass(frozen=True)
class Batch:
    """Outcome of some lines: their events, and each line that gave none with its number and reason.

    read counts resources (non-blank lines); kept = read - len(dropped).
    """

    read: int
    events: pa.Table
    dropped: list[tuple[int, str]]

    @property
    def kept(self) -> int:
        """Resources that became events."""
        return self.read - len(self.dropped)


@cache
def resource_types() -> tuple[str, ...]:
    """FHIR resource types that have an event file, in alphabetical order."""
    return tuple(sorted(path.stem for path in SQL.glob("[A-Z]*.sql")))


@cache
def _rules() -> dict[str, Any]:
    return tomllib.loads((SQL / "rules.toml").read_text(encoding="utf-8"))


@cache
def _text(name: str) -> str:
    return (SQL / f"{name}.sql").read_text(encoding="utf-8").strip()


def connect(base: str | None = None) -> duckdb.DuckDBPyConnection:
    """A private in-memory DuckDB with the event macros: one thread, UTC, no file or network access.

    base: the FHIR base of the server that the lines are of. What an absolute reference names is ours below that base
    alone; without one, no absolute reference is.
    """
    connection = duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False})
    connection.execute("SET TimeZone = 'UTC'; SET enable_external_access = false")
    connection.execute(_text("macros"))
    define_server(connection, base)
    return connection


def define_server(connection: duckdb.DuckDBPyConnection, base: str | None) -> None:
    """Whose references are ours, as the one row of ``server``; the connection has the event macros."""
    connection.execute("CREATE OR REPLACE TEMP TABLE server AS SELECT CAST(? AS VARCHAR) AS base",
                       [server_of(connection, base)])


def server_of(connection: duckdb.DuckDBPyConnection, base: str | None) -> str | None:
    """A FHIR base as the SQL compares it (R4 §3.1.0.1.3); a slash at its end does not belong to it."""
    found = connection.execute("SELECT server_of(rtrim(CAST(? AS VARCHAR), '/'))", [base]).fetchall()
    return None if base is None else str(found[0][0])


def read_lines(numbered: Iterable[tuple[int, bytes]], largest: int) -> tuple[pa.Table, list[tuple[int, str]]]:
    """Numbered lines as a table, blank ones left out, and those too long or not UTF-8 with the reason.

    largest is in bytes; a line above it never reaches the JSON parser.
    """
    given = [(number, line) for number, raw in numbered if (line := raw.strip())]
    if all(len(line) <= largest for _, line in given):
        try:  # the usual lines: Arrow looks at all of them at once
            texts = pa.array([line for _, line in given], pa.binary()).cast(pa.string())
        except pa.ArrowException:
            texts = None
        if texts is not None:
            return pa.table({"line_no": [number for number, _ in given], "line": texts}, schema=LINE_SCHEMA), []
    return _read_one_by_one(given, largest)


def _read_one_by_one(given: list[tuple[int, bytes]], largest: int) -> tuple[pa.Table, list[tuple[int, str]]]:
    numbers: list[int] = []
    texts: list[str] = []
    dropped: list[tuple[int, str]] = []
    for number, line in given:
        if len(line) > largest:
            dropped.append((number, "line_too_long"))
            continue
        try:
            texts.append(line.decode())
            numbers.append(number)
        except UnicodeDecodeError:
            dropped.append((number, "not_utf8"))
    return pa.table({"line_no": numbers, "line": texts}, schema=LINE_SCHEMA), dropped


def events_of(connection: duckdb.DuckDBPyConnection, lines: pa.Table, expected_type: str) -> Batch:
    """Events of lines that are mostly of one type; lines of another known type are read as what they are.

    Never raises for bad content: each line is either kept or in ``dropped``.
    """
    connection.register("raw_lines", lines)
    try:
        return _events_of_lines(connection, "raw_lines", lines.num_rows, expected_type)
    except duckdb.InvalidInputException:  # a line is no JSON; to look at each beforehand is a sixth of a load's time
        good = _events_of_lines(connection, "raw_lines WHERE json_valid(line)", lines.num_rows, expected_type)
        broken = connection.execute("SELECT line_no FROM raw_lines WHERE NOT json_valid(line)").fetchall()
        return Batch(good.read, good.events, good.dropped + [(number, "broken_json") for (number,) in broken])
    finally:
        connection.unregister("raw_lines")


def _events_of_lines(
    connection: duckdb.DuckDBPyConnection, source: str, read: int, expected_type: str
) -> Batch:
    """As ``events_of``. Raises InvalidInputException where `source` holds a line that is no JSON."""
    # A view: a line is parsed on its way to its events, and what is rare is looked for only where counts tell of it.
    _lines_are(connection, source)
    dropped: list[tuple[int, str]] = []
    tables = [EVENT_SCHEMA.empty_table()]
    checked, others = 0, read
    if expected_type in resource_types():
        tables.append(_events_of_type(connection, expected_type, dropped))
        checked, others = _counts(connection, "SELECT count(*), count_if(reason = 'other_type') FROM checked")
    if others:
        rest = "lines SEMI JOIN checked_other USING (line_no)" if checked else "lines"
        for resource_type in _found_types(connection, rest, dropped):
            tables.append(_events_of_type(connection, resource_type, dropped))
    return Batch(read, pa.concat_tables(tables), dropped)


def _lines_are(connection: duckdb.DuckDBPyConnection, source: str) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP VIEW lines AS SELECT line_no, line FROM {source}")  # noqa: S608


def _counts(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    return connection.execute(query).fetchall()[0]


def _found_types(
    connection: duckdb.DuckDBPyConnection, rest: str, dropped: list[tuple[int, str]]
) -> Iterator[str]:
    """Each known type found among the lines that are left, while `lines` holds those of this type."""
    others = f"SELECT line_no, line, json_extract_string(line, '$.resourceType') AS type FROM {rest}"  # noqa: S608
    connection.execute(f"CREATE OR REPLACE TEMP TABLE others AS {others}")
    found = connection.execute("SELECT type, list(line_no) FROM others GROUP BY type ORDER BY type").fetchall()
    for resource_type, numbers in found:
        if resource_type in resource_types():
            _lines_are(connection, f"others WHERE type = '{resource_type}'")
            yield resource_type
        else:
            dropped.extend((number, "unused_type" if resource_type else "no_type") for number in numbers)


def _events_of_type(
    connection: duckdb.DuckDBPyConnection, resource_type: str, dropped: list[tuple[int, str]]
) -> pa.Table:
    connection.execute(f"CREATE OR REPLACE TEMP VIEW mapped AS {_text(resource_type)}")
    define_rules(connection, resource_type)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE checked AS {last_steps()['checked']}")
    query = "SELECT line_no, reason FROM checked WHERE reason IS NOT NULL ORDER BY line_no"
    refused = connection.execute(query).fetchall()
    dropped.extend((number, reason) for number, reason in refused if reason != "other_type")
    if any(reason == "other_type" for _, reason in refused):
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE checked_other AS SELECT line_no FROM checked WHERE reason = 'other_type'"
        )
    return connection.sql(last_steps()["new_events"]).to_arrow_table().select(EVENT_SCHEMA.names).cast(EVENT_SCHEMA)


def define_rules(connection: duckdb.DuckDBPyConnection, resource_type: str) -> None:
    """What a resource of this type must satisfy (rules.toml), as the one row of ``rules``."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE rules AS {rules_select(resource_type)}")


def rules_select(resource_type: str) -> str:
    """SELECT of the one row of ``rules`` for a type."""
    rules = _rules()
    return (
        f"SELECT '{resource_type}' AS expected_type, {resource_type not in rules['without_subject']} AS has_subject, "
        f"{resource_type not in rules['without_time']} AS needs_time, TIMESTAMP '{rules['earliest']}' AS earliest, "
        f"TIMESTAMP '{rules['latest']}' AS latest, CAST({rules['largest_value']} AS DOUBLE) AS largest_value"
    )


def mapping(resource_type: str) -> str:
    """SELECT that reads the ``lines`` of a type as one row each, with the items that become events."""
    return _text(resource_type)


def last_steps() -> dict[str, str]:
    """The steps after the mapping, the same for every type, name -> SELECT."""
    return dict(re.findall(r"CREATE OR REPLACE TEMP TABLE (\w+) AS\s+(.*?);", _text("finish"), re.DOTALL))
