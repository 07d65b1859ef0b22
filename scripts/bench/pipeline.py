#!/usr/bin/env python
"""The whole way for 1,000, 10,000 and (--full) 100,000 generated people, as the command does it, each step a process.

    python scripts/bench/pipeline.py [--people 1000 10000] [--full] [--steps load,build,fit,publish] [--rows]

The people are made once and stand in the lake as a finished export; from there `kindred load`, `build`, `fit` and
`publish` run one after the other. Time is by the clock, start of Python and Spark and all; CPU and memory are those of
all processes of the step (PSS: shared pages count once). The exponent is the slope between two sizes, log by log.
"""

import argparse
import math
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).parent))

import people
from rows import HEAD, Row, send
from tree import Used, watched

from analytics.counts import parquet_rows
from analytics.lake import Lake

STEPS = ("load", "build", "fit", "publish")
FULL = 100_000
GB = 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the pipeline for several sizes of a population.")
    parser.add_argument("--people", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--full", action="store_true", help="100,000 people too: about 13 GB of NDJSON, made once")
    parser.add_argument("--steps", default=",".join(STEPS), help="only these, in order")
    parser.add_argument("--folder", type=Path, default=ROOT / ".kindred/bench")
    parser.add_argument("--rows", action="store_true", help="rows as JSON, for bench.py")
    given = parser.parse_args()
    if not given.rows:
        print(HEAD)
    took: dict[int, dict[str, Used]] = {}
    for size in [*given.people, *([FULL] if given.full else [])]:
        need_room(given.folder, size)
        took[size] = one_size(people.made(given.folder, size), given.folder / f"home-{size}", given.steps.split(","))
        for row in rows(size, took):
            send(row) if given.rows else print(row.words(), flush=True)


def need_room(folder: Path, size: int) -> None:
    """The people, their events and features, and what Spark shuffles."""
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = size * 200_000, shutil.disk_usage(folder).free
    if not (folder / f"files-{size}").exists() and free < needed:
        raise SystemExit(f"{size:,} people need about {needed / GB:.0f} GB in {folder}; {free / GB:.0f} GB are free.")


def one_size(files: Path, home: Path, steps: list[str]) -> dict[str, Used]:
    """What each step used. The home is made anew and deleted in the end."""
    shutil.rmtree(home, ignore_errors=True)
    lake = Lake(f"file://{home}/lake")
    people.as_export(files, lake)
    (home / "ehrs.toml").write_text(f'[{people.EHR}]\nissuer = "http://127.0.0.1:9/fhir"\n')
    env = os.environ | {"KINDRED_HOME": str(home), "PYTHONPATH": str(ROOT)}
    used = {}
    for step in steps:
        command = [sys.executable, "-m", "analytics.cli", step, people.EHR]
        used[step], said = watched([*command, *(["--as-of", str(people.AS_OF)] if step == "build" else [])], env, ROOT)
        print(f"{files.name} {step}: {used[step]} {said.strip().splitlines()[-1]}", file=sys.stderr, flush=True)
    print(f"{files.name} Parquet: {parquet(lake)}", file=sys.stderr, flush=True)
    shutil.rmtree(home)
    return used


def parquet(lake: Lake) -> dict[str, list[float]]:
    """Sizes in MB of the Parquet files of each folder."""
    folders = [lake.events(people.EHR, people.EXPORT)]
    days = lake.names(f"{people.EHR}/features/{people.EXPORT}")
    folders += [lake.features(people.EHR, people.EXPORT, day) for day in days]
    return {f"{folder.split('/')[1]} {folder.rsplit('/', 1)[1]}, {parquet_rows(lake, folder):,} rows":
            [round(lake.size(path) / 1e6, 1) for path in lake.files(folder, ".parquet")] for folder in folders}


def rows(size: int, took: dict[int, dict[str, Used]]) -> list[Row]:
    """A row for each step of a size and one for all of it, with the exponent from the size before."""
    whole = {at: total(used) for at, used in took.items()}
    before = max((other for other in took if other < size), default=None)
    slope = math.log(whole[size].seconds / whole[before].seconds) / math.log(size / before) if before else None
    found = [Row(f"pipeline, {size:,} people: {step}", "s", [used.seconds], [], "", [used.cpu], None, used.peak_mb,
                 f"{size / used.seconds:,.0f} people/s") for step, used in took[size].items()]
    note = f"exponent from {before:,}: {slope:.2f} (goal <= 1.05)" if slope is not None else ""
    goal = "< 8 GB" if size == FULL else ""
    return [*found, Row(f"pipeline, {size:,} people: all", "s", [whole[size].seconds], [], goal, [whole[size].cpu],
                        None, whole[size].peak_mb, note)]


def total(used: dict[str, Used]) -> Used:
    steps = used.values()
    return Used(sum(one.seconds for one in steps), sum(one.cpu for one in steps), max(one.peak_mb for one in steps))


if __name__ == "__main__":
    main()
