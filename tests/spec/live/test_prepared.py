"""The two statements of a score: planned once, fed anew, emptied after each run."""

from __future__ import annotations

import json
from datetime import date

import pytest

from analytics.definitions import events
from analytics.definitions.prepared import Prepared
from tests.spec.live.fhir import condition, line, observation, patient

AS_OF = date(2026, 6, 30)
KEPT = 0.01  # seconds; planning anew takes five times as long on a fast machine


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return Prepared()


def table(*resources: dict[str, object] | bytes):
    lines = [one if isinstance(one, bytes) else line(one) for one in resources]
    return events.read_lines(enumerate(lines, start=1), 5_000_000)[0]


def values(prepared: Prepared, *resources: dict[str, object]) -> dict[str, float]:
    (found,) = prepared.events_of([table(*resources)])
    return {name: value for name, value, _, _ in prepared.records([found.events], AS_OF)[0]["value"]}


def test_one_person_leaves_nothing_to_the_next(prepared: Prepared) -> None:
    of_p = values(prepared, patient("p"), observation("o", "4548-4", 7.1, "%", "2026-01-01", "p"))
    of_q = values(prepared, patient("q"), observation("o", "13457-7", 100, "mg/dL", "2026-01-01", "q"))
    assert (of_p["hba1c"], of_q["ldl"]) == (7.1, 100.0) and "hba1c" not in of_q and "ldl" not in of_p
    assert not any(given.table.num_rows for given in prepared._given.values())


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


@pytest.mark.parametrize("statement", ["to_events", "to_records"])
def test_the_plan_is_kept_from_run_to_run(prepared: Prepared, statement: str) -> None:
    prepared._connection.execute(f"EXECUTE {statement}").fetchall()
    prepared._connection.execute("PRAGMA enable_profiling = 'no_output'; SET profiling_coverage = 'ALL'")
    prepared._connection.execute(f"EXECUTE {statement}").fetchall()
    told = json.loads(prepared._connection.get_profiling_information("json"))
    prepared._connection.execute("PRAGMA disable_profiling")
    assert told["planner"]["total_time"] + sum(told["optimizer"].values()) < KEPT


def test_what_a_score_needs_beside_the_values_is_told(prepared: Prepared) -> None:
    found = table(patient("p"), observation("o", "4548-4", 7.1, "furlong", "2026-01-01", "p"),
                  condition("c", "44054006", "2026-01-01", "p"))  # fmt: skip
    (records,) = prepared.records([prepared.events_of([found])[0].events], AS_OF)
    assert [(died, resource) for _, died, _, resource in records["person"]] == [(0.0, "Patient/p")]
    assert records["unusable"] == [("unit_unknown", 1.0, None, None)]
    assert [code for code, *_ in records["condition_code"]] == ["http://snomed.info/sct|44054006"]
    assert not records["admitted"]
