"""What the rules say of one call: which of them speak, in which words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.chart.words import capital, day
from app.hooks.orders.medicines import Medicine
from app.hooks.orders.rules import SAME, MedicineClass, Rule, Rules, rules
from app.searches import dicts

OVER = {"inactive", "remission", "resolved"}  # R4 condition-clinical


@dataclass(frozen=True)
class Case:
    """One call: what was selected, what else is ordered, and the patient's score."""

    selected: list[Medicine]
    others: list[Medicine]
    score: dict[str, Any]
    unread: frozenset[str]  # types of which something may be missing
    on: date
    by: Rules
    records: dict[str, dict[str, Any]]  # `Condition/1` -> resource

    def classes(self, names: Iterable[str]) -> list[MedicineClass]:
        """Classes by their names."""
        return [self.by.classes[name] for name in names]

    def selected_of(self, names: Iterable[str]) -> list[Medicine]:
        """The selected medicines of one of these classes."""
        return [one for one in self.selected if any(one.is_of(kind) for kind in self.classes(names))]

    def value(self, feature: str) -> float | None:
        """A feature of the score, as far as was read."""
        found: float | None = self.score["features"][feature]
        return found

    def dated(self, feature: str) -> str | None:
        """The date of the record behind a feature; None where it has none."""
        return day(self.score["evidence"].get(feature, {}).get("time"))

    def has_ended(self, feature: str) -> bool:
        """Does the Condition behind a feature say that it is over (R4 clinicalStatus, abatement[x])?"""
        record = self.records.get(self.score["evidence"].get(feature, {}).get("resource"), {})
        status = record.get("clinicalStatus")
        codes = {str(one.get("code")) for one in dicts(status, "coding")} if isinstance(status, dict) else set()
        return bool(codes & OVER) or any(key.startswith("abatement") for key in record)


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
    same, found = rule.beside == (SAME,), []
    for kind in own if same else case.classes(rule.beside):
        others = [one for one in case.others if one.is_of(kind) and one.key != medicine.key]
        if others:
            told = ", ".join(one.told(kind) for one in others)
            name = medicine.name({part for one in ([kind] if same else own) for part in one.ingredients})
            words = rule.summary.format(**{"name": name, "others": told, "class": kind.label})
            drafts = {medicine.name(), *(one.name() for one in others if not one.since)}  # a draft has no lasting id
            orders = {one.key for one in others if one.since}
            which = [kind.name] if same else []
            found.append(Hit(rule, capital(words), (rule.id, *which, *sorted(drafts), *sorted(orders))))
    return found


def _recorded(rule: Rule, medicine: Medicine, case: Case) -> list[Hit]:
    """What is on record about the patient, where the rule's feature says so."""
    value = case.value(rule.feature)
    if not rule.holds(value) or (rule.ends and case.has_ended(rule.feature)):
        return []
    dated = case.dated(rule.feature)
    words = rule.summary.format(name=medicine.name(), date=f" on {dated}" if dated else "")
    return [Hit(rule, capital(words), (rule.id, medicine.name(), dated or ""))]
