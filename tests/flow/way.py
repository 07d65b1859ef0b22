"""The way through on one machine: a live sandbox of some people, a home, and the pipeline's steps with one Spark."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from analytics.config import Settings
from analytics.pipeline import Pipeline
from tests.conformance.bulk.live import live_sandbox

Lines = list[tuple[str, bytes]]


@dataclass
class Way:
    """A home and how to run steps in it."""

    settings: Settings
    spark: Any
    bootstraps: int = 4

    def pipeline(self) -> Pipeline:
        """As a new command would make it, but for Spark, which is there already."""
        pipeline = Pipeline(self.settings, "sandbox", bootstraps=self.bootstraps)
        pipeline.spark = self.spark
        return pipeline

    def memberships(self, release_id: str) -> dict[str, tuple[int, int | None, float | None]]:
        """Everyone's rank, second rank and firmness in a release of the lake."""
        lake = self.pipeline().lake
        folder = Path(lake.local(f"{lake.release('sandbox', release_id)}/memberships") or "")
        rows = [row for file in sorted(folder.glob("*.parquet")) for row in pq.read_table(file).to_pylist()]
        return {row["subject_id"]: (row["rank"], row["second_rank"], row["firmness"]) for row in rows}

    def release(self, release_id: str) -> dict[str, Any]:
        """`release.json`."""
        lake = self.pipeline().lake
        return dict(json.loads(lake.read_bytes(f"{lake.release('sandbox', release_id)}/release.json")))

    def files(self) -> dict[str, int]:
        """Every file of the lake with the time of its last change."""
        files = [file for file in (self.settings.home / "lake").rglob("*") if file.is_file()]
        return {str(file): file.stat().st_mtime_ns for file in files}


@contextmanager
def way(folder: Path, spark: Any, lines: Iterable[tuple[str, bytes]], faults: str = "") -> Iterator[Way]:
    """A home whose registry names a live sandbox of these lines; files of at most 2,000 lines."""
    with live_sandbox(folder / "ehr", lines_per_file=2_000, data=lines) as live:
        home = folder / "home"
        home.mkdir()
        live.register(home, faults)
        settings = Settings.from_environment({"KINDRED_HOME": str(home), "KINDRED_FILE_TARGET_BYTES": "500000"})
        yield Way(settings, spark)
