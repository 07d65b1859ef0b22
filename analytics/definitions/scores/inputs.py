"""What a score needs, as its TOML file says, and the check of what it was given. Nothing is ever imputed here."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from analytics.definitions.errors import DefinitionError

KINDS = frozenset({"number", "flag", "choice", "codes"})
Value = float | bool | str | tuple[str, ...]


@dataclass(frozen=True)
class Input:
    """One input of a score; ``range`` is inclusive, in ``unit``.

    applies: the sentence when a value outside of ``range`` means that the score is not for this person.
    only_for: the results that are left out when the value is outside of ``range``; the others stand.
    excludes / requires: the sentence when a flag that is set / not set means that the score is not for this person.
    otherwise: the choice that stands for any other text; ``note`` says so beside the result.
    label: its short name on a page. unknown: the sentence when it is not known. step: the smallest change worth making.
    records: the resource types that tell it: where one of them was not read whole, "no record" says nothing.
    stale_days: after so many days a value is called old; 0: never within the window of its feature, beyond which none
    is given (lipids: 24 months, and the guidelines' five years are longer). nudge: what a plus or minus button changes.
    also: a second unit, of which ``also_factor`` is 1 of ``unit``.
    turns: values within the range at which the risk may turn; unranged: no range is computed where it is unknown.
    """

    name: str
    kind: str
    meaning: str
    unit: str = "1"
    range: tuple[float, float] | None = None
    range_male: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    optional: bool = False
    applies: str = ""
    only_for: tuple[str, ...] = ()
    excludes: str = ""
    requires: str = ""
    otherwise: str = ""
    note: str = ""
    label: str = ""
    unknown: str = ""
    step: float = 1
    nudge: float = 1
    records: tuple[str, ...] = ()
    stale_days: int = 0
    also: str = ""
    also_factor: float = 0.0
    turns: tuple[float, ...] = ()
    unranged: bool = False

    def stands(self, value: Any, resource: str | None, unread: Collection[str]) -> bool:
        """Does the value stand where these resource types were not read whole?

        Then no record says nothing, and a count or a list of codes may lack some; a flag that a record sets or denies
        stands, and so does a measurement.
        """
        if not set(self.records) & set(unread):
            return True
        if self.kind == "flag":
            return bool(value or resource)
        return value is not None and self.records == ("Observation",)

    @classmethod
    def read(cls, score: str, name: str, fields: Mapping[str, Any]) -> Input:
        """Raises DefinitionError when a field is unknown or missing."""
        listed: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        try:
            made = cls(name=name, **listed)
        except TypeError as error:
            raise DefinitionError(f"scores/{score}.toml [inputs.{name}]: {error}") from error
        if made.kind not in KINDS or (made.kind == "number") != (made.range is not None):
            raise DefinitionError(f"scores/{score}.toml [inputs.{name}]: kind and range do not fit")
        return made


@dataclass(frozen=True)
class Checked:
    """The usable inputs, and what was wrong with the others."""

    values: dict[str, Value]
    missing: tuple[str, ...]
    out_of_range: tuple[str, ...]
    left_out: tuple[str, ...]  # results that an input out of range rules out
    reason: str | None  # why the score is not for this person
    notes: tuple[str, ...]

    @property
    def blocked(self) -> bool:
        """Whether nothing may be computed: an input is missing, unusable, or the score is not for this person."""
        return bool(self.missing or self.reason or set(self.out_of_range) - set(self.values))


def check(inputs: Mapping[str, Input], given: Mapping[str, Any]) -> Checked:
    """Sort what was given into usable, missing (absent or None) and out of range (also: of a wrong type).

    Raises ValueError for an input that the score does not have.
    """
    if unknown := set(given) - set(inputs):
        raise ValueError(f"no such input: {', '.join(sorted(unknown))}")
    values: dict[str, Value] = {}
    missing: list[str] = []
    beyond: list[str] = []
    left_out: list[str] = []
    reasons: list[str] = []
    notes: list[str] = []
    male = given.get("sex") == "male"
    for name, one in inputs.items():
        value = given.get(name)
        if value is None:
            missing += [] if one.optional else [name]
            continue
        usable, inside = _usable(one, value, male)
        if inside or (usable is not None and one.only_for):
            values[name] = usable if usable is not None else value
        if not inside:
            beyond.append(name)
            left_out += one.only_for
            reasons += [one.applies] if one.applies and usable is not None else []
        reasons += _reasons(one, usable)
        notes += [one.note] if one.note and inside and value not in one.choices else []
    reason = reasons[0] if reasons else None
    return Checked(values, tuple(missing), tuple(beyond), tuple(left_out), reason, tuple(notes))


def _usable(one: Input, value: Any, male: bool) -> tuple[Value | None, bool]:
    """The value as the equation takes it (None when it is of a wrong type), and whether it is within the range."""
    if one.kind == "flag":
        flag = value in (0, 1) and isinstance(value, bool | int | float)
        return (bool(value), True) if flag else (None, False)
    if one.kind == "choice":
        chosen = value if value in one.choices else (one.otherwise if isinstance(value, str) and value else "")
        return (chosen, True) if chosen else (None, False)
    if one.kind == "codes":
        listed = isinstance(value, list | tuple | set | frozenset) and all(isinstance(code, str) for code in value)
        return (tuple(sorted(value)), True) if listed else (None, False)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None, False
    low, high = (one.range_male if male and one.range_male else one.range) or (-math.inf, math.inf)
    return float(value), low <= value <= high


def _reasons(one: Input, usable: Value | None) -> list[str]:
    if one.excludes and usable is True:
        return [one.excludes]
    return [one.requires] if one.requires and usable is False else []
