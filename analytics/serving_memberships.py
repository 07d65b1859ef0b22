"""Everyone's group of a release, from the lake into the serving database.

PostgreSQL: Spark's executors COPY side by side into a table of this publish alone, which then becomes the release's
partition. SQLite: one writer, because it lets no second one write, and its file is on this machine only.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from analytics.errors import LakeError
from analytics.lake import Lake
from analytics.serving_database import driver_options, literal, partition, transaction, unusable
from analytics.serving_rows import COLUMNS, HEADER, TRAILER, Part, as_copied, batches, parts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AT_ONCE = 8  # connections that copy at the same time: more only wait for the server's disk, and it has few
OURS = "^membership_[0-9a-f]{12}(_[0-9a-f]{8}(_parts)?)?$"
SORT_MEMORY = "256MB"  # of the server, for each index: about three million people are sorted without its disk
LOCK_WAIT = "60s"  # of a task, for the other attempt at the same part
FLIP_WAIT = "10s"  # of the publish, for a late attempt that still holds the table


class CopyFailed(Exception):
    """A task could not copy: the SQLSTATE alone, because the server's words quote the row."""


# -- SQLite ---------------------------------------------------------------------------------------------------------


def insert(connection: Connection, lake: Lake, folder: str, release_id: str) -> int:
    """Within a transaction: all memberships of a release. Returns how many."""
    count = 0
    statement = f"INSERT INTO membership ({', '.join(COLUMNS)}, release_id) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608
    for batch in batches(lake, parts(lake, folder)):
        rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        connection.exec_driver_sql(statement, [(*row, release_id) for row in rows])
        count += batch.num_rows
    return count


# -- PostgreSQL -----------------------------------------------------------------------------------------------------


def copy(connection: Connection, spark: SparkSession, lake: Lake, folder: str, release_id: str) -> str:
    """COPY a release's memberships from the executors into a table of its own, whose name is returned.

    Nobody reads that table yet. `STAGING_parts` has a row for each part that is in it, written in the transaction of
    its rows: a part that Spark runs again, or twice at once, is in there once.
    """
    from analytics.spark import spark_step

    staging = f"{partition(release_id)}_{secrets.token_hex(4)}"
    with transaction(connection):
        given = literal(release_id)
        connection.execute(text(f"CREATE TABLE {staging} (LIKE membership INCLUDING ALL EXCLUDING INDEXES)"))
        connection.execute(text(f"ALTER TABLE {staging} ALTER release_id SET DEFAULT {given}, "
                                f"ADD CONSTRAINT one_release CHECK (release_id = {given})"))
        connection.execute(text(f"CREATE TABLE {staging}_parts (part INTEGER PRIMARY KEY, copied BIGINT)"))
    url = connection.engine.url
    files = parts(lake, folder)
    tasks_at_once = max(1, min(AT_ONCE, len(files), spark.sparkContext.defaultParallelism))
    shares = [(part, files[part::tasks_at_once]) for part in range(tasks_at_once)]
    with spark_step(spark, "Copying the memberships", "copy the memberships"):
        tasks = spark.sparkContext.parallelize(shares, len(shares))
        try:
            tasks.map(_copier(driver_options(url), staging, lake)).collect()
        except Exception as error:
            if found := re.search(r"CopyFailed: (\w{5})", str(error)):
                raise unusable(url.render_as_string(hide_password=False), _Refused(found[1])) from None
            if found := re.search(r"LakeError: (\S+ is not whole Parquet)", str(error)):
                raise LakeError(f"{found[1]}.", "Delete the release, then fit again.") from None
            raise
    return staging


