"""What a score is made with: planned once, fed anew, emptied after each run."""

from __future__ import annotations

import json
from datetime import date

import pytest

from analytics.definitions import events, features, gaps
from analytics.definitions.chart_stages import ChartStages, Records
from analytics.definitions.prepared import Prepared
from tests.spec.live.fhir import condition, line, observation, patient

AS_OF = date(2026, 6, 30)
KEPT = 0.01  # seconds; planning anew takes five times as long on a fast machine


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return Prepared()


@pytest.fixture(scope="module")
def stages() -> ChartStages:
    return ChartStages()


def table(*resources: dict[str, object] | bytes):
    lines = [one if isinstance(one, bytes) else line(one) for one in resources]
    return events.read_lines(enumerate(lines, start=1), 5_000_000)[0]


def records(prepared: Prepared, stages: ChartStages, *resources: dict[str, object]) -> Records:
    (found,) = prepared.events_of([table(*resources)])
    return stages.records(found.events, AS_OF)


def rows_of(stages: ChartStages) -> dict[str, int]:
    """How many rows lie in each table that is no reference table."""
    names = ["events", "params", *features.view_texts()]
    return {name: stages._connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in names}


def test_one_person_leaves_nothing_to_the_next(prepared: Prepared, stages: ChartStages) -> None:
    of_p, of_q = (
        {name: value for name, value, _, _ in records(prepared, stages, *chart)["value"]} for chart in (
            [patient("p"), observation("o", "4548-4", 7.1, "%", "2026-01-01", "p")],
            [patient("q"), observation("o", "13457-7", 100, "mg/dL", "2026-01-01", "q")],
        )
    )  # fmt: skip
    assert (of_p["hba1c"], of_q["ldl"]) == (7.1, 100.0) and "hba1c" not in of_q and "ldl" not in of_p
    assert not any(given.table.num_rows for given in prepared._given.values())
    assert not any(rows_of(stages).values())


def test_nothing_stays_of_a_chart_whose_stages_failed(prepared: Prepared, stages: ChartStages) -> None:
    (found,) = prepared.events_of([table(patient("p"), observation("o", "4548-4", 7.1, "%", "2026-01-01", "p"))])
    with pytest.raises(KeyError), stages.of(found.events, AS_OF):
        assert rows_of(stages)["facts"] > 0
        raise KeyError
    assert not any(rows_of(stages).values())
    assert stages.records(found.events, AS_OF)["value"]


@pytest.mark.parametrize("run", ["records", "gaps"])
def test_no_statement_keeps_what_it_was_given(prepared: Prepared, stages: ChartStages, run: str) -> None:
    """The last run of each statement that takes values was with nothing: SQLite keeps those with the statement."""
    (found,) = prepared.events_of([table(patient("p"), observation("o", "4548-4", 7.125, "%", "2026-01-01", "p"))])
    said: dict[str, str] = {}
    stages._connection.set_trace_callback(lambda sql: said.update({sql[:19]: sql}))  # with its values in it
    stages.records(found.events, AS_OF) if run == "records" else stages.gaps(dict.fromkeys(gaps.features(), 7.125))
    stages._connection.set_trace_callback(None)
    assert said and not any("7.125" in sql or "/o'" in sql for sql in said.values())


def test_nothing_stays_after_a_run_that_failed(prepared: Prepared) -> None:
    with pytest.raises(Exception, match="no_such"):
        prepared._connection.execute("EXECUTE no_such")
    with pytest.raises(KeyError), prepared._handing_over(raw_lines=table(patient("p"))):
        raise KeyError
    assert not any(given.table.num_rows for given in prepared._given.values())


def test_each_line_that_gives_no_event_has_its_reason(prepared: Prepared) -> None:
    (batch,) = prepared.events_of([
        table(patient("p"), b"{", b"[]", b'{"resourceType":"Goal","id":"g"}', b'{"resourceType":"Patient"}',
              condition("c", "44054006", None, "p"))
    ])  # fmt: skip
    assert sorted(batch.dropped) == [
        (2, "broken_json"), (3, "no_type"), (4, "unused_type"), (5, "no_id"), (6, "no_date"),
    ]  # fmt: skip
    assert batch.read == 6 and batch.kept == 1


def test_the_plan_is_kept_from_run_to_run(prepared: Prepared) -> None:
    prepared._connection.execute("EXECUTE to_events").fetchall()
    prepared._connection.execute("PRAGMA enable_profiling = 'no_output'; SET profiling_coverage = 'ALL'")
    prepared._connection.execute("EXECUTE to_events").fetchall()
    told = json.loads(prepared._connection.get_profiling_information("json"))
    prepared._connection.execute("PRAGMA disable_profiling")
    assert told["planner"]["total_time"] + sum(told["optimizer"].values()) < KEPT


def test_what_a_score_needs_beside_the_values_is_told(prepared: Prepared, stages: ChartStages) -> None:
    found = records(prepared, stages, patient("p"), observation("o", "4548-4", 7.1, "furlong", "2026-01-01", "p"),
                    condition("c", "44054006", "2026-01-01", "p"))  # fmt: skip
    assert [(died, resource) for _, died, _, resource in found["person"]] == [(0.0, "Patient/p")]
    assert found["unusable"] == [("unit_unknown", 1.0, None, None)]
    assert [code for code, *_ in found["condition_code"]] == ["http://snomed.info/sct|44054006"]
    assert not found["admitted"]
