"""Each case gives what its table says, on DuckDB and on Spark; and the two agree about every row of every stage."""

from __future__ import annotations

from typing import Any

import pytest

from analytics.definitions import catalogue, features
from tests.spec import engines
from tests.spec.cases_kinds import KINDS
from tests.spec.cases_outcomes import OUTCOMES
from tests.spec.cases_recent import RECENT
from tests.spec.cases_series import SERIES
from tests.spec.cases_stages import STAGES
from tests.spec.tables import Case, parse, shown

OF_KINDS = (*KINDS, *SERIES, *RECENT)
CASES = (*STAGES, *OF_KINDS, *OUTCOMES)


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.person)
def test_case(case: Case, engine: str, of_person: Any) -> None:
    rows = of_person[engine, case.table, case.person]
    expected = parse(case.expected)
    columns = list(expected[0]) if expected else ["subject_id"]
    if case.features:  # the person's other features are not what the case is about
        rows = [row for row in rows if row["feature"] in case.features]
    assert shown(rows, columns, case.person) == sorted(tuple(row.values()) for row in expected)


@pytest.mark.parametrize("stage", engines.names())
def test_the_engines_agree_about_every_row(stage: str, results: Any) -> None:
    duck, spark = (results[engine][stage] for engine in ("duckdb", "spark"))
    columns = sorted(duck[0])
    assert duck and columns == sorted(spark[0])
    assert shown(duck, columns, "") == shown(spark, columns, "")


def test_every_kind_and_every_stage_has_a_case() -> None:
    kinds = {catalogue.features()[name].kind for case in OF_KINDS for name in case.features}
    assert {feature.kind for feature in catalogue.features().values()} - kinds == set()
    assert set(features.view_texts()) - {case.table for case in CASES} == set()


@pytest.mark.parametrize("kind", sorted(catalogue.KINDS))
def test_every_kind_has_a_case_with_a_value(kind: str) -> None:
    shown_of = {row["feature"] for case in OF_KINDS for row in parse(case.expected) if row.get("value")}
    assert {name for name in shown_of if catalogue.features()[name].kind == kind}


def test_no_two_cases_are_one_person() -> None:
    assert len({case.person for case in CASES}) == len(CASES)
