"""Charts in three statements, planned once: lines to events and to values in DuckDB, to care gaps in SQLite.

A chart is small: asked one by one, the statements of a score are planned for longer than they run, and a planned one
takes longer to start than to read a chart. So it takes several, side by side (``side_by_side``). Here the texts of
``events/`` and ``features/`` are steps of one statement, and DuckDB keeps its plan from run to run, which it does only
for a statement that reads no table: what changes from run to run is handed over as Arrow (``events.Given``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analytics.definitions import events, features, gaps, side_by_side
from analytics.definitions.reference_tables import reference_tables
from analytics.definitions.side_by_side import Lines, Records

PARAMS_SCHEMA = features.params(date.min).schema


class Prepared:
    """A private DuckDB that has planned the way from lines to values; for one thread."""

    def __init__(self) -> None:
        self._connection = events.connect()
        self._given = {
            "raw_lines": events.Given(events.LINE_SCHEMA),
            "given_server": events.Given(events.SERVER_SCHEMA),
            "events": events.Given(events.EVENT_SCHEMA),
            "params": events.Given(PARAMS_SCHEMA),
        }
        for name, table in {**reference_tables(), **self._given}.items():
            self._connection.register(name, table)
        self._servers: dict[str | None, pa.Table] = {}
        self._connection.execute(features.dialect_text("duckdb"))
        self._connection.execute(f"PREPARE to_events AS {_to_events()}")
        # A stage that two read is made once, not twice: a seventh of a score. Joins stay as the texts have them: before
        # there is a chart, the search for an order guesses at 10^10 rows, and a window then sorts in 256 parts, not 16.
        self._connection.execute("SET disabled_optimizers = 'cte_inlining,join_order'")
        self._connection.execute(f"PREPARE to_records AS {_to_records()}")
        self._one_row = sqlite3.connect(":memory:", cached_statements=0)  # a statement that is kept keeps its values
        self._to_gaps = gaps.select(f"(SELECT {', '.join(f'? AS {name}' for name in gaps.features())})")

    def events_of(self, charts: Sequence[pa.Table], base: str | None = None) -> list[events.Batch]:
        """As ``events.Reader`` does it for lines of any type, for each chart; base as ``events.connect`` has it."""
        lines = Lines(charts)
        with self._handing_over(raw_lines=lines.table, given_server=self._server(base)):
            found = self._connection.sql("EXECUTE to_events").to_arrow_table()
        return [_batch(lines, own) for lines, own in zip(charts, lines.of_each(found), strict=True)]

    def _server(self, base: str | None) -> pa.Table:
        if base not in self._servers:
            name = events.server_of(self._connection, base)
            self._servers[base] = pa.table({"base": [name]}, schema=events.SERVER_SCHEMA)
        return self._servers[base]

    def records(self, charts: Sequence[pa.Table], as_of: date) -> list[Records]:
        """What the stages make of the events of each chart at as_of: the values, and what else a score tells."""
        with self._handing_over(events=side_by_side.marked(charts), params=features.params(as_of)):
            rows = self._connection.execute("EXECUTE to_records").fetchall()
        return side_by_side.of_each(rows, charts)

    def gaps(self, values: Mapping[str, float | None]) -> tuple[Any, ...]:
        """What ``gaps.select`` finds in one person's features."""
        (found,) = self._one_row.execute(self._to_gaps, [values[name] for name in gaps.features()]).fetchall()
        return tuple(found)

    @contextmanager
    def _handing_over(self, **given: pa.Table) -> Iterator[None]:
        for name, table in given.items():
            self._given[name].table = table
        try:
            yield
        finally:  # nobody's data stay here
            for name in given:
                self._given[name].table = self._given[name].schema.empty_table()


def _batch(lines: pa.Table, found: pa.Table) -> events.Batch:
    refused = list[tuple[int, str]]()
    if found["reason"].null_count < found.num_rows:
        none = found.filter(pc.is_valid(found["reason"]))
        refused = list(zip(none["line_no"].to_pylist(), none["reason"].to_pylist(), strict=True))
        found = found.filter(pc.is_null(found["reason"]))
    return events.Batch(lines.num_rows, found.select(events.EVENT_SCHEMA.names).cast(events.EVENT_SCHEMA), refused)


def _to_events() -> str:
    """SELECT of the events of ``raw_lines`` with their line_no, and of line_no and reason where a line gave none."""
    types = events.resource_types()
    known = ", ".join(f"'{name}'" for name in types)
    steps = events.last_steps()
    nulls = ", ".join(f"NULL AS {name}" for name in events.EVENT_SCHEMA.names)
    mapped = "\nUNION ALL\n".join(map(_mapped, types))
    return f"""
        WITH server AS MATERIALIZED (SELECT base FROM given_server), typed AS MATERIALIZED (
            SELECT line_no, line,
                -- A sound line is passed over once; TRY gives NULL for one that is not JSON.
                coalesce(TRY(json_extract_string(line, '$.resourceType')),
                         CASE WHEN json_valid(line) THEN '' END) AS found
            FROM raw_lines
        ),
        mapped AS MATERIALIZED ({mapped}), checked AS ({steps["checked"]})
        SELECT {", ".join(events.EVENT_SCHEMA.names)}, line_no, reason FROM ({steps["new_events"]})
        UNION ALL SELECT {nulls}, line_no,
            CASE WHEN found IS NULL THEN 'broken_json' WHEN found = '' THEN 'no_type' ELSE 'unused_type' END
        FROM typed WHERE found IS NULL OR found NOT IN ({known})"""  # noqa: S608


def _mapped(resource_type: str) -> str:
    """SELECT of the lines of one type as its text reads them."""
    return f"""SELECT * FROM (
        WITH lines AS (SELECT line_no, line FROM typed WHERE found = '{resource_type}')
        SELECT * FROM ({events.mapping(resource_type)}))"""  # noqa: S608


def _to_records() -> str:
    """SELECT of the records of ``events`` at ``params``: stage by stage, then the values and ``records.sql``."""
    stages = dict(features.view_texts())
    values = stages.pop("feature_values")
    steps = ",\n".join(f"{name} AS MATERIALIZED ({text})" for name, text in stages.items())
    return f"""WITH {steps}
        SELECT 'value' AS part, subject_id, feature AS name, value, time, resource FROM ({values})
        UNION ALL {features.records_text()}"""  # noqa: S608
