#!/usr/bin/env python
"""NDJSON to events in Parquet: our load against Spark's own JSON reader and against DuckDB alone, in turn.

    python scripts/bench/load.py [--rounds 5] [--people 3450] [--rows]

One Spark session serves both sides that need one, and both use all cores: the first round warms up and does not count.
The rows "own process" are what a nightly run takes: `kindred load` and a script that only reads and writes with Spark,
each from the start of its process to its end, three times, with a cold JVM each time.
Events are compared in each round: the same number of rows, and the same sum of hashes over all columns (of `version`
only the instant: Spark's reader has no line to make a digest of).
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
import spark_reader
from rows import HEAD, Row, send
from tree import Used, Watch, watched

from analytics import load
from analytics.config import Settings
from analytics.definitions.events import EVENT_SCHEMA
from analytics.lake import Lake
from analytics.spark import session

INSTANT = "TRY_CAST(split_part(version, '#', 1) AS TIMESTAMP)"
COLUMNS = [name if name != "version" else INSTANT for name in EVENT_SCHEMA.names]
COLD_ROUNDS = 3


def main() -> None:
    given = people.options("Time load against Spark's JSON reader and DuckDB alone.", rounds=5, people=3_450)
    folder = people.made(given.folder, given.people)
    with tempfile.TemporaryDirectory(dir=given.folder) as home:
        found = rounds(folder, Path(home), given.rounds)
    with tempfile.TemporaryDirectory(dir=given.folder) as home:
        cold = own_processes(folder, Path(home))
    megabytes = sum(path.stat().st_size for path in folder.glob("*.ndjson")) / 1e6
    if not given.rows:
        print(HEAD)
    for row in [*table(megabytes, found), own_process_row(megabytes, cold)]:
        send(row) if given.rows else print(row.words())


def rounds(files: Path, home: Path, number: int) -> list[dict[str, Used]]:
    """What each side used, a dictionary for each round."""
    spark = session(Settings.from_environment({"KINDRED_HOME": str(home)}))
    lake = Lake(f"file://{home}/lake")
    people.as_export(files, lake)
    sources = sorted(files.glob("*.ndjson"))
    target = {name: home / name for name in ("spark", "duckdb")} | {
        "ours": Path(lake.local(lake.events(people.EHR, people.EXPORT)) or "")}
    ways: list[tuple[str, Any]] = [
        ("ours", partial(load.load, spark, lake, people.EHR, people.EXPORT, 5_000_000)),
        ("spark", partial(spark_reader.write, spark, sources, target["spark"])),
        ("duckdb", partial(duckdb_alone.load, sources, target["duckdb"])),
    ]
    found = []
    for turn in range(number + 1):
        used = {}
        for name, way in ways[turn % 3:] + ways[: turn % 3]:
            shutil.rmtree(target[name], ignore_errors=True)
            with Watch() as watch:
                way()
            used[name] = watch.used
        same({name: duckdb_alone.fingerprint(pattern(path, name), COLUMNS) for name, path in target.items()})
        found.append(used)
        print(f"round {turn}: {used}", file=sys.stderr, flush=True)
    spark.stop()
    return found[1:]


def own_processes(files: Path, home: Path) -> list[dict[str, Used]]:
    """As ``rounds``, of processes that do nothing else, in turn."""
    lake = Lake(f"file://{home}/lake")
    people.as_export(files, lake)
    (home / "ehrs.toml").write_text(f'[{people.EHR}]\nissuer = "http://127.0.0.1:9/fhir"\n')
    target = {"ours": Path(lake.local(lake.events(people.EHR, people.EXPORT)) or ""), "spark": home / "spark"}
    commands = {
        "ours": [sys.executable, "-m", "analytics.cli", "load", people.EHR],
        "spark": [sys.executable, str(Path(__file__).with_name("spark_reader.py")), str(files), str(target["spark"])],
    }
    env = os.environ | {"KINDRED_HOME": str(home), "PYTHONPATH": str(ROOT)}
    found = []
    for turn in range(COLD_ROUNDS):
        used = {}
        for name in sorted(commands, reverse=bool(turn % 2)):
            shutil.rmtree(target[name], ignore_errors=True)
            used[name], _ = watched(commands[name], env, ROOT)
        same({name: duckdb_alone.fingerprint(pattern(path, name), COLUMNS) for name, path in target.items()})
        found.append(used)
        print(f"own processes, round {turn}: {used}", file=sys.stderr, flush=True)
    return found


def own_process_row(megabytes: float, found: list[dict[str, Used]]) -> Row:
    seconds = {name: [one[name].seconds for one in found] for name in found[0]}
    cpu = {name: [one[name].cpu for one in found] for name in found[0]}
    return Row(f"load {megabytes:.0f} MB, own process: Spark's JSON reader", "s", seconds["ours"], seconds["spark"], "",
               cpu["ours"], cpu["spark"], max(one["ours"].peak_mb for one in found))


def pattern(folder: Path, name: str) -> str:
    return f"{folder}/part-*.parquet" if name != "duckdb" else f"{folder}/*.parquet"


def same(prints: dict[str, tuple[int, int]]) -> None:
    """End the bench where the sides did not make the same rows: a comparison would mean nothing."""
    if len(set(prints.values())) != 1:
        raise SystemExit(f"The sides did not make the same rows: {prints}")


def table(megabytes: float, found: list[dict[str, Used]]) -> list[Row]:
    rates = {name: [megabytes / one[name].seconds for one in found] for name in found[0]}
    cpu = {name: [one[name].cpu for one in found] for name in found[0]}
    peak = max(one["ours"].peak_mb for one in found)
    return [Row(f"load {megabytes:.0f} MB, warm: Spark's JSON reader", "MB/s", rates["ours"], rates["spark"], ">= 4",
                cpu["ours"], cpu["spark"], peak),
            Row(f"load {megabytes:.0f} MB, warm: DuckDB alone", "MB/s", rates["ours"], rates["duckdb"], ">= 0.7",
                cpu["ours"], cpu["duckdb"], peak)]


if __name__ == "__main__":
    main()
