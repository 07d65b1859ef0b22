"""People of a release in the serving tables, and how the app asks for them, until it pages through them by itself."""

import sqlite3
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.cohorts.cursor import Place
from app.serving import MEMBERSHIP, Membership, Release, Serving
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


def stand_in(patch: pytest.MonkeyPatch) -> None:
    """Give `Serving` the two questions of a list, as long as it has none of its own."""
    for name, question in (("members", _members), ("memberships", _memberships)):
        if not hasattr(Serving, name):
            patch.setattr(Serving, name, question, raising=False)


def _members(self: Serving, release: Release, rank: int, order: str, after: Any, limit: int) -> list[Place]:
    query = select(MEMBERSHIP).where(MEMBERSHIP.c.release_id == release.release_id, MEMBERSHIP.c.rank == rank)
    with self._engine.connect() as connection:
        rows = sorted(connection.execute(query).all(), key=_key, reverse=order == "firmest")
    behind = [row for row in rows if after is None or (_key(row) < _key(after)) is (order == "firmest")]
    return [
        Place(*row)
        for row in ((one.subject_id, one.second_rank, one.firmness) for one in behind if _is_not(one, after))
    ][:limit]


def _is_not(row: Any, after: Any) -> bool:
    return after is None or row.subject_id != after.subject_id


def _key(row: Any) -> tuple[float, str]:
    return (-1.0 if row.firmness is None else row.firmness, row.subject_id)


def _memberships(self: Serving, release: Release, patients: Collection[str]) -> dict[str, Membership]:
    query = select(MEMBERSHIP).where(
        MEMBERSHIP.c.release_id == release.release_id, MEMBERSHIP.c.subject_id.in_(patients)
    )
    with self._engine.connect() as connection:
        return {
            row.subject_id: Membership(row.rank, row.second_rank, row.firmness) for row in connection.execute(query)
        }
