"""What of this chart could be written back, shown whole before it is: the RiskAssessment and its Provenance as JSON.

The form carries no JSON, only a seal over what was shown. On the click the chart is read and the JSON made anew; it
goes out if it is byte for byte what was shown, and nothing else can: no reply of a browser becomes a record.
"""

import hashlib
import hmac
import re
import time
from dataclasses import dataclass, field
from typing import Any

import orjson
from flask import current_app

from analytics.definitions import catalogue
from app.chart.cells import may_show
from app.chart.reading import Reading
from app.chart.view import View, outcome_sentence
from app.chart.words import day, firmness
from app.problems import Problem
from app.write_back.risk_assessment import LIMITS, Finding, provenance_before, risk_assessment
from app.write_back.words import NO_PROVENANCE, NOT_OFFERED

SEAL_SECONDS = 600.0  # what was shown longer ago is shown again before it may be written
_REFERENCE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")
_AGENTS = ("Practitioner", "PractitionerRole")  # whom R4 lets a Provenance name and this app is written for


@dataclass(frozen=True)
class Offer:
    """What would be written. `why_not` stands where nothing can be: then the rest is empty."""

    why_not: str | None = None
    finding: Finding | None = field(default=None, repr=False)
    who: dict[str, Any] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)  # the RiskAssessment, as it is shown and sent
    provenance: str | None = field(default=None, repr=False)  # as it is shown; `FILLED_IN` is what the click adds
    no_provenance: str | None = None

    @property
    def rows(self) -> list[tuple[str, str]]:
        """The same in words: label and text."""
        return _rows(self.finding, self.who) if self.finding else []

    @property
    def digest(self) -> str:
        """Stands for every byte that is shown."""
        return hashlib.sha256(f"{self.text}\n{self.provenance}".encode()).hexdigest()


def offer_of(reading: Reading, view: View) -> Offer:
    """What can be written of this reading, or why nothing can."""
    why_not = _why_not(reading, view)
    if why_not:
        return Offer(why_not)
    context, granted = reading.launch.context, reading.launch.context.granted
    finding, who = _finding(reading, view), _clinician(context.fhir_user or "", context.user_name)
    names_it = granted.may_create("Provenance")
    return Offer(
        finding=finding,
        who=who,
        text=_json(risk_assessment(finding)),
        provenance=_json(provenance_before(finding, who)) if names_it else None,
        no_provenance=None if names_it else NO_PROVENANCE,
    )


def _why_not(reading: Reading, view: View) -> str | None:
    """The first reason that holds for writing nothing."""
    context = reading.launch.context
    if not context.granted.may_create("RiskAssessment"):
        return NOT_OFFERED["no_scope"]
    if context.user_is_patients_side:
        return NOT_OFFERED["patients_side"]
    if context.fhir_user is None or context.fhir_user.partition("/")[0] not in _AGENTS:
        return NOT_OFFERED["no_user"]
    if view.group is None or reading.score["release"] is None:
        return NOT_OFFERED["no_group"].format((view.hidden or "").partition(" What was found")[0])
    return None


def _finding(reading: Reading, view: View) -> Finding:
    score, group, rules = reading.score, view.group or {}, catalogue.group_rules()["outcome"]
    shown = score["reasons"][: len(view.reasons)]
    basis = dict.fromkeys(one["resource"] for one in shown if _REFERENCE.fullmatch(str(one["resource"])))
    return Finding(
        issuer=reading.ehr.issuer,
        patient=score["patient"],
        encounter=reading.launch.context.encounter,
        on=reading.on,
        release=score["release"],
        definitions_hash=score["definitions_hash"],
        group=f"Risk group {group['rank']} of {group['of']}: {group['name']}",
        outcome=rules["name"].capitalize(),
        outcome_days=rules["days"],
        percent=round(group["rate"] * 100, 1) if may_show(group) else None,
        rationale=outcome_sentence(group).replace("\u00a0", " "),
        basis=tuple(basis),
        notes=tuple(_notes(reading, view)),
    )


def _notes(reading: Reading, view: View) -> list[str]:
    """The reasons, how firmly the patient belongs, and what the finding lacks."""
    notes = [" ".join(["Reasons:", *(one.sentence for one in view.reasons)])] if view.reasons else []
    notes.append(firmness(view.group or {}))
    notes += view.limits
    if view.rests_on_part:
        notes.append(f"Read with care: not all {view.rests_on_part} could be read.")
    if missing := [one["sentence"] for one in reading.score["missing"]]:
        lacking = "Not known from what could be read:" if view.rests_on_part else "Not in the chart:"
        notes.append(" ".join([lacking, *missing]))
    if reading.ehr.is_synthetic:
        notes.append("Synthetic data: not a real person.")
    return notes


def _clinician(fhir_user: str, name: str | None) -> dict[str, Any]:
    return {"reference": fhir_user, **({"display": name} if name else {})}


def _json(resource: dict[str, Any]) -> str:
    return orjson.dumps(resource, option=orjson.OPT_INDENT_2).decode()


def _rows(finding: Finding, who: dict[str, Any]) -> list[tuple[str, str]]:
    share = "not told: too few people stand behind it" if finding.percent is None else f"{finding.percent} %"
    return [
        ("Group", finding.group),
        ("As of", day(finding.on.isoformat()) or ""),
        ("Outcome", f"{finding.outcome}, within {finding.outcome_days} days"),
        ("Share of the group", share),
        ("Why", finding.rationale),
        ("Method", finding.method),
        ("Rests on", ", ".join(finding.basis) or "no single record"),
        ("Visit", f"Encounter/{finding.encounter}" if finding.encounter else "none was open"),
        ("Written by", f"{who.get('display') or who['reference']}, with Kindred"),
        ("Said with it", " ".join((LIMITS, *finding.notes))),
    ]


def seal(sid: str, offer: Offer) -> str:
    """What the form carries: until when, over which JSON, and our word for both, for this launch and patient alone."""
    return _sealed(sid, offer, str(int(time.time() + SEAL_SECONDS)), offer.digest)


def trouble_with(sid: str, offer: Offer, shown: str) -> str | None:
    """`expired` or `changed` where what was shown may not be written; None where it may.

    Raises Problem `cross_site` for a seal that is not ours, or was made for another launch or patient.
    """
    until, _, rest = shown.partition(".")
    digest = rest.partition(".")[0]
    if not hmac.compare_digest(shown.encode(), _sealed(sid, offer, until, digest).encode()):
        raise Problem("cross_site", "seal")
    if int(until) < time.time():
        return "expired"
    return None if hmac.compare_digest(digest, offer.digest) else "changed"


def _sealed(sid: str, offer: Offer, until: str, digest: str) -> str:
    key: bytes = current_app.extensions["secret_key"]
    patient = offer.finding.patient if offer.finding else ""
    about = f"write:{sid}:{patient}:{until}:{digest}"
    return f"{until}.{digest}.{hmac.new(key, about.encode(), hashlib.sha256).hexdigest()}"
