"""The batch without Spark: its own functions for a file and a partition, and the chart's score to hold against it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from analytics import build, load
from analytics.definitions import catalogue, events, features, gaps, live
from analytics.definitions.errors import SubjectError
from analytics.lake import Lake
from tests.references import BASE

AS_OF = date(2026, 6, 30)
DATES = (AS_OF, build.index_date(AS_OF))
LARGEST_LINE = 5_000_000
EXPORT = "20260701T000000Z-abcd"
SYNTHEA = Path(__file__).resolve().parents[3] / "shared" / "synthea"

Features = dict[str, float | None]
#: date -> person -> features, the batch's or the chart's.
Numbers = dict[date, dict[str, Features]]


def type_of(line: bytes) -> str:
    """The file in which a server would put the line; what has no type lies among the Observations."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "Observation"
    kind = found.get("resourceType") if isinstance(found, dict) else None
    return kind if isinstance(kind, str) and kind.isalpha() else "Observation"


def export(folder: Path, lines: Iterable[bytes], ehr: str = "test") -> Lake:
    """A finished export that holds these lines, in a lake of its own."""
    lake = Lake(f"file://{folder}")
    files = defaultdict(list)
    for line in lines:
        files[type_of(line)].append(line)
    home = lake.export(ehr, EXPORT)
    for kind, found in files.items():
        lake.write_bytes(f"{home}/{kind}/00000.ndjson", b"".join(line + b"\n" for line in found))
    listed = [{"path": f"{kind}/00000.ndjson", "type": kind, "count": len(files[kind])} for kind in sorted(files)]
    lake.write_json(f"{home}/manifest.json", {"transactionTime": "2026-07-01T00:00:00Z", "files": listed})
    lake.finish(home)
    return lake


def loaded(lake: Lake, ehr: str = "test") -> tuple[pa.Table, Counter[str]]:
    """What the tasks of ``load`` make of the export: events, and dropped lines by reason."""
    home = lake.export(ehr, EXPORT)
    reader = events.Reader(BASE)
    sources = [f"{home}/{entry['path']}" for entry in lake.read_json(f"{home}/manifest.json")["files"]]
    made = load.load_share(reader, lake, sources, "tmp/0.parquet", None, LARGEST_LINE)
    dropped = Counter(reason for file in made.files for _, reason in file.dropped)
    return pq.read_table(f"{lake.local(made.parquet)}"), dropped


def shared_of(found: pa.Table) -> pa.Table:
    """The last of the stages that need everyone, on DuckDB."""
    connection = events.connect()
    define = features.use_duckdb(connection, AS_OF)
    connection.register("events", found)
    features.define_shared(define)
    return connection.sql(f"FROM {features.SHARED_STAGES[-1]}").to_arrow_table()


#: rule -> state, of one person.
States = dict[str, str]


def states_query(table: str) -> str:
    """The batch's states of everyone in a table of features; the same text for DuckDB and Spark."""
    columns = ", ".join(f"{text} AS {rule}" for rule, text in gaps.columns().items())
    return f"SELECT subject_id, {columns} FROM {table}"


def batch_states(rows: pa.Table) -> dict[str, States]:
    """Everyone's states at AS_OF, from the batch's rows of features, on DuckDB; the dead apart."""
    connection = events.connect()
    connection.register("rows_of_all", rows)
    alive = f"(FROM rows_of_all WHERE died = 0 AND as_of = DATE '{AS_OF}')"
    return {one.pop("subject_id"): one for one in connection.sql(states_query(alive)).to_arrow_table().to_pylist()}


def live_states(people: Mapping[str, list[bytes]]) -> dict[str, States]:
    """Everyone's states at AS_OF as the chart tells them."""
    found: dict[str, States] = {}
    for person, lines in people.items():
        with suppress(SubjectError):
            score = live.score(lines, AS_OF, None, BASE)
            found[person] = {gap["id"]: gap["state"] for gap in score["gaps"] if gap["reason"] != gaps.DIED}
    return {person: states for person, states in found.items() if states}


def by_date(rows: pa.Table | list[dict[str, Any]]) -> Numbers:
    """The batch's rows as numbers; people without a Patient resource apart."""
    found: Numbers = {day: {} for day in DATES}
    for row in rows.to_pylist() if isinstance(rows, pa.Table) else rows:
        if row["died"] is not None:
            found[row["as_of"]][row["subject_id"]] = {name: row[name] for name in catalogue.features()}
    return found


def batch_rows(folder: Path, lines: Iterable[bytes]) -> tuple[pa.Table, Counter[str]]:
    """Everyone's rows at both dates, and dropped lines by reason."""
    found, dropped = loaded(export(folder, lines))
    return build._rows(shared_of(found), list(DATES)), dropped


def live_numbers(people: Mapping[str, list[bytes]]) -> Numbers:
    """Everyone's features at both dates, each scored alone from their own lines; absent where none can be."""
    found: Numbers = {day: {} for day in DATES}
    for day in DATES:
        for person, lines in people.items():
            try:
                found[day][person] = live.score(lines, day, None, BASE)["features"]
            except SubjectError:
                continue
    return found


def differences(left: Numbers, right: Numbers) -> list[tuple[date, str, str, object, object]]:
    """Every number in which the two differ, both ways: (date, person, feature, left, right)."""
    nobody: Features = {}
    return [
        (day, person, name, a.get(name, "absent"), b.get(name, "absent"))
        for day in DATES
        for person in sorted(left[day].keys() | right[day].keys())
        for a, b in [(left[day].get(person, nobody), right[day].get(person, nobody))]
        for name in catalogue.features()
        if a.get(name, "absent") != b.get(name, "absent")
    ]
