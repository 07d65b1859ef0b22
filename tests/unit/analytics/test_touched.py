"""Which resources an increment speaks of, and from when."""

import json
from typing import Any

import pytest

from analytics.definitions import events
from analytics.touched import touched_of, touched_too_long


def found(*resources: Any, largest: int = 5_000) -> dict[str, str]:
    numbered = [(n, (one if isinstance(one, str) else json.dumps(one)).encode()) for n, one in enumerate(resources)]
    lines, refused = events.read_lines(numbered, largest)
    rows = touched_of(events.connect(), lines).to_pylist() + touched_too_long(numbered, refused).to_pylist()
    return {row["resource"]: row["updated"] for row in rows}


def patient(number: int, updated: str | None = None, **elements: Any) -> dict[str, Any]:
    meta = {"meta": {"lastUpdated": updated}} if updated else {}
    return {"resourceType": "Patient", "id": f"p{number}", **meta, **elements}


def test_the_newest_of_a_resource_is_told_and_what_names_none_is_passed_over() -> None:
    lines = (patient(1, "2026-01-01T00:00:00Z"), patient(1, "2026-02-01T00:00:00+01:00"), patient(2),
             "{broken", "[1]", {"resourceType": "Patient"}, {"id": "x"})
    assert found(*lines) == {"Patient/p1": "2026-01-31 23:00:00", "Patient/p2": ""}


def test_a_line_that_is_too_long_is_told_too() -> None:
    assert found(patient(1, "2026-01-01T00:00:00Z", note="x" * 5_000)) == {"Patient/p1": ""}


@pytest.mark.parametrize("updated", ["2026-01-01T00:00:00Z", "2026-01-01T02:00:00.5+02:00", "2026-01-01", "odd", None])
def test_the_time_is_that_of_the_version_of_the_events(updated: str | None) -> None:
    line = patient(1, updated, birthDate="1980-01-01")
    lines, _ = events.read_lines([(1, json.dumps(line).encode())], 5_000)
    versions = {row["version"].partition("#")[0] for row in
                events.Reader().events_of(lines, "Patient").events.to_pylist()}
    assert versions == {found(line)["Patient/p1"]}
