"""How the page was opened: who is signed in, from which visit, with what else. What the EHR left out is said."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from app.chart.words import day
from app.smart.context import Context, ContextItem

NO_NAME = "The EHR did not give the name of who is signed in."
NO_USER = "The EHR did not say who is signed in."
FOR_PROFESSIONALS = (
    "This page is written for health professionals. If you are the patient, or here for the patient, please talk about "
    "it with the care team: a group says how other people fared, not what will happen to you."
)
NO_VISIT = "The EHR did not say from which visit this was opened."
UNREAD_VISIT = "A visit that could not be read."


@dataclass(frozen=True)
class Opened:
    """Each a text for the page; None and () where there is nothing to say."""

    user: str | None
    for_professionals: str | None
    visit: str
    also: tuple[str, ...]
    dropped: str | None
    tenant: str | None
    population: bool = False  # was anything granted for the user, beyond the open chart?


def opened_of(context: Context, lines: Iterable[bytes]) -> Opened:
    """The words for one launch; `lines` are the chart's resources, in which the visit may stand."""
    return Opened(
        user=user_words(context),
        for_professionals=FOR_PROFESSIONALS if context.user_is_patients_side else None,
        visit=_visit(context.encounter, lines),
        also=also_words(context.items),
        dropped=_dropped(context.items_dropped),
        tenant=context.tenant,
        population=context.granted.has_user_level,
    )


def user_words(context: Context) -> str | None:
    """`Signed in as …`; never an id in the place of a name. None where we did not ask who it is."""
    if context.user_name:
        return f"Signed in as {context.user_name}."
    if context.fhir_user:
        return NO_NAME
    return NO_USER if context.user_asked else None


def _visit(encounter: str | None, lines: Iterable[bytes]) -> str:
    if encounter is None:
        return NO_VISIT
    mark = orjson.dumps(encounter)
    for line in lines:
        if mark in line and b'"Encounter"' in line:
            resource = orjson.loads(line)
            if (resource.get("resourceType"), resource.get("id")) == ("Encounter", encounter):
                return _visit_words(resource)
    return UNREAD_VISIT


def _visit_words(encounter: dict[str, Any]) -> str:
    """`Ambulatory, from 04-May-2026`, as far as the visit says it; R4 has one class, R5 a list of them."""
    classes = encounter.get("class")
    kind = classes if isinstance(classes, dict) else {}
    period = encounter.get("period") if isinstance(encounter.get("period"), dict) else {}
    start = period.get("start") if isinstance(period, dict) else None
    named, begun = kind.get("display"), day(start) if isinstance(start, str) else None
    words = [named.capitalize()] if isinstance(named, str) and named else ["Visit"]
    return ", ".join(words + ([f"from {begun}"] if begun else [])) + "."


def also_words(items: Iterable[ContextItem]) -> tuple[str, ...]:
    """`Imaging study (2)`; a role other than "launch" is named, since it says what the entry is there for."""
    counted = Counter((item.type, item.role) for item in items)
    return tuple(
        _type_words(kind) + (f" ({n})" if n > 1 else "") + ("" if role == "launch" else f", as “{role}”")
        for (kind, role), n in counted.items()
    )


def _type_words(kind: str | None) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).capitalize() if kind else "Record of a kind that was not named"


def _dropped(count: int) -> str | None:
    if not count:
        return None
    return f"{count} further {'entry' if count == 1 else 'entries'} of the EHR’s context could not be used."
