"""The lines of charts to events, in one statement of DuckDB that is planned once.

A chart is small: a statement is planned for longer than it runs, and a planned one takes longer to start than to read a
chart. So it takes several charts, side by side: whose an event is says the number of its line, never a FHIR id. (Two
people may have one id, at two EHRs or where one is asked for twice with different resources.) Here the texts of
``events/`` are steps of one statement, and DuckDB keeps its plan from run to run, which it does only for a statement
that reads no table: what changes from run to run is handed over as Arrow (``events.Given``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analytics.definitions import events


class ChartEvents:
    """A private DuckDB that has planned the way from lines to events; for one thread."""

    def __init__(self) -> None:
        self._connection = events.connect()
        self._given = {
            "raw_lines": events.Given(events.LINE_SCHEMA),
            "given_server": events.Given(events.SERVER_SCHEMA),
        }
        for name, table in self._given.items():
            self._connection.register(name, table)
        self._servers: dict[str | None, pa.Table] = {}
        self._connection.execute(f"PREPARE to_events AS {_to_events()}")

    def events_of(self, charts: Sequence[pa.Table], base: str | None = None) -> list[events.Batch]:
        """As ``events.Reader`` does it for lines of any type, for each chart; base as ``events.connect`` has it."""
        lines = _Lines(charts)
        with self._handing_over(raw_lines=lines.table, given_server=self._server(base)):
            found = self._connection.sql("EXECUTE to_events").to_arrow_table()
        return [_batch(lines, own) for lines, own in zip(charts, lines.of_each(found), strict=True)]

    def _server(self, base: str | None) -> pa.Table:
        if base not in self._servers:
            name = events.server_of(self._connection, base)
            self._servers[base] = pa.table({"base": [name]}, schema=events.SERVER_SCHEMA)
        return self._servers[base]

    @contextmanager
    def _handing_over(self, **given: pa.Table) -> Iterator[None]:
        for name, table in given.items():
            self._given[name].table = table
        try:
            yield
        finally:  # nobody's data stay here
            for name in given:
                self._given[name].table = self._given[name].schema.empty_table()


class _Lines:
    """The lines of several charts as one table, numbered anew from 0."""

    def __init__(self, charts: Sequence[pa.Table]) -> None:
        together = pa.concat_tables(charts)
        self._numbers = together["line_no"].to_numpy()
        self._ends = np.cumsum([chart.num_rows for chart in charts])
        self.table = together.set_column(0, "line_no", pa.array(np.arange(together.num_rows)))

    def of_each(self, found: pa.Table) -> list[pa.Table]:
        """Rows with the ``line_no`` of this table, for each chart its own, with the ``line_no`` they had there."""
        lines = found["line_no"].to_numpy()
        place = found.schema.get_field_index("line_no")
        found = found.set_column(place, "line_no", pa.array(self._numbers[lines]))
        if len(self._ends) == 1:
            return [found]
        whose: npt.NDArray[np.int64] = np.searchsorted(self._ends, lines, side="right")
        return [found.filter(pa.array(whose == number)) for number in range(len(self._ends))]


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

