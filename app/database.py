"""The app's own SQLite file, `KINDRED_HOME/app.db`: launches and audit. Not the serving database."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, inspect, text

METADATA = MetaData()
PREPARED: list[Callable[[Connection], None]] = []  # what a table needs beside its columns, done at each start


def open_database(home: Path) -> Engine:
    """Open the file, made with mode 0600 at first use, with every table that was declared on METADATA."""
    path = home / "app.db"
    path.touch(mode=0o600, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
    event.listen(engine, "connect", _pragmas)
    with engine.begin() as connection:
        connection.execute(text("BEGIN IMMEDIATE"))  # several processes may start at once
        _drop_outgrown(connection)
        METADATA.create_all(connection)
        for prepare in PREPARED:
            prepare(connection)
    return engine


def without_waiting(engine: Engine) -> Engine:
    """The same file for what a cut of power may lose: a commit is there for everyone, but not yet on the disk."""
    relaxed = create_engine(engine.url, connect_args={"timeout": 30})
    event.listen(relaxed, "connect", _pragmas)
    event.listen(relaxed, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL"))
    return relaxed


def _drop_outgrown(connection: Connection) -> None:
    """Tables of another version are made anew where their rows pass anyway (`info["passing"]`), which ends launches."""
    inspector = inspect(connection)
    for table in METADATA.sorted_tables:
        if table.info.get("passing") and inspector.has_table(table.name):
            columns = {column["name"] for column in inspector.get_columns(table.name)}
            if columns != set(table.columns.keys()):
                table.drop(connection)


def _pragmas(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA secure_delete=ON")  # a deleted token leaves no bytes in the file
