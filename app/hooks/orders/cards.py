"""The cards of `order-select`: warnings that a rule of `rules.toml` gives, and what is known for the choice.

Their subject is the selected drafts alone; active orders and the other drafts are what they are held against.
"""

from datetime import date
from typing import Any

from analytics.definitions import catalogue, explain
from app.chart.banner import banner_of
from app.chart.score_inputs import NOT_READ, too_old
from app.chart.words import TYPES, capital
from app.fhir import Chart
from app.hooks.cards import (
    LONGEST_SUMMARY,
    Draft,
    foot,
    listing,
    marked,
    paragraphs,
    shortened,
    unread_lines,
    unusable,
)
from app.hooks.orders.checks import Case, Hit, hits, is_subject
from app.hooks.orders.medicines import Medicine, ordered, records_of
from app.hooks.orders.risk import Risk, risk_of
from app.hooks.orders.rules import Topic, Value, rules
from app.read_in_part import in_doubt
from app.registry import Ehr

SELECTED = "Selected medicines"  # where their names leave no room


def order_drafts(medicines: list[Medicine], score: dict[str, Any], chart: Chart, on: date, ehr: Ehr) -> list[Draft]:
    """The cards for the selected ones of these drafts, warnings first; none where there is nothing to say."""
    if score["group_hidden"] == "deceased" or banner_of(chart.patient, on).died:
        return []
    selected = [one for one in medicines if is_subject(one)]
    unread = in_doubt(chart.unread)
    drafted = [one for one in medicines if not one.is_selected]
    records = records_of(chart)
    others = [*ordered(score, records, medicines, on), *drafted, *selected]
    case = Case(selected, others, score, unread, on, rules(), records)
    notes = listing("Not read", [*unread_lines(chart.unread), *unusable(score)])
    end = foot(score | {"release": None}, ehr)
    found = [_warning(hit, notes, end) for hit in hits(case)]
    found += [one for topic in case.by.topics if (one := _known(topic, case, notes, end))]
    return found + _unchecked(case, notes, end)


def _warning(hit: Hit, notes: str, end: str) -> Draft:
    parts = [marked(hit.rule.because), f"Source: {marked(hit.rule.source)}", notes, end]
    whole = [marked(f"{hit.summary}.")] if shortened(hit.summary) != hit.summary else []
    kind = "check" if hit.rule.beside else "record"
    return Draft(kind, "warning", shortened(hit.summary), paragraphs([*whole, *parts]), hit.said)


def _known(topic: Topic, case: Case, notes: str, end: str) -> Draft | None:
    """What is known for the choice; None where neither a value nor the score has something to say."""
    medicines = case.selected_of(topic.classes)
    if not medicines:
        return None
    asked = [one for one in case.by.values if set(medicines) & set(case.selected_of(one.classes))]
    values = [text for one in asked if (text := _value(one, case))]
    risk = risk_of(case.score, case.unread, case.on, topic.lever, _doses(topic, medicines))
    if not values and not topic.doses and not risk.has_figure:
        return None
    parts = [
        listing("In the chart", [*values, *(_lacking(one, case) for one in asked if not _value(one, case))]),
        listing("10-year risk by PREVENT", risk.figures),
        listing("What treatment would change", [*_by_dose(topic, medicines, risk), *risk.treated, *risk.beside]),
        listing("Harms", risk.harms),
        f"**Not checked here**: {marked(topic.unchecked)}",
        listing("Sources", risk.sources), notes, end,
    ]  # fmt: skip
    said = (topic.name, *sorted(one.name() for one in medicines))
    return Draft("order", "info", _summary(medicines, values, risk), paragraphs(parts), said)


def _summary(medicines: list[Medicine], values: list[str], risk: Risk) -> str:
    """The values and the risk; where no value stands before it, with treatment too. What has no room is left out as a
    whole, since half a number would be another one, and a range without its caveat another claim."""
    told = [one[:1].lower() + one[1:] if one[1:2].islower() else one for one in values]
    risks = [risk.short, *([risk.after] if risk.after and not values else [])] if risk.has_figure or not values else []
    joiner = "; " if values else ", "
    for head in (capital(" and ".join(sorted({one.name() for one in medicines}))), SELECTED):
        text, *more = [f"{head}: {part}" if not place else part for place, part in enumerate([*told, *risks])]
        if len(text) <= LONGEST_SUMMARY:
            break
    for part in more:
        text = f"{text}{joiner}{part}" if len(f"{text}{joiner}{part}") <= LONGEST_SUMMARY else text
    return shortened(text)


def _lacking(one: Value, case: Case) -> str:
    """Why a value that matters for the choice does not stand there: too old, not read, or not there."""
    name = one.features[0]
    known = catalogue.features()[name]
    older = too_old({name: name}, {name: {"value": None}}, case.score["series"], case.on)
    if name in older:
        return f"{capital(older[name].said)}."
    if "Observation" in case.unread:
        return f"{one.label}: {NOT_READ.format(TYPES['Observation'].lower())}."
    return f"{one.label}: none of the last {known.window_days // 30} months."


def _value(one: Value, case: Case) -> str:
    """`Blood pressure 152/88 mmHg on 04-May-2026`; "" where it is not known."""
    dated = case.dated(one.features[0])
    if case.value(one.features[0]) is None:
        return ""
    known = catalogue.features()
    # Only what was measured on one day is told as one.
    whole = all(case.value(other) is not None and case.dated(other) == dated for other in one.features)
    told = one.features if whole else one.features[:1]
    label = one.label if whole else capital(known[one.features[0]].label)
    figures = "/".join(explain.display(known[name], case.value(name)) for name in told)
    return f"{label} {figures} {explain.unit_words(known[one.features[0]].unit)} on {dated}"


def _doses(topic: Topic, medicines: list[Medicine]) -> set[str] | None:
    """The lever's doses that the products stand for; None where no product says."""
    concepts = {concept for one in medicines for concept in one.concepts}
    found = {dose for concept, dose in topic.doses.items() if concept in concepts}
    return found or (set() if concepts & set(topic.no_dose) else None)


def _by_dose(topic: Topic, medicines: list[Medicine], risk: Risk) -> list[str]:
    """Why no effect is told, or on what the dose rests that is."""
    why = [why for concept, why in topic.no_dose.items() if any(concept in one.concepts for one in medicines)]
    return why + ([topic.by_product] if risk.after and _doses(topic, medicines) else [])


def _unchecked(case: Case, notes: str, end: str) -> list[Draft]:
    """A card where a type was not read on which a rule for the selected medicines rests: silence would mislead."""
    asked = {kind for rule in case.by.rules if case.selected_of(rule.selected) for kind in rule.rests_on}
    lacking = sorted(asked & case.unread)
    if not lacking:
        return []
    named = ", ".join(TYPES[name].lower() for name in lacking)
    summary = shortened(f"Order checked in part: the chart could not be read completely ({named})")
    return [Draft("part", "info", summary, paragraphs([notes, end]), ("order", *lacking))]
