"""FHIR JSON lines to events (MEDS shape), by the SQL in ``events/``; the same for the batch and for one chart."""

from __future__ import annotations

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


def connect() -> duckdb.DuckDBPyConnection:
    """A private in-memory DuckDB with the event macros: one thread, UTC, no file or network access."""
    connection = duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False})
    connection.execute("SET TimeZone = 'UTC'; SET enable_external_access = false")
    connection.execute(_text("macros"))
    return connection


def read_lines(numbered: Iterable[tuple[int, bytes]], largest: int) -> tuple[pa.Table, list[tuple[int, str]]]:
    """Numbered lines as a table, blank ones left out, and those too long or not UTF-8 with the reason.

    largest is in bytes; a line above it never reaches the JSON parser.
    """
    numbers: list[int] = []
    texts: list[str] = []
    dropped: list[tuple[int, str]] = []
    for number, raw in numbered:
        line = raw.strip()
        if not line:
            continue
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
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE lines AS SELECT line_no, line FROM raw_lines WHERE json_valid(line)"
    )
    broken = connection.execute("SELECT line_no FROM raw_lines WHERE NOT json_valid(line)").fetchall()
    dropped = [(number, "broken_json") for (number,) in broken]
    tables = [EVENT_SCHEMA.empty_table()]
    for resource_type in _with_found_types(connection, expected_type, dropped):
        tables.append(_events_of_type(connection, resource_type, dropped))
    connection.unregister("raw_lines")
    return Batch(lines.num_rows, pa.concat_tables(tables), dropped)


def _with_found_types(
    connection: duckdb.DuckDBPyConnection, expected_type: str, dropped: list[tuple[int, str]]
) -> Iterator[str]:
    """The expected type first (its file tells the others apart), then each other known type found among the lines."""
    if expected_type in resource_types():
        yield expected_type
        rest = "SELECT line_no, line FROM lines SEMI JOIN checked_other USING (line_no)"
    else:
        rest = "SELECT line_no, line FROM lines"
    others = f"SELECT line_no, line, json_extract_string(line, '$.resourceType') AS type FROM ({rest})"  # noqa: S608
    connection.execute(f"CREATE OR REPLACE TEMP TABLE others AS {others}")
    found = connection.execute("SELECT type, list(line_no) FROM others GROUP BY type ORDER BY type").fetchall()
    for resource_type, numbers in found:
        if resource_type in resource_types():
            connection.execute(
                "CREATE OR REPLACE TEMP TABLE lines AS SELECT line_no, line FROM others WHERE type = ?", [resource_type]
            )
            yield resource_type
        else:
            dropped.extend((number, "unused_type" if resource_type else "no_type") for number in numbers)


def _events_of_type(
    connection: duckdb.DuckDBPyConnection, resource_type: str, dropped: list[tuple[int, str]]
) -> pa.Table:
    rules = _rules()
    connection.execute(f"CREATE OR REPLACE TEMP VIEW mapped AS {_text(resource_type)}")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE rules AS SELECT ? AS expected_type, ? AS has_subject, ? AS needs_time, "
        "CAST(? AS TIMESTAMP) AS earliest, CAST(? AS TIMESTAMP) AS latest, CAST(? AS DOUBLE) AS largest_value",
        [
            resource_type,
            resource_type not in rules["without_subject"],
            resource_type not in rules["without_time"],
            rules["earliest"],
            rules["latest"],
            rules["largest_value"],
        ],
    )
    connection.execute(_text("finish"))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE checked_other AS SELECT line_no FROM checked WHERE reason = 'other_type'"
    )
    refused = "SELECT line_no, reason FROM checked WHERE reason <> 'other_type' ORDER BY line_no"
    dropped.extend(connection.execute(refused).fetchall())
    return connection.sql("FROM new_events").to_arrow_table().cast(EVENT_SCHEMA)
