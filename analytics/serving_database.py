"""The serving database as its writer opens it: SQLite or PostgreSQL, tables at this version, faults in one sentence.

The releases lie in the lake; this database is what the app reads. Tables of an older version are brought up to date
where they lie, those of a newer one are left alone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from analytics.config import redact_url
from analytics.errors import DatabaseError

TABLES = Path(__file__).with_name("tables.sql")
VERSION = 6  # of tables.sql; app/serving.py reads the same
OUTGROWN = ("membership_by_firmness", "membership_by_id", "membership_by_place")  # indexes of version 4, and of 5
# Of memberships that were published without: in the order of a group's list (2^56 to a group, as in serving_rows.py).
PLACES = """UPDATE membership SET place = rank * 72057594037927936 + listed.number FROM (
    SELECT release_id AS r, subject_id AS s,
        row_number() OVER (PARTITION BY release_id, rank ORDER BY coalesce(firmness, -1.0), subject_id) AS number
    FROM membership) AS listed WHERE release_id = listed.r AND subject_id = listed.s"""
ONE_WRITER = 0x4B696E64  # PostgreSQL's advisory lock of the one publish in a database
ENDED_SECONDS = 2.0  # after which a writer is taken for one that goes on
PATIENCE = 5  # seconds for a connection, and for SQLite's one writer
OURS = "Check KINDRED_DATABASE: it is such as sqlite:////data/kindred.db or postgresql+psycopg://user@host/kindred."
CHECK = "Check KINDRED_DATABASE, that the server answers, and that this user may write."

# SQLSTATE or its first signs (PostgreSQL, appendix A), or SQLite's name of its result code: what is wrong, what to do.
FAULTS = {
    "28": ("refused this user, its password or the database's name", "Correct KINDRED_DATABASE."),
    "25006": ("is read-only", "Name the server that takes writes in KINDRED_DATABASE."),
    "SQLITE_READONLY": ("is read-only", "Let this user write the file and its folder."),
    "42501": ("does not let this user write", "Grant it CREATE on the schema, or make it the owner of the tables."),
    "53100": ("has no room left on its disk", "Make room there, then run the same command again."),
    "SQLITE_FULL": ("has no room left on its disk", "Make room there, then run the same command again."),
    "53": ("has no connection or memory left", "Run the same command again when it is less busy."),
    "55P03": ("is held by another program", "Wait until that has ended, then run the same command again."),
    "SQLITE_BUSY": ("is being written by another program", "Wait until it has ended, then run the same command again."),
    "57": ("stopped the work or is shutting down", "Run the same command again."),
    "23": ("refused a row that is there twice or not whole", "Delete the release in the lake, then fit again."),
    "SQLITE_CONSTRAINT": ("refused a row that is there twice or not whole",
                          "Delete the release in the lake, then fit again."),
    "SQLITE_NOTADB": ("is a file of another kind", "Correct KINDRED_DATABASE."),
    "SQLITE_CORRUPT": ("is damaged", "Move the file away and publish again: the releases lie in the lake."),
}


@contextmanager
def opened(database: str) -> Iterator[Connection]:
    """A connection outside of a transaction; whatever the database refuses in the block is a DatabaseError."""
    engine = _engine(database)
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise unusable(database, getattr(error, "orig", None) or error) from None
    finally:
        engine.dispose()


@contextmanager
def transaction(connection: Connection, *, reading: bool = False) -> Iterator[None]:
    """All of the block or nothing of it; on SQLite, where it does not only read, nobody else writes meanwhile."""
    with connection.begin():
        if not is_postgresql(connection):
            connection.execute(text("BEGIN" if reading else "BEGIN IMMEDIATE"))
        yield


def is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def version(connection: Connection) -> int:
    """Of the tables that are there: 0 where there are none; the first had no table that says so."""
    there = inspect(connection)
    if there.has_table("serving_schema"):
        return int(connection.execute(text("SELECT max(version) FROM serving_schema")).scalar() or 0)
    return 1 if there.has_table("release") else 0


def bring_up_to_date(connection: Connection, *, make: bool) -> bool:
    """Within a transaction: the tables at this version. Without any, they are made, or (make=False) it returns False.

    Raises DatabaseError where they are of a newer version, or a publish is under way that must not be disturbed.
    """
    found = version(connection)
    if found > VERSION:
        raise DatabaseError(
            f"The serving database {named(connection.engine.url)} has tables of version {found}; this Kindred knows "
            f"version {VERSION}.", "Use the Kindred that made them, or name another database in KINDRED_DATABASE.")
    if found == 0 and not make:
        return False
    if found < VERSION:
        if found:
            _need_no_publish(connection)
        if found == 1:
            _keep_the_old(connection)
        for index in OUTGROWN:
            connection.execute(text(f"DROP INDEX IF EXISTS {index}"))
        if found and inspect(connection).has_table("membership"):
            connection.execute(text("ALTER TABLE membership ADD COLUMN place BIGINT NOT NULL DEFAULT 0"))
        for statement in statements(postgresql=is_postgresql(connection)):
            connection.execute(text(statement))
        if found == 1:
            _take_over_the_old(connection)
        if found:
            connection.execute(text(PLACES))
        connection.execute(text("UPDATE serving_schema SET version = :version"), {"version": VERSION})
    return True


def statements(*, postgresql: bool) -> list[str]:
    """tables.sql for one of the two, statement by statement."""
    sql = re.sub(r"--.*", "", TABLES.read_text(encoding="utf-8"))
    if postgresql:
        sql = re.sub(r"/\*sqlite\*/.*?/\*\*/", "", re.sub(r"/\*postgresql (.*?)\*/", r"\1", sql))
    return [statement.strip() for statement in sql.split(";") if statement.strip()]


def partition(release_id: str) -> str:
    """The table in PostgreSQL that holds the memberships of a release."""
    return f"membership_{sha256(release_id.encode()).hexdigest()[:12]}"


def literal(value: str) -> str:
    """A value in a statement that takes no parameters (partition bounds, defaults)."""
    return "'" + value.replace("'", "''").replace(":", r"\:") + "'"  # text() takes :name for a parameter


def hold_alone(connection: Connection) -> None:
    """One publish at a time in a PostgreSQL database, until this connection ends, however it ends."""
    _take(connection, "pg_try_advisory_lock")


def _need_no_publish(connection: Connection) -> None:
    if is_postgresql(connection):
        _take(connection, "pg_try_advisory_xact_lock")


def _take(connection: Connection, lock: str) -> None:
    """The lock of the one writer. PostgreSQL sees a moment later that one has ended: so long it is waited for."""
    deadline = time.monotonic() + ENDED_SECONDS
    while not connection.execute(text(f"SELECT {lock}(:key)"), {"key": ONE_WRITER}).scalar():
        if time.monotonic() > deadline:
            raise _another(connection)
        time.sleep(0.05)


def _another(connection: Connection) -> DatabaseError:
    return DatabaseError(f"Another publish is writing to the serving database {named(connection.engine.url)}.",
                         "Wait until it has ended, then run the same command again.")


def _keep_the_old(connection: Connection) -> None:
    """Version 1: no publication time; group figures beside those in the model; in PostgreSQL one table for all.

    Version 2 lacked a table, 3 the index, 4 had two others, 5 one of another kind; all of them lacked places."""
    connection.execute(text("DROP TABLE risk_group"))
    connection.execute(text("ALTER TABLE \"release\" ADD COLUMN published_at TEXT NOT NULL DEFAULT ''"))
    connection.execute(text("ALTER TABLE \"release\" ADD COLUMN last_current TEXT NOT NULL DEFAULT ''"))
    connection.execute(text('UPDATE "release" SET published_at = created_at'))
    if is_postgresql(connection):
        connection.execute(text("ALTER TABLE membership RENAME TO membership_of_version_1"))


def _take_over_the_old(connection: Connection) -> None:
    if not is_postgresql(connection):
        return
    for release_id in connection.execute(text('SELECT release_id FROM "release"')).scalars().all():
        table = partition(release_id)
        connection.execute(text(f"CREATE TABLE {table} PARTITION OF membership (PRIMARY KEY (subject_id)) "
                                f"FOR VALUES IN ({literal(release_id)})"))
        connection.execute(text(f"INSERT INTO {table} SELECT release_id, subject_id, rank, second_rank, firmness, 0 "  # noqa: S608
                                "FROM membership_of_version_1 WHERE release_id = :release"), {"release": release_id})
    connection.execute(text("DROP TABLE membership_of_version_1"))


def driver_options(url: URL) -> dict[str, Any]:
    """What psycopg.connect needs for the same database, to be sent to a Spark task."""
    options = create_engine(url).dialect.create_connect_args(url)[1]
    rows_are = {"client_encoding": "utf8"}  # whatever the database is in
    ours = {"application_name": "kindred publish"} | rows_are
    return {key: value for key, value in options.items() if key != "context"} | ours


def named(url: URL | str) -> str:
    """The database in a message: without its password."""
    return redact_url(url.render_as_string() if isinstance(url, URL) else url)


def unusable(database: str, error: BaseException) -> DatabaseError:
    """One sentence: what the database said by its code, never by its text, which may quote a row."""
    code = str(getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None) or "")
    connection = getattr(error, "pgconn", None)
    if not code and connection is not None and (connection.used_password or connection.needs_password):
        code = "28000"  # libpq gives no code for a connection that was not made, but says whether a password was asked
    for known, (what, next_step) in FAULTS.items():
        if code.startswith(known):
            return DatabaseError(f"The serving database {named(database)} {what}.", next_step)
    return DatabaseError(f"The serving database {named(database)} could not be used "
                         f"({code or type(error).__name__}).", CHECK)


def _engine(database: str) -> Engine:
    """An engine for the URL; no driver, no folder and a port that is none are sentences too."""
    try:
        url = make_url(database)
        backend = url.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise DatabaseError(f"The serving database {named(url)} is neither SQLite nor PostgreSQL.", OURS)
        if backend == "sqlite" and url.database and not url.database.startswith("file:"):
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        if backend == "postgresql":  # one driver, whichever the URL names
            url = url.set(drivername="postgresql+psycopg")
            if "connect_timeout" not in url.query:
                url = url.update_query_dict({"connect_timeout": str(PATIENCE)})
        engine = create_engine(url, connect_args={"timeout": PATIENCE} if backend == "sqlite" else {})
    except (SQLAlchemyError, ImportError, OSError, ValueError) as error:
        raise unusable(database, error) from None
    if backend == "sqlite":
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA journal_mode = WAL"))
    return engine
