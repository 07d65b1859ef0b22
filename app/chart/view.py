"""From a score to what the template prints: every decision about words and numbers, none about looks."""

from dataclasses import dataclass
from typing import Any

from analytics.definitions import catalogue, explain
from app.chart.banner import Banner, banner_of
from app.chart.cells import may_show, shown_bound
from app.chart.figures import RangeBar, range_bar
from app.chart.population import usual_of_everyone
from app.chart.reading import Reading, shown_group
from app.chart.words import (
    GROUP_HIDDEN,
    INCOMPLETE,
    TYPES,
    UNUSABLE,
    age_of_value,
    by_name,
    capital,
    day,
    firmness,
    percent,
    unit_assumed,
    unread_words,
)
from app.read_in_part import HIDDEN, hiding, in_doubt
from app.serving import Membership, Release

REASONS = 3
MATTERS = {"Condition", "Encounter", "MedicationRequest", "Observation"}  # the others are for what follows the group
PLAIN_UNITS = {"1": "", "a": "years", "d": "days"}

#: Kinds of features that tell nothing new beside the value they are worked out of.
WORKED_OUT = frozenset({"value_age_days", "trend", "variability", "years_since_onset", "day_lowest", "answer_age_days"})


@dataclass(frozen=True)
class Assumed:
    """Measurements of one concept that came without a unit, in a sentence; resource: the newest of them."""

    sentence: str
    resource: str


@dataclass(frozen=True)
class Reason:
    """One reason: a sentence, its value with unit and date, the group's usual range, and the bar that shows both."""

    feature: str
    label: str
    sentence: str
    display: str
    dated: str | None
    date_is_said: bool  # the sentence holds the date already
    age: str | None
    usual: str | None
    usual_said: str | None  # the same as words of their own, with everyone's beside it where that is told
    everyone: str | None  # what is usual in everyone; None where the release does not tell it
    bar: RangeBar | None
    resource: str | None  # `Observation/1`: the record behind the value


@dataclass(frozen=True)
class View:
    """All that the chart page prints."""

    patient: str
    banner: Banner
    show_banner: bool
    group: dict[str, Any] | None
    outcome: str | None
    firmness: str | None
    hidden: str | None
    earlier: str | None
    limits: list[str]  # what the release cannot support, as its fit says it
    by_name: str | None  # said where a medicine is
    units_assumed: list[Assumed]
    reasons: list[Reason]
    found: list[tuple[str, str]]
    unread: list[tuple[str, str]]
    rests_on_part: str | None
    as_of: str
    release: str | None
    release_said: str
    synthetic: bool


def view_of(reading: Reading) -> View:
    """The page for one reading."""
    chart, score, on = reading.chart, reading.score, reading.on
    group = shown_group(reading)
    # Measurements without a usable value are among `missing` already.
    unusable = sum(n for why, n in score["dropped"].items() if not why.startswith("measurement_"))
    return View(
        patient=score["patient"],
        banner=banner_of(chart.patient, on),
        show_banner=reading.launch.context.need_patient_banner,
        group=group,
        outcome=outcome_sentence(group) if group else None,
        firmness=firmness(group) if group else None,
        hidden=None if group else _why_hidden(reading),
        earlier=_earlier(group, reading.release, reading.membership),
        limits=score["limits"] if group else [],
        by_name=by_name(score["orders"]) if _tells_of_medicines(score, group) else None,
        units_assumed=[Assumed(unit_assumed(concept, told), told["resource"])
                       for concept, told in score["units_assumed"].items()],
        reasons=[_reason(one, reading) for one in score["reasons"][:REASONS]] if group else [],
        found=[] if group else found(score["features"]),
        unread=[
            *((TYPES[one.resource_type], unread_words(one.why, one.parts, one.count)) for one in chart.unread),
            *_unusable(unusable),
        ],
        rests_on_part=_joined([one.resource_type for one in chart.unread if one.resource_type in MATTERS])
        or ("entries" if unusable else None),
        as_of=day(on.isoformat()) or "",
        release=score["release"],
        release_said=score["release"] or ("No release yet" if reading.is_readable else "No release can be read"),
        synthetic=reading.ehr.is_synthetic,
    )


def unread_types(reading: Reading) -> frozenset[str]:
    """The types of which something may be missing, so that no record of a thing says nothing."""
    return in_doubt(reading.chart.unread)


