"""The events of charts side by side: to each chart, by line number, what the batch makes of its lines alone."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.definitions import events
from analytics.definitions.chart_events import ChartEvents
from tests.spec.live.fhir import line, observation, patient, reader
from tests.spec.live.test_events_dropped import JSONISH, MUTATED, REASONS

LARGEST = 100_000
KEPT = 0.01  # seconds; planning anew takes five times as long on a fast machine


@pytest.fixture(scope="module")
def chart_events() -> ChartEvents:
    return ChartEvents()


def table(lines: list[Any], first: int = 1) -> pa.Table:
    texts = [one if isinstance(one, bytes) else line(one) if isinstance(one, dict) else one.encode() for one in lines]
    return events.read_lines(enumerate(texts, start=first), LARGEST)[0]


def told(batch: events.Batch) -> tuple[Any, ...]:
    """All of a batch; its events in no order."""
    return batch.read, sorted(map(repr, batch.events.to_pylist())), sorted(batch.dropped)


def in_the_batch(lines: pa.Table) -> tuple[Any, ...]:
    return told(reader().events_of(lines, ""))


def test_lines_that_give_no_events_are_told_as_the_batch_tells_them(chart_events: ChartEvents) -> None:
    charts = [table([*lines, patient()]) for lines in REASONS.values()]
    found = chart_events.events_of(charts)
    assert [told(one) for one in found] == [in_the_batch(chart) for chart in charts]
    assert {reason for one in found for _, reason in one.dropped} == {*REASONS} - {"not_utf8", "line_too_long"}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(MUTATED | JSONISH, max_size=8), min_size=1, max_size=5))
def test_whatever_the_lines_hold(chart_events: ChartEvents, charts: list[list[bytes]]) -> None:
    tables = [table(lines) for lines in charts]
    assert [told(one) for one in chart_events.events_of(tables)] == [in_the_batch(one) for one in tables]


def test_each_row_goes_to_the_chart_of_its_line_whatever_its_ids_and_numbers(chart_events: ChartEvents) -> None:
    """The same ids and line numbers in all, the numbers neither from 1 nor without gaps, and charts without a line."""
    charts = [table([patient(), "{", b"", observation("o", "4548-4", value, "%", "2026-01-02"), "{}"], first=40)
              for value in (5.1, 6.2, 7.3)]  # fmt: skip
    found = chart_events.events_of([table([]), charts[0], table([]), charts[1], charts[2], table([])])
    values = [[value for value in one.events["numeric_value"].to_pylist() if value is not None] for one in found]
    assert values == [[], [5.1], [], [6.2], [7.3], []]
    dropped = [(41, "broken_json"), (44, "no_type")]
    assert [sorted(one.dropped) for one in found] == [[], dropped, [], dropped, dropped, []]
    assert [one.read for one in found] == [0, 4, 0, 4, 4, 0]


def test_nothing_stays_after_a_run_that_failed(chart_events: ChartEvents) -> None:
    with pytest.raises(Exception, match="no_such"):
        chart_events._connection.execute("EXECUTE no_such")
    with pytest.raises(KeyError), chart_events._handing_over(raw_lines=table([patient("p")])):
        raise KeyError
    assert not any(given.table.num_rows for given in chart_events._given.values())


def test_the_plan_is_kept_from_run_to_run(chart_events: ChartEvents) -> None:
    chart_events._connection.execute("EXECUTE to_events").fetchall()
    chart_events._connection.execute("PRAGMA enable_profiling = 'no_output'; SET profiling_coverage = 'ALL'")
    chart_events._connection.execute("EXECUTE to_events").fetchall()
    told = json.loads(chart_events._connection.get_profiling_information("json"))
    chart_events._connection.execute("PRAGMA disable_profiling")
    assert told["planner"]["total_time"] + sum(told["optimizer"].values()) < KEPT
