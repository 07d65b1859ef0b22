"""Tables of another version: older ones are brought up to date where they lie, newer ones are left alone."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, text

import app.serving
from analytics import serving_database
from analytics.errors import DatabaseError
from analytics.lake import Lake
from analytics.publish import current, publish, published, rollback
from analytics.serving_database import is_postgresql, opened, partition, transaction
from app.serving import Serving
from tests.unit.analytics.releases import Row, model, write_release

VERSION_1 = Path(__file__).with_name("tables_of_version_1.sql")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return request.getfixturevalue("url") if request.param == "postgresql" else f"sqlite:///{tmp_path}/kindred.db"


@pytest.fixture
def old(database: str) -> str:
    """Two releases in tables of version 1."""
    with opened(database) as connection, transaction(connection):
        for statement in VERSION_1.read_text().split(";"):
            if statement.strip():
                connection.execute(text(statement))
        for number in (1, 2):
            told = model("a", f"r{number}", f"2026-07-0{number}T00:00:00+00:00")
            row = {**told, "model": json.dumps(told)}
            names = "release_id, ehr, created_at, as_of, index_date, definitions_hash, model"
            values = ", ".join(f":{one}" for one in names.split(", "))
            connection.execute(text(f'INSERT INTO "release" ({names}) VALUES ({values})'),
                               {one: row[one] for one in names.split(", ")})  # fmt: skip
            person = {"r": f"r{number}", "n": number}
            connection.execute(text("INSERT INTO membership VALUES (:r, 'p1', :n, NULL, 0.5)"), person)
        connection.execute(text("INSERT INTO current_release VALUES ('a', 'r2')"))
    return database


def indexes_of(connection: Connection, table: str) -> list[str]:
    """By name; without the one that SQLite makes for a key itself."""
    query = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = :table"
    if is_postgresql(connection):
        query = ("SELECT relname FROM pg_class JOIN pg_index ON oid = indexrelid "
                 "WHERE indrelid = CAST(:table AS regclass)")  # fmt: skip
    return list(connection.execute(text(query), {"table": table}).scalars())


def without_places(connection: Connection) -> None:
    """As memberships were until version 6."""
    connection.execute(text("DROP INDEX membership_by_place"))
    connection.execute(text("ALTER TABLE membership DROP COLUMN place"))


def test_both_sides_know_the_same_version() -> None:
    assert app.serving.VERSION == serving_database.VERSION


def test_the_app_says_so_until_they_are_brought_up_to_date(old: str) -> None:
    with closing(Serving(old)) as serving:
        assert serving.current("a") is None
        assert serving.trouble() == "there are no tables of this version: publish a release"


def test_version_1_is_taken_over(old: str) -> None:
    assert [(one["release_id"], one["current"]) for one in published(old)] == [("r1", False), ("r2", True)]
    with closing(Serving(old)) as serving:
        for wanted in ("r2", "r1"):
            assert wanted == "r2" or rollback(old, "a") == wanted
            release = serving.current("a")
            assert release and release.release_id == wanted and serving.trouble() is None
            membership = serving.membership(release, "p1")
            assert membership and (f"r{membership.rank}", membership.firmness) == (wanted, 0.5)
    with opened(old) as connection:
        tables = set(inspect(connection).get_table_names())
        assert not tables & {"risk_group", "membership_of_version_1"}


def test_version_2_is_taken_over(database: str, lake: Lake, spark: Any) -> None:
    """It lacked the papers, nothing else; those of its releases come when they are published again."""
    for release_id in ("r1", "r2"):
        write_release(lake, "a", release_id, [("p1", int(release_id[1:]), None, 0.5)])
        publish(database, lake, "a", release_id, lambda: spark)
    with opened(database) as connection, transaction(connection):
        without_places(connection)
        connection.execute(text("DROP TABLE release_document"))
        connection.execute(text("UPDATE serving_schema SET version = 2"))
    with closing(Serving(database)) as serving:
        assert "of version 2, this app reads version 6" in (serving.trouble() or "")
        assert [one["release_id"] for one in published(database)] == ["r1", "r2"]
        release = serving.current("a")
        assert release and release.release_id == "r2" and serving.trouble() is None
        membership = serving.membership(release, "p1")
        assert membership and membership.rank == 2
        assert serving.document(release, "evidence") is None
        publish(database, lake, "a", "r2", lambda: spark)
        assert (serving.document(release, "evidence") or {})["of"] == "r2"


VERSION_4 = ("CREATE INDEX membership_by_firmness ON membership ({}rank, (coalesce(firmness, -1.0)), subject_id)",
             "CREATE INDEX membership_by_id ON membership ({}rank, subject_id)")  # fmt: skip
VERSION_5 = ("CREATE INDEX membership_by_place ON membership ({}(4 * rank + coalesce(firmness, -1.0)), subject_id)",)


@pytest.mark.parametrize(("found", "indexes"), [(3, ()), (4, VERSION_4), (5, VERSION_5)])
def test_version_3_4_or_5_is_taken_over(
    database: str, lake: Lake, spark: Any, found: int, indexes: tuple[str, ...]
) -> None:
    """Version 3 lacked the index by which a group is read page by page, version 4 had two others, version 5 one of
    firmness and id; their releases get places and the index of them where they lie, and only that."""
    group: list[Row] = [("p3", 1, 2, 0.5), ("p1", 1, 2, 0.5), ("p4", 1, None, None), ("p2", 1, 2, 0.75)]
    people: list[Row] = [*group, ("x", 2, 1, 1.0)]
    for release_id in ("r1", "r2"):
        write_release(lake, "a", release_id, people)
        publish(database, lake, "a", release_id, lambda: spark)
    with opened(database) as connection, transaction(connection):
        without_places(connection)
        for statement in indexes:
            connection.execute(text(statement.format("" if is_postgresql(connection) else "release_id, ")))
        connection.execute(text(f"UPDATE serving_schema SET version = {found}"))
    with closing(Serving(database)) as serving:
        assert f"of version {found}, this app reads version 6" in (serving.trouble() or "")
        assert [one["release_id"] for one in published(database)] == ["r1", "r2"]
        release = serving.current("a")
        first = release and serving.members(release, 1, limit=2)
        assert release and first and [one.subject_id for one in first] == ["p2", "p3"]
        rest = serving.members(release, 1, after=first[-1].place) or []
        assert [(one.subject_id, one.firmness) for one in rest] == [("p1", 0.5), ("p4", None)]
        assert [one.subject_id for one in serving.members(release, 2) or []] == ["x"]
    write_release(lake, "a", "r3", people)
    publish(database, lake, "a", "r3", lambda: spark)
    with opened(database) as connection:
        assert indexes_of(connection, "membership") == ["membership_by_place"]
        query = "SELECT sql FROM sqlite_master WHERE name = 'membership_by_place'"
        if is_postgresql(connection):
            query = "SELECT pg_get_indexdef(CAST('membership_by_place' AS regclass))"
        assert "firmness" not in connection.execute(text(query)).scalar_one()
        if is_postgresql(connection):
            number = [len(indexes_of(connection, partition(one))) for one in ("r1", "r2", "r3")]
            assert number == [2, 2, 2]  # the other: its key


def test_a_newer_version_is_left_alone_and_told(database: str) -> None:
    with opened(database) as connection, transaction(connection):
        connection.execute(text("CREATE TABLE serving_schema (version INTEGER)"))
        connection.execute(text("INSERT INTO serving_schema VALUES (7)"))
    for look in (lambda: current(database, "a"), lambda: published(database), lambda: rollback(database, "a")):
        with pytest.raises(DatabaseError, match="has tables of version 7; this Kindred knows version 6") as failed:
            look()
        assert "hunter2" not in str(failed.value) and failed.value.exit_code == 16
    with closing(Serving(database)) as serving:
        assert "of version 7, this app reads version 6" in (serving.trouble() or "")
        assert serving.current("a") is None
    with opened(database) as connection:
        assert inspect(connection).get_table_names() == ["serving_schema"]


def test_version_1_without_room_to_change_stays_as_it_is(tmp_path: Path) -> None:
    """In the middle of the change nothing is lost: it is one transaction."""
    path = tmp_path / "kindred.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(VERSION_1.read_text())
        connection.execute("CREATE VIEW serving_schema_in_the_way AS SELECT 1")
        connection.execute("DROP TABLE current_release")
        connection.execute("CREATE VIEW current_release AS SELECT 1 AS x")
    connection.close()
    with pytest.raises(DatabaseError):
        current(f"sqlite:///{path}", "a")
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM risk_group").fetchone() == (0,)
    connection.close()
