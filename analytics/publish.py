"""publish: a release into the serving database, in one transaction that also makes it the current one.

The only writer of risk results. ``rollback`` flips ``current_release`` back; readers see one release or the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from analytics.config import redact_url
from analytics.errors import DatabaseError, LakeError, ReleaseError
from analytics.lake import Lake

TABLES = Path(__file__).with_name("tables.sql")
BATCH = 10_000  # memberships in one INSERT
GROUP_COLUMNS = ("rank", "name", "n", "followed", "events", "rate", "low", "high")
RELEASE_COLUMNS = ("release_id", "ehr", "created_at", "as_of", "index_date", "definitions_hash", "model")


def publish(database: str, lake: Lake, ehr: str, release_id: str) -> dict[str, Any]:
    """Write a finished release of the lake and make it current. Returns how many memberships were read and kept.

    Does nothing but flip ``current_release`` when the release is there already. Raises ReleaseError, DatabaseError.
    """
    folder = lake.release(ehr, release_id)
    if not lake.finished(folder):
        raise ReleaseError(
            f"There is no finished release {release_id} of {ehr} in the lake.", "Run `kindred fit` first."
        )
    model = lake.read_json(f"{folder}/release.json")
    with _transaction(database) as connection:
        if not _published(connection, ehr, release_id):
            _insert(connection, model, _memberships(lake, folder))
        _make_current(connection, ehr, release_id)
        kept = connection.execute(
            text("SELECT count(*) FROM membership WHERE release_id = :release"), {"release": release_id}
        ).scalar_one()
    read = lake.read_counts(folder)["kept"]
    return {"read": read, "kept": kept, "dropped": {} if read == kept else {"not_written": read - kept}}


def rollback(database: str, ehr: str, release_id: str | None = None) -> str:
    """Make an earlier release current: the named one, or the one published before the current one. Returns its id."""
    with _transaction(database) as connection:
        ids = [row.release_id for row in _releases(connection, ehr)]
        now = _current_id(connection, ehr)
        if release_id is None and now in ids and ids.index(now) > 0:
            release_id = ids[ids.index(now) - 1]
        if release_id is None or release_id not in ids:
            wanted = "earlier release" if release_id is None else f"release {release_id}"
            raise ReleaseError(
                f"There is no {wanted} of {ehr}.", f"Published, oldest first: {', '.join(ids) or 'none'}."
            )
        _make_current(connection, ehr, release_id)
    return release_id


def current(database: str, ehr: str) -> dict[str, Any] | None:
    """The model of the release that is current for an EHR; None where there is none."""
    if _never_made(database):
        return None
    with _transaction(database) as connection:
        found = connection.execute(
            text(
                'SELECT r.model FROM "release" r '
                "JOIN current_release c ON c.release_id = r.release_id WHERE c.ehr = :ehr"
            ),
            {"ehr": ehr},
        ).scalar()
    return json.loads(found) if found else None


def published(database: str) -> list[dict[str, Any]]:
    """All releases in the database, oldest first, each with "current"."""
    if _never_made(database):
        return []
    with _transaction(database) as connection:
        ehrs = connection.execute(text('SELECT DISTINCT ehr FROM "release" ORDER BY ehr')).scalars().all()
        return [
            {"release_id": row.release_id, "ehr": ehr, "as_of": row.as_of, "created_at": row.created_at,
             "definitions_hash": row.definitions_hash, "current": row.release_id == _current_id(connection, ehr)}
            for ehr in ehrs
            for row in _releases(connection, ehr)
        ]  # fmt: skip


def _never_made(database: str) -> bool:
    """Whether nothing was ever published to an SQLite file: looking must not make it."""
    path = database.removeprefix("sqlite:///")
    return path != database and path != ":memory:" and not Path(path).exists()


def _insert(connection: Connection, model: dict[str, Any], memberships: Iterator[list[dict[str, Any]]]) -> None:
    release_id = model["release_id"]
    _insert_rows(connection, '"release"', RELEASE_COLUMNS, [model | {"model": json.dumps(model)}])
    groups = [group | {"release_id": release_id} for group in model["groups"]]
    _insert_rows(connection, "risk_group", ("release_id", *GROUP_COLUMNS), groups)
    for rows in memberships:
        named = [row | {"release_id": release_id} for row in rows]
        _insert_rows(connection, "membership", ("release_id", "subject_id", "rank", "second_rank", "firmness"), named)


def _insert_rows(connection: Connection, table: str, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    names, values = ", ".join(columns), ", ".join(f":{column}" for column in columns)
    statement = text(f"INSERT INTO {table} ({names}) VALUES ({values})")  # noqa: S608 - names are ours
    connection.execute(statement, [{column: row[column] for column in columns} for row in rows])


def _memberships(lake: Lake, folder: str) -> Iterator[list[dict[str, Any]]]:
    for path in lake.files(f"{folder}/memberships", ".parquet"):
        try:
            with lake.reading(path) as file:
                for batch in pq.ParquetFile(file).iter_batches(BATCH):
                    if batch.num_rows:
                        yield batch.to_pylist()
        except pa.ArrowException:
            raise LakeError(f"{lake.url(path)} is not whole Parquet.", "Delete the release, then fit again.") from None


def _published(connection: Connection, ehr: str, release_id: str) -> bool:
    return release_id in [row.release_id for row in _releases(connection, ehr)]


def _releases(connection: Connection, ehr: str) -> list[Any]:
    columns = "release_id, as_of, created_at, definitions_hash"
    query = f'SELECT {columns} FROM "release" WHERE ehr = :ehr ORDER BY created_at, release_id'  # noqa: S608
    return list(connection.execute(text(query), {"ehr": ehr}))


def _current_id(connection: Connection, ehr: str) -> str | None:
    query = text("SELECT release_id FROM current_release WHERE ehr = :ehr")
    return connection.execute(query, {"ehr": ehr}).scalar()


def _make_current(connection: Connection, ehr: str, release_id: str) -> None:
    connection.execute(text("DELETE FROM current_release WHERE ehr = :ehr"), {"ehr": ehr})
    _insert_rows(connection, "current_release", ("ehr", "release_id"), [{"ehr": ehr, "release_id": release_id}])


@contextmanager
def _transaction(database: str) -> Iterator[Connection]:
    """One transaction with the tables in place; anything the database refuses is one sentence."""
    engine = _engine(database)
    try:
        with engine.begin() as connection:
            for statement in TABLES.read_text(encoding="utf-8").split(";"):
                if "CREATE" in statement:
                    connection.execute(text(statement))
            yield connection
    except SQLAlchemyError as error:
        raise _unusable(database, getattr(error, "orig", None) or error) from None
    finally:
        engine.dispose()


def _engine(database: str) -> Engine:
    """An engine for the URL; no driver, no folder and a port that is none are sentences too."""
    try:
        url = make_url(database)
        sqlite = url.get_backend_name() == "sqlite"
        if sqlite and url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url)
    except (SQLAlchemyError, ImportError, OSError, ValueError) as error:
        raise _unusable(database, error) from None
    if sqlite:
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA journal_mode = WAL"))
    return engine


def _unusable(database: str, error: BaseException) -> DatabaseError:
    return DatabaseError(
        f"The serving database {redact_url(database)} could not be used ({type(error).__name__}).",
        "Check KINDRED_DATABASE, that the server answers, and that this user may write.",
    )
