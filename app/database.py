"""The app's own SQLite file, `KINDRED_HOME/app.db`: launches and audit. Not the serving database."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, MetaData, create_engine, event

METADATA = MetaData()


def open_database(home: Path) -> Engine:
    """Open the file, made with mode 0600 at first use, with every table that was declared on METADATA."""
    path = home / "app.db"
    path.touch(mode=0o600, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 10})
    event.listen(engine, "connect", _pragmas)
    METADATA.create_all(engine)
    return engine


def _pragmas(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA secure_delete=ON")  # a deleted token leaves no bytes in the file
