"""load: the lake's NDJSON to events in Parquet. Each Spark task reads whole lake files and writes one of Parquet."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import IO, TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from analytics import ndjson, snapshot
from analytics.config import MIB
from analytics.counts import require_no_less
from analytics.definitions import catalogue, events
from analytics.errors import DataError
from analytics.lake import Lake
from analytics.spark import spark_step
from analytics.touched import TOUCHED_SCHEMA, touched_of, touched_too_long

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FORMAT = 4  # of an events folder: 4 has versions by DuckDB's hash, and knows which DuckDB; 3 knew the FHIR base
BLOCK_BYTES = 16 * MIB  # of NDJSON held by a task at a time
ROW_GROUP_BYTES = 64 * MIB  # of events in memory that become one row group
REPEATED = ["subject_id", "code", "text_value", "unit", "status"]  # columns that a dictionary makes smaller
SHARE_BYTES = 4096 * MIB  # of NDJSON whose events make one Parquet file: of 128 to 512 MB


@dataclass(frozen=True)
class LoadedFile:
    """What a task read of one lake file."""

    source: str
    read: int
    dropped: list[tuple[int, str]]


@dataclass(frozen=True)
class LoadedShare:
    """What a task made of its share of the files; parquet and touched are temporary paths, relative to the lake."""

    parquet: str
    touched: str | None  # for increments alone
    events: int
    files: list[LoadedFile]


def load(
    spark: SparkSession, lake: Lake, ehr: str, export_id: str, max_line_bytes: int, base: str | None = None
) -> dict[str, Any]:
    """Make the events of one export, and of those it builds on where it holds changes only. Returns its own counts.

    base: the EHR's FHIR base: only what is referred to relatively or below it is ours (without one, relatively). Does
    nothing where events exist already. Raises DataError when a full export has no files, SparkError and LakeError when
    the work cannot be done.
    """
    for one in snapshot.exports_of(lake, ehr, export_id):
        if not loaded(lake, ehr, one, base):
            _load(spark, lake, ehr, one, max_line_bytes, base)
    return lake.read_counts(lake.events(ehr, export_id))


def loaded(lake: Lake, ehr: str, export_id: str, base: str | None = None) -> bool:
    """Whether the events of an export are there, made with these definitions, this DuckDB and for this FHIR base."""
    made, wanted = _made(lake, ehr, export_id), _wanted(base)
    return bool(made) and {key: made.get(key) for key in wanted} == wanted


def other_engine(lake: Lake, ehr: str, export_id: str) -> str | None:
    """The version of DuckDB that made the events of an export, where it is not this one: its digests are others."""
    engine: str | None = _made(lake, ehr, export_id).get("duckdb")
    return engine if engine != duckdb.__version__ else None


def _made(lake: Lake, ehr: str, export_id: str) -> dict[str, Any]:
    """What load wrote of the events of an export; nothing where there are none."""
    target = lake.events(ehr, export_id)
    made: dict[str, Any] = lake.read_json(f"{target}/events.json") if lake.finished(target) else {}
    return made


def _wanted(base: str | None) -> dict[str, Any]:
    """What must be the same for events to be those that this process would make."""
    return {
        "definitions_hash": catalogue.definitions_hash(),
        "format": FORMAT,
        "fhir_base": base,
        "duckdb": duckdb.__version__,
    }


def _load(spark: SparkSession, lake: Lake, ehr: str, export_id: str, max_line_bytes: int, base: str | None) -> None:
    target = lake.events(ehr, export_id)
    lake.delete(target)
    manifest = snapshot.manifest(lake, ehr, export_id)
    sizes = {f"{lake.export(ehr, export_id)}/{entry['path']}": entry for entry in manifest["files"]}
    if not sizes and manifest.get("since") is None:
        raise DataError(f"The export {export_id} holds no files.", "Check the group or the types that were exported.")
    with spark_step(spark, "Loading events", "load the export"):
        parts = shares({path: lake.size(path) for path in sizes}, spark.sparkContext.defaultParallelism)
        tasks = spark.sparkContext.parallelize(list(enumerate(parts)), max(len(parts), 1))
        changes = manifest.get("since") is not None
        made = tasks.mapPartitions(
            lambda part: _load_shares(lake, target, max_line_bytes, changes, base, part)
        ).collect()
    for file in (file for share in made for file in share.files):
        require_no_less(file.read, sizes[file.source]["count"], lake.url(file.source), f"Run `kindred verify {ehr}`.")
    _commit(lake, target, made, base)


def shares(sizes: dict[str, int], cores: int) -> list[list[str]]:
    """Lake files (path -> bytes) dealt out to tasks: each task writes one Parquet file.

    As many shares as it takes to make them of SHARE_BYTES or less, and where there is less than that for each core, two
    for each core. The largest files are dealt first, each to the share that has least, so that none is left to the end.
    """
    wanted = max(-(-sum(sizes.values()) // SHARE_BYTES), min(len(sizes), 2 * cores))
    dealt: list[list[str]] = [[] for _ in range(wanted)]
    heap = [(0, number) for number in range(wanted)]
    for path in sorted(sizes, key=lambda path: (-sizes[path], path)):
        size, number = heapq.heappop(heap)
        dealt[number].append(path)
        heapq.heappush(heap, (size + sizes[path], number))
    return [share for share in dealt if share]


def _commit(lake: Lake, target: str, loaded: list[LoadedShare], base: str | None) -> None:
    """Keep what the successful tasks returned, and only that: a retried or speculative task leaves nothing behind."""
    for number, share in enumerate(loaded):
        lake.rename(share.parquet, f"{target}/part-{number:05d}.parquet")
        if share.touched is not None:
            lake.rename(share.touched, f"{target}/touched-{number:05d}.parquet")
    lake.delete(f"{target}/_temporary")
    files = sorted((file for share in loaded for file in share.files), key=lambda file: file.source)
    quarantine = [
        {"file": file.source, "line": line, "reason": reason} for file in files for line, reason in sorted(file.dropped)
    ]
    lake.write_bytes(f"{target}/quarantine.ndjson", "".join(json.dumps(row) + "\n" for row in quarantine).encode())
    dropped = Counter(row["reason"] for row in quarantine)
    read = sum(file.read for file in files)
    made = {"events": sum(share.events for share in loaded)} | _wanted(base)
    lake.write_json(f"{target}/events.json", made)
    lake.write_counts(
        target, read, read - dropped.total(), dict(sorted((str(reason), n) for reason, n in dropped.items()))
    )
    lake.finish(target)


def _load_shares(
    lake: Lake, target: str, max_line_bytes: int, changes: bool, base: str | None, part: Iterable[tuple[int, list[str]]]
) -> Iterator[LoadedShare]:
    """The Spark task. `changes`: note which resources the files speak of, too."""
    from pyspark import TaskContext

    context = TaskContext.get()
    attempt = context.taskAttemptId() if context else 0
    reader = _reader(base)
    for number, sources in part:
        temporary = f"{target}/_temporary/{attempt}/{number:05d}.parquet"
        touched = f"{target}/_temporary/{attempt}/touched-{number:05d}.parquet" if changes else None
        yield load_share(reader, lake, sources, temporary, touched, max_line_bytes)


@cache
def _reader(base: str | None) -> events.Reader:
    """The one of a worker's process, whose tasks come one after the other: to plan for a type takes 16 ms."""
    return events.Reader(base)


