#!/usr/bin/env python
"""The live score of one patient, from JSON to reasons, in a process that has scored before (and once, cold).

    python scripts/bench/live.py [--rounds 30] [--resources 3000] [--rows]

The patient is the generated one with the most resources, filled up to the number asked with copies of some under new
ids. The release is one whose groups lie around the features of that patient: the arithmetic is that of a real one.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).parent))

import people
from rows import HEAD, Row, send
from tree import Watch

from analytics.definitions import catalogue, live
from fhir_fixtures.population import generate

LOOKED_AT = 300  # people among whom the one with the most resources is taken


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the live score of one patient.")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--resources", type=int, default=3_000)
    parser.add_argument("--rows", action="store_true", help="rows as JSON, for bench.py")
    parser.add_argument("--cold", action="store_true", help="one score alone; prints its seconds")
    given = parser.parse_args()
    lines = patient(given.resources)
    model = release(live.score(lines, people.AS_OF, None)["features"]) if not given.cold else None
    began = time.perf_counter()
    found = live.score(lines, people.AS_OF, model)
    if given.cold:
        print(time.perf_counter() - began)
        return
    if not found["reasons"] or found["group"] is None:
        raise SystemExit("The patient was not placed: this would not time what it is to time.")
    took, cpu = [], []
    with Watch() as watch:
        for _ in range(given.rounds):
            began, used = time.perf_counter(), time.process_time()
            live.score(lines, people.AS_OF, model)
            took.append((time.perf_counter() - began) * 1e3)
            cpu.append((time.process_time() - used) * 1e3)
    note = f"CPU {statistics.median(cpu):,.0f} ms; the first in a process {cold() * 1e3:,.0f} ms"
    what = f"live score, {len(lines):,} resources, {sum(map(len, lines)) / 1e6:.1f} MB"
    row = Row(what, "ms", took, [], "< 150 ms", None, None, watch.used.peak_mb, note)
    if given.rows:
        send(row)
    else:
        print(f"{HEAD}\n{row.words()}")


def cold() -> float:
    """Seconds of the first score of a process, modules loaded."""
    return float(subprocess.check_output([sys.executable, __file__, "--cold"]))


def patient(resources: int) -> list[bytes]:
    """The JSON lines of one person."""
    most = max(generate(LOOKED_AT, people.SEED, people.AS_OF), key=lambda person: len(person.lines))
    lines = [line for _, line in most.lines]
    others = [json.loads(line) for kind, line in reversed(most.lines) if kind != "Patient"]
    for number in count():
        if len(lines) >= resources:
            return lines[:resources]
        lines.append(json.dumps(others[number % len(others)] | {"id": f"copy-{number}"}).encode())
    return lines


def release(values: dict[str, float | None]) -> dict[str, Any]:
    """Numbers of a release with eight groups and the group by rule, in the shape of release.json."""
    names = [name for name, feature in catalogue.features().items() if feature.grouped]
    figures = {"n": 100, "followed": 100, "events": 20, "rate": 0.2, "low": 0.13, "high": 0.29, "rate_below": None,
               "rate_above": None}
    groups = [{"rank": rank, "name": f"Group {rank}", "description": "", "rule": None,
               "centre": [0.1 * (rank - 4) + 0.01 * place for place in range(len(names))],
               "usual": {name: [0.0, 1.0] for name in names}, "share": dict.fromkeys(names, 0.5), **figures}
              for rank in range(1, 9)]
    groups.append(groups[0] | {"rank": 9, "name": "No contact", "rule": "no_contact", "centre": None})
    steps = {name: {"shape": catalogue.features()[name].shape, "fill": 0.0, "cap": [-0.5, 1e6], "middle": 0.0,
                    "scale": max(abs(values[name] or 0.0), 1.0)} for name in names}
    return {"release_id": "bench", "definitions_hash": catalogue.definitions_hash(), "features": names,
            "transform": steps, "mean": [0.0] * len(names), "groups": groups}


if __name__ == "__main__":
    main()
