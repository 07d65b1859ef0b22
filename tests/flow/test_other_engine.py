"""Another DuckDB may hash otherwise: no upgrade makes a duplicate or loses a row. A real Spark, a lake of before."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from analytics import snapshot
from analytics.config import Settings
from analytics.lake import Lake
from analytics.load import load
from analytics.pipeline import Pipeline
from tests.parity.batch import EXPORT, LARGEST_LINE, export

EHR = "older"
INCREMENT = "20260702T000000Z-abcd"
Resource = dict[str, Any]


def weight(name: str, kilograms: float, updated: str = "2026-01-01T00:00:00Z") -> Resource:
    return {"resourceType": "Observation", "id": name, "status": "final", "meta": {"lastUpdated": updated},
            "subject": {"reference": "Patient/p"}, "effectiveDateTime": "2025-12-31",
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "valueQuantity": {"value": kilograms, "unit": "kg", "code": "kg"}}


#: Two lines claim one instant in the first export; the increment brings a resource unchanged, one anew, an old one.
FIRST = [weight("tie", 70), weight("tie", 71), weight("same", 80), weight("new", 90), weight("newer", 60, "2026-03-01")]
SECOND = [weight("same", 80), weight("new", 91, "2026-02-01"), weight("newer", 61, "2026-02-01")]
WEIGHTS = [("new", 91.0), ("newer", 60.0), ("same", 80.0)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A full export and an increment that builds on it."""
    lake = export(tmp_path / "lake", [json.dumps(one).encode() for one in FIRST], EHR)
    home, base = lake.export(EHR, INCREMENT), lake.export(EHR, EXPORT)
    lake.write_json(f"{base}/manifest.json", lake.read_json(f"{base}/manifest.json") | {"status": "complete"})
    lake.write_bytes(f"{home}/Observation/00000.ndjson", b"".join(json.dumps(one).encode() + b"\n" for one in SECOND))
    lake.write_json(f"{home}/manifest.json", {
        "since": "2026-07-01T00:00:00Z", "base": EXPORT, "deleted": [], "status": "complete",
        "files": [{"path": "Observation/00000.ndjson", "type": "Observation", "count": len(SECOND)}]})
    lake.finish(home)
    return lake


def made_by(engine: str, digit: str, lake: Lake, export_id: str) -> None:
    """The events of an export as an engine would have left them that hashes each line to the same."""
    folder = lake.events(EHR, export_id)
    lake.write_json(f"{folder}/events.json", lake.read_json(f"{folder}/events.json") | {"duckdb": engine})
    for path in lake.files(folder, ".parquet"):
        if "/part-" in path:
            table = pq.read_table(lake.local(path))
            version = pc.replace_substring_regex(table["version"], "#.*", "#" + 16 * digit)
            at = table.schema.get_field_index("version")
            pq.write_table(table.set_column(at, "version", version.cast(pa.string())), lake.local(path))


def newest(spark: Any, lake: Lake) -> list[tuple[str, float]]:
    """(id, kilograms) of the newest version of each resource, as build has it."""
    found = [row.asDict() for row in snapshot.events(spark, lake, EHR, INCREMENT).collect()]
    last = {row["resource"]: row["version"] for row in sorted(found, key=lambda row: str(row["version"]))}
    return sorted((row["resource"].removeprefix("Observation/"), row["numeric_value"]) for row in found
                  if row["version"] == last[row["resource"]])


def but_for_the_tie(found: list[tuple[str, float]]) -> list[tuple[str, float]]:
    return [one for one in found if one[0] != "tie"]


@pytest.mark.parametrize("digit", ["0", "f"])
def test_between_exports_no_digest_is_compared(spark: Any, lake: Lake, digit: str) -> None:
    """Even where the digests of an export are lower or higher than all others: the instant decides alone."""
    load(spark, lake, EHR, INCREMENT, LARGEST_LINE)
    before = newest(spark, lake)
    assert but_for_the_tie(before) == WEIGHTS and len(before) == len(WEIGHTS) + 1
    made_by(duckdb.__version__, digit, lake, EXPORT)
    assert but_for_the_tie(newest(spark, lake)) == WEIGHTS


def test_all_events_of_another_engine_are_made_anew_and_it_is_said(spark: Any, lake: Lake, tmp_path: Path) -> None:
    """The whole chain; what this engine made of it stays as it is."""
    settings = Settings.from_environment({"KINDRED_HOME": str(tmp_path), "KINDRED_LAKE": f"file://{tmp_path}/lake"})
    settings.ehrs.write_text(f'[{EHR}]\nissuer = "https://older.example/fhir"\n')
    pipeline = Pipeline(settings, EHR)
    pipeline.__dict__["spark"] = spark
    pipeline.load()
    assert pipeline.notes == []
    right, before = versions(lake), newest(spark, lake)
    made_by("0.0.1", "0", lake, EXPORT)
    assert versions(lake) != right
    pipeline.load()
    assert [note.partition(" were made by DuckDB 0.0.1, and this is ")[0] for note in pipeline.notes] == [
        f"The events of the export {EXPORT}"]
    assert versions(lake) == right
    assert newest(spark, lake) == before and but_for_the_tie(before) == WEIGHTS


def versions(lake: Lake) -> list[tuple[str, str]]:
    """(resource, version) of all events of both exports."""
    paths = [path for one in (EXPORT, INCREMENT) for path in lake.files(lake.events(EHR, one), ".parquet")]
    tables = [pq.read_table(lake.local(path), columns=["resource", "version"]) for path in paths if "/part-" in path]
    return sorted((row["resource"], row["version"]) for row in pa.concat_tables(tables).to_pylist())
