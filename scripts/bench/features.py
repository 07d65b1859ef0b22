#!/usr/bin/env python
"""Events to features: our build on Spark against the same SQL in DuckDB alone, in turn.

    python scripts/bench/features.py [--rounds 3] [--people 1000] [--rows]

Both make the rows of all dates that build makes, from the same Parquet files of events and with all cores, and are
compared in each round.
"""

import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).parent))

import duckdb_alone
import people
from rows import HEAD, Row, send
from tree import Used, Watch

from analytics import build, load
from analytics.config import Settings
from analytics.definitions import catalogue, features
from analytics.lake import Lake
from analytics.spark import session

EARLIER = 0  # dates before the index date


def main() -> None:
    given = people.options("Time build against the same SQL in DuckDB alone.", rounds=3, people=1_000)
    folder = people.made(given.folder, given.people)
    with tempfile.TemporaryDirectory(dir=given.folder) as home:
        found = rounds(folder, Path(home), given.rounds)
    seconds = {name: [one[name].seconds for one in found] for name in found[0]}
    cpu = {name: [one[name].cpu for one in found] for name in found[0]}
    row = Row(f"features, {given.people:,} people, {EARLIER + 2} dates: DuckDB alone", "s", seconds["ours"],
              seconds["duckdb"], "", cpu["ours"], cpu["duckdb"], max(one["ours"].peak_mb for one in found))
    if given.rows:
        send(row)
    else:
        print(f"{HEAD}\n{row.words()}")


def rounds(files: Path, home: Path, number: int) -> list[dict[str, Used]]:
    """What each side used, a dictionary for each round; the first warms up and does not count."""
    spark = session(Settings.from_environment({"KINDRED_HOME": str(home)}))
    lake = Lake(f"file://{home}/lake")
    people.as_export(files, lake)
    load.load(spark, lake, people.EHR, people.EXPORT, 5_000_000)
    events = lake.local(lake.events(people.EHR, people.EXPORT))
    ours = Path(lake.local(f"{people.EHR}/features") or "")
    ways: list[tuple[str, Path, Any]] = [
        ("ours", ours, partial(build.build, spark, lake, people.EHR, people.EXPORT, people.AS_OF, EARLIER)),
        ("duckdb", home / "duckdb", partial(alone, f"{events}/part-*.parquet", home / "duckdb")),
    ]
    found = []
    for turn in range(number + 1):
        used = {}
        for name, target, way in ways[:: 1 if turn % 2 else -1]:
            shutil.rmtree(target, ignore_errors=True)
            with Watch() as watch:
                way()
            used[name] = watch.used
        same(ours, home / "duckdb")
        found.append(used)
        print(f"round {turn}: {used}", file=sys.stderr, flush=True)
    spark.stop()
    return found[1:]


def alone(events: str, target: Path) -> None:
    """All dates with DuckDB's own threads: the stages that need everyone once, as build has them."""
    connection = duckdb_alone.connect()
    target.mkdir(parents=True)
    define = features.use_duckdb(connection, people.AS_OF)
    connection.execute(f"CREATE TEMP VIEW events AS FROM read_parquet('{events}')")
    features.define_shared(define)
    features.define_facts(define)
    for day in build.dates(people.AS_OF, EARLIER):
        features.define_dated(features.use_duckdb(connection, day))
        features.define_wide(connection)
        select = "SELECT * FROM wide WHERE died = 0"
        connection.execute(f"COPY ({select}) TO '{target}/{day}.parquet' (COMPRESSION snappy)")
    connection.close()


def same(ours: Path, theirs: Path) -> None:
    """End the bench where the two did not make the same features. Sums of floats may differ in the last digits."""
    columns = ["subject_id", *(f"round({name}, 6)" for name in catalogue.features())]
    for day in build.dates(people.AS_OF, EARLIER):
        one = duckdb_alone.fingerprint(f"{ours}/{people.EXPORT}/{day}/part-*.parquet", columns)
        other = duckdb_alone.fingerprint(f"{theirs}/{day}.parquet", columns)
        if one != other:
            raise SystemExit(f"The sides did not make the same features of {day}: {one} and {other}")


if __name__ == "__main__":
    os.environ.setdefault("KINDRED_SPARK_MASTER", "local[*]")
    main()
