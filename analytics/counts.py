"""Nothing is lost between two steps: what a step reads is held against what the step before said it kept."""

from __future__ import annotations

import pyarrow.parquet as pq

from analytics.errors import DataError
from analytics.lake import Lake


def parquet_rows(lake: Lake, folder: str) -> int:
    """Rows of the part files of a folder, by their footers."""
    rows = 0
    for path in lake.files(folder, ".parquet"):
        if path.rpartition("/")[2].startswith("part-"):
            with lake.reading(path) as file:
                rows += pq.ParquetFile(file).metadata.num_rows
    return rows


def require_all(read: int, kept: int, where: str, again: str) -> None:
    """Raise DataError unless the step read exactly what the step before kept. `again`: what to do."""
    if read != kept:
        raise _changed(read, kept, where, again)


def require_no_less(read: int, kept: int, where: str, again: str) -> None:
    """Raise DataError where something of what the step before kept is not there. More is no loss: it is counted."""
    if read < kept:
        raise _changed(read, kept, where, again)


def _changed(read: int, kept: int, where: str, again: str) -> DataError:
    return DataError(f"{where} has {read:,} where the step before kept {kept:,}: it was changed or cut.", again)
