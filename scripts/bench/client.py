#!/usr/bin/env python
"""One export as a process of its own; prints {"seconds", "waited", "cpu", "bytes", "files", "peak_mb", "lake_files"}.

`waited`: the part of the seconds up to the manifest, which is the EHR's work on the job and our polling. `cpu`: seconds
of the processor, user and system, for all of it.

    python scripts/bench/client.py REGISTRY EHR LAKE PARALLEL identity|gzip
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from analytics.config import BulkClient
from analytics.export import ExportOptions, export
from analytics.lake import Lake
from analytics.progress import Step

WAITED: list[float] = []


@contextmanager
def silent(title: str, total: float | None = None, unit: str = "") -> Iterator[Step]:
    """Shows nothing; notes when the wait for the EHR is over."""
    yield Step(title, total, unit)
    if title.startswith("Waiting"):
        WAITED.append(time.monotonic())


def main(registry: str, ehr: str, lake: str, parallel: str, coding: str) -> None:
    options = ExportOptions(types=(), parallel=int(parallel), gzip=coding == "gzip")
    client = BulkClient.from_registry(Path(registry), ehr)
    started, cpu = time.monotonic(), time.process_time()
    result = export(client, Lake(f"file://{lake}"), options, silent)
    seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    if result.status != "complete":
        raise SystemExit(f"The export is {result.status}.")
    lake_files = len(Lake(f"file://{lake}").read_json(f"{result.path}/manifest.json")["files"])
    print(json.dumps({
        "seconds": seconds, "waited": WAITED[0] - started, "cpu": cpu, "bytes": result.bytes,
        "files": result.files_fetched, "lake_files": lake_files,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main(*sys.argv[1:])
