"""Events and features by DuckDB alone, with all cores and our own SQL: what Spark, the tasks and the lake cost.

The same texts and the same checks; left out, to its favour, are the quarantine, the limits of a line, and the sync of
what was written. Nothing is held: each type is one streaming statement from its files to Parquet.
"""

import os
from pathlib import Path
from typing import Any

import duckdb

from analytics.definitions import events


def connect() -> Any:
    connection = duckdb.connect(config={"threads": os.cpu_count() or 1, "preserve_insertion_order": False})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(events._text("macros"))
    events.define_server(connection, None)
    return connection


def load(files: list[Path], target: Path) -> None:
    """All files of NDJSON to a folder of Parquet."""
    connection = connect()
    target.mkdir(parents=True)
    for kind in events.resource_types():
        mine = [str(path) for path in files if path.stem.startswith(f"{kind}-")]
        if not mine:
            continue
        lines = f"SELECT 0 AS line_no, CAST(json AS VARCHAR) AS line FROM read_ndjson_objects({mine})"  # noqa: S608
        connection.execute(f"CREATE OR REPLACE TEMP VIEW lines AS {lines}")
        made = f"SELECT * EXCLUDE (line_no, reason) FROM ({events.events_select(kind)}) WHERE reason IS NULL"  # noqa: S608
        connection.execute(f"COPY ({made}) TO '{target}/{kind}.parquet' (COMPRESSION zstd)")
    connection.close()


def fingerprint(pattern: str, columns: list[str]) -> tuple[int, int]:
    """Rows, and the sum of the hashes of all rows: equal for the same rows in whatever order and files."""
    connection = duckdb.connect(config={"threads": os.cpu_count() or 1})
    found = connection.execute(
        f"SELECT count(*), coalesce(sum(hash({', '.join(columns)})::HUGEINT), 0) FROM read_parquet('{pattern}')"  # noqa: S608
    ).fetchall()
    return int(found[0][0]), int(found[0][1])
