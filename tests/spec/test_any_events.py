"""Whatever the events say, DuckDB (everyone) and SQLite (a chart) make the same rows of them, at every stage."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.definitions import catalogue
from analytics.definitions.sqlite_dialect import DAY, EPOCH, HOUR, NO_CHARACTER, add_mathematics, connect, in_sqlite
from tests.spec import engines
from tests.spec.tables import AS_OF, as_table, shown

ODD = ["", "\0", "a\0b", "'", "ß", "\U0001f600", "name|metformin\0", "name|metformin", "name|insulin lispro",
       "name|\0metformin ", "http://loinc.org|4548-4\0", "reference|Medication/m", "%", "mg/dL"]  # fmt: skip
KNOWN = sorted({code.removesuffix("*") for concept in catalogue.concepts().values() for code in concept.codes[:2]})
KINDS = ("Observation", "Encounter", "Medication", "MedicationRequest", "Procedure", "AllergyIntolerance")
UNITS = sorted({concept.unit for concept in catalogue.concepts().values() if concept.unit})
TIME = st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2027, 1, 1)).map(lambda t: t.replace(fold=0))
EVENT = st.fixed_dictionaries({
    "subject_id": st.sampled_from(["p", "q", None]),
    "time": TIME,
    "code": st.sampled_from(KNOWN) | st.sampled_from(ODD) | st.text(max_size=8),
    "numeric_value": st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 300).map(float),
    "text_value": st.none() | st.sampled_from(ODD) | st.text(max_size=4),
    "unit": st.none() | st.sampled_from(UNITS) | st.sampled_from(ODD),
    "end_time": TIME,
    "status": st.none() | st.sampled_from(["finished", "entered-in-error", "stopped", ""]),
    "recorded": TIME,
    "resource": st.sampled_from([f"{kind}/{ident}" for kind in KINDS for ident in "ab"]),
    "version": st.sampled_from(["", "2026-01-01#1", "2026-01-02#0"]),
})  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(EVENT, min_size=1, max_size=30))
def test_both_engines_make_the_same_rows(events: list[dict[str, object]]) -> None:
    table = as_table(events)
    duckdb, sqlite = engines.on_duckdb(table, AS_OF), engines.on_sqlite(table, AS_OF)
    for stage in engines.names():
        columns = sorted(duckdb[stage][0]) if duckdb[stage] else []
        expected = shown(duckdb[stage], columns, "")
        without_nul = sorted(tuple(cell.replace("\0", NO_CHARACTER) for cell in row) for row in expected)
        assert shown(sqlite[stage], columns, "") == without_nul, stage


@pytest.mark.parametrize(
    ("call", "value"),
    [("day_of(-1)", -DAY), (f"day_of({DAY})", DAY), ("day_of(NULL)", None), ("days_between(-1, 0)", 1),
     (f"days_between({23 * HOUR}, {25 * HOUR})", 1), ("days_between(NULL, 0)", None), (f"hours_after({HOUR}, -1)", 0),
     ("days_after(day_of(1), 2)", 2 * DAY), ("days_after(max(0, 1), 0 - 1)", 1 - DAY), ("days_after(0, NULL)", None),
     ("years_between(NULL, 0)", None)],
)  # fmt: skip
def test_what_sqlite_lacks_is_written_out(call: str, value: float | None) -> None:
    assert connect().execute(f"SELECT {in_sqlite(call)}").fetchone() == (value,)


@pytest.mark.parametrize(
    ("call", "value"),
    [("floor(-0.5)", -1.0), ("floor(NULL)", None), ("sqrt(2.25)", 1.5), ("power(2.0, 3)", 8.0)],
)  # fmt: skip
def test_an_sqlite_without_mathematics_gets_it(call: str, value: float | None) -> None:
    class Without:
        """A connection whose SQLite was built without those functions, as far as it tells."""

        def __init__(self) -> None:
            self.real, self.given = sqlite3.connect(":memory:"), list[str]()

        def execute(self, sql: str) -> sqlite3.Cursor:
            return self.real.execute(f"{sql} WHERE name NOT IN ('floor', 'power', 'sqrt')")

        def create_function(self, name: str, *given: Any, **how: Any) -> None:
            self.given.append(name)
            self.real.create_function(name, *given, **how)

    without = Without()
    add_mathematics(cast(sqlite3.Connection, without))
    assert without.given == ["floor", "power", "sqrt"]
    assert without.real.execute(f"SELECT {call}").fetchone() == (value,)


@pytest.mark.parametrize(
    ("earlier", "later", "years"),
    [("1950-02-28", "1980-02-27", 29), ("1950-02-28", "1980-02-28", 30), ("1952-02-29", "1953-02-28", 0),
     ("1952-02-29", "1953-03-01", 1), ("1969-12-31", "1970-01-01", 0)],
)  # fmt: skip
def test_completed_years(earlier: str, later: str, years: int) -> None:
    first, second = (int((datetime.fromisoformat(one) - EPOCH).total_seconds() * 1e6) for one in (earlier, later))
    assert connect().execute(f"SELECT {in_sqlite(f'years_between({first}, {second})')}").fetchone() == (years,)


def test_nothing_of_a_chart_goes_to_a_file() -> None:
    assert connect().execute("PRAGMA temp_store").fetchone() == (2,)  # sorting, too, happens in memory
