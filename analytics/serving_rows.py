"""Everyone's group as rows of the serving table: read from the lake, each with its place, as COPY takes them.

A place is one whole number that no other member of the release has. Those of a group lie together, and the greater the
firmer; so a group is read page by page off an index of 8-byte integers, which PostgreSQL sorts and reads at a third of
what group, firmness and id cost (scripts/bench/README.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analytics.errors import LakeError, ReleaseError
from analytics.lake import Lake

BATCH = 10_000  # memberships in one INSERT, and in one piece of a COPY
COLUMNS = ("subject_id", "rank", "second_rank", "firmness", "place")
TYPES = pa.schema({"subject_id": pa.string(), "rank": pa.int32(), "second_rank": pa.int32(), "firmness": pa.float64()})

#: A place is the rank (1 to 127), 26 bits of firmness (0: none, else 1 + firmness in steps of 3e-8), and 30 bits of the
#: row's number in the release, which tells people of one firmness apart.
GROUP = 2**56  # places of a group; app/serving_tables.py has the same number
LEVEL, STEPS = 2**30, 2**25
MOST_RANK = 127

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # PostgreSQL, COPY, "Binary Format": signature, no flags, no extension
TRAILER = b"\xff\xff"
MISSING = b"\xff\xff\xff\xff"  # a length of -1: NULL


class Part(NamedTuple):
    """A file of memberships, and how many rows of the release come before it."""

    path: str
    before: int


def parts(lake: Lake, folder: str) -> list[Part]:
    """The files of a release, by their footers. Raises LakeError where one is cut off."""
    found, before = [], 0
    for path in lake.files(f"{folder}/memberships", ".parquet"):
        found.append(Part(path, before))
        try:
            with lake.reading(path) as file:
                before += pq.ParquetFile(file).metadata.num_rows
        except pa.ArrowException:
            raise _not_whole(lake, path) from None
    return found


def batches(lake: Lake, files: Iterable[Part]) -> Iterator[pa.RecordBatch]:
    """The memberships in these files, each with its place. Raises LakeError where one is cut off."""
    for path, before in files:
        try:
            with lake.reading(path) as file:
                for batch in pq.ParquetFile(file).iter_batches(BATCH, columns=TYPES.names):
                    if batch.num_rows:
                        yield with_places(batch.select(TYPES.names).cast(TYPES), before)
                        before += batch.num_rows
        except pa.ArrowException:
            raise _not_whole(lake, path) from None


def with_places(batch: pa.RecordBatch, before: int) -> pa.RecordBatch:
    """The batch with the places of its rows, of which the first is number `before` of the release.

    A row without a rank is for the database to refuse. Raises ReleaseError for what fits in no place.
    """
    ranks = batch["rank"].fill_null(0).to_numpy().astype(np.int64)
    firmness = batch["firmness"].to_numpy(zero_copy_only=False)  # without one: not a number
    if ranks.size and (ranks.min() < 0 or ranks.max() > MOST_RANK or before + ranks.size > LEVEL):
        raise ReleaseError(
            f"The memberships have a rank above {MOST_RANK}, or there are more than {LEVEL:,} people.",
            "Such a release cannot be published; fit fewer groups.",
        )
    steps = np.floor(np.clip(np.nan_to_num(firmness), 0, 1) * STEPS)
    levels = np.where(np.isnan(firmness), 0, 1 + steps).astype(np.int64)
    places = ranks * GROUP + levels * LEVEL + np.arange(before, before + ranks.size)
    return batch.append_column("place", pa.array(places))


def as_copied(batch: pa.RecordBatch) -> memoryview:
    """Rows in COPY's binary format: a count of columns, then each one's length and bytes, the first byte first."""
    ids = batch["subject_id"]
    count = pa.scalar(len(COLUMNS).to_bytes(2, "big"))
    columns = [*_text(ids), *(_number(batch[name]) for name in COLUMNS[1:])]
    joined = pc.binary_join_element_wise(count, *columns, b"")
    ends = np.frombuffer(joined.buffers()[1], np.int32)
    return memoryview(joined.buffers()[2])[: ends[len(joined)]]


def _text(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    lengths = pc.binary_length(column).fill_null(-1).to_numpy().astype(">i4")
    return _cells(lengths), column.fill_null("").cast(pa.binary())


def _number(column: pa.Array) -> pa.Array:
    """Each value behind its length; NULL is a length alone."""
    values = column.fill_null(0).to_numpy()
    cells = np.empty(len(column), [("length", ">i4"), ("value", values.dtype.newbyteorder(">"))])
    cells["length"], cells["value"] = values.dtype.itemsize, values
    found = _cells(cells)
    return pc.if_else(column.is_null(), pa.scalar(MISSING), found) if column.null_count else found


def _cells(values: np.ndarray[Any, Any]) -> pa.Array:
    width = pa.binary(values.dtype.itemsize)
    return pa.Array.from_buffers(width, len(values), [None, pa.py_buffer(values)]).cast(pa.binary())


def _not_whole(lake: Lake, path: str) -> LakeError:
    return LakeError(f"{lake.url(path)} is not whole Parquet.", "Delete the release, then fit again.")
