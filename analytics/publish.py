"""publish: a release into the serving database, in one transaction that also makes it the current one.

The only writer of risk results. ``rollback`` flips ``current_release`` back; readers see one release or the other. Kept
are the current release, the one that was current before, the one published before the current, the newest few and
those of some days (`Keep`); the others are pruned in the same transaction. The lake keeps them all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, text

from analytics import serving_memberships as memberships
from analytics.errors import ReleaseError
from analytics.lake import Lake
from analytics.release import hashes, papers
from analytics.serving_database import bring_up_to_date, hold_alone, is_postgresql, opened, transaction

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = ("release_id", "ehr", "created_at", "as_of", "index_date", "definitions_hash", "model", "published_at")


class Keep(NamedTuple):
    """How many of the newest releases stay, and for how many days after their publication.

    A page that began with a release looks its patient up in it some seconds later; so one that was current within
    `grace` seconds stays as well.
    """

    releases: int = 5
    days: int = 90
    grace: float = 3600


def publish(
    database: str,
    lake: Lake,
    ehr: str,
    release_id: str,
    spark: Callable[[], SparkSession] | None = None,
    keep: Keep = Keep(),  # noqa: B008 - immutable
) -> dict[str, Any]:
    """Write a finished release of the lake, make it current, prune. Returns how many memberships were read and kept.

    `spark` gives the session whose executors copy to PostgreSQL; it is asked for only there, and once the database
    was found in order. Does nothing but flip ``current_release`` when the release is there already. Raises
    ReleaseError (a file was changed since the release was made, for one), DatabaseError, LakeError, SparkError; then
    the release that was current still is.
    """
    folder = lake.release(ehr, release_id)
    if not lake.finished(folder):
        raise ReleaseError(
            f"There is no finished release {release_id} of {ehr} in the lake.", "Run `kindred fit` first."
        )
    hashes.check(lake, ehr, release_id)
    model, expected = lake.read_json(f"{folder}/release.json"), int(lake.read_counts(folder)["kept"])
    documents = papers.read(lake, folder)
    papers.refuse_small_cells(model, documents)
    with opened(database) as connection:
        staging = _copied(connection, lake, ehr, release_id, spark) if is_postgresql(connection) else None
        with transaction(connection):
            bring_up_to_date(connection, make=True)
            if release_id in _ids(connection, ehr):
                kept = _count(connection, release_id)
            else:
                written = (
                    memberships.attach(connection, staging, release_id)
                    if staging
                    else memberships.insert(connection, lake, folder, release_id)
                )
                kept = _whole(release_id, expected, written)
                _insert(connection, '"release"', COLUMNS, model | {"model": json.dumps(model), "published_at": ""})
            _add_documents(connection, release_id, documents)
            _flip(connection, ehr, release_id, keep)
        if is_postgresql(connection):
            memberships.sweep(connection)
    return {"read": expected, "kept": kept, "dropped": {}}


def _whole(release_id: str, expected: int, found: int) -> int:
    """`found`. Raises ReleaseError where not everyone of the lake's count was written."""
    if found != expected:
        raise ReleaseError(f"Release {release_id} has {found:,} memberships in the lake, and its counts say "
                           f"{expected:,}; it was not published.", "Delete the release, then fit again.")
    return found


def _copied(
    connection: Connection, lake: Lake, ehr: str, release_id: str, spark: Callable[[], SparkSession] | None
) -> str | None:
    """The table that holds the memberships, None where the release is published already."""
    with transaction(connection):
        hold_alone(connection)
        bring_up_to_date(connection, make=True)
    memberships.sweep(connection)
    with transaction(connection):
        there = release_id in _ids(connection, ehr)
    if there:
        return None
    if spark is None:
        raise ValueError("publishing to PostgreSQL needs a Spark session")
    staging = memberships.copy(connection, spark(), lake, lake.release(ehr, release_id), release_id)
    memberships.index(connection, staging)
    return staging


def rollback(database: str, ehr: str, release_id: str | None = None) -> str:
    """Make an earlier release current: the named one, or the one published before the current one. Returns its id."""
    with opened(database) as connection, transaction(connection):
        ids: list[str] = []
        if bring_up_to_date(connection, make=False):
            _serialised(connection)
            ids = _ids(connection, ehr)
            now = _current_id(connection, ehr)
            if release_id is None and now in ids and ids.index(now) > 0:
                release_id = ids[ids.index(now) - 1]
        if release_id is None or release_id not in ids:
            wanted = "earlier release" if release_id is None else f"release {release_id}"
            raise ReleaseError(
                f"There is no {wanted} of {ehr}. Published, oldest first: {', '.join(ids) or 'none'}.",
                "Older ones are pruned; `kindred publish --release ID` writes one again from the lake.",
            )
        _make_current(connection, ehr, release_id)
    return release_id


