"""People and papers of a release in the serving tables."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from analytics.serving_rows import COLUMNS, TYPES, with_places
from tests.flow.published import RELEASE_ID

Row = tuple[str, int, int | None, float | None]  # patient, rank, second rank, firmness


def place(database: Path, rows: Iterable[Row]) -> None:
    """Write memberships of the published release; of one firmness, in this order."""
    with sqlite3.connect(database) as db:
        before = db.execute("SELECT count(*) FROM membership").fetchone()[0]
        given = pa.RecordBatch.from_pylist([dict(zip(TYPES.names, row, strict=True)) for row in rows], TYPES)
        placed = with_places(given, before).to_pylist()
        sql = f"INSERT INTO membership (release_id, {', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?)"
        db.executemany(sql, [(RELEASE_ID, *row.values()) for row in placed])
    db.close()


def documents(database: Path, papers: dict[str, str]) -> None:
    """Write papers of the published release: name to JSON."""
    with sqlite3.connect(database) as db:
        db.executemany("INSERT INTO release_document VALUES (?, ?, ?)", [(RELEASE_ID, *one) for one in papers.items()])
    db.close()
