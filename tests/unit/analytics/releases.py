"""Small releases in a lake on disk, as fit writes them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analytics.lake import Lake
from analytics.release import hashes
from tests.flow import published
from tests.unit.analytics import papers

Row = tuple[str, int, int | None, float | None]


def model(ehr: str, release_id: str, created_at: str = "2026-07-01T00:00:00+00:00") -> dict[str, Any]:
    dated = {"as_of": "2026-06-30", "index_date": "2025-06-30", "created_at": created_at}
    return published.model() | dated | {"ehr": ehr, "release_id": release_id, "export_id": "20260701T000000Z"}


def write_release(lake: Lake, ehr: str, release_id: str, *files: list[Row], **changes: Any) -> None:
    """A finished release whose memberships lie in these files."""
    folder = lake.release(ehr, release_id)
    lake.write_json(f"{folder}/release.json", model(ehr, release_id, **changes))
    types = {"subject_id": pa.string(), "rank": pa.int32(), "second_rank": pa.int32(), "firmness": pa.float64()}
    Path(lake.local(f"{folder}/memberships") or "").mkdir(parents=True)
    for number, rows in enumerate(files):
        table = pa.Table.from_pylist([dict(zip(types, row, strict=True)) for row in rows], pa.schema(types))
        pq.write_table(table, lake.local(f"{folder}/memberships/part-{number:05d}.parquet"))
    total = sum(len(rows) for rows in files)
    lake.write_counts(folder, total, total, {})
    for name, paper in papers.of(release_id).items():
        lake.write_json(f"{folder}/{name}.json", paper)
    finish(lake, folder)


def finish(lake: Lake, folder: str) -> None:
    """Hashes of what lies there, and the mark that it is whole."""
    hashes.write(lake, folder)
    lake.finish(folder)
