"""Treatments by the relative risks of trials (levers.toml): which are offered, and what they would change.

A treatment is never worked out by switching a model's flag: those coefficients are associations, and turning one off
would make a treated patient look healthier.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from analytics.definitions.errors import DefinitionError
from analytics.definitions.scores.inputs import Input

CHOLESTEROL = 0.02586  # mmol/L of one mg/dL, as PREVENT has it


@dataclass(frozen=True)
class Ratio:
    """A relative risk with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Effect:
    """What ratios make of a risk, in percent; fewer: percentage points; needed: people treated for one event less.

    low and high are those of the intervals' ends taken together, which is wider than the truth for several levers.
    `needed` is rounded up; None where there is nothing to gain.
    """

    before: float
    after: float
    after_low: float
    after_high: float
    fewer: float
    needed: int | None
    needed_low: int | None
    needed_high: int | None


@cache
def table() -> dict[str, Any]:
    """levers.toml. Raises DefinitionError when it cannot be read."""
    try:
        return tomllib.loads((Path(__file__).parent / "levers.toml").read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"definitions/scores/levers.toml: {error}") from error


@cache
def names() -> tuple[str, ...]:
    """The levers in the file's order."""
    return tuple(name for name in table() if name not in ("baseline", "inputs"))


@cache
def inputs() -> dict[str, Input]:
    """What levers need beside the inputs of the score whose risk they multiply."""
    return {key: Input.read("levers", key, fields) for key, fields in table()["inputs"].items()}


def why_not(name: str, given: Mapping[str, Any]) -> str | None:
    """The sentence for not offering a lever to this person; None where it is offered. LDL in mg/dL."""
    for rule in table()[name]["unless"]:
        value = given.get(rule["input"])
        if value is None:
            if rule.get("unknown"):
                return str(rule["because"])
        elif ("is" in rule and value == rule["is"]) or value < rule.get("below", -math.inf):
            return str(rule["because"])
    return None


def doses(name: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The doses that are offered to this person, as the file has them."""
    return [
        dose for dose in table()[name]["doses"]
        if all((given.get(key) or 0) >= least for key, least in dose.get("from_value", {}).items())
    ]  # fmt: skip


def ratio(name: str, dose: Mapping[str, Any], given: Mapping[str, Any]) -> Ratio:
    """The relative risk of this dose in this person: relative_risk ^ (amount / per)."""
    lever = table()[name]
    amount = dose["amount"] if "amount" in dose else dose["share"] * given[lever["of"]] * CHOLESTEROL
    power = amount / lever["per"]
    return Ratio(lever["relative_risk"] ** power, lever["low"] ** power, lever["high"] ** power)


def effect(percent: float, ratios: Sequence[Ratio]) -> Effect:
    """A risk in percent under all these ratios together: p' = p * product."""
    after, low, high = (
        percent * math.prod(getattr(one, end) for one in ratios) for end in ("value", "low", "high")
    )  # fmt: skip
    return Effect(
        before=percent, after=after, after_low=low, after_high=high, fewer=percent - after,
        needed=_needed(percent - after), needed_low=_needed(percent - low), needed_high=_needed(percent - high),
    )  # fmt: skip


def _needed(points: float) -> int | None:
    return math.ceil(round(100 / points, 9)) if points > 0 else None


def caveats(name: str, given: Mapping[str, Any]) -> list[str]:
    """What is to be said beside this lever for this person."""
    return [
        rule["text"] for rule in table()[name]["caveats"]
        if "input" not in rule or (given.get(rule["input"]) or 0) < rule["below"]
    ]  # fmt: skip


def harms(name: str, dose: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The harms that this dose can do to this person, as the file has them."""
    return [
        harm for harm in table()[name]["harms"]
        if not given.get(harm.get("unless_input", "")) and dose in harm.get("doses", [dose])
    ]  # fmt: skip
