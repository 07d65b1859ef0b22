"""The stages of a chart: planned once, fed anew, emptied after each run."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from analytics.definitions import events, features, gaps
from analytics.definitions.chart_events import ChartEvents
from analytics.definitions.chart_stages import ChartStages
from tests.spec.live.fhir import Resource, condition, line, observation, patient

AS_OF = date(2026, 6, 30)


@pytest.fixture(scope="module")
def stages() -> ChartStages:
    return ChartStages()


def events_of(*resources: Resource) -> pa.Table:
    lines, _ = events.read_lines(enumerate(map(line, resources), start=1), 5_000_000)
    return ChartEvents().events_of([lines])[0].events


def rows_of(stages: ChartStages) -> dict[str, int]:
    """How many rows lie in each table that is no reference table."""
    names = ["events", "params", *features.view_texts()]
    return {name: stages._connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in names}


def test_one_person_leaves_nothing_to_the_next(stages: ChartStages) -> None:
    of_p, of_q = (
        {name: value for name, value, _, _ in stages.records(events_of(*chart), AS_OF)["value"]} for chart in (
            [patient("p"), observation("o", "4548-4", 7.1, "%", "2026-01-01", "p")],
            [patient("q"), observation("o", "13457-7", 100, "mg/dL", "2026-01-01", "q")],
        )
    )  # fmt: skip
    assert (of_p["hba1c"], of_q["ldl"]) == (7.1, 100.0) and "hba1c" not in of_q and "ldl" not in of_p
    assert not any(rows_of(stages).values())


def test_nothing_stays_of_a_chart_whose_stages_failed(stages: ChartStages) -> None:
    found = events_of(patient("p"), observation("o", "4548-4", 7.1, "%", "2026-01-01", "p"))
    with pytest.raises(KeyError), stages.of(found, AS_OF):
        assert rows_of(stages)["facts"] > 0
        raise KeyError
    assert not any(rows_of(stages).values())
    assert stages.records(found, AS_OF)["value"]


def test_no_statement_keeps_what_it_was_given(stages: ChartStages) -> None:
    """The last run of each statement that takes values was with nothing: SQLite keeps those with the statement."""
    found = events_of(patient("p"), observation("o", "4548-4", 7.125, "%", "2026-01-01", "p"))
    run: list[str] = []
    stages._connection.set_trace_callback(run.append)  # with its values in it
    stages.records(found, AS_OF)
    stages.gaps(dict.fromkeys(gaps.features(), 7.125))
    stages._connection.set_trace_callback(None)
    inserts = [sql for sql in run if sql.startswith("INSERT INTO events ")]
    assert len(inserts) == found.num_rows + 1 and inserts[-1].count("NULL") == found.num_columns
    assert "7.125" in run[-2] and "7.125" not in run[-1] and run[-1].count("NULL") >= len(gaps.features())


def test_what_a_score_needs_beside_the_values_is_told(stages: ChartStages) -> None:
    of_p = events_of(patient("p"), observation("o", "4548-4", 7.1, "furlong", "2026-01-01", "p"),
                     condition("c", "44054006", "2026-01-01", "p"))  # fmt: skip
    found = stages.records(of_p, AS_OF)
    assert [(died, resource) for _, died, _, resource in found["person"]] == [(0.0, "Patient/p")]
    assert found["unusable"] == [("unit_unknown", 1.0, None, None)]
    assert [code for code, *_ in found["condition_code"]] == ["http://snomed.info/sct|44054006"]
    assert not found["admitted"]
