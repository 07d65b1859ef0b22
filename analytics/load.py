"""load: the lake's NDJSON to events in Parquet. Each Spark task reads whole lake files and writes Parquet itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import pyarrow.parquet as pq

from analytics import snapshot
from analytics.definitions import catalogue, events
from analytics.errors import DataError
from analytics.lake import Lake
from analytics.spark import spark_step

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CHUNK_BYTES = 16 * 1024 * 1024  # of NDJSON held by a task at a time


@dataclass(frozen=True)
class LoadedFile:
    """What a task made of one lake file; parquet is the temporary path, relative to the lake."""

    source: str
    parquet: str
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
    return bool(made.get("definitions_hash") == catalogue.definitions_hash())


def _load(spark: SparkSession, lake: Lake, ehr: str, export_id: str, max_line_bytes: int) -> None:
    target = lake.events(ehr, export_id)
    lake.delete(target)
    manifest = snapshot.manifest(lake, ehr, export_id)
    sources = [f"{lake.export(ehr, export_id)}/{entry['path']}" for entry in manifest["files"]]
    if not sources and manifest.get("since") is None:
        raise DataError(f"The export {export_id} holds no files.", "Check the group or the types that were exported.")
    with spark_step(spark, "Loading events", "load the export"):
        tasks = spark.sparkContext.parallelize(list(enumerate(sources)), max(len(sources), 1))
        made = tasks.mapPartitions(lambda part: _load_files(lake, target, max_line_bytes, part)).collect()
    _commit(lake, target, made)


def _commit(lake: Lake, target: str, loaded: list[LoadedFile]) -> None:
    """Keep what the successful tasks returned, and only that: a retried or speculative task leaves nothing behind."""
    for number, file in enumerate(loaded):
        lake.rename(file.parquet, f"{target}/part-{number:05d}.parquet")
    lake.delete(f"{target}/_temporary")
    quarantine = [
        {"file": file.source, "line": line, "reason": reason}
        for file in loaded
        for line, reason in sorted(file.dropped)
    ]
    lake.write_bytes(f"{target}/quarantine.ndjson", "".join(json.dumps(row) + "\n" for row in quarantine).encode())
    dropped = Counter(row["reason"] for row in quarantine)
    read = sum(file.read for file in loaded)
    made = {"events": sum(file.events for file in loaded), "definitions_hash": catalogue.definitions_hash()}
    lake.write_json(f"{target}/events.json", made)
    lake.write_counts(
        target, read, read - dropped.total(), dict(sorted((str(reason), n) for reason, n in dropped.items()))
    )
    lake.finish(target)


def _load_files(lake: Lake, target: str, max_line_bytes: int, part: Iterable[tuple[int, str]]) -> Iterator[LoadedFile]:
    """The Spark task."""
    from pyspark import TaskContext

    context = TaskContext.get()
    attempt = context.taskAttemptId() if context else 0
    connection = events.connect()
    for number, source in part:
        temporary = f"{target}/_temporary/{attempt}/{number:05d}.parquet"
        yield _load_file(connection, lake, source, temporary, max_line_bytes)


def _load_file(connection: Any, lake: Lake, source: str, temporary: str, max_line_bytes: int) -> LoadedFile:
    resource_type = source.rsplit("/", 2)[1]
    read = made = 0
    dropped: list[tuple[int, str]] = []
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
    return LoadedFile(source, temporary, read, made, dropped)


def _chunks(file: IO[bytes]) -> Iterator[list[tuple[int, bytes]]]:
    """Numbered lines (from 1), about CHUNK_BYTES at a time."""
    number = 1
    while lines := file.readlines(CHUNK_BYTES):
        yield list(zip(range(number, number + len(lines)), lines, strict=True))
        number += len(lines)