def load_share(
    reader: events.Reader, lake: Lake, sources: list[str], temporary: str, touched: str | None, max_line_bytes: int
) -> LoadedShare:
    """Make one Parquet file of the events of some lake files, and where `touched` is given one of the resources."""
    files = []
    spoken_of = [TOUCHED_SCHEMA.empty_table()]
    with lake.writing(temporary) as sink, _RowGroups(sink) as groups:
        for source in sources:
            read, dropped = 0, list[tuple[int, str]]()
            with lake.reading(source) as file:
                for block in ndjson.blocks(file, BLOCK_BYTES):
                    lines, too_bad = block.table(max_line_bytes)
                    batch = reader.events_of(lines, source.rsplit("/", 2)[1])
                    groups.add(batch.events)
                    read += batch.read + len(too_bad)
                    dropped += batch.dropped + too_bad
                    if touched is not None:
                        spoken_of += [touched_of(reader.connection, lines), touched_too_long(block.numbered(), too_bad)]
            files.append(LoadedFile(source, read, dropped))
    if touched is not None:
        with lake.writing(touched) as sink:
            pq.write_table(pa.concat_tables(spoken_of), sink, compression="zstd")
    return LoadedShare(temporary, touched, groups.rows, files)


class _RowGroups:
    """A Parquet file of events whose row groups are of about ROW_GROUP_BYTES, however small what comes is."""

    def __init__(self, sink: IO[bytes]) -> None:
        # Without statistics: rows lie in the order of the export, so that a row group has about all times and people.
        self._writer = pq.ParquetWriter(
            sink, events.EVENT_SCHEMA, compression="zstd", use_dictionary=REPEATED, write_statistics=False
        )
        self._waiting: list[pa.Table] = []
        self.rows = 0

    def __enter__(self) -> _RowGroups:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is None:
            self._write()
        self._writer.close()

    def add(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self.rows += table.num_rows
        if sum(one.nbytes for one in self._waiting) >= ROW_GROUP_BYTES:
            self._write()

    def _write(self) -> None:
        if self._waiting:
            whole = pa.concat_tables(self._waiting)
            self._writer.write_table(whole, row_group_size=max(whole.num_rows, 1))
        self._waiting = []
