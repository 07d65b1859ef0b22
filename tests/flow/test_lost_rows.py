"""Rows that are lost between two steps end the run with a sentence that says where: real files, really cut."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics import build, load
from analytics.errors import DataError
from analytics.lake import Lake
from analytics.risk_groups import fit
from fhir_fixtures.population import generate
from tests.parity.batch import AS_OF, EXPORT, LARGEST_LINE, export

EHR = "cut"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """The export of a few people, not loaded yet."""
    return export(tmp_path, [line for person in generate(3, 5) for _, line in person.lines], EHR)


def test_a_lake_file_that_lost_a_line_is_not_loaded(spark: Any, lake: Lake) -> None:
    path = Path(lake.local(f"{lake.export(EHR, EXPORT)}/Observation/00000.ndjson") or "")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    said = rf"Observation/00000.ndjson has {len(lines) - 1} where the step before kept {len(lines)}: .* `kindred verify"
    with pytest.raises(DataError, match=said):
        load.load(spark, lake, EHR, EXPORT, LARGEST_LINE)
    assert not lake.finished(lake.events(EHR, EXPORT))


def test_events_that_lost_a_row_are_not_built(spark: Any, lake: Lake) -> None:
    load.load(spark, lake, EHR, EXPORT, LARGEST_LINE)
    path = lake.local(lake.files(lake.events(EHR, EXPORT), ".parquet")[0])
    whole = pq.read_table(path)
    pq.write_table(whole.slice(1), path)
    with pytest.raises(DataError, match=r"where the step before kept [\d,]+: .* `kindred load cut`"):
        build.build(spark, lake, EHR, EXPORT, AS_OF)
    assert not lake.finished(lake.features(EHR, EXPORT, AS_OF))


def test_features_that_lost_a_person_are_not_fitted(spark: Any, lake: Lake) -> None:
    for day in build.dates(AS_OF, 0):
        folder = lake.features(EHR, EXPORT, day)
        lake.write_counts(folder, 3, 3, {})
        pq.write_table(pa.table({"subject_id": ["a", "b"]}), lake.local(f"{folder}/part-00000.parquet"))
    with pytest.raises(DataError, match=r" has 2 where the step before kept 3: .* `kindred build cut`"):
        fit.fit(spark, lake, EHR, EXPORT, AS_OF, 0)
