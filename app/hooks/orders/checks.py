"""What the rules say of one call: which of them speak, in which words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.chart.words import capital, day
from app.hooks.orders.medicines import IN_USE, Medicine
from app.hooks.orders.rules import SAME, MedicineClass, Rule, Rules, rules
from app.searches import dicts

OVER = {"inactive", "remission", "resolved"}  # R4 condition-clinical
LAST_DAY = {4: "-12-31", 7: "-31"}  # of a date that is a year or a month, by its letters


@dataclass(frozen=True)
class Case:
    """One call: what was selected, what else is ordered or was of late, and the patient's score."""

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

    def lasting(self, feature: str, below: float) -> str | None:
        """The date of the newest record of a feature within so many days that does not say that it has ended."""
        for one in self.score["dated"].get(feature, ()):
            recent = 0 <= (self.on - date.fromisoformat(one["time"])).days < below
            if recent and not _has_ended(self.records.get(one["resource"], {}), self.on):
                return day(one["time"])
        return None


@dataclass(frozen=True)
class Hit:
    """A rule that speaks: its summary, what makes it the same one next time, and the orders that it holds together."""

    rule: Rule
    summary: str
    said: tuple[str, ...]
    orders: frozenset[str] = frozenset()

    def says_more_than(self, other: "Hit") -> bool:
        """Does it speak in place of the other, of the same orders?"""
        return other.rule.id in self.rule.instead_of and other.orders <= self.orders


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
    return [hit for hit in found.values() if not any(one.says_more_than(hit) for one in found.values())]


def _beside(rule: Rule, medicine: Medicine, case: Case) -> list[Hit]:
    """The other orders of each class that the rule names; for SAME of the medicine's own classes."""
    own = [one for one in case.classes(rule.selected) if medicine.is_of(one)]
    same, found = rule.beside == (SAME,), []
    for kind in own if same else case.classes(rule.beside):
        others = [one for one in case.others if one.is_of(kind) and one != medicine
                  and (rule.lately or one.state in ("", IN_USE))]  # fmt: skip
        if others:
            told = ", ".join(one.told(kind) for one in others)
            name = medicine.name({part for one in ([kind] if same else own) for part in one.ingredients})
            words = rule.summary.format(**{"name": name, "others": told, "class": kind.label})
            drafts = {medicine.name(), *(one.name() for one in others if not one.since)}  # a draft has no lasting id
            orders = {one.key for one in others if one.since}
            which = [kind.name] if same else []
            said = (rule.id, *which, *sorted(drafts), *sorted(orders))
            found.append(Hit(rule, capital(words), said, frozenset({medicine.key, *(one.key for one in others)})))
    return found


def _recorded(rule: Rule, medicine: Medicine, case: Case) -> list[Hit]:
    """What is on record about the patient, where the rule's feature says so."""
    if rule.below is None:
        holds, dated = case.value(rule.feature) == 1, case.dated(rule.feature)
    else:
        dated = case.lasting(rule.feature, rule.below)
        holds = dated is not None
    if not holds:
        return []
    name = medicine.name({part for one in case.classes(rule.selected) for part in one.ingredients})
    words = rule.summary.format(name=name, date=f" on {dated}" if dated else "")
    return [Hit(rule, capital(words), (rule.id, medicine.name(), dated or ""))]


def _has_ended(record: dict[str, Any], on: date) -> bool:
    """Does a Condition say that it is over: by its clinicalStatus, or where it has none by a day that is past?

    A day to come, such as an estimated one of delivery, ends nothing yet; of a month or a year its last day counts.
    """
    status, period = record.get("clinicalStatus"), record.get("abatementPeriod")
    codes = {str(one.get("code")) for one in dicts(status, "coding")} if isinstance(status, dict) else set()
    if codes:
        return codes <= OVER
    end = record.get("abatementDateTime") or (period.get("end") if isinstance(period, dict) else None)
    return isinstance(end, str) and "" < end[:10] + LAST_DAY.get(len(end), "") <= on.isoformat()
