"""CDS Hooks 2.0, "Feedback"."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.conformance.hooks.caller import FEEDBACK, SERVICE, Caller, code_of, overridden
from tests.flow.world import World

REASON = {"reason": {"code": "known", "system": "urn:kindred:cds-hooks"}}
AT = "2026-06-30T10:00:00Z"


@pytest.fixture
def card(caller: Caller) -> str:
    """A card for a user of this test alone."""
    caller.count = getattr(caller, "count", 0) + 1
    context = {"userId": f"Practitioner/f-{id(caller)}", "patientId": "ana-1"}
    return str(caller.cards(context=context)[0]["uuid"])


def rows(world: World, card: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(world.home / "app.db") as db:
        return db.execute("SELECT outcome, reason, outcome_at FROM hook_feedback WHERE card = ?", (card,)).fetchall()


@pytest.mark.parametrize(("more", "reason"), [
    ({}, "none"), ({"overrideReason": REASON}, "known"), ({"overrideReason": {"reason": {"code": "x-1"}}}, "other"),
    ({"overrideReason": {"userComment": "Mrs. Secret has moved"}}, "none"), ({"overrideReason": None}, "none"),
])  # fmt: skip
def test_an_override_is_kept_with_the_code_of_its_reason(
    caller: Caller, world: World, card: str, more: dict[str, Any], reason: str
) -> None:
    reply = caller.feedback(overridden(card, AT, **more))
    assert (reply.status_code, reply.json()) == (200, {})
    assert rows(world, card) == [("overridden", reason, 1782813600.0)]


def test_a_comment_is_kept_nowhere(caller: Caller, world: World, card: str, caplog: Any) -> None:
    told = {**REASON, "userComment": "Mrs. Secret has moved"}
    caller.feedback(overridden(card, AT, overrideReason=told))
    kept = b"".join(path.read_bytes() for path in world.home.glob("app.db*"))
    assert b"Mrs. Secret" not in kept and "Secret" not in caplog.text


def test_neither_patient_nor_user_stands_beside_a_card(caller: Caller, world: World, card: str) -> None:
    caller.feedback(overridden(card, AT))
    with sqlite3.connect(world.home / "app.db") as db:
        tables = ("hook_card", "hook_feedback", "hook_jti")
        kept = str([db.execute(f"SELECT * FROM {name}").fetchall() for name in tables])
    assert card in kept and "ana-1" not in kept and "Practitioner" not in kept


def test_the_same_again_is_taken_once(caller: Caller, world: World, card: str) -> None:
    entry = overridden(card, AT, overrideReason=REASON)
    assert caller.feedback(entry, entry).status_code == 200
    assert caller.feedback(entry).status_code == 200
    assert caller.feedback(overridden(card, "2026-06-30T12:00:00.000+02:00")).status_code == 200  # the same moment
    assert len(rows(world, card)) == 1
    caller.feedback(overridden(card, "2026-06-30T10:05:00Z"))
    assert len(rows(world, card)) == 2


def test_one_call_may_tell_of_several_cards(caller: Caller, world: World, card: str) -> None:
    context = {"userId": "Practitioner/several", "patientId": "ben-2"}
    other = str(caller.cards(context=context, patient="ben-2")[0]["uuid"])
    assert caller.feedback(overridden(card, AT), overridden(other, AT)).status_code == 200
    assert len(rows(world, card)) == len(rows(world, other)) == 1


@pytest.mark.parametrize("entry", [
    {}, 7, {"outcome": "ignored"}, {"outcome": "accepted"}, {"outcome": "accepted", "acceptedSuggestions": []},
    {"card": "x"}, {"card": None}, {"card": 7}, {"outcomeTimestamp": None}, {"outcomeTimestamp": "yesterday"},
    {"outcomeTimestamp": "2026-06-30"}, {"outcomeTimestamp": "2026-06-30T10:00:00"}, {"outcomeTimestamp": 1782813600},
    {"outcomeTimestamp": "2999-01-01T00:00:00Z"}, {"outcomeTimestamp": "0001-01-01T00:00:00+23:59"},
    {"overrideReason": {"reason": "known"}}, {"overrideReason": {"reason": {"code": 7}}},
])  # fmt: skip
def test_an_entry_that_breaks_a_rule_is_refused_with_all_of_its_call(
    caller: Caller, world: World, card: str, entry: Any
) -> None:
    wrong = overridden(card, AT) | entry if isinstance(entry, dict) and entry else entry
    reply = caller.feedback(overridden(card, AT), wrong)
    assert (reply.status_code, code_of(reply)) == (400, "bad_call")
    assert rows(world, card) == []


@pytest.mark.parametrize("body", [{}, {"feedback": []}, {"feedback": {}}, {"feedback": [{}] * 101}])
def test_a_body_without_entries_is_refused(caller: Caller, body: dict[str, Any]) -> None:
    assert caller.call(body, path=FEEDBACK).status_code == 400


def test_an_accepted_suggestion_is_kept(caller: Caller, world: World, card: str) -> None:
    entry = {"card": card, "outcome": "accepted", "acceptedSuggestions": [{"id": "x"}], "outcomeTimestamp": AT}
    assert caller.feedback(entry).status_code == 200
    assert rows(world, card)[0][:2] == ("accepted", "none")


def test_a_card_of_another_ehr_or_of_nobody_is_not_told_of(
    caller: Caller, caller_of: Callable[[str], Caller], world: World, card: str
) -> None:
    other = caller_of("case=bare")
    assert other.feedback(overridden(card, AT)).status_code == 200
    unknown = "11111111-2222-3333-4444-555555555555"
    assert caller.feedback(overridden(unknown, AT)).status_code == 200
    assert rows(world, card) == rows(world, unknown) == []


def test_the_audience_may_be_this_address_or_the_services(caller: Caller, card: str) -> None:
    body = {"feedback": [overridden(card, AT)]}
    for path, status in ((FEEDBACK, 200), (SERVICE, 200), ("/cds-services", 401)):
        assert caller.call(body, token=caller.jwt(path), path=FEEDBACK).status_code == status
    assert caller.call(token=caller.jwt(FEEDBACK)).status_code == 401  # and not the other way round


def test_without_a_jwt_nothing_is_kept(caller: Caller, world: World, card: str) -> None:
    url = f"{caller.app_url}{FEEDBACK}"
    assert requests.post(url, json={"feedback": [overridden(card, AT)]}, timeout=30).status_code == 401
    assert rows(world, card) == []


def test_outcomes_are_counted_by_reason(caller: Caller, card: str) -> None:
    caller.feedback(overridden(card, AT, overrideReason=REASON))
    text = requests.get(f"{caller.app_url}/metrics", timeout=30).text
    assert 'kindred_hook_feedback_total{code="group_overridden_known"}' in text
