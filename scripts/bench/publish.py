#!/usr/bin/env python
"""Times publishing to PostgreSQL against a plain COPY of the same rows, in turn, and prints a table of medians.

    python scripts/bench/publish.py [--rounds 5] [--people 1000000] [--durable]

"publish" is all of it: Parquet read by Spark's executors, COPY, counts checked, key and list built, attached, flipped,
the release before swept; the Spark session is there already, as it is in `kindred run`. "plain COPY" is one connection
that sends the same rows, as ready CSV from memory, to a table without a key; "with key" builds the same key in the
end. The server is one of its own from this machine's binaries; with --durable it also waits for the disk (fsync).
Processor time is that of all processes: this one, Spark's and the server's.
"""

import argparse
import io
import os
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).parent))

from rows import Row, send
from tree import spent

from analytics.config import Settings
from analytics.lake import Lake
from analytics.publish import Keep, publish
from analytics.spark import session
from tests.database import postgresql
from tests.unit.analytics import papers
from tests.unit.analytics.releases import finish, model

FILES = 8  # as fit writes them
COLUMNS = "subject_id, rank, second_rank, firmness"


class Took(NamedTuple):
    """Seconds by the clock, and of the processor."""

    seconds: float
    cpu: float


Round = dict[str, Took]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time publishing to PostgreSQL against a plain COPY.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--durable", action="store_true", help="the server waits for the disk")
    parser.add_argument("--rows", action="store_true", help="rows as JSON, for bench.py")
    given = parser.parse_args()
    if given.durable:
        postgresql.SETTINGS |= {"fsync": "on", "synchronous_commit": "on"}
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o711)
        server = postgresql.Server.start(Path(home) / "server")
        try:
            server.wait()
            found = rounds(given, Path(home), server)
            if given.rows:
                send_rows(given.people, found)
            else:
                report(given.people, found)
        finally:
            server.stop()


def rounds(given: argparse.Namespace, home: Path, server: postgresql.Server) -> list[Round]:
    """Each with the three ways, in an order that turns; one that does not count comes first."""
    spark = session(Settings.from_environment({"KINDRED_HOME": str(home), "KINDRED_SPARK_MASTER": "local[*]"}))
    lake, people = Lake(f"file://{home}/lake"), table(given.people)
    ready = as_csv(people)
    with server.connect() as connection:
        connection.execute("CREATE DATABASE kindred")
    found: list[Round] = []
    for number in range(given.rounds + 1):
        release_id = f"r{number:03}"
        write(lake, release_id, people)
        whole = partial(publish, server.url("kindred"), lake, "a", release_id, lambda: spark, Keep(1, 0))
        ways: list[tuple[str, Any]] = [
            ("publish", whole),
            ("plain COPY", lambda: plain_copy(server, ready, key=False)),
            ("with key", lambda: plain_copy(server, ready, key=True)),
        ]
        turned = ways[number % 3 :] + ways[: number % 3]
        found.append({name: took(way, server) for name, way in turned})
        lake.delete(lake.release("a", release_id))
    spark.stop()
    return found[1:]


def took(way: Any, server: postgresql.Server) -> Took:
    """How long it takes; the server has written what came before."""
    with server.connect("kindred") as connection:
        connection.execute("CHECKPOINT")
    began, used = time.monotonic(), spent(os.getpid())
    way()
    return Took(time.monotonic() - began, spent(os.getpid()) - used)


def table(people: int) -> pa.Table:
    """Memberships of people with ids like a UUID's."""
    ids = [
        f"{number * 2654435761 % 2**32:08x}-{number:04x}-4000-8000-{number * 40503 % 2**32:012x}"
        for number in range(people)
    ]
    ranks = pa.array([1 + number % 9 for number in range(people)], pa.int32())
    second = pa.array([None if number % 9 == 8 else 1 + (number + 1) % 9 for number in range(people)], pa.int32())
    firm = pa.array([None if number % 9 == 8 else number * 7919 % people / people for number in range(people)])
    return pa.table({"subject_id": ids, "rank": ranks, "second_rank": second, "firmness": firm})


def write(lake: Lake, release_id: str, people: pa.Table) -> None:
    """A finished release in the lake."""
    folder = lake.release("a", release_id)
    lake.write_json(f"{folder}/release.json", model("a", release_id))
    (Path(lake.local(folder) or "") / "memberships").mkdir()
    each = -(-people.num_rows // FILES)
    for number in range(FILES):
        pq.write_table(people.slice(number * each, each), lake.local(f"{folder}/memberships/part-{number:05d}.parquet"))
    lake.write_counts(folder, people.num_rows, people.num_rows, {})
    for name, paper in papers.of(release_id).items():
        lake.write_json(f"{folder}/{name}.json", paper)
    finish(lake, folder)


def as_csv(people: pa.Table) -> bytes:
    """The rows as COPY reads them, release and all."""
    whole = people.add_column(0, "release_id", pa.array(["r000"] * people.num_rows))
    sink = io.BytesIO()
    pyarrow.csv.write_csv(whole, sink, pyarrow.csv.WriteOptions(include_header=False))
    return sink.getvalue()


def plain_copy(server: postgresql.Server, ready: bytes, key: bool) -> None:
    """One transaction of one connection, in pieces of 256 KiB."""
    with psycopg.connect(server.url("kindred").replace("+psycopg", "")) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS plain")
        cursor.execute('CREATE TABLE plain (release_id TEXT NOT NULL, subject_id TEXT COLLATE "C" NOT NULL, '
                       "rank INTEGER NOT NULL, second_rank INTEGER, firmness DOUBLE PRECISION)")
        with cursor.copy(f"COPY plain (release_id, {COLUMNS}) FROM STDIN (FORMAT csv)") as target:
            for start in range(0, len(ready), 262_144):
                target.write(memoryview(ready)[start : start + 262_144])
        if key:
            cursor.execute("ALTER TABLE plain ADD PRIMARY KEY (subject_id)")


def send_rows(people: int, found: list[Round]) -> None:
    """The lines of the whole bench's table."""
    for name in ("plain COPY", "with key"):
        ours, theirs = ([people / 1e3 / one[side].seconds for one in found] for side in ("publish", name))
        cpu, their_cpu = ([one[side].cpu for one in found] for side in ("publish", name))
        what = f"publish, {people:,} memberships: {name}"
        send(Row(what, "k rows/s", ours, theirs, ">= 0.5", cpu=cpu, their_cpu=their_cpu))


def report(people: int, found: list[Round]) -> None:
    """A line for each way; a ratio is taken within its round."""
    print(f"{people:,} memberships to PostgreSQL, {len(found)} rounds: median (least - most)")
    for name in ("publish", "plain COPY", "with key"):
        clock, cpu = (sorted(one[name][part] for one in found) for part in (0, 1))
        print(f"{name:<12}{statistics.median(clock):>7.2f} s ({clock[0]:.2f} - {clock[-1]:.2f})"
              f"{people / statistics.median(clock):>12,.0f} rows/s, {statistics.median(cpu):.2f} CPU s")
    for name in ("plain COPY", "with key"):
        clock, cpu = (sorted(one[name][part] / one["publish"][part] for one in found) for part in (0, 1))
        spread = f"{statistics.median(clock):>5.2f} ({clock[0]:.2f} - {clock[-1]:.2f})"
        print(f"publish's rate / that of {name:<12}{spread}, by processor time {statistics.median(cpu):.2f}")


if __name__ == "__main__":
    main()
