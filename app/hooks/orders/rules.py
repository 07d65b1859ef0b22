"""Reads `rules.toml`, and refuses what is incomplete or names what the definitions do not have."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from analytics.definitions import catalogue
from analytics.definitions.errors import DefinitionError
from analytics.definitions.scores import levers

SAME = "the same class"


@dataclass(frozen=True)
class MedicineClass:
    """A class of medicines: `of`, the concepts that say so; `ingredients`, all that its medicines may be."""

    name: str
    label: str
    of: frozenset[str]
    ingredients: frozenset[str]


@dataclass(frozen=True)
class Topic:
    """What medicines of these classes are for, as one lever of scores/levers.toml; doses: concept -> its dose."""

    name: str
    classes: tuple[str, ...]
    lever: str
    unchecked: str
    by_product: str = ""
    doses: dict[str, str] = field(default_factory=dict)
    no_dose: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Value:
    """What the chart knows: features of one unit, of which the first decides."""

    label: str
    classes: tuple[str, ...]
    features: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """One warning. Either `beside`, classes of another order (SAME: that of the selected one), or `feature`.

    A feature holds where it is 1; with `below` where a record of it is newer than so many days and has not ended.
    `lately`: orders count too that were stopped not long ago, or that a draft replaces.
    """

    id: str
    selected: tuple[str, ...]
    summary: str
    because: str
    source: str
    rests_on: tuple[str, ...]
    beside: tuple[str, ...] = ()
    feature: str = ""
    below: float | None = None
    lately: bool = False
    instead_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """The whole file."""

    classes: dict[str, MedicineClass]
    topics: tuple[Topic, ...]
    values: tuple[Value, ...]
    rules: tuple[Rule, ...]


@cache
def rules() -> Rules:
    """`rules.toml`. Raises DefinitionError where it is wrong."""
    return read((Path(__file__).parent / "rules.toml").read_text(encoding="utf-8"))


def read(text: str) -> Rules:
    """The rules of a text. Raises DefinitionError for a field that is unknown or missing, or a name that is."""
    try:
        table = tomllib.loads(text)
        classes = {name: _class(name, fields) for name, fields in table["class"].items()}
        found = Rules(
            classes,
            tuple(Topic(name=name, **_tuples(fields)) for name, fields in table["topic"].items()),
            tuple(Value(**_tuples(fields)) for fields in table["value"]),
            tuple(_rule(fields) for fields in table["rule"]),
        )
        unknown = sorted(_unknown(found))
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise DefinitionError(f"hooks/orders/rules.toml: {error}") from error
    if unknown:
        raise DefinitionError(f"hooks/orders/rules.toml: {unknown[0]} is not known")
    return found


def _class(name: str, fields: dict[str, Any]) -> MedicineClass:
    of = frozenset(fields["of"])
    known = [catalogue.concepts()[one] for one in of]
    members = {member for one in known for member in (one.members or (one.name,))}
    return MedicineClass(name, fields["label"], of, frozenset(members))


def _rule(fields: dict[str, Any]) -> Rule:
    beside = fields.pop("with", [])
    return Rule(**_tuples(fields | {"beside": [SAME] if beside == SAME else beside}))


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}


def _unknown(found: Rules) -> set[str]:
    """Names that nothing defines, and rules that neither another order nor a feature decides."""
    ids = {rule.id for rule in found.rules}
    classes = {name for topic in found.topics for name in topic.classes}
    classes |= {name for value in found.values for name in value.classes}
    classes |= {name for rule in found.rules for name in (*rule.selected, *rule.beside)} - {SAME}
    features = {name for one in found.values for name in one.features}
    features |= {rule.feature for rule in found.rules if rule.feature}
    doses = {topic.lever: {dose["name"] for dose in levers.table()[topic.lever]["doses"]} for topic in found.topics}
    return (
        classes - set(found.classes) | features - set(catalogue.features())
        | {dose for topic in found.topics for dose in topic.doses.values() if dose not in doses[topic.lever]}
        | {name for topic in found.topics for name in (*topic.doses, *topic.no_dose)} - set(catalogue.concepts())
        | {name for rule in found.rules for name in rule.instead_of} - ids
        | {f"what decides {rule.id}" for rule in found.rules if bool(rule.beside) == bool(rule.feature)}
    )  # fmt: skip
