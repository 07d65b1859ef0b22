"""Which medicines orders are, by codes and names of the definitions: those of a call's drafts, and the active ones."""

from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from analytics.definitions import catalogue
from app.chart.words import day
from app.fhir import Chart
from app.hooks.orders.context import KIND, DraftOrder
from app.hooks.orders.rules import MedicineClass
from app.registry import Ehr
from app.score import score_chart

ACTIVE = "active"  # R4 medicationrequest-status: what was stopped lately is in use by the definitions, and no duplicate
LOOKED_AT = (KIND.encode(), b"Condition")
Resource = dict[str, Any]
#: Nobody: drafts are told apart by the stages of a score, and these look at one person's orders.
NOBODY = {"resourceType": "Patient", "id": "nobody", "birthDate": "1970-01-01"}


@dataclass(frozen=True)
class Medicine:
    """An order with the concepts of its medicine. `since`: ISO date of an order; "" for a draft."""

    key: str
    concepts: frozenset[str]
    since: str = ""
    is_selected: bool = False
    replaces: str = ""

    def is_of(self, one: MedicineClass) -> bool:
        """Is it of this class?"""
        return bool(self.concepts & one.of)

    def name(self, ingredients: Iterable[str] | None = None) -> str:
        """Its ingredients in words, or those of them that are listed."""
        known = catalogue.concepts()
        found = [known[one].label for one in self.concepts if known[one].family == "ingredient"
                 and (ingredients is None or one in ingredients)]  # fmt: skip
        return " with ".join(sorted(found))

    def told(self, one: MedicineClass) -> str:
        """As another order beside the selected one."""
        where = f"in use, ordered {day(self.since)}" if self.since else "among the drafts"
        return f"{self.name(one.ingredients)} ({where})"


def of_drafts(
    drafts: list[DraftOrder], on: date, ehr: Ehr, pool: ThreadPoolExecutor, seconds: float
) -> list[Medicine]:
    """The drafts whose medicine is known. Raises TimeoutError as `score_chart` does."""
    lines = [orjson.dumps(NOBODY), *(_line(number, one, on) for number, one in enumerate(drafts))]
    score = score_chart(Chart(NOBODY, lines, []), on, None, ehr, pool, seconds)
    concepts = _by_order(score)
    return [
        Medicine(one.key, found, is_selected=one.is_selected, replaces=one.replaces)
        for number, one in enumerate(drafts) if (found := concepts.get(f"{KIND}/draft-{number}"))
    ]  # fmt: skip


def active(score: dict[str, Any], records: dict[str, Resource]) -> list[Medicine]:
    """The chart's orders that are in use by the definitions and active by their status, the newest first."""
    since = {one["resource"]: one["time"] for one in score["in_use"]}
    return [
        Medicine(key, concepts, since[key])
        for key, concepts in _by_order(score).items() if records.get(key, {}).get("status") == ACTIVE
    ]  # fmt: skip


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
    for one in score["in_use"]:
        found[one["resource"]].add(one["concept"])
    return {key: frozenset(concepts) for key, concepts in found.items()}
