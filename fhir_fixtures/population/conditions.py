"""Condition resources: long-standing problems (problem list) and reasons of one contact (encounter diagnosis)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .contacts import coded
from .dates import DAY, day, local
from .record import Record, Resource, flag

_PROBLEM = [flag("condition-category", "problem-list-item")]
_DIAGNOSIS = [flag("condition-category", "encounter-diagnosis")]
_STATUS = {code: flag("condition-clinical", code) for code in ("active", "resolved")}
_CONFIRMED = flag("condition-ver-status", "confirmed")
_ERROR = flag("condition-ver-status", "entered-in-error")


@dataclass(slots=True)
class Problem:
    """A known problem: onset (ordinal), when it was written down (minutes) and at which contact, and its end."""

    body: dict[str, Any]
    onset: int
    recorded: int
    encounter: Resource
    ended: int | None = None
    diagnosis: bool = False


def condition(record: Record, problem: Problem, mode: str) -> Resource:
    """The Condition as it stands at the end of history."""
    zone, changed = record.zone, problem.recorded if problem.ended is None else max(problem.recorded, problem.ended)
    body: Resource = {
        "resourceType": "Condition", "id": record.new_id(),
        "meta": record.meta(changed),
        "clinicalStatus": _STATUS["active" if problem.ended is None else "resolved"],
        "verificationStatus": _CONFIRMED, "category": _DIAGNOSIS if problem.diagnosis else _PROBLEM,
        "code": coded(problem.body, mode), "subject": record.subject, "encounter": problem.encounter,
        "onsetDateTime": _onset(record, problem)}
    if problem.ended is not None:
        body["abatementDateTime"] = local(min(problem.ended, record.horizon), zone)
    body["recordedDate"] = local(problem.recorded, zone)
    if record.maybe("entered_in_error"):
        body["verificationStatus"] = _ERROR
        del body["clinicalStatus"]  # constraint con-5: no clinical status on an error
        body.pop("abatementDateTime", None)
    return body


def _onset(record: Record, problem: Problem) -> str:
    if record.maybe("partial_onset"):
        return day(problem.onset)[:4 if record.rng.random() < 0.5 else 7]
    if problem.diagnosis:
        return local(problem.recorded, record.zone)
    return local(min(problem.onset * DAY + 600, problem.recorded), record.zone)
