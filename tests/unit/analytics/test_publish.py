"""publish: a release is in the serving database whole or not at all, and one step back is always there."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from analytics import serving_database, serving_rows
from analytics.config import Settings
from analytics.errors import DatabaseError, LakeError, ReleaseError
from analytics.lake import Lake
from analytics.pipeline import Pipeline
from analytics.publish import current, publish, published, rollback
from analytics.release import hashes
from tests.unit.analytics import papers
from tests.unit.analytics.releases import Row, finish, write_release

ONE: Row = ("ZZCANARY-1", 1, 2, 0.5)
TWO: Row = ("ZZCANARY-2", 2, None, None)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state/kindred.db"


def rows(database: str, query: str) -> list[Any]:
    connection = sqlite3.connect(database.removeprefix("sqlite:///"))
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def current_id(database: str, ehr: str = "a") -> str | None:
    found = current(database, ehr)
    return found["release_id"] if found else None


def test_a_published_release_is_the_current_one(lake: Lake, database: str) -> None:
    write_release(lake, "a", "r1", [ONE], [], [TWO])
    assert publish(database, lake, "a", "r1") == {"read": 2, "kept": 2, "dropped": {}}
    assert current_id(database) == "r1"
    assert rows(database, "SELECT version FROM serving_schema") == [(serving_database.VERSION,)]
    query = "SELECT release_id, subject_id, rank, second_rank, firmness FROM membership"
    assert sorted(rows(database, query)) == [("r1", *ONE), ("r1", *TWO)]


def test_its_papers_come_with_it(lake: Lake, database: str) -> None:
    write_release(lake, "a", "r1", [ONE])
    publish(database, lake, "a", "r1")
    found = {name: json.loads(body) for name, body in rows(database, "SELECT name, body FROM release_document")}
    assert found == papers.of("r1")


CHANGED = {
    "release.json": "release.json was changed", "evidence.json": "evidence.json was changed",
    "model-card.json": "model-card.json was changed", "counts.json": "counts.json was changed",
    "memberships/part-00000.parquet": r"memberships/part-00000\.parquet was changed",
    "hashes.json": r"the hash of the release in hashes\.json is another",
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_a_release_of_which_a_byte_was_changed_is_refused(lake: Lake, database: str, name: str) -> None:
    write_release(lake, "a", "r1", [ONE])
    path = f"{lake.release('a', 'r1')}/{name}"
    if name == "hashes.json":
        lake.write_json(path, lake.read_json(path) | {"release": "0" * 64})
    else:
        lake.write_bytes(path, lake.read_bytes(path) + b" ")
    with pytest.raises(ReleaseError, match=rf"^Release r1 of a is not what was made: {CHANGED[name]}"):
        publish(database, lake, "a", "r1")
    assert published(database) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("evidence.json", "is missing"), ("hashes.json", "nothing says that it is whole"),
     ("memberships/part-00001.parquet", "does not belong")],
)
def test_a_release_with_a_file_too_few_or_too_many_is_refused(lake: Lake, database: str, name: str, said: str) -> None:
    write_release(lake, "a", "r1", [ONE])
    path = f"{lake.release('a', 'r1')}/{name}"
    lake.write_bytes(path, b"") if said == "does not belong" else lake.delete(path)
    with pytest.raises(ReleaseError, match=said):
        publish(database, lake, "a", "r1")


SMALL = [
    ("evidence", {"groups": [{"rank": 1, "n": 7}]}), ("evidence", {"screening": [{"top": 0.01, "people": 3}]}),
    ("cohorts", {"drill": {"cells": [{"sex": "Female", "groups": [{"rank": 1, "n": 40, "events": 4}]}]}}),
    ("cohorts", {"gaps": [{"id": "cms122", "groups": [{"rank": 1, "applicable": 9, "met": None}]}]}),
    ("cohorts", {"gaps": [{"id": "cms122", "groups": [{"rank": 1, "applicable": 60, "met": 0.05}]}]}),  # 3 people
    ("cohorts", {"gaps": [{"id": "cms122", "groups": [{"rank": 1, "applicable": 60, "met": 0.95}]}]}),
    ("cohorts", {"gaps": [{"id": "cms135", "everyone": {"applicable": 52, "met": None}, "groups": [  # 10 in two groups
        {"rank": 1, "applicable": 42, "met": None}, *({"rank": rank, "applicable": None} for rank in (2, 3))]}]}),
    ("cohorts", {"people": {"n": 1000, "groups": [{"rank": 1, "n": 8}]}}),
    ("map", {"bins": [{"x": 0, "y": 0, "n": 10, "rank": 1, "rate": None}]}),
    ("funnel", {"steps": [{"step": "build", "unit": "people", "read": 9, "kept": 9, "dropped": {}}]}),
    ("funnel", {"steps": [{"step": "build", "unit": "people", "read": 99, "kept": 97, "dropped": {"deceased": 2}}]}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "paper"), SMALL)
def test_a_paper_that_tells_of_a_few_people_never_leaves_the_lake(
    lake: Lake, database: str, name: str, paper: dict[str, Any]
) -> None:
    write_release(lake, "a", "r1", [ONE])
    folder = lake.release("a", "r1")
    lake.write_json(f"{folder}/{name}.json", papers.of("r1")[name] | paper)
    finish(lake, folder)
    with pytest.raises(ReleaseError, match=rf"shows a number of 1 to 10 people in {name}\.json"):
        publish(database, lake, "a", "r1")
    assert published(database) == []


def test_a_release_published_without_papers_gets_them_when_it_is_published_again(lake: Lake, database: str) -> None:
    write_release(lake, "a", "r1", [ONE])
    publish(database, lake, "a", "r1")
    with sqlite3.connect(database.removeprefix("sqlite:///")) as connection:
        connection.execute("DELETE FROM release_document WHERE name <> 'map'")
    connection.close()
    publish(database, lake, "a", "r1")
    assert rows(database, "SELECT count(*) FROM release_document") == [(len(papers.of()),)]


def test_publishing_again_changes_nothing(lake: Lake, database: str) -> None:
    write_release(lake, "a", "r1", [ONE])
    assert publish(database, lake, "a", "r1") == publish(database, lake, "a", "r1")
    assert len(published(database)) == 1


@pytest.mark.parametrize("broken", ["twice the same person", "a file cut off"])
def test_a_failure_in_the_middle_leaves_the_old_release_current_and_readable(
    lake: Lake, database: str, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_rows, "BATCH", 1)
    write_release(lake, "a", "r1", [ONE])
    publish(database, lake, "a", "r1")
    write_release(lake, "a", "r2", [TWO], [TWO] if broken == "twice the same person" else [ONE])
    if broken == "a file cut off":
        file = Path(lake.local(f"{lake.release('a', 'r2')}/memberships/part-00001.parquet") or "")
        file.write_bytes(file.read_bytes()[:-20])
        hashes.write(lake, lake.release("a", "r2"))
    with pytest.raises(DatabaseError if broken == "twice the same person" else LakeError) as failed:
        publish(database, lake, "a", "r2")
    said = str(failed.value)
    assert "ZZCANARY" not in said and "INSERT" not in said and "\n" not in said
    assert current_id(database) == "r1"
    assert rows(database, "SELECT release_id, subject_id FROM membership") == [("r1", ONE[0])]
    assert [one["release_id"] for one in published(database)] == ["r1"]


def test_the_same_ids_in_two_ehrs_never_mix(lake: Lake, database: str) -> None:
    for ehr, rank in (("a", 1), ("b", 2)):
        write_release(lake, ehr, f"r-{ehr}", [("same-id", rank, None, None)])
        publish(database, lake, ehr, f"r-{ehr}")
    query = """SELECT c.ehr, m.rank FROM current_release c JOIN membership m ON m.release_id = c.release_id
               WHERE m.subject_id = 'same-id' ORDER BY c.ehr"""
    assert rows(database, query) == [("a", 1), ("b", 2)]
    with pytest.raises(ReleaseError, match="no release r-b of a"):
        rollback(database, "a", "r-b")
    assert (current_id(database, "a"), current_id(database, "b"), current_id(database, "c")) == ("r-a", "r-b", None)


def test_rollback_goes_one_back_or_to_the_named_one(lake: Lake, database: str) -> None:
    for day in (1, 2, 3):
        write_release(lake, "a", f"r{day}", [ONE], created_at=f"2026-07-0{day}T00:00:00+00:00")
        publish(database, lake, "a", f"r{day}")
    assert rollback(database, "a") == "r2" and current_id(database) == "r2"
    assert rollback(database, "a") == "r1"
    with pytest.raises(ReleaseError, match=r"no earlier release of a\. Published, oldest first: r1, r2, r3"):
        rollback(database, "a")
    assert rollback(database, "a", "r3") == "r3"
    assert [one["release_id"] for one in published(database) if one["current"]] == ["r3"]


def test_the_settings_say_what_is_kept(tmp_path: Path) -> None:
    given = {"KINDRED_HOME": str(tmp_path), "KINDRED_KEEP_RELEASES": "2", "KINDRED_KEEP_DAYS": "30"}
    pipeline = Pipeline(Settings.from_environment(given), "a")
    database = pipeline.settings.database
    for number in (1, 2, 3, 4):
        write_release(pipeline.lake, "a", f"r{number}", [ONE])
        pipeline.publish(f"r{number}")
        with sqlite3.connect(database.removeprefix("sqlite:///")) as connection:
            days = {1: 60, 2: 20, 3: 0, 4: 0}[number]
            aged = f"date('now', '-{days} days') || 'T'"
            connection.execute(f"UPDATE release SET published_at = {aged} WHERE release_id = 'r{number}'")
            connection.execute("UPDATE release SET last_current = ''")  # no page of a moment ago
        connection.close()
    assert [one["release_id"] for one in published(database)] == ["r2", "r3", "r4"]


def test_rollback_needs_something_published(database: str) -> None:
    with pytest.raises(ReleaseError, match="none"):
        rollback(database, "a")


def test_only_a_finished_release_is_published(lake: Lake, database: str) -> None:
    write_release(lake, "a", "r1", [ONE])
    lake.delete(f"{lake.release('a', 'r1')}/_SUCCESS")
    with pytest.raises(ReleaseError, match="Run `kindred fit` first"):
        publish(database, lake, "a", "r1")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:hunter2@127.0.0.1:1/kindred?connect_timeout=1",
        "postgresql+psycopg://me:hunter2@127.0.0.1:port/kindred",
        "nosuch+driver://me:hunter2@127.0.0.1/kindred",
        "mysql+nosuch://me:hunter2@127.0.0.1/kindred",
        "sqlite:////proc/no/such/kindred.db",
        "://",
    ],
)
def test_a_database_out_of_reach_is_one_sentence_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseError) as failed:
        rollback(url, "a")
    assert "hunter2" not in str(failed.value) and "SELECT" not in str(failed.value)
    assert "Check KINDRED_DATABASE" in str(failed.value) and "\n" not in str(failed.value)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "kindred.db").write_text("ZZCANARY " * 100)
    with pytest.raises(DatabaseError) as failed:
        published(f"sqlite:///{tmp_path}/kindred.db")
    assert "ZZCANARY" not in str(failed.value)


def test_looking_makes_no_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/kindred.db"
    assert current(url, "a") is None and published(url) == []
    assert not (tmp_path / "kindred.db").exists()
