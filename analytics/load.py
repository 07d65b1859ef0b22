"""load: the lake's NDJSON to events in Parquet. Each Spark task reads whole lake files and writes Parquet itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from analytics import snapshot
from analytics.definitions import catalogue, events
from analytics.errors import DataError
from analytics.lake import Lake
from analytics.spark import spark_step
from analytics.touched import TOUCHED_SCHEMA, touched_of, touched_too_long

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FORMAT = 2  # of an events folder: 2 has touched-*.parquet for increments
CHUNK_BYTES = 16 * 1024 * 1024  # of NDJSON held by a task at a time


@dataclass(frozen=True)
class LoadedFile:
    """What a task made of one lake file; parquet and touched are temporary paths, relative to the lake."""

    source: str
    parquet: str
    touched: str | None  # for increments alone
    read: int
    events: int
    dropped: list[tuple[int, str]]


def load(spark: SparkSession, lake: Lake, ehr: str, export_id: str, max_line_bytes: int) -> dict[str, Any]:
    """Make the events of one export, and of those it builds on where it holds changes only. Returns its own counts.

    Does nothing where events exist already. Raises DataError when a full export has no files, SparkError and LakeError
    when the work cannot be done.
    """
    for one in snapshot.exports_of(lake, ehr, export_id):
        if not loaded(lake, ehr, one):
            _load(spark, lake, ehr, one, max_line_bytes)
    return lake.read_counts(lake.events(ehr, export_id))


def loaded(lake: Lake, ehr: str, export_id: str) -> bool:
    """Whether the events of an export are there, made with these definitions."""
    target = lake.events(ehr, export_id)
    made = lake.read_json(f"{target}/events.json") if lake.finished(target) else {}
    return bool(made.get("definitions_hash") == catalogue.definitions_hash() and made.get("format") == FORMAT)


def _load(spark: SparkSession, lake: Lake, ehr: str, export_id: str, max_line_bytes: int) -> None:
    target = lake.events(ehr, export_id)
    lake.delete(target)
    manifest = snapshot.manifest(lake, ehr, export_id)
    sources = [f"{lake.export(ehr, export_id)}/{entry['path']}" for entry in manifest["files"]]
    if not sources and manifest.get("since") is None:
        raise DataError(f"The export {export_id} holds no files.", "Check the group or the types that were exported.")
    with spark_step(spark, "Loading events", "load the export"):
        tasks = spark.sparkContext.parallelize(list(enumerate(sources)), max(len(sources), 1))
        changes = manifest.get("since") is not None
        made = tasks.mapPartitions(lambda part: _load_files(lake, target, max_line_bytes, changes, part)).collect()
    _commit(lake, target, made)


def _commit(lake: Lake, target: str, loaded: list[LoadedFile]) -> None:
    """Keep what the successful tasks returned, and only that: a retried or speculative task leaves nothing behind."""
    for number, file in enumerate(loaded):
        lake.rename(file.parquet, f"{target}/part-{number:05d}.parquet")
        if file.touched is not None:
            lake.rename(file.touched, f"{target}/touched-{number:05d}.parquet")
    lake.delete(f"{target}/_temporary")
    quarantine = [
        {"file": file.source, "line": line, "reason": reason}
        for file in loaded
        for line, reason in sorted(file.dropped)
    ]
    lake.write_bytes(f"{target}/quarantine.ndjson", "".join(json.dumps(row) + "\n" for row in quarantine).encode())
    dropped = Counter(row["reason"] for row in quarantine)
    read = sum(file.read for file in loaded)
    hashed = catalogue.definitions_hash()
    made = {"events": sum(file.events for file in loaded), "definitions_hash": hashed, "format": FORMAT}
    lake.write_json(f"{target}/events.json", made)
    lake.write_counts(
        target, read, read - dropped.total(), dict(sorted((str(reason), n) for reason, n in dropped.items()))
    )
    lake.finish(target)


def _load_files(
    lake: Lake, target: str, max_line_bytes: int, changes: bool, part: Iterable[tuple[int, str]]
) -> Iterator[LoadedFile]:
    """The Spark task. `changes`: note which resources the files speak of, too."""
    from pyspark import TaskContext

    context = TaskContext.get()
    attempt = context.taskAttemptId() if context else 0
    connection = events.connect()
    for number, source in part:
        temporary = f"{target}/_temporary/{attempt}/{number:05d}.parquet"
        touched = f"{target}/_temporary/{attempt}/touched-{number:05d}.parquet" if changes else None
        yield _load_file(connection, lake, source, temporary, touched, max_line_bytes)


def _load_file(
    connection: Any, lake: Lake, source: str, temporary: str, touched: str | None, max_line_bytes: int
) -> LoadedFile:
    resource_type = source.rsplit("/", 2)[1]
    read = made = 0
    dropped: list[tuple[int, str]] = []
    spoken_of = [TOUCHED_SCHEMA.empty_table()]
    with (
        lake.reading(source) as file,
        lake.writing(temporary) as sink,
        pq.ParquetWriter(sink, events.EVENT_SCHEMA, compression="zstd") as writer,
    ):
        for chunk in _chunks(file):
            lines, too_bad = events.read_lines(chunk, max_line_bytes)
            batch = events.events_of(connection, lines, resource_type)
            writer.write_table(batch.events)
            read += batch.read + len(too_bad)
            made += batch.events.num_rows
            dropped += batch.dropped + too_bad
            if touched is not None:
                spoken_of += [touched_of(connection, lines), touched_too_long(chunk, too_bad)]
    if touched is not None:
        with lake.writing(touched) as sink:
            pq.write_table(pa.concat_tables(spoken_of), sink, compression="zstd")
    return LoadedFile(source, temporary, touched, read, made, dropped)


def _chunks(file: IO[bytes]) -> Iterator[list[tuple[int, bytes]]]:
    """Numbered lines (from 1), about CHUNK_BYTES at a time."""
    number = 1
    while lines := file.readlines(CHUNK_BYTES):
        yield list(zip(range(number, number + len(lines)), lines, strict=True))
        number += len(lines)
