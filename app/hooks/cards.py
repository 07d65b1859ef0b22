"""The cards of `patient-view`: what each says. At most two, never `critical`: a group tells how others fared, no alarm.

A card rests on the same score and the same words as the chart page, and its numbers pass the same suppression.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.chart.view import outcome_sentence
from app.chart.words import TYPES, day, unit_assumed, unread_words
from app.fhir import Unread
from app.hooks.data import NEEDED
from app.read_in_part import hiding
from app.registry import Ehr

LONGEST_SUMMARY = 139  # characters: the specification says fewer than 140
MOST_REASONS, MOST_GAPS, MOST_MISSING = 3, 5, 3
CODES = "urn:kindred:cds-hooks"  # system of our topics and override reasons
REASONS = {
    "group": {"known": "I know this already", "not-now": "Not for this visit",
              "disagree": "It does not fit this patient"},
    "gaps": {"done": "Done elsewhere", "declined": "The patient declines",
             "not-indicated": "Not right for this patient", "not-now": "Not for this visit"},
    "part": {"known": "I know this already", "not-now": "Not for this visit"},
    "order": {"known": "I know this already", "not-now": "Not for this order"},
    "check": {"considered": "Considered; the order is meant so", "replaces": "It replaces the other order",
              "not-taken": "The other one is no longer taken"},
    "record": {"considered": "Considered; the order is meant so",
               "wrong-record": "The record is not right, or no longer"},
}  # fmt: skip
TOPICS = {"group": "Risk group", "gaps": "Care gaps", "part": "Chart read in part",
          "order": "Order: what is known", "check": "Order: please check",
          "record": "Order: on record against it"}  # fmt: skip
LINKS = {"group": "Why this group, and how others fared", "gaps": "See the gaps and their rules",
         "part": "See what could be read", "order": "See the scores and what treatment would change",
         "check": "See the chart in Kindred", "record": "See the chart in Kindred"}  # fmt: skip
CONTEXTS = {"gaps": "kindred:gaps", "order": "kindred:scores"}  # where the link opens the page; else at the group
_SPACE = re.compile(r"[^\S\u00a0]+")
_MARKUP = re.compile(r"([\\`*_\[\]|~#!])")


@dataclass(frozen=True)
class Draft:
    """A card before it has a uuid. `said` is what makes it the same card next time."""

    kind: str
    indicator: str
    summary: str
    detail: str
    said: tuple[str, ...]

    def card(self, uuid: str, ehr: Ehr) -> dict[str, Any]:
        """The card of the specification; nothing in it is null."""
        topic = {"system": CODES, "code": self.kind, "display": TOPICS[self.kind]}
        link = {"label": LINKS[self.kind], "url": f"{ehr.own_origin}/launch", "type": "smart",
                "appContext": CONTEXTS.get(self.kind, "kindred:group")}  # fmt: skip
        reasons = [{"system": CODES, "code": code, "display": words} for code, words in REASONS[self.kind].items()]
        return {
            "uuid": uuid, "summary": self.summary, "indicator": self.indicator, "detail": self.detail,
            "source": {"label": "Kindred", "url": f"{ehr.own_origin}/", "topic": topic},
            "links": [link], "overrideReasons": reasons,
        }  # fmt: skip


def drafts(score: dict[str, Any], unread: list[Unread], ehr: Ehr) -> list[Draft]:
    """The cards for one score, the most actionable first; none where there is nothing that a clinician could use.

    The score's gaps are in the order in which they are told (`app.chart.gap_order`).
    """
    if score["group_hidden"] == "deceased":
        return []
    lacking = hiding(unread, score["features"])
    if lacking:
        return [_part(lacking, unread)]
    found = [_gaps(score, ehr)] if not unread else []  # what is not read would look like a gap
    return [one for one in (*found, _group(score, unread, ehr)) if one is not None]


def _group(score: dict[str, Any], unread: list[Unread], ehr: Ehr) -> Draft | None:
    group = score["group"]
    if group is None:
        return None
    odd = unusable(score)
    is_whole = not odd and not {one.resource_type for one in unread} & NEEDED
    tail = "" if is_whole else " (chart read in part)"
    summary = shortened(f"Risk group {group['rank']} of {group['of']}: {group['name']}", tail)
    reasons = [one["sentence"] for one in score["reasons"][:MOST_REASONS]]
    lacking = "Not in the chart" if is_whole else "Not known from what could be read"
    missing = [one["sentence"] for one in score["missing"]]
    parts = [
        marked(outcome_sentence(group)) + " Group 1 has the fewest later events.",
        listing("Limits of this release", score["limits"]),
        listing("Why this group", reasons),
        listing(lacking, [*missing[:MOST_MISSING], *_more(len(missing) - MOST_MISSING)]),
        listing("Not read", [*unread_lines(unread), *odd]),
        listing("Recorded without a unit", units_assumed(score)),
        foot(score, ehr),
    ]
    return Draft("group", "info", summary, paragraphs(parts), (group["name"],))


def _gaps(score: dict[str, Any], ehr: Ehr) -> Draft | None:
    """One card for all gaps, in the score's order; `warning` only here, since something can be done."""
    gaps = [one for one in score["gaps"] if one["state"] == "gap"]
    if not gaps:
        return None
    count = f"{len(gaps)} care {'gap' if len(gaps) == 1 else 'gaps'}"
    summary = shortened(f"{count}: {'; '.join(one['title'] for one in gaps[:MOST_GAPS])}")
    lines = [_gap(one) for one in gaps[:MOST_GAPS]]
    parts = [_raw_list("What is open", [*lines, *map(marked, _more(len(gaps) - MOST_GAPS))]), foot(score, ehr)]
    return Draft("gaps", "warning", summary, paragraphs(parts), tuple(sorted(one["id"] for one in gaps)))


