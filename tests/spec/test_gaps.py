"""Each rule gives what its table says: in the chart's words on SQLite, and as a column on DuckDB and on Spark SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from analytics.definitions import catalogue, events, gap_rules, gaps
from analytics.definitions.chart_stages import ChartStages
from tests.spec.cases_gaps import EXCLUDED, GAP_CASES, OF_RULES, START, GapCase
from tests.spec.tables import parse

SHOWN_AT = datetime(2026, 1, 1)
#: Every feature's record is of that day: what words and dates come of it is what is looked at.
EVIDENCE = {name: (SHOWN_AT, f"R/{name}") for name in catalogue.features()}


def wide() -> pa.Table:
    """One row for each case, in their order."""
    rows = [{"place": float(place), **case.values} for place, case in enumerate(GAP_CASES)]
    schema = pa.schema([("place", pa.float64()), *((name, pa.float64()) for name in catalogue.features())])
    return pa.Table.from_pylist(rows, schema)


def states_query() -> str:
    columns = ", ".join(f"{text} AS {rule}" for rule, text in gaps.columns().items())
    return f"SELECT place, {columns} FROM wide ORDER BY place"


@pytest.fixture(scope="module")
def states(spark: Any) -> dict[str, list[dict[str, Any]]]:
    """engine -> one row of states for each case."""
    connection, table = events.connect(), wide()
    connection.register("wide", table)
    spark.createDataFrame(table.combine_chunks()).createOrReplaceTempView("wide")
    return {
        "duckdb": connection.sql(states_query()).to_arrow_table().to_pylist(),
        "spark": spark.sql(states_query()).toArrow().to_pylist(),
    }

STAGES = ChartStages()


@pytest.fixture(scope="module")
def told() -> list[dict[str, dict[str, Any]]]:
    """What the chart tells of each case, by rule."""
    return [of_one(case) for case in GAP_CASES]


def numbered(cases: list[GapCase]) -> list[Any]:
    return [pytest.param(place, case, id=case.name) for place, case in enumerate(cases)]


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
@pytest.mark.parametrize(("place", "case"), numbered(GAP_CASES))
def test_the_state_of_a_case(place: int, case: GapCase, engine: str, states: Any) -> None:
    assert states[engine][place][case.rule] == case.state


@pytest.mark.parametrize(("place", "case"), numbered(GAP_CASES))
def test_what_the_chart_tells_of_a_case(place: int, case: GapCase, told: Any) -> None:
    gap = told[place][case.rule]
    assert gap["state"] == case.state
    assert gap["reason"] == case.says if case.says else gap["reason"]


def test_both_engines_and_the_chart_give_every_state_of_every_case(states: Any, told: Any) -> None:
    assert states["duckdb"] == states["spark"]
    shown = [{rule: gap["state"] for rule, gap in of_case.items()} for of_case in told]
    assert [{rule: row[rule] for rule in gaps.rules()} for row in states["duckdb"]] == shown
    assert {state for row in shown for state in row.values()} == {"met", "gap", "not_applicable"}


def test_every_case_of_every_rule_is_tried(told: Any) -> None:
    """Each reason, each way to meet it and each word for an open gap comes out of some case."""
    connection = events.connect()
    connection.register("wide", wide())
    rows = connection.sql(f"{gaps.select('wide')} ORDER BY place").to_arrow_table().to_pylist()
    for rule in gaps.rules().values():
        reached = {row[rule.id] for row, case in zip(rows, GAP_CASES, strict=True) if case.rule == rule.id}
        reached |= {
            [place for place, one in enumerate(rule.cases) if one.state == gaps.MET][way]
            for row, case in zip(rows, GAP_CASES, strict=True)
            if case.rule == rule.id
            for way in range(len(rule.cases)) if row.get(f"{rule.id}_way_{way}")
        }  # fmt: skip
        never = {place for place, one in enumerate(rule.cases) if _never(one.when)}
        assert reached | never == set(range(len(rule.cases))), rule.id


def _never(condition: str) -> bool:
    """Whether it is the case "cannot be decided" of a condition that always can."""
    undecided = condition.endswith(") IS NULL")
    named = gap_rules.names(condition.removesuffix(" IS NULL"))
    return undecided and ("IS NULL OR" in condition or all(catalogue.features()[n].missing == "zero" for n in named))


def test_every_rule_has_a_start_and_a_case_of_each_state() -> None:
    assert list(START) == list(gaps.rules())
    for rule in gaps.rules():
        assert {case.state for case in OF_RULES if case.rule == rule} == {"met", "gap", "not_applicable"}, rule
    assert {row["exclusion"] for row in parse(EXCLUDED)} == set(catalogue.gap_rules()["exclusion"])


#: Features given -> the day on which the rule that is met falls due again; all records are of 1 January 2026.
DUE = """
rule          | given                                                 | due
cms165        | systolic_outpatient=120 diastolic_outpatient=70       | 2027-01-01
cms347        | statin_in_use=1                                       |
cms130        | days_since_stool_blood_test=180                       | 2027-01-01
cms130        | days_since_stool_blood_test=180 days_since_colonoscopy=180 | 2036-01-01
cms125        | days_since_mammography=180                            | 2028-04-01
ais_tetanus   | days_since_tetanus_vaccine=180                        | 2036-01-01
ais_zoster    | zoster_doses=2                                        |
cms125        |                                                       |
cms125        | female=0                                              |
"""


@pytest.mark.parametrize("row", parse(DUE), ids=lambda row: f"{row['rule']} {row['given']}")
def test_when_a_rule_falls_due_again(row: dict[str, str]) -> None:
    case = GapCase(row["rule"], row["given"], "", "")
    gap = of_one(case)[row["rule"]]
    assert (gap["due"] or "") == row["due"]


def of_one(case: GapCase, died: bool = False) -> dict[str, dict[str, Any]]:
    return {gap["id"]: gap for gap in gaps.told(STAGES.gaps(case.values), case.values, EVIDENCE, died)}


def test_a_way_that_lasts_longer_is_the_evidence() -> None:
    gap = of_one(GapCase("cms130", "days_since_stool_blood_test=180 days_since_colonoscopy=180", "", ""))["cms130"]
    assert gap["resource"] == "R/days_since_colonoscopy" and gap["reason"] == "Colonoscopy on 1 Jan 2026."


def test_nothing_is_asked_of_who_has_died() -> None:
    told = of_one(GapCase("cms125", "", "", ""), died=True).values()
    assert {(gap["state"], gap["reason"], gap["resource"]) for gap in told} == {
        ("not_applicable", "The patient has died.", None)
    }
