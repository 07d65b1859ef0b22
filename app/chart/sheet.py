"""The sheet that a patient takes home: two pages, plain words, nothing that colour alone would say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analytics.definitions import catalogue
from app.chart import plain
from app.chart.banner import Banner, banner_of
from app.chart.cells import may_show, shown_bound
from app.chart.profile import with_unit
from app.chart.reading import Reading
from app.chart.words import percent

REASONS, TESTS, GAPS = 5, 9, 6  # at most, so that each half stays on its page
HIDDEN = "This time we could not place you in a group. Your care team can tell you why."
DIED = "The record says that this person has died, so there is no group."
MEANS = (
    "A computer compared your health record with the records of many other people. It put records that look alike into "
    "one group.",
    "Your care team can use this to plan your care with you.",
)
MEANS_NOT = (
    "It is not a diagnosis. It does not say that you have an illness.",
    "It does not say what will happen to you. It says what happened to other people.",
    "It knows only what is in your record. What is missing there, it does not know.",
)


@dataclass(frozen=True)
class Sheet:
    """Every word of the sheet. `group` is None where none is shown, and `hidden` says why."""

    patient: str
    banner: Banner
    show_banner: bool
    name: str
    born: str
    date: str
    release: str | None
    group: str | None
    outcome: str | None
    hidden: str | None
    limited: bool  # the release has limits that the care team sees
    reasons: list[str]
    tests: list[tuple[str, str, str]]  # what, value, date
    unread: bool
    gaps: list[tuple[str, str | None]]  # what to ask for, and by when
    questions: list[str]
    synthetic: bool


def sheet_of(
    reading: Reading, group: dict[str, Any] | None, gaps: Sequence[dict[str, Any]], *, unread: bool
) -> Sheet:
    """`group` and `gaps` (open ones, in their order) are those that the chart page shows; unread: part of the
    chart could not be read."""
    banner = banner_of(reading.chart.patient, reading.on)
    reasons = reading.score["reasons"] if group else []
    return Sheet(
        patient=reading.score["patient"],
        banner=banner,
        show_banner=True,
        name=f"{banner.given} {banner.family}".strip(),
        born=banner.born,
        date=plain.long_day(reading.on.isoformat()) or "",
        release=reading.score["release"] if group else None,
        group=_group_words(group) if group else None,
        outcome=_outcome(group) if group else None,
        hidden=None if group else DIED if reading.score["group_hidden"] == "deceased" else HIDDEN,
        limited=bool(group and reading.score["limits"]),
        reasons=_reasons(reasons),
        tests=_tests(reading),
        unread=unread,
        gaps=_gaps(gaps),
        questions=plain.questions([one["feature"] for one in reasons]),
        synthetic=reading.ehr.is_synthetic,
    )


def _group_words(group: dict[str, Any]) -> str:
    if group["rule"] == "no_contact":
        return "You are in the group of people who have had no visit for two years or more."
    size = f" of {group['n']:,} people" if isinstance(group["n"], int) and may_show(group) else ""
    place = f"group {group['rank']} of {group['of']}"
    return f"Your record looks most like those of a group{size} ({place}; group 1 did best)."


def _outcome(group: dict[str, Any]) -> str | None:
    """What happened to the group, as people in 100; None where the numbers are too small to tell."""
    what = catalogue.group_rules()["outcome"]["plain"]
    if may_show(group):
        return f"In that group, about {percent(group['rate'])} in 100 people {what}."
    bound = shown_bound(group)
    return f"In that group, {bound} in 100 people {what}." if bound else None


def _reasons(reasons: list[dict[str, Any]]) -> list[str]:
    said = [plain.reason(one["feature"], one["value"], one["time"]) for one in reasons]
    return [one for one in said if one][:REASONS]


def _tests(reading: Reading) -> list[tuple[str, str, str]]:
    """The newest value of each test in use by the groups or shown beside them, with its date."""
    rows = []
    for name, words in plain.table()["tests"].items():
        feature = catalogue.features()[name]
        series, value = reading.score["series"].get(feature.concept, []), reading.score["features"].get(name)
        if value is not None and series:
            rows.append((words, with_unit(feature, value), plain.long_day(series[-1]["time"]) or "Not known"))
    return rows[:TESTS]


def _gaps(gaps: Sequence[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """What to ask for; a rule without plain words is left to the care team."""
    words = plain.table()["gaps"]
    said = {words[one["id"]]: plain.long_day(one["due"]) for one in gaps if one["id"] in words}
    return list(said.items())[:GAPS]