def _gap(gap: dict[str, Any]) -> str:
    due = f" Due {day(gap['due'])}." if day(gap.get("due")) else ""
    rule = f"Rule: {marked(gap['rule'])} ({marked(gap['source'])})"
    return f"**{marked(gap['title'])}**: {marked(gap['reason'])}{due} {rule}"


def _part(lacking: list[str], unread: list[Unread]) -> Draft:
    named = ", ".join(TYPES[name].lower() for name in lacking)
    why = "What is not read would count as not there, so no risk group is told here."
    parts = [why, listing("Not read", unread_lines(unread))]
    summary = shortened(f"No risk group: the chart could not be read completely ({named})")
    return Draft("part", "info", summary, paragraphs(parts), tuple(lacking))


def unread_lines(unread: Iterable[Unread]) -> list[str]:
    """What is not, or not wholly, in the score, and why."""
    words = (f"{TYPES[one.resource_type]}: {unread_words(one.why, one.parts, one.count)}." for one in unread)
    return list(dict.fromkeys(words))


def unusable(score: dict[str, Any]) -> list[str]:
    """How many entries of the chart are not in the score; measurements that are not usable are told beside it."""
    count = sum(n for why, n in score["dropped"].items() if not why.startswith("measurement_"))
    return [f"{count} entries could not be used: the patient, the date or the code is missing or odd."] if count else []


def units_assumed(score: dict[str, Any]) -> list[str]:
    """Measurements that came without a unit, and as what they are read."""
    return [unit_assumed(concept, told) for concept, told in score["units_assumed"].items()]


def foot(score: dict[str, Any], ehr: Ehr) -> str:
    """The end of every detail: as of when, by which release, for whom."""
    release = f" Release {marked(score['release'])}." if score["release"] else ""
    synthetic = " Synthetic data." if ehr.is_synthetic else ""
    return f"As of {day(score['as_of'])}.{release} Supports, does not replace, professional judgement.{synthetic}"


def _more(count: int) -> list[str]:
    return [f"and {count} more"] if count > 0 else []


def listing(title: str, lines: list[str]) -> str:
    """A list under its title in Markdown, each line as plain text; "" without a line."""
    return _raw_list(title, [marked(line) for line in lines])


def _raw_list(title: str, lines: list[str]) -> str:
    return f"**{title}**\n\n" + "\n".join(f"- {line}" for line in lines) if lines else ""


def paragraphs(parts: Iterable[str]) -> str:
    """The parts that say something, as paragraphs."""
    return "\n\n".join(part for part in parts if part)


def marked(text: str) -> str:
    """Text as GitHub's Markdown shows it letter by letter: no mark-up, no HTML, no line break comes out of it."""
    plain = _SPACE.sub(" ", str(text)).strip().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKUP.sub(r"\\\1", plain)


def shortened(text: str, tail: str = "") -> str:
    """One line below 140 characters, tail included; what is left out is shown by an ellipsis."""
    plain, room = _SPACE.sub(" ", text).strip(), LONGEST_SUMMARY - len(tail)
    return (plain if len(plain) <= room else plain[: room - 1].rstrip() + "…") + tail
