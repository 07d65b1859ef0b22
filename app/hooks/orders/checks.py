"""What the rules say of one call: which of them speak, in which words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from analytics.definitions import catalogue
from app.chart.words import capital, day
from app.hooks.orders.medicines import Medicine
from app.hooks.orders.rules import SAME, MedicineClass, Rule, Rules, rules


@dataclass(frozen=True)
class Case:
    """One call: what was selected, what else is ordered, and the patient's score."""

    selected: list[Medicine]
    others: list[Medicine]
    score: dict[str, Any]
    unread: set[str]  # types whose absence says nothing
    on: date
    by: Rules

    def classes(self, names: Iterable[str]) -> list[MedicineClass]:
        """Classes by their names."""
        return [self.by.classes[name] for name in names]

    def selected_of(self, names: Iterable[str]) -> list[Medicine]:
        """The selected medicines of one of these classes."""
        return [one for one in self.selected if any(one.is_of(kind) for kind in self.classes(names))]

    def value(self, feature: str) -> float | None:
        """A feature of the score; a nought of what was not read is not known."""
        found: float | None = self.score["features"][feature]
        hidden = found == 0 and catalogue.features()[feature].missing == "zero" and self.unread
        return None if hidden else found

    def dated(self, days: float | None) -> str:
        """The day so many days before the as-of date."""
        return day((self.on - timedelta(days=int(days or 0))).isoformat()) or ""


@dataclass(frozen=True)
class Hit:
    """A rule that speaks: the medicines that it is about, its summary, and what makes it the same one next time."""

    rule: Rule
    summary: str
    said: tuple[str, ...]


def is_subject(medicine: Medicine) -> bool:
    """Is it a selected medicine that the rules know something of?"""
    return medicine.is_selected and any(medicine.is_of(one) for one in rules().classes.values())


def hits(case: Case) -> list[Hit]:
    """Every rule that speaks, in the file's order, each thing once."""
    found: dict[tuple[str, ...], Hit] = {}
    for rule in case.by.rules:
        for medicine in case.selected_of(rule.selected):
            for hit in _beside(rule, medicine, case) if rule.beside else _recorded(rule, medicine, case):
                found.setdefault(hit.said, hit)
    quiet = {name for hit in found.values() for name in hit.rule.instead_of}
    return [hit for hit in found.values() if hit.rule.id not in quiet]


def _beside(rule: Rule, medicine: Medicine, case: Case) -> list[Hit]:
    """The other orders of each class that the rule names; for SAME of the medicine's own classes."""
    own = [one for one in case.classes(rule.selected) if medicine.is_of(one)]
    found = []
    for kind in own if rule.beside == (SAME,) else case.classes(rule.beside):
        others = [one for one in case.others if one.is_of(kind) and one.key != medicine.key]
        if others:
            told = ", ".join(one.told(kind) for one in others)
            words = rule.summary.format(**{"name": medicine.name(), "others": told, "class": kind.label})
            drafts = {medicine.name(), *(one.name() for one in others if not one.since)}  # a draft has no lasting id
            orders = {one.key for one in others if one.since}
            which = [kind.name] if rule.beside == (SAME,) else []
            found.append(Hit(rule, capital(words), (rule.id, *which, *sorted(drafts), *sorted(orders))))
    return found


def _recorded(rule: Rule, medicine: Medicine, case: Case) -> list[Hit]:
    """What is on record about the patient, where the rule's feature says so."""
    value = case.value(rule.feature)
    if not rule.holds(value):
        return []
    dated = case.dated(value) if rule.below is not None else ""
    words = rule.summary.format(name=medicine.name(), date=dated)
    return [Hit(rule, capital(words), (rule.id, medicine.name(), dated))]
