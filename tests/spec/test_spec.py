"""Each case gives what its table says, on DuckDB, Spark and SQLite; and they agree about every row of every stage."""

from __future__ import annotations

from typing import Any

import pytest

from analytics.definitions import catalogue, features
from tests.spec import engines
from tests.spec.cases import CASES, OF_FEATURES
from tests.spec.tables import Case, parse, shown

NOTHING_BUT_BORN = next(case for case in CASES if case.table == "wide")



@pytest.mark.parametrize("engine", engines.ENGINES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.person)
def test_case(case: Case, engine: str, of_person: Any) -> None:
    rows = of_person[engine, case.table, case.person]
    expected = parse(case.expected)
    columns = list(expected[0]) if expected else ["subject_id"]
    if case.features:  # the person's other features are not what the case is about
        rows = [row for row in rows if row["feature"] in case.features]
    assert shown(rows, columns, case.person) == sorted(tuple(row.values()) for row in expected)


@pytest.mark.parametrize("engine", ["spark", "sqlite"])
@pytest.mark.parametrize("stage", engines.names())
def test_the_engines_agree_about_every_row(stage: str, engine: str, results: Any) -> None:
    duck, other = results["duckdb"][stage], results[engine][stage]
    columns = sorted(duck[0])
    assert duck and columns == sorted(other[0])
    assert shown(duck, columns, "") == shown(other, columns, "")


def test_every_stage_has_a_case() -> None:
    assert set(features.view_texts()) - {case.table for case in CASES} == set()


def test_every_feature_has_a_case_with_its_value() -> None:
    shown_of = {row["feature"] for case in OF_FEATURES for row in parse(case.expected) if row.get("value")}
    assert catalogue.features().keys() - shown_of == set()


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_without_a_record_each_feature_is_zero_or_unknown_as_it_says(engine: str, of_person: Any) -> None:
    (row,) = of_person[engine, "wide", NOTHING_BUT_BORN.person]
    said = {name: 0.0 if feature.missing == "zero" else None for name, feature in catalogue.features().items()}
    assert {name: row[name] for name in said} == said


def test_no_two_cases_are_one_person() -> None:
    assert len({case.person for case in CASES}) == len(CASES)