def _why_hidden(reading: Reading) -> str:
    """The first reason that holds for showing no group."""
    why = reading.score["group_hidden"] if reading.is_readable else "no_database"
    if why == HIDDEN:
        return INCOMPLETE.format(_joined(hiding(reading.chart.unread, reading.score["features"])))
    return GROUP_HIDDEN.get(why, GROUP_HIDDEN["no_release"])


def _tells_of_medicines(score: dict[str, Any], group: dict[str, Any] | None) -> bool:
    """Is a medicine among the reasons, or without a group among what was found?"""
    named = [one["feature"] for one in score["reasons"][:REASONS]] if group else [
        name for name, value in score["features"].items() if value]  # fmt: skip
    return any("MedicationRequest" in catalogue.features()[name].records for name in named)


def _unusable(count: int) -> list[tuple[str, str]]:
    return [(UNUSABLE[0], UNUSABLE[1].format(count))] if count else []


def _joined(types: list[str]) -> str | None:
    """`conditions, visits and stays`; None for no type."""
    return ", ".join(TYPES[name].lower() for name in dict.fromkeys(types)) or None


def outcome_sentence(group: dict[str, Any]) -> str:
    """What happened later to people of this group, with its interval and n; suppressed where cells are small."""
    what = catalogue.group_rules()["outcome"]["sentence"]
    if not may_show(group):
        bound = shown_bound(group)
        if bound is None:
            return "Too few people of this group have been followed to say what happened to them later."
        return f"Of {group['followed']:,} people in this group, {bound}\u00a0% {what}."
    rate, low, high = (percent(group[key]) for key in ("rate", "low", "high"))
    return f"Of {group['followed']:,} people in this group, {rate}\u00a0% ({low}–{high}\u00a0%) {what}."


def _earlier(group: dict[str, Any] | None, release: Release | None, membership: Membership | None) -> str | None:
    """Said only where the population run placed the patient elsewhere: the chart has changed since."""
    if group is None or release is None or membership is None or membership.rank == group["rank"]:
        return None
    return f"The population run as of {day(release.as_of)} had this patient in group {membership.rank}."


def found(features: dict[str, float | None]) -> list[tuple[str, str]]:
    """What the chart holds, for a page without a group: label and value of each feature that is known.

    What is only worked out of such a value (its age, slope and spread, years since an onset) is left out.
    """
    rows = []
    for name, feature in catalogue.features().items():
        value = features.get(name)
        if value is None or (value == 0 and feature.missing == "zero") or feature.kind in WORKED_OUT:
            continue
        unit = PLAIN_UNITS.get(feature.unit, explain.unit_words(feature.unit))
        rows.append((capital(feature.label), f"{explain.display(feature, value)} {unit}".strip()))
    return rows


def _reason(reason: dict[str, Any], reading: Reading) -> Reason:
    beside, unit = usual_of_everyone(reading, reason["feature"]).words, explain.unit_words(reason["unit"])
    return Reason(
        feature=reason["feature"],
        label=capital(reason["label"]),
        sentence=reason["sentence"],
        display=f"{reason['display']} {unit}".strip(),
        dated=day(reason["time"]),
        date_is_said=bool(reason["time"]) and reason["time"][:4] in reason["sentence"],
        age=age_of_value(reason["time"], reading.on),
        usual=reason["usual_display"] or None,
        usual_said=_usual_said(reason["usual_display"], beside, reason["display"], unit),
        everyone=beside or None,
        bar=None if reason["display"] in ("yes", "no") else range_bar(reason["value"], reason["usual"]),
        resource=reason["resource"],
    )


def _usual_said(usual: str, everyone: str, display: str, unit: str) -> str | None:
    """`74 % of the group have it, 21 % of everyone`, or `Middle half: group 7.1 to 8.6, everyone 5.2 to 5.9 %`, short
    so that it fits in one line of a narrow page. Everyone's is left out where it is the group's own."""
    if not usual:
        return None
    if display in ("yes", "no"):
        return f"{usual} have it" + (f", {everyone}" if everyone else "")
    if not everyone or everyone == usual:
        return f"Middle half of the group: {_unbroken(usual)}"
    both = unit and usual.endswith(f" {unit}") and everyone.endswith(f" {unit}")
    return f"Middle half: group {usual.removesuffix(f' {unit}') if both else usual}, everyone {_unbroken(everyone)}"


def _unbroken(usual: str) -> str:
    return "\u00a0".join(usual.rsplit(" ", 1))
