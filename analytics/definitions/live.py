"""The live score: one patient's FHIR resources in, features, group and reasons out. The very texts of the batch."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from analytics.definitions import catalogue, events, explain, features, gaps, groups, patient_scores
from analytics.definitions.chart_events import ChartEvents
from analytics.definitions.chart_stages import ChartStages, Records
from analytics.definitions.errors import SubjectError
from analytics.definitions.explain import Evidence

LARGEST_LINE = 5_000_000  # bytes; the default of the batch

COUNTED = ("n", "followed", "events", "rate", "low", "high", "rate_below", "rate_above")
#: What of a release's group is told with a score.
SHOWN = ("rank", "name", "description", *COUNTED)

_thread = threading.local()


class Asked(NamedTuple):
    """A chart to score: its lines and the release, as ``score`` has them."""

    lines: Sequence[str | bytes]
    model: Mapping[str, Any] | None


class Engines(NamedTuple):
    """What makes events of lines, and what makes a score's records of events."""

    events: ChartEvents
    stages: ChartStages


def score(
    lines: Iterable[str | bytes], as_of: date, model: Mapping[str, Any] | None, base: str | None = None
) -> dict[str, Any]:
    """Score one patient.

    lines: FHIR R4 resources of one patient as JSON, one each, in any order and of any type; what cannot be used is
    counted in "dropped" by reason. as_of: nothing dated or recorded after this day is used. model: ``release.json``,
    or None. base: the FHIR base of the EHR that the lines are of: an absolute reference below it is like a relative
    one, any other names somebody or something else, as all do without a base.

    Returns the JSON of ``kindred score`` (docs/architecture.md). Values that are not known are None, never filled in.
    Raises SubjectError when the lines hold no Patient, one unborn by as_of, or resources of more than one patient.
    """
    (found,) = score_each([Asked(list(lines), model)], as_of, base)
    if isinstance(found, Exception):
        raise found
    return found


def score_each(
    charts: Sequence[Asked], as_of: date, base: str | None = None
) -> Iterator[dict[str, Any] | Exception]:
    """Score charts of one EHR: for each, as soon as it is there, what ``score`` returns, or raises.

    Their lines become events in one statement, and from there on each is alone. Where that statement fails, each chart
    is scored by itself.
    """
    try:
        read = _read(charts, base)
    except Exception as error:  # whatever a chart can provoke is told of that chart alone
        _renew_engines(error)
        if len(charts) == 1:
            yield error
        else:
            yield from (found for chart in charts for found in score_each([chart], as_of, base))
        return
    for chart, batch in zip(charts, read, strict=True):
        yield _or_error(_scored, chart.model, batch, as_of)


def _or_error(made: Callable[..., Any], *given: Any) -> Any:
    try:
        return made(*given)
    except Exception as error:
        _renew_engines(error)
        return error


def _renew_engines(error: Exception) -> None:
    """The next chart of this thread gets engines of its own after an error that one may not have survived."""
    if isinstance(error, duckdb.FatalException | duckdb.InternalException | sqlite3.Error | MemoryError):
        _thread.__dict__.pop("engines", None)


def _scored(model: Mapping[str, Any] | None, batch: events.Batch, as_of: date) -> dict[str, Any]:
    patient, stages = _only_patient(batch.events), _engines().stages
    records = stages.records(batch.events, as_of)
    died = _died(records)
    values, evidence = _values(records)
    dropped = Counter(reason for _, reason in batch.dropped) + _unusable_measurements(records)
    result: dict[str, Any] = {
        "patient": patient,
        "as_of": as_of.isoformat(),
        "release": model["release_id"] if model else None,
        "definitions_hash": catalogue.definitions_hash(),
        "features": values,
        "group": None,
        "group_hidden": _why_hidden(model, batch, died),
        "reasons": [],
        "limits": [],
        "missing": explain.missing(values, [f.name for f in catalogue.features().values() if f.grouped]),
        "series": _series(records),
        "units_assumed": _units_assumed(records),
        "in_use": _in_use(records),
        "evidence": {name: _evidence(*one) for name, one in evidence.items()},
        "dated": _dated(records),
        "scores": patient_scores.compute(records, values, evidence, as_of),
        "levers": patient_scores.lever_inputs(values, evidence),
        "gaps": gaps.told(stages.gaps(values), values, evidence, died),
        "dropped": dict(sorted(dropped.items())),
        "orders": dict.fromkeys(features.ORDERS, 0) | {how: int(n) for how, n, _, _ in records["order"]},
    }
    if model is not None and result["group_hidden"] is None:
        result |= _placed(values, evidence, model)
    return result


