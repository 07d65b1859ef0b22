"""What the app keeps of a release in its process: papers that were read, never that there were none."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app import serving as serving_module
from app.serving import Serving

TABLES = (Path(__file__).parents[3] / "analytics/tables.sql").read_text()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "k.db", isolation_level=None)) as opened:
        opened.executescript(TABLES)
        yield opened


@pytest.fixture
def serving(db: sqlite3.Connection, tmp_path: Path) -> Iterator[Serving]:
    with closing(Serving(f"sqlite:///{tmp_path / 'k.db'}")) as made:
        yield made


def publish(db: sqlite3.Connection, release_id: str, created_at: str, k: int) -> None:
    row = (release_id, "here", created_at, "2026-06-30", "2025-06-30", "hash", json.dumps({"k": k}), created_at)
    db.execute("INSERT OR REPLACE INTO release VALUES (?, ?, ?, ?, ?, ?, ?, ?, '')", row)
    db.execute("INSERT OR REPLACE INTO current_release VALUES ('here', ?)", (release_id,))


def test_the_release_that_is_current_now_is_the_one_that_is_read(db, serving) -> None:
    for release_id, created_at, k in [("r1", "t1", 1), ("r2", "t2", 2), ("r1", "t1", 1), ("r1", "t3", 3)]:
        publish(db, release_id, created_at, k)
        for _ in range(2):
            assert serving.current("here").model == {"k": k}  # of one id, made at another instant, it is another


def test_a_paper_that_comes_later_is_found(db, serving) -> None:
    publish(db, "r1", "t1", 1)
    release = serving.current("here")
    assert serving.document(release, "cohorts") is None
    db.execute("""INSERT INTO release_document VALUES ('r1', 'cohorts', '{"gaps": []}')""")
    assert serving.document(release, "cohorts") == {"gaps": []}
    assert serving.document(release, "map") is None


def test_a_paper_is_read_once_and_few_are_kept(db, serving, monkeypatch) -> None:
    monkeypatch.setattr(serving_module, "PAPERS", 2)
    publish(db, "r1", "t1", 1)
    db.execute("INSERT INTO release_document VALUES ('r1', 'map', '{}'), ('r1', 'drift', '{}'), ('r1', 'funnel', '{}')")
    release = serving.current("here")
    first = serving.document(release, "map")
    assert serving.document(release, "map") is first
    for name in ("drift", "funnel"):
        serving.document(release, name)
    assert serving.document(release, "map") is not first
