"""One PostgreSQL server for the session, a database of its own for each test; skipped at a desk without PostgreSQL."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.lake import Lake
from tests.database.postgresql import Server, binaries

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Not below pytest's own folder: that is closed to other users, and the server runs as another user."""
    if binaries() is None and os.environ.get("CI") != "true":
        pytest.skip("no PostgreSQL server: see scripts/prerequisites postgresql")
    folder = Path(tempfile.mkdtemp(prefix="kindred-postgresql-"))
    folder.chmod(0o711)
    started = Server.start(folder / "server")
    try:
        started.wait()
        yield started
    finally:
        started.stop()
        shutil.rmtree(folder)


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    """An empty database."""
    made = f"kindred_{next(NUMBERS)}"
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {made}")
    yield made
    with server.connect() as connection:
        connection.execute(f"DROP DATABASE {made} WITH (FORCE)")


@pytest.fixture
def url(server: Server, name: str) -> str:
    return server.url(name)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")
