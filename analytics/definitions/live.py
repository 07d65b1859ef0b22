"""The live score: one patient's FHIR resources in, features, group and reasons out. The very texts of the batch."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from analytics.definitions import catalogue, events, explain, features, groups, patient_scores
from analytics.definitions.errors import SubjectError
from analytics.definitions.explain import Evidence

LARGEST_LINE = 5_000_000  # bytes; the default of the batch

COUNTED = ("n", "followed", "events", "rate", "low", "high", "rate_below", "rate_above")
#: What of a release's group is told with a score.
SHOWN = ("rank", "name", "description", *COUNTED)

_thread = threading.local()


def score(lines: Iterable[str | bytes], as_of: date, model: Mapping[str, Any] | None) -> dict[str, Any]:
    """Score one patient.

    lines: FHIR R4 resources of one patient as JSON, one each, in any order and of any type; what cannot be used is
    counted in "dropped" by reason. as_of: nothing dated or recorded after this day is used. model: ``release.json``,
    or None.

    Returns the JSON of ``kindred score`` (docs/architecture.md). Values that are not known are None, never filled in.
    Raises SubjectError when the lines hold no Patient, one unborn by as_of, or resources of more than one patient.
    """
    connection = _connection()
    batch = _read(connection, lines)
    patient = _only_patient(batch.events)
    features.define_in_duckdb(connection, batch.events, as_of)
    died = _died(connection, patient)
    values, evidence = _values(connection)
    dropped = Counter(reason for _, reason in batch.dropped) + _unusable_measurements(connection)
    result: dict[str, Any] = {
        "patient": patient,
        "as_of": as_of.isoformat(),
        "release": model["release_id"] if model else None,
        "definitions_hash": catalogue.definitions_hash(),
        "features": values,
        "group": None,
        "group_hidden": _why_hidden(model, batch, died),
        "reasons": [],
        "missing": explain.missing(values, [f.name for f in catalogue.features().values() if f.grouped]),
        "scores": patient_scores.compute(connection, values, evidence, as_of),
        "gaps": [],
        "dropped": dict(sorted(dropped.items())),
    }
    if model is not None and result["group_hidden"] is None:
        result |= _placed(values, evidence, model)
    return result


def _connection() -> duckdb.DuckDBPyConnection:
    """One DuckDB for each thread; every score replaces its tables."""
    if not hasattr(_thread, "connection"):
        _thread.connection = events.connect()
    return _thread.connection  # type: ignore[no-any-return]


def _read(connection: duckdb.DuckDBPyConnection, lines: Iterable[str | bytes]) -> events.Batch:
    numbered = ((n, line.encode() if isinstance(line, str) else line) for n, line in enumerate(lines, start=1))
    table, too_bad = events.read_lines(numbered, LARGEST_LINE)
    batch = events.events_of(connection, table, expected_type="")
    return events.Batch(batch.read + len(too_bad), batch.events, batch.dropped + too_bad)


def _only_patient(found: pa.Table) -> str:
    subjects = {subject for subject in found["subject_id"].to_pylist() if subject is not None}
    if len(subjects) > 1:
        raise SubjectError("the resources belong to more than one patient")
    patients = {r for r in found["resource"].to_pylist() if r.startswith("Patient/")}
    if not patients:
        raise SubjectError("there is no usable Patient resource")
    return str(subjects.pop())


def _died(connection: duckdb.DuckDBPyConnection, patient: str) -> bool:
    rows = connection.execute("SELECT died FROM people WHERE subject_id = ?", [patient]).fetchall()
    if not rows:
        raise SubjectError("nothing is on record about the patient by the as-of date, birth included")
    return bool(rows[0][0])


def _values(connection: duckdb.DuckDBPyConnection) -> tuple[dict[str, float | None], dict[str, Evidence]]:
    """Each feature's value, as ``features.wide_select`` has it (which takes longer for one patient), and evidence."""
    rows = connection.execute(features.view_texts()["feature_values"]).fetchall()
    found = {name: value for _, name, value, _, _ in rows}
    values = {f.name: found.get(f.name, 0.0 if f.missing == "zero" else None) for f in catalogue.features().values()}
    return values, {name: (time, resource) for _, name, _, time, resource in rows}


def _unusable_measurements(connection: duckdb.DuckDBPyConnection) -> Counter[str]:
    counted = "SELECT reason, count(*) FROM measured WHERE reason IS NOT NULL GROUP BY reason"
    return Counter({f"measurement_{reason}": n for reason, n in connection.execute(counted).fetchall()})


def _why_hidden(model: Mapping[str, Any] | None, batch: events.Batch, died: bool) -> str | None:
    if model is None:
        return "no_release"
    if model["definitions_hash"] != catalogue.definitions_hash():
        return "definitions_differ"
    if died:
        return "deceased"
    only_patient = all(resource.startswith("Patient/") for resource in set(batch.events["resource"].to_pylist()))
    return "no_patient_data" if only_patient else None


def _placed(values: dict[str, float | None], evidence: dict[str, Evidence], model: Mapping[str, Any]) -> dict[str, Any]:
    row = groups.as_matrix([values], model["features"])
    contact = groups.as_matrix([values], ["days_since_contact"])[:, 0]
    membership = groups.assign(row, contact, model)[0]
    by_rank = {group["rank"]: group for group in model["groups"]}
    group = by_rank[membership.rank]
    shown = {key: group[key] for key in SHOWN}
    second = by_rank[membership.second]["name"] if membership.second is not None else None
    return {
        "group": shown | {"of": len(by_rank), "second": second, "firmness": membership.firmness, "rule": group["rule"]},
        "reasons": explain.reasons(values, evidence, group, model),
        "missing": explain.missing(values, model["features"]) if group["rule"] is None else [],
    }
