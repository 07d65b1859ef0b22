"""What a score was given: each input with value, unit, date and record, and what may not be taken for granted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from analytics.definitions import catalogue, explain, scores
from analytics.definitions.scores.inputs import Input
from app.chart.profile import with_unit
from app.chart.words import TYPES, age_of_value, capital, day

NOT_KNOWN = "not known"
ASSUMED = "assumed: there is no record of it"
NOT_READ = "not known: not all {} could be read"
TOO_OLD = "the last {}, {} of {}, is older than the {} months that count"
PLAIN = {"1": "", "a": "years", "d": "days"}


@dataclass(frozen=True)
class Last:
    """The newest measurement of an input that is too old to count: what it was, in words, and its record."""

    said: str
    resource: str | None


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


def too_old(
    sources: Mapping[str, Any], given: Mapping[str, Mapping[str, Any]], series: Mapping[str, Any], on: date
) -> dict[str, Last]:
    """Of the inputs without a value those that were measured before the window of their feature (features.toml).

    sources: input -> the feature that gives it; one of several features is never a measurement.
    """
    found = {}
    newest = {one.concept: one for one in catalogue.features().values() if one.kind == "latest"}
    for key, feature in ((key, catalogue.features()[one]) for key, one in sources.items() if isinstance(one, str)):
        last = series.get(feature.concept, [])[-1:]
        if given[key]["value"] is not None or not last or not feature.window_days:
            continue
        if (on - date.fromisoformat(last[0]["time"])).days >= feature.window_days:
            measured, dated = newest[feature.concept], day(last[0]["time"])
            value = with_unit(measured, last[0]["value"])
            said = TOO_OLD.format(measured.label, value, dated, feature.window_days // 30)
            found[key] = Last(said, last[0]["resource"])
    return found


def rows(
    name: str, result: Mapping[str, Any], unread: Collection[str], on: date, older: Mapping[str, Last]
) -> list[Row]:
    """Every input of a score in its file's order. older: what `too_old` finds."""
    declared = scores.declared_inputs(name)
    return [
        row(declared[key], given, unread, on, key in result["out_of_range"], older.get(key))
        for key, given in result["inputs"].items()
    ]


def row(
    one: Input, given: Mapping[str, Any], unread: Collection[str], on: date, outside: bool = False,
    older: Last | None = None,
) -> Row:  # fmt: skip
    """One input of a score as far as was read; what counts as not there for want of a record is called assumed."""
    time, resource, value = given["time"], given["resource"], given["value"]
    lacking = lacks(one, value, unread)
    return Row(
        label=capital(one.label or one.meaning),
        value=NOT_KNOWN if value is None else shown(one, value),
        dated=day(time) or "",
        age=age_of_value(time, on) or "",
        note=older.said if older else _note(one, given, lacking, outside),
        is_old=is_old(one, time, on),
        resource=older.resource if older else resource,
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
