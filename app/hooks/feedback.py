"""What became of cards (CDS Hooks 2.0, "Feedback"): the whole list is checked before any of it is kept."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app import metrics
from app.hooks.answers import Refused
from app.hooks.cards import REASONS
from app.hooks.store import HookStore
from app.registry import Ehr

MOST = 100  # in one call
OUTCOMES = ("accepted", "overridden")
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True)
class Outcome:
    """One entry. `reason` is the code that was chosen; a free comment is not read at all."""

    card: str
    outcome: str
    reason: str | None
    at: float  # Unix seconds


def read_feedback(body: dict[str, Any]) -> list[Outcome]:
    """The entries of a feedback call. Raises Refused `bad_call` if one of them breaks a rule."""
    entries = body.get("feedback")
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST:
        raise Refused("bad_call", "feedback")
    return [_outcome(entry) for entry in entries]


def _outcome(entry: object) -> Outcome:
    if not isinstance(entry, dict) or entry.get("outcome") not in OUTCOMES:
        raise Refused("bad_call", "outcome")
    accepted = entry.get("acceptedSuggestions")
    if entry["outcome"] == "accepted" and not (isinstance(accepted, list) and accepted):
        raise Refused("bad_call", "accepted_suggestions")
    try:
        uuid = str(UUID(str(entry.get("card"))))
    except ValueError as error:
        raise Refused("bad_call", "card") from error
    return Outcome(uuid, entry["outcome"], _reason(entry.get("overrideReason")), _moment(entry.get("outcomeTimestamp")))


def _reason(given: object) -> str | None:
    """The code of overrideReason.reason; None where there is none. userComment stays where it is."""
    if given is None:
        return None
    reason = given.get("reason") if isinstance(given, dict) else given
    if reason is None:
        return None
    code = reason.get("code") if isinstance(reason, dict) else None
    if not isinstance(code, str):
        raise Refused("bad_call", "override_reason")
    return code


def _moment(text: object) -> float:
    """Unix seconds. The future is refused: a card would stay away for longer than was agreed."""
    try:
        if not isinstance(text, str) or not _STAMP.fullmatch(text):
            raise ValueError("no ISO timestamp")
        at = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError) as error:
        raise Refused("bad_call", "outcome_timestamp") from error
    if at > datetime.now(UTC).timestamp() + 300 or at < 0:
        raise Refused("bad_call", "outcome_timestamp")
    return at


def keep(store: HookStore, ehr: Ehr, service: str, outcomes: list[Outcome]) -> None:
    """Keep and count what is new; what is said of a card that nobody was given is counted, and forgotten."""
    for one in outcomes:
        card = store.card(ehr, service, one.card)
        if card is None:
            metrics.count("hook_feedback", "unknown_card")
            continue
        known = one.reason in REASONS[card.kind]
        reason = "none" if one.reason is None else one.reason if known else "other"
        if store.note_feedback(ehr, card, one.outcome, reason, one.at):
            metrics.count("hook_feedback", f"{card.kind}_{one.outcome}_{reason}")
