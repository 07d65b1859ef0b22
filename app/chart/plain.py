"""The plain words of the patient sheet (plain_words.toml), put into sentences."""

import tomllib
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from analytics.definitions import catalogue
from app.chart.profile import with_unit
from app.chart.words import day

QUESTIONS = 8


@cache
def table() -> dict[str, Any]:
    """The whole list."""
    return tomllib.loads(Path(__file__).with_name("plain_words.toml").read_text("utf-8"))


def reason(feature: str, value: float | None, time: str | None) -> str | None:
    """One reason as a sentence to the patient; None without plain words for it, or without a value."""
    words, when = table(), long_day(time)
    if value is None:
        return None
    if feature in words["conditions"]:
        since = f" since {when}" if when else ""
        what = words["conditions"][feature]
        return f"Your record shows {what}{since}." if value else f"Your record does not show {what}."
    if feature in words["medicines"]:
        what = words["medicines"][feature]
        ordered = f", last ordered {when}" if when else ""
        return f"You take {what}{ordered}." if value else f"Your record does not show that you take {what}."
    if feature in words["answers"]:
        return f"Your record says {words['answers'][feature]}." if value else None
    if feature in words["counts"]:
        return f"{words['counts'][feature]}: {with_unit(catalogue.features()[feature], value)}."
    if feature in words["tests"]:
        return f"{words['tests'][feature]}: {with_unit(catalogue.features()[feature], value)}{_on(when)}."
    return None


def _on(when: str | None) -> str:
    return f" on {when}" if when else ""


def long_day(time: str | None) -> str | None:
    """`2 Feb 2026`."""
    text = day(time)
    return text.replace("-", " ").lstrip("0") if text else None


def questions(reasons: Collection[str]) -> list[str]:
    """At most eight questions: the general ones, then those that fit the reasons."""
    fitting = (one for one in table()["questions"] if not one.get("features") or {*one["features"]} & {*reasons})
    return [one["text"] for one in fitting][:QUESTIONS]
