"""What a score was given: each input with value, unit, date and record, and what may not be taken for granted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from analytics.definitions import explain, scores
from analytics.definitions.scores.inputs import Input
from app.chart.words import TYPES, age_of_value, day

NOT_KNOWN = "not known"
ASSUMED = "assumed: there is no record of it"
NOT_READ = "not known: not all {} could be read"
PLAIN = {"1": "", "a": "years", "d": "days"}


@dataclass(frozen=True)
class Row:
    """One input as the page prints it; a text is "" where there is nothing to say."""

    label: str
    value: str
    dated: str
    age: str
    note: str  # assumed, not known and why, outside of the range
    is_old: bool
    resource: str | None
    meaning: str


def rows(name: str, result: Mapping[str, Any], unread: Collection[str], on: date) -> list[Row]:
    """Every input of a score in its file's order."""
    declared = scores.declared_inputs(name)
    return [
        row(declared[key], given, unread, on, outside=key in result["out_of_range"])
        for key, given in result["inputs"].items()
    ]


def row(one: Input, given: Mapping[str, Any], unread: Collection[str], on: date, outside: bool = False) -> Row:
    """One input of a score as far as was read; what counts as not there for want of a record is called assumed."""
    time, resource, value = given["time"], given["resource"], given["value"]
    lacking = lacks(one, value, unread)
    return Row(
        label=_capital(one.label or one.meaning),
        value=NOT_KNOWN if value is None else shown(one, value),
        dated=day(time) or "",
        age=age_of_value(time, on) or "",
        note=_note(one, given, lacking, outside),
        is_old=is_old(one, time, on),
        resource=resource,
        meaning=one.meaning,
    )


def shown(one: Input, value: Any) -> str:
    """`200 mg/dL (5.2 mmol/L)`, `yes`, `female`, `3 codes`."""
    if one.kind == "flag":
        return "yes" if value else "no"
    if one.kind == "codes":
        return f"{len(value)} on record"
    if one.kind == "choice":
        return str(value)
    unit = PLAIN.get(one.unit, explain.unit_words(one.unit))
    text = f"{number(value, one.step)} {unit}".strip()
    return f"{text} ({number(value * one.also_factor, 0.1)} {one.also})" if one.also else text


def listed(labels: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(labels[:-1]), labels[-1]] if len(labels) > 1 else labels)


def number(value: float, step: float) -> str:
    """A value with as many decimals as its step is fine."""
    decimals = 0 if step >= 1 else 1 if step >= 0.1 else 2
    return f"{value:.{decimals}f}"


def is_old(one: Input, time: str | None, on: date) -> bool:
    """Whether a value is older than its rule's look-back; one without a full date cannot be told."""
    try:
        days = (on - date.fromisoformat((time or "")[:10])).days
    except ValueError:
        return False
    return bool(one.stale_days) and days > one.stale_days


def lacks(one: Input, value: Any, unread: Collection[str]) -> str:
    """`medicines`: what was not all read, where an input is not known for that reason; "" where it is not."""
    return listed([words.lower() for name, words in TYPES.items() if name in one.records and name in unread]) \
        if value is None else ""


def _note(one: Input, given: Mapping[str, Any], lacking: str, outside: bool) -> str:
    if lacking:
        return NOT_READ.format(lacking)
    if outside and one.range:
        low, high = one.range
        return f"outside of {low:g} to {high:g}, for which the score was made"
    return ASSUMED if is_assumed(one, given) else ""


def is_assumed(one: Input, given: Mapping[str, Any]) -> bool:
    """Counted as not there because there is no record of it."""
    return bool(one.records) and one.kind != "codes" and given["value"] == 0 and not given["resource"]


def _capital(text: str) -> str:
    return text if text[1:2].isupper() or text[:2] == "hs" else text[:1].upper() + text[1:]
