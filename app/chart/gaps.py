"""Care gaps of the open patient: what is open, met, reported done elsewhere, or not applicable, and in which order."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import request

from analytics.definitions import catalogue, gaps
from app.chart.elsewhere import LONGEST_PLACE, Report, reports
from app.chart.gap_order import in_order, open_shares
from app.chart.reading import Reading, serving, shown_group
from app.chart.words import TYPES, age_of_value, day, whole_percent

OPEN, UNJUDGED, REPORTED, MET, NOT_APPLICABLE = "open", "unjudged", "reported", "met", "not-applicable"
STATES = {gaps.GAP: OPEN, gaps.MET: MET, gaps.NOT_APPLICABLE: NOT_APPLICABLE}
#: state -> heading of its list, and its sign: never told by colour alone.
HEADINGS = {
    OPEN: ("Open", "○"), UNJUDGED: ("Cannot be judged now", "?"), REPORTED: ("Reported done elsewhere", "◐"),
    MET: ("Met", "✓"), NOT_APPLICABLE: ("Not applicable", "–"),
}  # fmt: skip
FOLDED = {MET, NOT_APPLICABLE}
NOT_KEPT = {
    "date": "That is not a date, so nothing was kept. Give it as day, month and year.",
    "future": "That date lies after the as-of date, so nothing was kept. Give the day on which it was done.",
    "place": f"The place is longer than {LONGEST_PLACE} characters or cannot be read, so nothing was kept.",
}
ORDER = "Order: open gaps first; within each list by the weight of the rule (5 is most), the heavier first"
ORDER_GROUP = ", then by how often the gap stands open in this group, the more frequent first."
ORDER_ALONE = ", then in the order of the rules."


@dataclass(frozen=True)
class Judged:
    """One gap of the score with what may be said of it: its state here, and why.

    open_share: in how much of the group it is open, of those it applies to (0..1); None where that is not told.
    """

    state: str
    reason: str
    of: dict[str, Any]
    open_share: float | None

    @property
    def rests_on_records(self) -> bool:
        """Is the state that of the records alone? Else their date and evidence do not stand for it."""
        return self.state not in (UNJUDGED, REPORTED)


@dataclass(frozen=True)
class Gap:
    """One rule as the page shows it; each part a text, None where there is nothing to say."""

    id: str
    title: str
    reason: str
    due: str | None
    dated: str | None  # of the record, where the reason does not say it
    often: str | None
    evidence: str | None  # `Procedure/1`
    rule: tuple[tuple[str, str], ...]  # what each part is about, and the part
    source: str
    weight: str
    may_report: bool
    may_undo: bool


@dataclass(frozen=True)
class List:
    """The gaps of one state, under a heading with their number."""

    state: str
    heading: str
    sign: str
    folded: bool
    gaps: list[Gap]


@dataclass(frozen=True)
class Section:
    """All that the section prints."""

    lists: list[List]
    order: str
    period: str
    not_kept: str | None
    latest: str  # ISO: the last day that may be reported
    longest_place: int


def section(reading: Reading) -> Section:
    """The care gaps of one reading, with what was reported of them."""
    found = judged(reading)
    lists = [
        List(state, heading, sign, state in FOLDED, [_row(one) for one in found if one.state == state])
        for state, (heading, sign) in HEADINGS.items()
    ]
    is_by_group = any(one.open_share is not None for one in found)
    return Section(
        lists=[one for one in lists if one.gaps],
        order=ORDER + (ORDER_GROUP if is_by_group else ORDER_ALONE),
        period=catalogue.gap_rules()["period"]["words"],
        not_kept=NOT_KEPT.get(request.args.get("not_kept", "")),
        latest=reading.on.isoformat(),
        longest_place=LONGEST_PLACE,
    )


def judged(reading: Reading) -> list[Judged]:
    """Every gap of the score for whatever tells of gaps: the open ones first, each state in the order of `in_order`.

    What was not read is neither open nor met.
    """
    told = reports().of(reading.ehr, reading.score["patient"])
    shares = open_shares(serving(), reading.release, shown_group(reading))
    found = [
        _judged(reading, one, told.get(one["id"]), shares.get(one["id"]))
        for one in in_order(reading.score["gaps"], shares)
    ]
    return sorted(found, key=lambda one: list(HEADINGS).index(one.state))


def open_gaps(found: Iterable[Judged]) -> list[dict[str, Any]]:
    """Of judged gaps the score's own that are open here, in their order."""
    return [one.of for one in found if one.state == OPEN]


def _judged(reading: Reading, gap: dict[str, Any], report: Report | None, share: float | None) -> Judged:
    state, reason = STATES[gap["state"]], gap["reason"]
    if unread := _unread(reading, gap):
        state, reason = UNJUDGED, f"Not all {unread} could be read, on which this rests."
    if report and state in (OPEN, UNJUDGED):
        state, reason = REPORTED, f"{_reported(report, reading)} In the records: {_lower(reason)}"
    return Judged(state, reason, gap, share)


def _row(judged: Judged) -> Gap:
    """What the page shows of it."""
    state, reason, gap, known = judged.state, judged.reason, judged.of, judged.rests_on_records
    share = judged.open_share
    return Gap(
        id=gap["id"], title=gap["title"], reason=reason, due=_due(state, gap),
        dated=day(gap["date"]) if known and (gap["date"] or "")[:4] not in reason else None,
        often=None if share is None or state != OPEN else
        f"Open in {whole_percent(share, '')} of those of this group to whom it applies",
        evidence=gap["resource"] if known else None,
        rule=gaps.rules()[gap["id"]].parts, source=gap["source"], weight=f"{gap['weight']:g}",
        may_report=state in (OPEN, UNJUDGED), may_undo=state == REPORTED,
    )  # fmt: skip


def _unread(reading: Reading, gap: dict[str, Any]) -> str | None:
    """Types on which the state rests and that are not, or not wholly, read; None where the Patient alone decides."""
    rule = gaps.rules()[gap["id"]]
    if rule.decided_by_patient(gap["reason"]):
        return None
    unread = {one.resource_type for one in reading.chart.unread} & set(rule.rests_on)
    return ", ".join(words.lower() for name, words in TYPES.items() if name in unread) or None


def _reported(report: Report, reading: Reading) -> str:
    """`Reported done elsewhere on 12-Mar-2026 (3 months earlier), at City Clinic; told here by … on ….`"""
    age = age_of_value(report.date, reading.on)
    return (
        f"Reported done elsewhere on {day(report.date)}" + (f" ({age})" if age else "")
        + (f", at {report.place}" if report.place else "")
        + f"; told here {f'by {report.who} ' if report.who else ''}on {day(report.told)}."
    )  # fmt: skip


def _lower(sentence: str) -> str:
    """A sentence in the middle of another: its first letter small, unless the word is an abbreviation."""
    return sentence if sentence[1:2].isupper() or sentence[1:2] == "-" else sentence[:1].lower() + sentence[1:]


def _due(state: str, gap: dict[str, Any]) -> str | None:
    if state == OPEN:
        return "Due now"
    return f"Counts until {day(gap['due'])}" if state == MET and gap["due"] else None
