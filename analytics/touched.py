"""Which resources an incremental export speaks of, whether they give events or not.

A resource may change into one that gives no event (its code was taken away, its date is unreadable): its earlier events
must go all the same, as they would in a full export. So load notes every resource of an increment beside its events.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb
import orjson
import pyarrow as pa

TOUCHED_SCHEMA = pa.schema([("resource", pa.string()), ("updated", pa.string())])
#: `updated` is the first half of an event's version (analytics/definitions/events/finish.sql): the same text for the
#: same instant, empty without one.
QUERY = """
SELECT type || '/' || id AS resource, max(updated(updated_text)) AS updated
FROM (SELECT json_extract_string(line, '$.resourceType') AS type, json_extract_string(line, '$.id') AS id,
             json_extract_string(line, '$.meta.lastUpdated') AS updated_text
      FROM touched_lines WHERE json_valid(line))
WHERE type IS NOT NULL AND id IS NOT NULL GROUP BY 1
"""


def touched_of(connection: duckdb.DuckDBPyConnection, lines: pa.Table) -> pa.Table:
    """The resources of these lines (columns line_no, line). `connection` has the event macros."""
    connection.register("touched_lines", lines)
    try:
        return connection.sql(QUERY).to_arrow_table().cast(TOUCHED_SCHEMA)
    finally:
        connection.unregister("touched_lines")


def touched_too_long(numbered: Iterable[tuple[int, bytes]], refused: list[tuple[int, str]]) -> pa.Table:
    """The resources of lines that were too long to be made into events; without a time, so that older ones go."""
    numbers = {number for number, reason in refused if reason == "line_too_long"}
    found = [name for number, line in numbered if number in numbers and (name := _name(line))] if numbers else []
    return pa.table({"resource": found, "updated": [""] * len(found)}, schema=TOUCHED_SCHEMA)


def _name(line: bytes) -> str | None:
    try:
        resource: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    named = isinstance(resource, dict) and resource.get("resourceType") and resource.get("id")
    return f"{resource['resourceType']}/{resource['id']}" if named else None
