"""FHIR JSON lines to events (MEDS shape), by the SQL in ``events/``; the same for the batch and for one chart."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

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
VIEW_SCHEMA = pa.schema([("line_no", pa.int64()), ("line", pa.string_view())])  # lines that lie in a block
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
    connection.execute(_limits())
    define_server(connection, base)
    return connection


def define_server(connection: duckdb.DuckDBPyConnection, base: str | None) -> None:
    """Whose references are ours, as the one row of ``server``; the connection has the event macros."""
    name = server_of(connection, base)  # as Arrow: what reads a table is planned anew at each run
    connection.register("server", pa.table({"base": [name]}, schema=SERVER_SCHEMA))


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


class Given:
    """A table that a planned statement reads anew at each run."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.table = schema.empty_table()

    def __arrow_c_schema__(self) -> Any:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


class Reader:
    """A private DuckDB that makes events of lines, a type by one statement that is planned once; for one thread.

    base: as ``connect`` has it.
    """

    def __init__(self, base: str | None = None) -> None:
        self.connection = connect(base)
        self._lines = Given(VIEW_SCHEMA)
        self._planned: set[str] = set()
        self.connection.register("lines", self._lines)

    def events_of(self, lines: pa.Table, expected_type: str) -> Batch:
        """Events of lines that are mostly of one type; lines of another known type are read as what they are.

        Never raises for bad content: each line is either kept or in ``dropped``.
        """
        try:
            tables, dropped = self._read(lines, expected_type)
        except duckdb.InvalidInputException:  # a line is no JSON: to look at each beforehand costs a tenth
            good = self._asked("SELECT line_no, line FROM lines WHERE json_valid(line)", lines)
            broken = self._asked("SELECT line_no FROM lines WHERE NOT json_valid(line)", lines)["line_no"].to_pylist()
            tables, dropped = self._read(good, expected_type)
            dropped += [(number, "broken_json") for number in broken]
        return Batch(lines.num_rows, pa.concat_tables(tables), dropped)

    def _read(self, lines: pa.Table, expected_type: str) -> tuple[list[pa.Table], list[tuple[int, str]]]:
        """Events, and what is dropped. Raises InvalidInputException where a line is no JSON."""
        tables, dropped = [EVENT_SCHEMA.empty_table()], list[tuple[int, str]]()
        if expected_type in resource_types():
            made, refused = self._of_type(lines, expected_type)
            tables.append(made)
            dropped += [(number, reason) for number, reason in refused if reason != "other_type"]
            lines = self._these(lines, [number for number, reason in refused if reason == "other_type"])
        for resource_type, numbers in self._types(lines):
            if resource_type in resource_types():
                made, refused = self._of_type(self._these(lines, numbers), resource_type)
                tables.append(made)
                dropped += refused
            else:
                dropped += [(number, "unused_type" if resource_type else "no_type") for number in numbers]
        return tables, dropped

    def _of_type(self, lines: pa.Table, resource_type: str) -> tuple[pa.Table, list[tuple[int, str]]]:
        """Events of the lines of a type, and line_no and reason of those that give none."""
        if resource_type not in self._planned:
            self.connection.execute(f"PREPARE of_{resource_type} AS {events_select(resource_type)}")
            self._planned.add(resource_type)
        found = self._asked(f"EXECUTE of_{resource_type}", lines)
        refused = list[tuple[int, str]]()
        if found["reason"].null_count < found.num_rows:
            none = found.filter(pc.is_valid(found["reason"])).select(["line_no", "reason"]).to_pylist()
            refused = sorted((row["line_no"], row["reason"]) for row in none)
            found = found.filter(pc.is_null(found["reason"]))
        return found.select(EVENT_SCHEMA.names).cast(EVENT_SCHEMA), refused

    def _these(self, lines: pa.Table, numbers: list[int]) -> pa.Table:
        """The lines of these numbers."""
        if not numbers:
            return VIEW_SCHEMA.empty_table()
        wanted = ", ".join(map(str, numbers))
        return self._asked(f"SELECT line_no, line FROM lines WHERE line_no IN ({wanted})", lines)  # noqa: S608

    def _types(self, lines: pa.Table) -> list[tuple[str | None, list[int]]]:
        """Each resourceType among the lines, with their numbers."""
        if not lines.num_rows:
            return []
        typed = "SELECT line_no, json_extract_string(line, '$.resourceType') AS type FROM lines"
        found = self._asked(f"SELECT type, list(line_no) AS numbers FROM ({typed}) GROUP BY type ORDER BY type", lines)  # noqa: S608
        return [(row["type"], row["numbers"]) for row in found.to_pylist()]

    def _asked(self, query: str, lines: pa.Table) -> pa.Table:
        """What a query makes of `lines`; nobody's data stay here."""
        self._lines.table = lines.cast(VIEW_SCHEMA)
        try:
            return self.connection.sql(query).to_arrow_table()
        finally:
            self._lines.table = VIEW_SCHEMA.empty_table()


def events_select(resource_type: str) -> str:
    """SELECT of the events of the ``lines`` of a type, and of line_no and reason for each line that gives none."""
    steps = last_steps()
    return f'WITH mapped AS ({mapping(resource_type)}), checked AS ({steps["checked"]}) {steps["new_events"]}'


def mapping(resource_type: str) -> str:
    """SELECT that reads the ``lines`` of a type: a row each, with the items that become events and the type's rules."""
    rules = _rules()
    return f"""SELECT * EXCLUDE (line), hash(line) AS digest, '{resource_type}' AS expected_type,
        {resource_type not in rules["without_subject"]} AS has_subject,
        {resource_type not in rules["without_time"]} AS needs_time
        FROM ({_text(resource_type)})"""  # noqa: S608


def _limits() -> str:
    """The limits of ``rules.toml`` as macros."""
    rules = _rules()
    return (
        f"CREATE MACRO earliest() AS TIMESTAMP '{rules['earliest']}'; "
        f"CREATE MACRO latest() AS TIMESTAMP '{rules['latest']}'; "
        f"CREATE MACRO largest_value() AS CAST({rules['largest_value']} AS DOUBLE)"
    )


def last_steps() -> dict[str, str]:
    """The steps after the mapping, the same for every type, name -> SELECT."""
    return dict(re.findall(r"CREATE OR REPLACE TEMP TABLE (\w+) AS\s+(.*?);", _text("finish"), re.DOTALL))
