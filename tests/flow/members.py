"""People and papers of a release in the serving tables."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from tests.flow.published import RELEASE_ID

Row = tuple[str, int, int | None, float | None]  # patient, rank, second rank, firmness


def place(database: Path, rows: Iterable[Row]) -> None:
    """Write memberships of the published release."""
    with sqlite3.connect(database) as db:
        sql = "INSERT INTO membership (release_id, subject_id, rank, second_rank, firmness) VALUES (?, ?, ?, ?, ?)"
        db.executemany(sql, [(RELEASE_ID, *row) for row in rows])
    db.close()


def documents(database: Path, papers: dict[str, str]) -> None:
    """Write papers of the published release: name to JSON."""
    with sqlite3.connect(database) as db:
        db.executemany("INSERT INTO release_document VALUES (?, ?, ?)", [(RELEASE_ID, *one) for one in papers.items()])
    db.close()