def index(connection: Connection, staging: str) -> None:
    """Build the key and the indexes of `membership` for what was copied, side by side, each on a connection of its own.

    Nobody reads the table yet, so the transaction that makes the release current need not wait for them.
    """
    with transaction(connection):
        others = connection.execute(text("SELECT substring(pg_get_indexdef(indexrelid) FROM ' USING .*') FROM pg_index "
                                         "WHERE indrelid = CAST('membership' AS regclass)")).scalars().all()
    given = [f"CREATE UNIQUE INDEX {staging}_key ON {staging} (subject_id)",
             *(f"CREATE INDEX ON {staging}{other}" for other in others)]

    def build(statement: str) -> None:
        with connection.engine.begin() as own:
            own.execute(text(f"SET LOCAL lock_timeout = '{FLIP_WAIT}'"))
            own.execute(text(f"SET LOCAL maintenance_work_mem = '{SORT_MEMORY}'"))
            own.execute(text("SET LOCAL max_parallel_maintenance_workers = 0"))
            own.exec_driver_sql(statement)

    with ThreadPoolExecutor(len(given)) as threads:
        for built in [threads.submit(build, statement) for statement in given]:
            built.result()


def attach(connection: Connection, staging: str, release_id: str) -> int:
    """Within the transaction that makes the release current: what was copied becomes the release's partition.

    Returns how many people are in it. Readers of other partitions are not held up.
    """
    connection.execute(text(f"SET LOCAL lock_timeout = '{FLIP_WAIT}'"))
    connection.execute(text(f"LOCK TABLE {staging}, {staging}_parts IN ACCESS EXCLUSIVE MODE"))  # no late attempt
    parts = text(f"SELECT coalesce(sum(copied), 0) FROM {staging}_parts")  # noqa: S608
    copied = int(connection.execute(parts).scalar_one())
    connection.execute(text(f"ALTER TABLE {staging} ADD PRIMARY KEY USING INDEX {staging}_key"))
    connection.execute(text(f"ALTER TABLE {staging} RENAME TO {partition(release_id)}"))
    connection.execute(text(f"ALTER TABLE membership ATTACH PARTITION {partition(release_id)} "
                            f"FOR VALUES IN ({literal(release_id)})"))
    connection.execute(text(f"DROP TABLE {staging}_parts"))
    return copied


def sweep(connection: Connection) -> list[str]:
    """Drop what ended publishes left and the partitions of pruned releases; returns what could not be dropped.

    A table that somebody reads (a backup, for one) is left to the next publish: waiting for it would hold up the app.
    """
    with transaction(connection):
        kept = {partition(one) for one in connection.execute(text('SELECT release_id FROM "release"')).scalars()}
        there = connection.execute(text(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ :ours AND relnamespace = "
            "(SELECT relnamespace FROM pg_class WHERE oid = CAST('membership' AS regclass))"),
            {"ours": OURS}).scalars().all()
    left = []
    for table in sorted(set(there) - kept):
        try:
            with transaction(connection):
                connection.execute(text("SET LOCAL lock_timeout = '1s'"))
                connection.execute(text(f"DROP TABLE {table}"))
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != "55P03":
                raise
            left.append(table)
    return left


def copy_part(options: dict[str, Any], staging: str, part: int, rows: Iterable[pa.RecordBatch]) -> int:
    """One part in one transaction of its own; 0 where another attempt has written it. Raises CopyFailed."""
    import psycopg

    logging.getLogger("psycopg").disabled = True  # it warns with the server's words
    try:
        with psycopg.connect(**options) as connection, connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
            cursor.execute(f"INSERT INTO {staging}_parts (part) VALUES (%s) ON CONFLICT DO NOTHING", [part])  # noqa: S608
            if cursor.rowcount == 0:
                return 0
            with cursor.copy(f"COPY {staging} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)") as target:
                target.write(HEADER)
                for batch in rows:
                    target.write(as_copied(batch))
                target.write(TRAILER)
            copied = cursor.rowcount  # the server's own count
            cursor.execute(f"UPDATE {staging}_parts SET copied = %s WHERE part = %s", [copied, part])  # noqa: S608
            return copied
    except psycopg.Error as error:
        raise CopyFailed(error.sqlstate or "08006") from None


def _copier(options: dict[str, Any], staging: str, lake: Lake) -> Callable[[tuple[int, list[Part]]], int]:
    return lambda part: copy_part(options, staging, part[0], batches(lake, part[1]))


class _Refused(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__()
        self.sqlstate = sqlstate
