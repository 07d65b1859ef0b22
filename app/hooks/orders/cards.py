"""The cards of `order-select`: warnings that a rule of `rules.toml` gives, and what is known for the choice.

Their subject is the selected drafts alone; active orders and the other drafts are what they are held against.
"""

from datetime import date
from typing import Any

from analytics.definitions import catalogue, explain
from app.chart.banner import banner_of
from app.chart.words import TYPES, capital
from app.fhir import Chart
from app.hooks.cards import Draft, foot, listing, marked, paragraphs, shortened, unread_lines
from app.hooks.orders.checks import Case, Hit, hits, is_subject
from app.hooks.orders.medicines import Medicine, active, records_of
from app.hooks.orders.risk import Risk, risk_of
from app.hooks.orders.rules import Topic, Value, rules
from app.read_in_part import in_doubt
from app.registry import Ehr


def order_drafts(medicines: list[Medicine], score: dict[str, Any], chart: Chart, on: date, ehr: Ehr) -> list[Draft]:
    """The cards for the selected ones of these drafts, warnings first; none where there is nothing to say."""
    if score["group_hidden"] == "deceased" or banner_of(chart.patient, on).died:
        return []
    selected = [one for one in medicines if is_subject(one)]
    unread = in_doubt(chart.unread)
    drafted = [one for one in medicines if not one.is_selected]
    replaced = {one.replaces for one in medicines} | {one.key for one in medicines}
    records = records_of(chart)
    ordered = [one for one in active(score, records) if one.key not in replaced]
    case = Case(selected, [*ordered, *drafted, *selected], score, unread, on, rules(), records)
    notes = listing("Not read", unread_lines(chart.unread))
    end = foot(score | {"release": None}, ehr)
    found = [_warning(hit, notes, end) for hit in hits(case)]
    found += [one for topic in case.by.topics if (one := _known(topic, case, notes, end))]
    return found + _unchecked(case, notes, end)


def _warning(hit: Hit, notes: str, end: str) -> Draft:
    parts = [marked(hit.rule.because), f"Source: {marked(hit.rule.source)}", notes, end]
    whole = [marked(f"{hit.summary}.")] if shortened(hit.summary) != hit.summary else []
    return Draft("check", "warning", shortened(hit.summary), paragraphs([*whole, *parts]), hit.said)


def _known(topic: Topic, case: Case, notes: str, end: str) -> Draft | None:
    """What is known for the choice; None where neither a value nor the score has something to say."""
    medicines = case.selected_of(topic.classes)
    if not medicines:
        return None
    name = capital(" and ".join(sorted({one.name() for one in medicines})))
    values = [text for one in case.by.values if (text := _value(one, medicines, case))]
    risk = risk_of(case.score, case.unread, case.on, topic.lever, _doses(topic, medicines))
    if not values and not topic.doses and not risk.has_figure:
        return None
    parts = [
        listing("In the chart", values),
        listing("10-year risk by PREVENT", risk.figures),
        listing("What treatment would change", [*_no_dose(topic, medicines), *risk.treated, *risk.beside]),
        listing("Harms", risk.harms),
        listing("Sources", risk.sources), notes, end,
    ]  # fmt: skip
    said = (topic.name, *sorted(one.name() for one in medicines))
    return Draft("order", "info", shortened(f"{name}: {_summary(values, risk)}"), paragraphs(parts), said)


def _summary(values: list[str], risk: Risk) -> str:
    """The first value and the risk; where no value stands before it, with treatment too."""
    if values:
        first = values[0][:1].lower() + values[0][1:]
        return "; ".join([first, *([risk.short] if risk.has_figure else [])])
    return ", ".join([risk.short, *([risk.after] if risk.after else [])])


def _value(one: Value, medicines: list[Medicine], case: Case) -> str:
    """`Blood pressure 152/88 mmHg on 04-May-2026`; "" where it is not known, or not asked for these medicines."""
    dated = case.dated(one.features[0])
    if case.value(one.features[0]) is None or not set(medicines) & set(case.selected_of(one.classes)):
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


def _no_dose(topic: Topic, medicines: list[Medicine]) -> list[str]:
    return [why for concept, why in topic.no_dose.items() if any(concept in one.concepts for one in medicines)]


def _unchecked(case: Case, notes: str, end: str) -> list[Draft]:
    """A card where a type was not read on which a rule for the selected medicines rests: silence would mislead."""
    asked = {kind for rule in case.by.rules if case.selected_of(rule.selected) for kind in rule.rests_on}
    lacking = sorted(asked & case.unread)
    if not lacking:
        return []
    named = ", ".join(TYPES[name].lower() for name in lacking)
    summary = shortened(f"Order checked in part: the chart could not be read completely ({named})")
    return [Draft("part", "info", summary, paragraphs([notes, end]), ("order", *lacking))]
