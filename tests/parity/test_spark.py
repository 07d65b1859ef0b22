"""One run of the real batch through Spark: everyone's row is what the chart shows, to the last digit, at both dates."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fhir_fixtures
from analytics import build, load
from analytics.definitions import catalogue
from analytics.lake import Lake
from fhir_fixtures.population import generate, shared_resources
from tests.parity.batch import (
    AS_OF,
    DATES,
    EXPORT,
    LARGEST_LINE,
    Numbers,
    differences,
    export,
    live_numbers,
    live_states,
    states_query,
)
from tests.references import BASE
from tests.spec import engines

PEOPLE = 40
SEED = 11
CASES = Path(fhir_fixtures.__file__).parent / "cases"
SOMEBODY_ELSE = b"Patient/somebody-not-here"
EHR = "test"


@pytest.fixture(scope="module")
def people() -> dict[str, list[bytes]]:
    """Generated people and all hand-written cases, each with their own lines."""
    found = {person.id: [line for _, line in person.lines] for person in generate(PEOPLE, SEED)}
    for path in sorted(CASES.glob("*.ndjson")):
        lines = path.read_bytes().splitlines()
        person = next(line for line in lines if b'"Patient"' in line).split(b'"id":"', 1)[1].split(b'"', 1)[0].decode()
        found[person] = [line for line in lines if SOMEBODY_ELSE not in line]
    return found


@pytest.fixture(scope="module")
def lake(spark: Any, people: dict[str, list[bytes]], tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The export of all of them, loaded and built by Spark."""
    lines = [line for of_one in people.values() for line in of_one]
    stray = [
        line for path in CASES.glob("*.ndjson") for line in path.read_bytes().splitlines() if SOMEBODY_ELSE in line
    ]
    made = export(tmp_path_factory.mktemp("lake"), [*lines, *stray, *(line for _, line in shared_resources())], EHR)
    load.load(spark, made, EHR, EXPORT, LARGEST_LINE, BASE)
    build.build(spark, made, EHR, EXPORT, AS_OF)
    return made


@pytest.fixture(scope="module")
def chart(people: dict[str, list[bytes]]) -> Numbers:
    return live_numbers(people)


def table(lake: Lake, folder: str) -> pa.Table:
    return pa.concat_tables(pq.read_table(str(lake.local(path))) for path in lake.files(folder, ".parquet"))


def test_the_batch_and_the_chart_agree_about_everyone_alive(lake: Lake, chart: Numbers) -> None:
    found: Numbers = {}
    for day in DATES:
        rows = table(lake, lake.features(EHR, EXPORT, day)).to_pylist()
        found[day] = {row["subject_id"]: {name: row[name] for name in catalogue.features()} for row in rows}
        dead = chart[day].keys() - found[day].keys()
        counts = lake.read_counts(lake.features(EHR, EXPORT, day))
        stray = (
            {"no_patient_resource": 1} if day == AS_OF else {}
        )  # the line of somebody else is dated after the index date
        assert counts["dropped"] == stray | ({"deceased": len(dead)} if dead else {})
        assert counts["kept"] == len(found[day]) > PEOPLE - 10
    alive = {day: {person: chart[day][person] for person in found[day]} for day in DATES}
    assert differences(found, alive) == []


def test_the_care_gaps_in_spark_sql_over_the_features_are_those_of_the_chart(
    spark: Any, lake: Lake, people: dict[str, list[bytes]]
) -> None:
    rows_of_all = spark.read.parquet(f"{lake.url(lake.features(EHR, EXPORT, AS_OF))}/part-*")
    rows_of_all.createOrReplaceTempView("features_of_all")
    rows = spark.sql(states_query("features_of_all")).toArrow().to_pylist()
    found = {one.pop("subject_id"): one for one in rows}
    assert found == live_states(people) and len(found) > PEOPLE - 10
    assert {state for states in found.values() for state in states.values()} == {"met", "gap", "not_applicable"}


def test_every_line_is_counted_once(lake: Lake) -> None:
    counts = lake.read_counts(lake.events(EHR, EXPORT))
    manifest = lake.read_json(f"{lake.export(EHR, EXPORT)}/manifest.json")
    assert counts["read"] == sum(entry["count"] for entry in manifest["files"])
    assert counts["dropped"].keys() >= {
        "broken_json",
        "date_out_of_range",
        "no_id",
        "value_out_of_range",
        "unused_type",
    }


@pytest.fixture(scope="module")
def stages(spark: Any, lake: Lake) -> dict[str, engines.Stages]:
    found = table(lake, lake.events(EHR, EXPORT))
    return {"duckdb": engines.on_duckdb(found, AS_OF), "spark": engines.on_spark(spark, found, AS_OF)}


@pytest.mark.parametrize("stage", engines.names())
def test_all_stages_in_spark_sql_give_the_rows_of_duckdb(stages: dict[str, engines.Stages], stage: str) -> None:
    duck, spark = (counted(stages[engine][stage]) for engine in ("duckdb", "spark"))
    assert {row: n for row, n in duck.items() if spark.get(row) != n} == {}
    assert duck == spark and duck


def test_spark_sql_gives_the_numbers_of_the_chart(stages: dict[str, engines.Stages], chart: Numbers) -> None:
    rows = {row["subject_id"]: {name: row[name] for name in catalogue.features()} for row in stages["spark"]["wide"]}
    assert differences({AS_OF: rows, DATES[1]: {}}, {AS_OF: chart[AS_OF], DATES[1]: {}}) == []


def counted(rows: list[dict[str, Any]]) -> dict[tuple[tuple[str, Any], ...], int]:
    """Rows as a bag: how often each occurs."""
    bag: dict[tuple[tuple[str, Any], ...], int] = defaultdict(int)
    for row in rows:
        bag[tuple(sorted(row.items()))] += 1
    return dict(bag)
