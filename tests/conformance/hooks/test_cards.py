"""CDS Hooks 2.0, "Card Attributes", and clinical rules: few cards, no alarm; what was turned down stays away."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import requests

from analytics.definitions import catalogue
from app.fhir import Unread
from app.hooks.cards import drafts, marked, shortened
from tests.conformance.hooks.caller import Caller, but_gaps, overridden
from tests.conformance.smart.browser import Browser
from tests.flow.people import ANA, BEN, EVA
from tests.flow.world import World


def test_the_group_card_has_what_the_specification_asks(caller: Caller) -> None:
    (card,) = caller.cards()
    assert set(card) == {"uuid", "summary", "indicator", "detail", "source", "links", "overrideReasons"}
    UUID(card["uuid"])
    assert len(card["summary"]) < 140 and card["indicator"] == "info"
    assert card["source"] == {
        "label": "Kindred", "url": f"{caller.app_url}/",
        "topic": {"system": "urn:kindred:cds-hooks", "code": "group", "display": "Risk group"},
    }  # fmt: skip
    assert [(one["type"], one["url"], one["appContext"]) for one in card["links"]] == [
        ("smart", f"{caller.app_url}/launch", "kindred:group"),
    ]  # fmt: skip
    assert all(set(one) == {"system", "code", "display"} and one["display"] for one in card["overrideReasons"])


def test_the_detail_tells_n_rate_interval_reasons_date_and_release(caller: Caller) -> None:
    (card,) = caller.cards()
    detail = card["detail"]
    assert detail.startswith("Of 412 people in this group, 31\u00a0% (27–36\u00a0%) ")
    assert "- Latest HbA1c 9.4 % on 4 May 2026." in detail
    assert "As of 30-Jun-2026. Release 20260630T120000Z-test." in detail
    assert "Supports, does not replace, professional judgement. Synthetic data." in detail


def test_the_card_says_what_the_chart_page_says(caller: Caller, world: World) -> None:
    (card,) = caller.cards()
    page = Browser().open(world.launch_url(ANA)).text
    name = card["summary"].partition(": ")[2]
    assert f'<h1 id="group-title">{name}</h1>' in page
    assert card["detail"].partition(" Group 1")[0].replace("&", "&amp;") in page


def test_every_answer_has_a_row_in_the_audit(caller: Caller, world: World) -> None:
    caller.cards()
    with sqlite3.connect(world.home / "app.db") as db:
        row = db.execute("SELECT action, who, patient, release FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    assert row == ("hook", "Practitioner/sandbox-clinician-1", ANA, "20260630T120000Z-test")


def test_without_a_release_there_is_no_card(caller_of: Callable[[str], Caller]) -> None:
    assert caller_of("case=bare").cards() == []


def test_of_the_dead_there_is_no_card(caller: Caller) -> None:
    prefetch = caller.prefetch()
    prefetch["patient"]["deceasedBoolean"] = True
    assert caller.cards(prefetch=prefetch) == []


def test_a_chart_with_nothing_but_a_name_gives_no_card(caller: Caller) -> None:
    reply = caller.call(caller.body(EVA))
    assert reply.status_code in (200, 422)
    assert but_gaps(reply.json().get("cards", [])) == []


def test_calls_of_two_patients_never_mix(caller: Caller) -> None:
    names = [caller.cards(patient=one)[0]["summary"] for one in (ANA, BEN, ANA, BEN)]
    assert names[0] == names[2] != names[1] == names[3]


# Cards made of a score alone

GROUP = {"rank": 2, "of": 6, "name": "N", "n": 100, "followed": 90, "events": 30, "rate": 1 / 3, "low": 0.2,
         "high": 0.4, "rate_below": None, "rate_above": None}  # fmt: skip
SCORE = {"features": dict.fromkeys(catalogue.features(), 0.0), "group": GROUP,
         "group_hidden": None, "reasons": [], "limits": [], "missing": [], "dropped": {}, "gaps": [],
         "units_assumed": {},
         "release": "r", "as_of": "2026-06-30"}  # fmt: skip


def gap(number: int, weight: float, state: str = "gap") -> dict[str, Any]:
    return {"id": f"g{number}", "title": f"Gap {number}", "state": state, "reason": "No value this year.", "date": None,
            "resource": None, "due": "2026-09-01", "rule": "At least once a year", "source": "CMS122", "weight": weight}


@pytest.fixture
def ehr(world: World) -> Any:
    return world.config.ehrs["sandbox"]


def made(ehr: Any, unread: list[Unread] | None = None, **changes: Any) -> list[Any]:
    return drafts({**SCORE, **changes}, unread or [], ehr)


def test_gaps_are_one_warning_in_the_order_of_the_score(ehr: Any) -> None:
    gaps = [gap(4, 9.0, "not_applicable"), gap(2, 2.0), gap(3, 1.0, "met"), gap(1, 0.5)]
    first, second = made(ehr, gaps=gaps)
    assert (first.indicator, first.summary) == ("warning", "2 care gaps: Gap 2; Gap 1")
    assert "- **Gap 2**: No value this year. Due 01-Sep-2026. Rule: At least once a year (CMS122)" in first.detail
    assert first.card("u", ehr)["links"][0]["appContext"] == "kindred:gaps"
    assert second.kind == "group"


def test_many_gaps_are_counted_and_five_are_told(ehr: Any) -> None:
    first = made(ehr, gaps=[gap(number, number) for number in range(15)])[0]
    assert first.summary.startswith("15 care gaps: ") and len(first.summary) < 140
    assert first.detail.count("Rule:") == 5 and "- and 10 more" in first.detail


@pytest.mark.parametrize("kind", ["Procedure", "Immunization", "Observation", "AllergyIntolerance"])
def test_no_gap_is_claimed_where_something_was_not_read(ehr: Any, kind: str) -> None:
    cards = made(ehr, [Unread(kind, "narrowed")], gaps=[gap(1, 1.0)])
    assert [card.kind for card in cards] == ["group"]


@pytest.mark.parametrize("hidden", ["no_release", "definitions_differ", "no_patient_data"])
def test_gaps_are_told_without_a_group(ehr: Any, hidden: str) -> None:
    cards = made(ehr, group=None, group_hidden=hidden, gaps=[gap(1, 1.0)])
    assert [card.kind for card in cards] == ["gaps"]


def test_the_dead_have_no_gaps(ehr: Any) -> None:
    assert made(ehr, group=None, group_hidden="deceased", gaps=[gap(1, 1.0)]) == []


@pytest.mark.parametrize("kind", ["Condition", "Observation", "Encounter", "MedicationRequest"])
def test_a_group_never_rests_on_a_chart_without_one_of_these(ehr: Any, kind: str) -> None:
    (card,) = made(ehr, [Unread(kind, "failed")], gaps=[gap(1, 1.0)])
    assert (card.kind, card.indicator) == ("part", "info")


@pytest.mark.parametrize("figures", [
    {"n": 8, "followed": 8, "events": 1}, {"n": 100, "followed": 90, "events": 4},
    {"n": 100, "followed": 90, "events": 86},
    {"n": 100, "followed": 95, "events": 30}, {"rate": None},
])  # fmt: skip
def test_small_cells_are_not_told(ehr: Any, figures: dict[str, Any]) -> None:
    (card,) = made(ehr, group={**GROUP, **figures, "rate_below": None, "rate_above": None})
    assert "Too few people of this group have been followed" in card.detail
    assert "33" not in card.detail


def test_a_card_is_never_critical_and_never_suggests(ehr: Any) -> None:
    for draft in [*made(ehr, gaps=[gap(1, 9e9)]), *made(ehr, [Unread("Condition", "failed")])]:
        card = draft.card("u", ehr)
        assert card["indicator"] in ("info", "warning") and "suggestions" not in card
        assert "null" not in json.dumps(card)


def test_unusable_entries_are_said(ehr: Any) -> None:
    (card,) = made(ehr, dropped={"no_code": 2, "measurement_unit": 5})
    assert card.summary.endswith(" (chart read in part)") and "2 entries could not be used" in card.detail


def test_a_value_without_a_unit_is_said(ehr: Any) -> None:
    newest = {"n": 1, "value": 100.5, "time": "2026-03-02", "resource": "Observation/a"}
    (card,) = made(ehr, units_assumed={"ldl": newest})
    assert "LDL cholesterol: 1 value came without a unit" in card.detail and "100.5 mg/dL" in card.detail


@pytest.mark.parametrize(("text", "shown"), [
    ("a*b_c`d[e](f)", "a\\*b\\_c\\`d\\[e\\](f)"), ("<script>x</script>", "&lt;script&gt;x&lt;/script&gt;"),
    ("one\n\n# two", "one \\# two"), ("![x](http://x)", "\\!\\[x\\](http://x)"), ("a & b", "a &amp; b"),
])  # fmt: skip
def test_no_mark_up_comes_out_of_a_name(text: str, shown: str) -> None:
    assert marked(text) == shown


def test_a_summary_stays_below_140_characters_with_its_tail() -> None:
    assert shortened("x" * 500, " (tail)") == "x" * 131 + "… (tail)"
    assert len(shortened("x" * 500)) == 139 and shortened("a\nb") == "a b"


# What was turned down stays away


def test_an_overridden_card_stays_away_from_this_user_and_patient(caller: Caller) -> None:
    user = {"userId": "Practitioner/quiet-1", "patientId": ANA}
    (card,) = caller.cards(context=user)
    assert caller.feedback(overridden(card["uuid"], now())).status_code == 200
    assert caller.cards(context=user) == []
    assert len(caller.cards(context={**user, "userId": "Practitioner/quiet-2"})) == 1


def test_a_no_for_one_patient_is_none_for_another_whose_card_says_the_same(caller: Caller) -> None:
    def cards(patient: str) -> list[dict[str, Any]]:
        context = {"userId": "Practitioner/quiet-4", "patientId": patient}
        given = caller.authorization(patient, "patient/Patient.rs")
        return caller.cards(patient=patient, context=context, fhirAuthorization=given)

    anas, bens = cards(ANA), cards(BEN)
    assert anas[0]["summary"] == bens[0]["summary"]
    caller.feedback(overridden(anas[0]["uuid"], now()))
    assert (cards(ANA), len(cards(BEN))) == ([], 1)


def now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_it_comes_back_after_the_days_that_were_agreed(caller: Caller, world: World) -> None:
    user = {"userId": "Practitioner/quiet-3", "patientId": ANA}
    (card,) = caller.cards(context=user)
    caller.feedback(overridden(card["uuid"], "2025-01-01T00:00:00Z"))
    assert len(caller.cards(context=user)) == 1
    caller.feedback(overridden(card["uuid"], now()))
    assert caller.cards(context=user) == []
    ehrs: Any = world.config.ehrs
    kept = ehrs["sandbox"]
    ehrs["sandbox"] = replace(kept, hooks=replace(kept.hooks, quiet_days=0))
    try:
        assert len(caller.cards(context=user)) == 1
    finally:
        ehrs["sandbox"] = kept


# The link opens the app where the card speaks of it


@pytest.mark.parametrize(("context", "anchor"), [
    ("kindred:group", "#group-title"), ("kindred:gaps", "#gaps-title"), ("kindred:evil", ""), ("#x", ""),
    ("../../closed", ""), ("https://evil.example", ""), ('{"view":"gaps"}', ""), ("", ""), (7, ""),
    (["kindred:gaps"], ""),
])  # fmt: skip
def test_app_context_opens_the_part_that_it_names_and_nothing_else(world: World, context: Any, anchor: str) -> None:
    browser = Browser()
    callback = browser.callback(world.launch_url(ANA, extra={"appContext": context}))
    reply = browser.get(callback)
    assert reply.status_code == 303
    assert reply.headers["Location"].partition("/s/")[2][43:] == f"/{anchor}"
    browser.http.close()


def test_the_metrics_count_calls_and_cards_and_name_nobody(caller: Caller) -> None:
    caller.cards()
    text = requests.get(f"{caller.app_url}/metrics", timeout=30).text
    assert 'kindred_hook_calls_total{code="cards"}' in text and 'kindred_hook_cards_total{code="group"}' in text
    assert ANA not in text