def current(database: str, ehr: str) -> dict[str, Any] | None:
    """The model of the release that is current for an EHR; None where there is none."""
    if _never_made(database):
        return None
    query = text(
        'SELECT r.model FROM "release" r JOIN current_release c ON c.release_id = r.release_id WHERE c.ehr = :ehr'
    )
    with opened(database) as connection, transaction(connection, reading=True):
        there = bring_up_to_date(connection, make=False)
        found = connection.execute(query, {"ehr": ehr}).scalar() if there else None
    return json.loads(found) if found else None


def published(database: str) -> list[dict[str, Any]]:
    """All releases in the database, oldest publication first, each with "current"."""
    if _never_made(database):
        return []
    query = text(
        'SELECT r.release_id, r.ehr, r.as_of, r.created_at, r.definitions_hash, c.release_id IS NOT NULL AS current '
        'FROM "release" r LEFT JOIN current_release c ON c.release_id = r.release_id '
        "ORDER BY r.ehr, r.published_at, r.release_id"
    )
    with opened(database) as connection, transaction(connection, reading=True):
        if not bring_up_to_date(connection, make=False):
            return []
        return [dict(row) | {"current": bool(row["current"])} for row in connection.execute(query).mappings()]


def _never_made(database: str) -> bool:
    """Whether nothing was ever published to an SQLite file: looking must not make it."""
    path = database.removeprefix("sqlite:///")
    return path != database and not path.startswith((":memory:", "file:")) and not Path(path).exists()


def _add_documents(connection: Connection, release_id: str, documents: dict[str, Any]) -> None:
    """Those that are not there yet: a release that an earlier Kindred published has none."""
    query = text("SELECT name FROM release_document WHERE release_id = :release")
    there = set(connection.execute(query, {"release": release_id}).scalars())
    for name in sorted(set(documents) - there):
        row = {"release_id": release_id, "name": name, "body": json.dumps(documents[name], allow_nan=False)}
        _insert(connection, "release_document", ("release_id", "name", "body"), row)


def _flip(connection: Connection, ehr: str, release_id: str, keep: Keep) -> None:
    """Make it current and the newest, then prune."""
    _serialised(connection)
    before = _current_id(connection, ehr)
    now = datetime.now(UTC)
    if before != release_id:
        connection.execute(text('UPDATE "release" SET published_at = :now WHERE release_id = :release'),
                           {"now": _instant(now), "release": release_id})
        _make_current(connection, ehr, release_id)
    ids = _ids(connection, ehr)
    stay = {release_id, before, *ids[-keep.releases :], *ids[max(0, ids.index(release_id) - 1) :]}
    query = text('SELECT release_id FROM "release" WHERE ehr = :ehr AND published_at < :since AND last_current < :left')
    since, left = _instant(now - timedelta(days=keep.days)), _instant(now - timedelta(seconds=keep.grace))
    old = connection.execute(query, {"ehr": ehr, "since": since, "left": left}).scalars()
    for one in set(old) - stay:
        if not is_postgresql(connection):  # there it is the partition, which sweep drops
            connection.execute(text("DELETE FROM membership WHERE release_id = :release"), {"release": one})
        for table in ("release_document", '"release"'):
            connection.execute(text(f"DELETE FROM {table} WHERE release_id = :release"), {"release": one})  # noqa: S608


def _serialised(connection: Connection) -> None:
    """Flips and prunings one after the other; readers go on."""
    if is_postgresql(connection):
        connection.execute(text("LOCK TABLE current_release IN SHARE ROW EXCLUSIVE MODE"))


def _ids(connection: Connection, ehr: str) -> list[str]:
    """Releases of an EHR, oldest publication first."""
    query = text('SELECT release_id FROM "release" WHERE ehr = :ehr ORDER BY published_at, release_id')
    return list(connection.execute(query, {"ehr": ehr}).scalars())


def _current_id(connection: Connection, ehr: str) -> str | None:
    query = text("SELECT release_id FROM current_release WHERE ehr = :ehr")
    return connection.execute(query, {"ehr": ehr}).scalar()


def _count(connection: Connection, release_id: str) -> int:
    query = text("SELECT count(*) FROM membership WHERE release_id = :release")
    return int(connection.execute(query, {"release": release_id}).scalar_one())


def _instant(when: datetime) -> str:
    """Text of one length, so that it sorts."""
    return when.isoformat(timespec="microseconds")


def _make_current(connection: Connection, ehr: str, release_id: str) -> None:
    connection.execute(
        text('UPDATE "release" SET last_current = :now WHERE release_id = '
             "(SELECT release_id FROM current_release WHERE ehr = :ehr)"),
        {"now": _instant(datetime.now(UTC)), "ehr": ehr})
    connection.execute(text("DELETE FROM current_release WHERE ehr = :ehr"), {"ehr": ehr})
    _insert(connection, "current_release", ("ehr", "release_id"), {"ehr": ehr, "release_id": release_id})


def _insert(connection: Connection, table: str, columns: tuple[str, ...], row: dict[str, Any]) -> None:
    names, values = ", ".join(columns), ", ".join(f":{column}" for column in columns)
    statement = text(f"INSERT INTO {table} ({names}) VALUES ({values})")  # noqa: S608 - names are ours
    connection.execute(statement, {column: row[column] for column in columns})
