"""publish to a real PostgreSQL: every row once, whole or not at all, whatever Spark or the network does."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import text

from analytics import serving_memberships, serving_rows
from analytics.errors import DatabaseError, LakeError, ReleaseError
from analytics.lake import Lake
from analytics.publish import current, publish, published, rollback
from analytics.release import hashes
from analytics.serving_database import driver_options, opened, partition, transaction
from tests.database.postgresql import Server
from tests.unit.analytics.releases import Row, write_release

ROWS: list[Row] = [
    ("ZZCANARY-1", 1, 2, 0.1 + 0.2), ("ZZCANARY-2", 2, None, None), ("", 1, 2, 5e-324), ("null", 1, 2, 1.0),
    ('with "quotes", comma', 1, 2, 0.0), ("\\.", 2, 1, 1 / 3), ("two\nlines", 2, 1, 0.5),
    ("Zürich \U0001f600", 2, 1, 1e-9),
]  # fmt: skip


def rows(server: Server, name: str, query: str) -> list[Any]:
    with server.connect(name) as connection:
        return connection.execute(query).fetchall()


def tables(server: Server, name: str) -> list[str]:
    return [row[0] for row in rows(server, name, "SELECT relname FROM pg_class WHERE relname LIKE 'membership_%' "
                                                 "AND relkind = 'r' ORDER BY relname")]  # fmt: skip


def publisher(url: str, lake: Lake, spark: Any) -> Callable[..., dict[str, Any]]:
    return lambda release_id, *more: publish(url, lake, "a", release_id, lambda: spark, *more)


def test_every_value_arrives_as_it_is(server: Server, name: str, url: str, lake: Lake, spark: Any) -> None:
    write_release(lake, "a", "r1", ROWS[:3], [], ROWS[3:])
    assert publisher(url, lake, spark)("r1") == {"read": 8, "kept": 8, "dropped": {}}
    query = "SELECT release_id, subject_id, rank, second_rank, firmness FROM membership"
    assert sorted(rows(server, name, query)) == sorted(("r1", *row) for row in ROWS)
    assert (current(url, "a") or {})["release_id"] == "r1"
    assert tables(server, name) == [partition("r1")]


def test_a_partition_is_attached_with_the_indexes_that_it_has(
    server: Server, name: str, url: str, lake: Lake, spark: Any
) -> None:
    """Its key and one for each of `membership`, built before the transaction that flips: attaching builds no other."""
    write_release(lake, "a", "r1", ROWS)
    publisher(url, lake, spark)("r1")
    with server.connect(name) as connection:  # what attaching builds has no name of the staging table
        connection.execute("CREATE INDEX membership_by_second ON membership (second_rank, subject_id)")
    write_release(lake, "a", "r2", ROWS)
    publisher(url, lake, spark)("r2")
    query = ("SELECT i.indexrelid::regclass::text ~ %s, i.indisprimary, i.indisvalid, c.relispartition FROM pg_index i "
             "JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = %s::regclass ORDER BY 2")
    with server.connect(name) as connection:
        found = connection.execute(query, [f"^{partition('r2')}_[0-9a-f]{{8}}_", partition("r2")]).fetchall()
    assert found == [(True, False, True, True), (True, False, True, True), (True, True, True, False)]


def test_publishing_again_copies_nothing(server: Server, name: str, url: str, lake: Lake, spark: Any) -> None:
    write_release(lake, "a", "r1", ROWS)
    first = publisher(url, lake, spark)("r1")
    assert publish(url, lake, "a", "r1") == first  # without a Spark session
    assert len(published(url)) == 1


def test_a_person_who_is_there_twice_leaves_the_old_release(
    server: Server, name: str, url: str, lake: Lake, spark: Any
) -> None:
    write_release(lake, "a", "r1", ROWS[:1])
    write_release(lake, "a", "r2", ROWS, ROWS[:1])
    publisher(url, lake, spark)("r1")
    with pytest.raises(DatabaseError, match="refused a row that is there twice") as failed:
        publisher(url, lake, spark)("r2")
    assert "ZZCANARY" not in str(failed.value)
    assert (current(url, "a") or {})["release_id"] == "r1"
    write_release(lake, "a", "r3", ROWS)
    publisher(url, lake, spark)("r3")
    assert tables(server, name) == sorted([partition("r1"), partition("r3")])  # the rest of r2 was swept


def test_a_count_that_is_not_the_lakes_is_refused(url: str, lake: Lake, spark: Any) -> None:
    write_release(lake, "a", "r1", ROWS)
    lake.write_counts(lake.release("a", "r1"), 9, 9, {})
    hashes.write(lake, lake.release("a", "r1"))
    with pytest.raises(ReleaseError, match="has 8 memberships in the lake, and its counts say 9"):
        publisher(url, lake, spark)("r1")
    assert published(url) == []


def test_a_file_that_is_cut_off_is_named(url: str, lake: Lake, spark: Any) -> None:
    write_release(lake, "a", "r1", ROWS, ROWS[:1])
    file = Path(lake.local(f"{lake.release('a', 'r1')}/memberships/part-00001.parquet") or "")
    file.write_bytes(file.read_bytes()[:-20])
    hashes.write(lake, lake.release("a", "r1"))
    with pytest.raises(LakeError, match=r"part-00001\.parquet is not whole Parquet\. Delete the release"):
        publisher(url, lake, spark)("r1")
    assert published(url) == []


class TestAPart:
    """What a task writes, run again and run twice at once as Spark does with retries and speculation."""

    @pytest.fixture
    def staging(self, server: Server, name: str) -> str:
        with server.connect(name) as connection:
            connection.execute("CREATE TABLE s (subject_id TEXT, rank INT, second_rank INT, firmness FLOAT8, "
                               "place BIGINT)")
            connection.execute("CREATE TABLE s_parts (part INTEGER PRIMARY KEY, copied BIGINT)")
        return "s"

    @pytest.fixture
    def options(self, url: str) -> dict[str, Any]:
        with opened(url) as connection:
            return driver_options(connection.engine.url)

    @staticmethod
    def batch(*ids: str) -> pa.RecordBatch:
        ones = pa.array([1] * len(ids), pa.int32())
        columns = [pa.array(ids), ones, ones, pa.array([0.5] * len(ids))]
        return serving_rows.with_places(pa.RecordBatch.from_arrays(columns, schema=serving_rows.TYPES), 0)

    def test_a_second_attempt_after_the_first_writes_nothing(
        self, server: Server, name: str, options: dict[str, Any], staging: str
    ) -> None:
        copied = [serving_memberships.copy_part(options, staging, 0, [self.batch("x", "y")]) for _ in range(2)]
        assert copied == [2, 0]
        assert rows(server, name, "SELECT count(*) FROM s") == [(2,)]

    @pytest.mark.parametrize("first_ends", ["well", "badly"])
    def test_a_second_attempt_at_the_same_time_waits_for_the_first(
        self, server: Server, name: str, options: dict[str, Any], staging: str, first_ends: str
    ) -> None:
        go_on, copied = threading.Event(), {}

        def slow() -> Any:
            yield self.batch("x")
            assert go_on.wait(30)
            if first_ends == "badly":
                raise KeyError("the executor is lost")
            yield self.batch("y")

        def attempt(number: int, batches: Any) -> None:
            try:
                copied[number] = serving_memberships.copy_part(options, staging, 0, batches)
            except KeyError:
                copied[number] = -1

        threads = [threading.Thread(target=attempt, args=(0, slow()))]
        threads[0].start()
        self.wait(server, name, "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND query ^@ 'COPY s'")
        threads.append(threading.Thread(target=attempt, args=(1, [self.batch("x"), self.batch("y")])))
        threads[1].start()
        self.wait(server, name, "SELECT count(*) FROM pg_locks JOIN pg_database d ON NOT granted AND d.datname = %s")
        go_on.set()
        for thread in threads:
            thread.join(30)
        assert copied == ({0: 2, 1: 0} if first_ends == "well" else {0: -1, 1: 2})
        assert rows(server, name, "SELECT subject_id FROM s ORDER BY 1") == [("x",), ("y",)]
        assert rows(server, name, "SELECT part, copied FROM s_parts") == [(0, 2)]

    @staticmethod
    def wait(server: Server, name: str, query: str) -> None:
        with server.connect(name) as connection:
            for _ in range(600):
                if connection.execute(query, [name]).fetchone() != (0,):
                    return
                threading.Event().wait(0.05)
        pytest.fail("it did not come to that within 30 s")

    def test_what_the_server_says_of_a_row_stays_there(
        self, server: Server, name: str, options: dict[str, Any], staging: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with server.connect(name) as connection:
            connection.execute("ALTER TABLE s ADD CHECK (subject_id <> 'ZZCANARY')")
        with pytest.raises(serving_memberships.CopyFailed) as failed:
            serving_memberships.copy_part(options, staging, 0, [self.batch("ZZCANARY")])
        assert str(failed.value) == "23514" and failed.value.__suppress_context__

        def cut_off() -> Any:
            with server.connect(name) as connection:
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                   "WHERE starts_with(query, 'COPY s')")  # fmt: skip
            raise KeyError("the Parquet is cut off too")
            yield

        with pytest.raises(KeyError):
            serving_memberships.copy_part(options, staging, 1, cut_off())
        assert "COPY" not in caplog.text  # psycopg's own warning quotes the server's words


def test_rollback_does_not_wait_for_a_publish_that_copies(url: str, lake: Lake, spark: Any) -> None:
    for release_id in ("r1", "r2"):
        write_release(lake, "a", release_id, ROWS)
        publisher(url, lake, spark)(release_id)
    with opened(url) as copying, transaction(copying):
        copying.execute(text("SELECT pg_advisory_lock(:key)"), {"key": 0x4B696E64})
        assert rollback(url, "a") == "r1"
