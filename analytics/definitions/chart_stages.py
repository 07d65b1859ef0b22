"""The stages of one chart in SQLite: the texts of ``features/``, which run on DuckDB and on Spark SQL for everyone.

A chart is some hundred rows, and the texts are some hundred steps: what they cost there is the start of each step, and
SQLite starts one in a tenth of the time that DuckDB takes (scripts/bench/README.md, live).
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import pyarrow as pa

from analytics.definitions import features, gaps
from analytics.definitions.events import EVENT_SCHEMA
from analytics.definitions.sqlite_dialect import connect, create, fill, in_sqlite, instant

#: name of a record ("value", "unusable", "person", ...) -> its rows (name, value, time, resource).
Records = dict[str, list[tuple[Any, ...]]]

NOTHING = pa.table({name: pa.nulls(1, of) for name, of in zip(EVENT_SCHEMA.names, EVENT_SCHEMA.types, strict=True)})


class ChartStages:
    """A private SQLite that has planned the way from events to values and to care gaps; for one thread."""

    def __init__(self) -> None:
        self._connection = connect()
        create(self._connection, "params", features.params(date.min).column_names)
        create(self._connection, "events", EVENT_SCHEMA.names)
        self._steps = []
        for name, text in ((name, in_sqlite(text)) for name, text in features.view_texts().items()):
            columns = self._connection.execute(f"SELECT * FROM ({text}) LIMIT 0").description  # noqa: S608
            create(self._connection, name, [column for column, *_ in columns])
            self._steps.append(f"INSERT INTO {name} {text}")
        self._connection.execute("CREATE INDEX coded_by_code ON coded (code)")  # three joins look there
        self._told = in_sqlite(features.records_text())
        self._gaps = gaps.select(f"(SELECT {', '.join(f'? AS {name}' for name in gaps.features())})")

    @contextmanager
    def of(self, events: pa.Table, as_of: date) -> Iterator[sqlite3.Connection]:
        """All stages of the events of one chart at as_of. Nothing of them stays: they are rolled back."""
        self._connection.execute("BEGIN")
        try:
            fill(self._connection, "params", features.params(as_of))
            fill(self._connection, "events", events)
            for step in self._steps:
                self._connection.execute(step)
            yield self._connection
        finally:
            self._forget()

    def _forget(self) -> None:
        """Nothing stays, whatever failed: neither rows nor, with a statement that is kept, what it was given last."""
        try:
            if not self._connection.in_transaction:  # SQLite ends one by itself where it has no room left
                self._connection.execute("BEGIN")
            fill(self._connection, "events", NOTHING)
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def records(self, events: pa.Table, as_of: date) -> Records:
        """What a score needs of the stages of one chart."""
        with self.of(events, as_of) as connection:
            rows = connection.execute(self._told).fetchall()
        found: Records = defaultdict(list)
        for part, name, value, time, resource in rows:
            found[part].append((name, None if value is None else float(value), instant(time), resource))
        return found

    def gaps(self, values: Mapping[str, float | None]) -> tuple[Any, ...]:
        """What ``gaps.select`` finds in one person's features."""
        try:
            (found,) = self._connection.execute(self._gaps, [values[name] for name in gaps.features()]).fetchall()
            return tuple(found)
        finally:  # a statement that is kept keeps what it was given last
            self._connection.execute(self._gaps, [None] * len(gaps.features())).fetchall()
