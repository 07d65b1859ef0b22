"""Which medicines orders are, by codes and names of the definitions: those of a call's drafts, and the active ones."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import orjson

from analytics.definitions import catalogue
from app.chart.words import day
from app.fhir import Chart
from app.hooks.orders.context import KIND, DraftOrder
from app.hooks.orders.rules import MedicineClass
from app.registry import Ehr
from app.score import score_chart
from app.scorers import Scorers

ACTIVE = "active"  # R4 medicationrequest-status: what was stopped lately is in use by the definitions, and no duplicate
#: Of the other statuses those of which a dose may have been taken (cancelled: withdrawn before any was), in words.
ENDED = {"completed": "completed", "on-hold": "on hold", "stopped": "stopped", "unknown": "of unknown status"}
IN_USE, REPLACED = "in use", "to be replaced"
WASHED_OUT = timedelta(days=2)  # above 36 hours, in whole days
LOOKED_AT = (KIND.encode(), b"Condition")
Resource = dict[str, Any]
#: Nobody: drafts are told apart by the stages of a score, and these look at one person's orders.
NOBODY = {"resourceType": "Patient", "id": "nobody", "birthDate": "1970-01-01"}


@dataclass(frozen=True)
class Medicine:
    """An order with the concepts of its medicine. One of the chart has its ISO date in `since`, and how it stands."""

    key: str
    concepts: frozenset[str]
    since: str = ""
    is_selected: bool = False
    replaces: str = ""
    state: str = ""

    @property
    def ingredients(self) -> frozenset[str]:
        """Its ingredients, as concepts."""
        return frozenset(one for one in self.concepts if catalogue.concepts()[one].family == "ingredient")

    def is_of(self, one: MedicineClass) -> bool:
        """Is it of this class?"""
        return bool(self.concepts & one.of)

    def name(self, ingredients: Iterable[str] | None = None) -> str:
        """Its ingredients in words, or those of them that are listed."""
        wanted = self.ingredients if ingredients is None else self.ingredients & set(ingredients)
        return " with ".join(sorted(catalogue.concepts()[one].label for one in wanted))

    def told(self, one: MedicineClass) -> str:
        """As another order beside the selected one."""
        where = f"{self.state}, ordered {day(self.since)}" if self.since else "among the drafts"
        return f"{self.name(one.ingredients)} ({where})"


def of_drafts(
    drafts: list[DraftOrder], on: date, ehr: Ehr, scorers: Scorers, seconds: float
) -> list[Medicine]:
    """The drafts whose medicine is known. Raises TimeoutError as `score_chart` does."""
    lines = [orjson.dumps(NOBODY), *(_line(number, one, on) for number, one in enumerate(drafts))]
    score = score_chart(Chart(NOBODY, lines, []), on, None, ehr, scorers, seconds)
    concepts = _by_order(score)
    return [
        Medicine(one.key, found, is_selected=one.is_selected, replaces=one.replaces)
        for number, one in enumerate(drafts) if (found := concepts.get(f"{KIND}/draft-{number}"))
    ]  # fmt: skip


def ordered(score: dict[str, Any], records: dict[str, Resource], drafts: list[Medicine], on: date) -> list[Medicine]:
    """The chart's orders in use by the definitions, newest first: IN_USE where active by their status, REPLACED where a
    draft replaces them, or ENDED where the last dose may be hardly two days ago. A draft's own order is none."""
    replaced = {one.replaces for one in drafts}
    own = {one.key: one.ingredients for one in drafts}
    since = {one["resource"]: one["time"] for one in score["in_use"] or ()}
    found = [(Medicine(key, concepts, since[key]), records.get(key, {})) for key, concepts in _by_order(score).items()]
    # The same id with another medicine is another order: the ids of drafts are the EHR's own for a while.
    others = [(one, record) for one, record in found if not one.ingredients & own.get(one.key, frozenset())]
    states = [(one, _state(record, on)) for one, record in others]
    return [
        replace(one, state=REPLACED if state == IN_USE and one.key in replaced else state)
        for one, state in states if state
    ]  # fmt: skip


def _state(record: Resource, on: date) -> str:
    """In use, or how it ended where that may be late; "" for what was never taken, or ended long enough ago.

    An order says not when it was stopped, only when it was changed last: by then it had been.
    """
    status = record.get("status")
    if status == ACTIVE:
        return IN_USE
    about = record.get("meta")
    changed = str(about.get("lastUpdated", "")) if isinstance(about, dict) else ""
    is_late = not changed or changed[:10] >= (on - WASHED_OUT).isoformat()
    return ENDED.get(str(status), "") if is_late else ""


def records_of(chart: Chart) -> dict[str, Resource]:
    """`MedicationRequest/1` -> the resource, as it was read; orders and conditions alone."""
    found = (orjson.loads(line) for line in chart.lines if any(kind in line for kind in LOOKED_AT))
    return {f"{one.get('resourceType')}/{one.get('id')}": one for one in found}


def _line(number: int, draft: DraftOrder, on: date) -> bytes:
    """The draft's medicine as an order of today: whatever else it says does not matter to which medicine it is."""
    return orjson.dumps({
        "resourceType": KIND, "id": f"draft-{number}", "status": ACTIVE, "intent": "order",
        "subject": {"reference": f"Patient/{NOBODY['id']}"}, "authoredOn": on.isoformat(),
        "medicationCodeableConcept": draft.medicine,
    })  # fmt: skip


def _by_order(score: dict[str, Any]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for one in score["in_use"] or ():
        found[one["resource"]].add(one["concept"])
    return {key: frozenset(concepts) for key, concepts in found.items()}
