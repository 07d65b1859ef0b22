"""What stays in the serving database, and what the next publish prunes; on SQLite and on PostgreSQL alike."""

import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from analytics.errors import ReleaseError
from analytics.lake import Lake
from analytics.publish import Keep, publish, published, rollback
from analytics.serving_database import opened, partition, transaction
from tests.database.postgresql import Server
from tests.unit.analytics.releases import write_release


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return request.getfixturevalue("url") if request.param == "postgresql" else f"sqlite:///{tmp_path}/kindred.db"


def release(database: str, lake: Lake, spark: Any, release_id: str, keep: Keep, days_ago: int = 0) -> None:
    """Publish a release as if it were so many days ago."""
    write_release(lake, "a", release_id, [("p1", 1, None, None)])
    publish(database, lake, "a", release_id, lambda: spark, keep)
    if days_ago:
        with opened(database) as connection, transaction(connection):
            aged = f"20{26 - days_ago // 365:02}-01-01T00:00:{int(release_id[1:]):02}+00:00"
            connection.execute(text('UPDATE "release" SET published_at = :at WHERE release_id = :one'),
                               {"at": aged, "one": release_id})  # fmt: skip


def there(database: str) -> list[str]:
    return [one["release_id"] for one in published(database)]


def memberships(database: str) -> list[str]:
    with opened(database) as connection, transaction(connection, reading=True):
        return sorted(connection.execute(text("SELECT DISTINCT release_id FROM membership")).scalars())


def documents(database: str) -> list[str]:
    with opened(database) as connection, transaction(connection, reading=True):
        return sorted(connection.execute(text("SELECT DISTINCT release_id FROM release_document")).scalars())


YEARS = 3 * 365
ALL_OLD = {"r1": YEARS, "r2": YEARS, "r3": YEARS, "r4": YEARS}


@pytest.mark.parametrize(
    ("keep", "ages", "left"),
    [
        (Keep(1, 90, 0), ALL_OLD, ["r4", "r5"]),  # the current one, and the one before it
        (Keep(3, 90, 0), ALL_OLD, ["r3", "r4", "r5"]),  # the newest three
        (Keep(1, 90, 0), {"r1": YEARS, "r2": YEARS}, ["r3", "r4", "r5"]),  # those of the last 90 days
        (Keep(9, 90, 0), ALL_OLD, ["r1", "r2", "r3", "r4", "r5"]),
    ],
)
def test_what_stays(
    database: str, lake: Lake, spark: Any, keep: Keep, ages: dict[str, int], left: list[str]
) -> None:
    for release_id in ("r1", "r2", "r3", "r4"):
        release(database, lake, spark, release_id, Keep(99, 90, 0), ages.get(release_id, 0))
    release(database, lake, spark, "r5", keep)
    assert there(database) == memberships(database) == left


def test_the_one_that_was_current_before_stays_though_it_is_old(database: str, lake: Lake, spark: Any) -> None:
    for release_id in ("r1", "r2", "r3"):
        release(database, lake, spark, release_id, Keep(99, 90, 0), YEARS)
    rollback(database, "a", "r1")
    release(database, lake, spark, "r4", Keep(1, 1, 0))
    assert there(database) == ["r1", "r3", "r4"]  # whoever began to read r1 can go on


def test_one_that_was_current_a_moment_ago_stays(database: str, lake: Lake, spark: Any) -> None:
    """A page that began with r1 while it was current again still finds its patient there."""
    for release_id in ("r1", "r2", "r3"):
        release(database, lake, spark, release_id, Keep(99, 90, 0), YEARS)
    rollback(database, "a", "r1")
    rollback(database, "a", "r3")
    release(database, lake, spark, "r4", Keep(1, 1, 60))
    assert "r1" in there(database)
    release(database, lake, spark, "r5", Keep(1, 0, 0))
    assert there(database) == ["r4", "r5"]


def test_another_ehrs_releases_stay(database: str, lake: Lake, spark: Any) -> None:
    write_release(lake, "b", "other", [("p1", 1, None, None)])
    publish(database, lake, "b", "other", lambda: spark)
    for release_id in ("r1", "r2", "r3"):
        release(database, lake, spark, release_id, Keep(1, 0, 0))
    assert there(database) == ["r2", "r3", "other"]


def test_a_pruned_release_is_told_and_can_be_published_again(database: str, lake: Lake, spark: Any) -> None:
    for release_id in ("r1", "r2", "r3"):
        release(database, lake, spark, release_id, Keep(1, 0, 0))
    with pytest.raises(ReleaseError, match=r"no release r1 of a\. Published, .*: r2, r3\. Older ones are pruned"):
        rollback(database, "a", "r1")
    publish(database, lake, "a", "r1", lambda: spark)
    assert there(database) == ["r2", "r3", "r1"] and memberships(database) == ["r1", "r2", "r3"] == documents(database)
    assert rollback(database, "a") == "r3"


def test_a_backup_that_reads_a_pruned_release_holds_nothing_up(
    server: Server, name: str, url: str, lake: Lake, spark: Any
) -> None:
    release(url, lake, spark, "r1", Keep())
    release(url, lake, spark, "r2", Keep())
    with server.connect(name) as backup, backup.transaction():
        backup.execute("SELECT count(*) FROM membership")
        began = time.monotonic()
        release(url, lake, spark, "r3", Keep(1, 0, 0))
        assert time.monotonic() - began < 30
        assert there(url) == ["r2", "r3"]
        assert backup.execute(f"SELECT count(*) FROM {partition('r1')}").fetchone() == (1,)
    release(url, lake, spark, "r4", Keep(9, 90, 0))
    with server.connect(name) as connection:
        assert connection.execute("SELECT to_regclass(%s)", [partition("r1")]).fetchone() == (None,)
