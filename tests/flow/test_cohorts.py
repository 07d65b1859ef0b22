"""cohorts.json from feature tables in a lake with a real Spark: every number is that of the same people counted in
DuckDB, each placed by the arithmetic of the live score."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics.definitions import catalogue, gaps, groups
from analytics.evidence.people import people
from analytics.evidence.release import of_groups
from analytics.evidence.subgroups import subgroups
from analytics.lake import Lake
from analytics.release import cohorts, papers
from analytics.risk_groups import placing
from tests.flow import test_evidence as made

MEDICINES = [name for name, feature in catalogue.features().items() if feature.kind == "in_use"]
CONDITIONS = [one.name for one in cohorts.cohort_drill.conditions()]
COMMON = CONDITIONS[2]  # see `fuller`


def fuller(cells: dict[str, Any]) -> None:
    """Conditions, medicines and laboratory values that differ by kind; some are rare, some are never known."""
    rng, kind = np.random.default_rng(int(cells["age"].sum())), np.arange(made.N) % 3
    for place, name in enumerate([*CONDITIONS, *MEDICINES]):
        cells[name] = (rng.random(made.N) < (0.01, 0.1, 0.3)[place % 3] * (1 + kind) / 2).astype(float)
    for name, middle in (("systolic", 120.0), ("hba1c", 6.0)):
        values = middle + 5 * kind + rng.normal(0, 3, made.N).round(2)
        cells[name] = pa.array(values, mask=rng.random(made.N) < 0.2)
    cells["days_since_hospice"] = pa.nulls(made.N, pa.float64())
    for name in ("days_since_influenza_vaccine", "days_since_tetanus_vaccine"):
        cells[name] = pa.array(rng.integers(1, 6000, made.N) / (1.0 + kind), mask=rng.random(made.N) < 0.3)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return made.written(tmp_path_factory.mktemp("lake"), made.DAYS, fuller)


@pytest.fixture(scope="module")
def model(spark: Any, lake: Lake) -> dict[str, Any]:
    found = made.release(spark, lake)
    return found | {"groups": [group | {"share": {}} for group in found["groups"]]}


@pytest.fixture(scope="module")
def evidence(spark: Any, lake: Lake, model: dict[str, Any]) -> dict[str, Any]:
    followed = people(made.rows_of(spark, lake, made.DAYS[1]), model)
    return {"groups": of_groups(followed, model["groups"]), "subgroups": subgroups(followed, model["groups"])}


@pytest.fixture(scope="module")
def found(spark: Any, lake: Lake, model: dict[str, Any], evidence: dict[str, Any]) -> dict[str, Any]:
    return cohorts.cohorts(spark, lake, model, evidence)


def counted(lake: Lake, model: dict[str, Any], day: Any, sql: str) -> list[tuple[Any, ...]]:
    """SQL of DuckDB over `people`: the rows of a date, each with its rank."""
    folder = Path(lake.local(lake.features(made.EHR, made.EXPORT, day)) or "")
    table = pq.read_table(next(iter(folder.glob("*.parquet"))))
    inputs, contact = (placing.matrix(table, names) for names in (model["features"], [placing.CONTACT]))
    placed = groups.assign(inputs, contact[:, 0], model)
    with duckdb.connect() as connection:
        connection.register("people", table.append_column("rank", pa.array([one.rank for one in placed])))
        return connection.execute(sql).fetchall()


def test_shares_and_middle_halves_are_those_of_the_people(lake: Lake, model: dict[str, Any], found: Any) -> None:
    told, tested = {one["feature"]: one for one in found["features"]}, 0
    for name, digits in (("systolic", 4), (COMMON, None), ("statin_in_use", None), ("stays_12m", 4)):
        what = f"round(avg(CAST({name} > 0 AS INT)), 2)" if digits is None else (
            f"[quantile_cont({name}, 0.25), quantile_cont({name}, 0.75)]")  # fmt: skip
        rows = counted(lake, model, made.AS_OF, f"SELECT rank, {what} FROM people GROUP BY GROUPING SETS ((rank), ())")
        true = dict(rows)
        cells = {cell["rank"]: cell for cell in told[name]["groups"]} | {None: told[name]["everyone"]}
        shown = [rank for rank, cell in cells.items() if cell["share" if digits is None else "usual"] is not None]
        assert cells.keys() == true.keys()
        tested += len(shown)
        for rank in shown:
            if digits is None:
                assert cells[rank]["share"] == pytest.approx(true[rank])
            else:
                assert cells[rank]["usual"] == pytest.approx(true[rank], rel=1e-3)
    assert tested >= 14


def test_treatments_are_all_medicine_classes(lake: Lake, model: dict[str, Any], found: Any) -> None:
    assert [one["feature"] for one in found["treatments"]] == MEDICINES
    shown = 0
    for one in found["treatments"]:
        rows = dict(counted(lake, model, made.AS_OF,
                            f"SELECT rank, sum({one['feature']}) / count(*) FROM people GROUP BY rank"))  # fmt: skip
        for cell in one["groups"]:
            shown += cell["share"] is not None
            assert cell["share"] is None or cell["share"] == pytest.approx(rows[cell["rank"]], abs=0.0051)
    assert shown > len(MEDICINES)


def test_gaps_are_counted_by_the_rules_of_the_chart(lake: Lake, model: dict[str, Any], found: Any) -> None:
    assert [one["id"] for one in found["gaps"]] == list(gaps.columns())
    shown = 0
    for one in found["gaps"]:
        state = gaps.columns()[one["id"]]
        rows = counted(lake, model, made.AS_OF,
                       f"SELECT rank, count(*) FILTER (WHERE s <> 'not_applicable'), count(*) FILTER (WHERE s = 'met') "
                       f"FROM (SELECT rank, {state} AS s FROM people) GROUP BY rank")  # fmt: skip
        true = {rank: (applicable, met) for rank, applicable, met in rows}
        for cell in one["groups"]:
            applicable, met = true[cell["rank"]]
            assert cell["applicable"] in (None, applicable)
            if cell["met"] is not None:
                assert cell["met"] == round(met / applicable, 2)
                shown += 1
    assert shown > 3


def test_outcomes_by_sex_age_and_condition(lake: Lake, model: dict[str, Any], found: Any) -> None:
    bands = " ".join(f"WHEN age >= {low} THEN '{name}'" for low, name in
                     ((75, "75 and older"), (65, "65 to 74"), (45, "45 to 64"), (18, "18 to 44"),
                      (0, "0 to 17")))  # fmt: skip
    shown = {"sex": 0, "age_band": 0, "both": 0, "condition": 0}
    for row in found["drill"]["cells"]:
        where = [f"female = {int(row['sex'] == 'Female')}"] if row["sex"] else []
        where += [f"CASE {bands} END = '{row['age_band']}'"] if row["age_band"] else []
        where += [f"{row['condition']} = 1"] if row["condition"] else []
        sql = f"SELECT rank, count(*), sum(outcome) FROM people WHERE {' AND '.join(where)} GROUP BY rank"
        true = {rank: (n, events) for rank, n, events in counted(lake, model, made.DAYS[1], sql)}
        kind = "both" if row["sex"] and row["age_band"] else next(key for key in shown if row.get(key))
        for cell in row["groups"]:
            n, events = true.get(cell["rank"], (0, 0))
            assert cell["n"] in (None, n) and cell["events"] in (None, events)
            shown[kind] += cell["n"] is not None
    assert all(shown.values()), shown


def test_it_is_small_whole_and_says_its_dates(found: dict[str, Any]) -> None:
    assert json.loads(json.dumps(found, allow_nan=False)) == found and not papers.shows_small_cell(found)
    assert len(json.dumps(found)) < 300_000
    assert found["dates"]["treatments"] == "2026-06-30" and found["dates"]["groups_of_drill"] == "2025-06-30"
    assert sum(group["n"] or 0 for group in found["people"]["groups"]) == found["people"]["n"] == made.N
    assert any("not crossed" in sentence for sentence in found["limits"])


def test_two_passes_over_the_people(spark: Any, lake: Lake, model: dict[str, Any], evidence: dict[str, Any]) -> None:
    """However many cells there are."""
    group = "the cohorts"
    spark.sparkContext.setJobGroup(group, group)
    began = time.monotonic()
    cohorts.cohorts(spark, lake, model, evidence)
    tracker = spark.sparkContext.statusTracker()
    assert len(tracker.getJobIdsForGroup(group)) <= 8 and time.monotonic() - began < 120
    spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)