def _engines() -> Engines:
    """Those of this thread, planned at its first score."""
    if not hasattr(_thread, "engines"):
        _thread.engines = Engines(ChartEvents(), ChartStages())
    return _thread.engines  # type: ignore[no-any-return]


def _read(charts: Sequence[Asked], base: str | None) -> list[events.Batch]:
    tables, too_bad = zip(*(_read_lines(chart.lines) for chart in charts), strict=True)
    batches = _engines().events.events_of(tables, base)
    return [events.Batch(batch.read + len(bad), batch.events, batch.dropped + bad)
            for batch, bad in zip(batches, too_bad, strict=True)]  # fmt: skip


def _read_lines(lines: Sequence[str | bytes]) -> tuple[pa.Table, list[tuple[int, str]]]:
    numbered = ((n, line.encode() if isinstance(line, str) else line) for n, line in enumerate(lines, start=1))
    return events.read_lines(numbered, LARGEST_LINE)


def _only_patient(found: pa.Table) -> str:
    subjects = pc.unique(found["subject_id"].drop_null()).to_pylist()
    if len(subjects) > 1:
        raise SubjectError("the resources belong to more than one patient")
    if not pc.any(pc.starts_with(found["resource"], "Patient/")).as_py():
        raise SubjectError("there is no usable Patient resource")
    return str(subjects[0])


def _died(records: Records) -> bool:
    if not records["person"]:
        raise SubjectError("nothing is on record about the patient by the as-of date, birth included")
    (_, died, _, _), *_ = records["person"]
    return bool(died)


def _values(records: Records) -> tuple[dict[str, float | None], dict[str, Evidence]]:
    """Each feature's value, as ``features.wide`` has it, and its evidence."""
    found = {name: (value, (time, resource)) for name, value, time, resource in records["value"]}
    defined = catalogue.features().values()  # in this order, whatever that of the rows
    values = {f.name: found[f.name][0] if f.name in found else 0.0 if f.missing == "zero" else None for f in defined}
    return values, {f.name: found[f.name][1] for f in defined if f.name in found}


def _series(records: Records) -> dict[str, list[dict[str, Any]]]:
    """The newest 40 usable measurements of each concept on record by as_of, oldest first, in the concept's unit."""
    series: dict[str, list[dict[str, Any]]] = {}
    for concept, value, time, resource in sorted(records["series"], key=lambda row: (row[0], row[2], row[1], row[3])):
        point = {"time": time.date().isoformat(), "value": value, "resource": resource}
        series.setdefault(concept, []).append(point)
    return series


def _units_assumed(records: Records) -> dict[str, dict[str, Any]]:
    """Of each concept that has measurements without a unit, read by their size: how many, and the newest of them."""
    found: dict[str, dict[str, Any]] = {}
    told = sorted(records["unit_assumed"], key=lambda row: (row[0], row[2], row[1], row[3]))
    for concept, value, time, resource in told:
        n = found.get(concept, {"n": 0})["n"] + 1
        found[concept] = {"n": n, "value": value, **_evidence(time, resource)}
    return found


def _evidence(time: datetime | None, resource: str | None) -> dict[str, str | None]:
    """The record behind a value: its date and its resource."""
    return {"time": time.date().isoformat() if time else None, "resource": resource}


def _dated(records: Records) -> dict[str, list[dict[str, str | None]]]:
    """Each feature that counts days since a record, with every such record, newest first."""
    found: dict[str, list[dict[str, str | None]]] = {}
    for name, _, time, resource in sorted(records["dated"], key=lambda row: (row[0], row[2], row[3]), reverse=True):
        found.setdefault(name, []).append(_evidence(time, resource))
    return found


def _in_use(records: Records) -> list[dict[str, str]]:
    """The medicines in use at as_of: each concept (class, ingredient, detail) with every order of it, newest first."""
    rows = sorted(records["in_use"], key=lambda row: (row[2], row[0], row[3]), reverse=True)
    return [{"concept": name, "time": time.date().isoformat(), "resource": order} for name, _, time, order in rows]


def _unusable_measurements(records: Records) -> Counter[str]:
    return Counter({f"measurement_{reason}": int(n) for reason, n, _, _ in records["unusable"]})


def _why_hidden(model: Mapping[str, Any] | None, batch: events.Batch, died: bool) -> str | None:
    if model is None:
        return "no_release"
    if model["definitions_hash"] != catalogue.definitions_hash():
        return "definitions_differ"
    if died:
        return "deceased"
    only_patient = pc.all(pc.starts_with(batch.events["resource"], "Patient/")).as_py()
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
        "limits": list(model.get("limits", [])),
        "missing": explain.missing(values, model["features"]) if group["rule"] is None else [],
    }
