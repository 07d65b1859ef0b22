"""CDS Hooks 2.0, hook order-select 1.x: the context's rules, the wrong patient, cards for what is selected alone."""

import copy
import json
import random
import sqlite3
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.conformance.hooks.caller import SERVICE, Caller, code_of, overridden
from tests.conformance.hooks.orders import (
    ATORVASTATIN_80,
    LISINOPRIL,
    LOSARTAN,
    SELECT,
    SIMVASTATIN,
    bundle,
    cards,
    coded,
    context,
    draft,
    select,
    told,
)
from tests.conformance.hooks.test_cards import now
from tests.conformance.hooks.test_mutations import mutated
from tests.flow.people import ANA, BEN, FAY
from tests.flow.world import World

STATIN = draft("d1", ATORVASTATIN_80)
# PREVENT's 11.2 % of Fay's values, and 0.79 for each mmol/L of half her LDL of 145 mg/dL (CTT 2012).
RISK = ("order", "info",
        "Atorvastatin: 10-year cardiovascular risk 11.2 % by PREVENT, 7.2 % with a statin by trials")  # fmt: skip
SOMEBODY = {"reference": f"Patient/{BEN}"}


# The context


@pytest.mark.parametrize(("changes", "status", "code"), [
    ({"selections": None}, 400, "bad_call"), ({"selections": "MedicationRequest/d1"}, 400, "bad_call"),
    ({"selections": ["d1"]}, 400, "bad_call"), ({"selections": [7]}, 400, "bad_call"),
    ({"selections": ["MedicationRequest/other"]}, 400, "bad_call"),
    ({"selections": ["MedicationRequest/d1/_history/1"]}, 400, "bad_call"),
    ({"selections": ["MedicationRequest/d1", "MedicationRequest/../Patient"]}, 400, "bad_call"),
    ({"selections": []}, 200, ""),
    ({"draftOrders": None}, 400, "bad_call"), ({"draftOrders": []}, 400, "bad_call"),
    ({"draftOrders": STATIN}, 400, "bad_call"), ({"draftOrders": {"resourceType": "Bundle"}}, 400, "bad_call"),
    ({"draftOrders": {"resourceType": "Bundle", "entry": [STATIN]}}, 400, "bad_call"),
    ({"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": "x"}]}}, 400, "bad_call"),
    ({"draftOrders": bundle(STATIN, STATIN)}, 400, "bad_call"),  # which of them?
    ({"draftOrders": {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1", "resource": one} for one in (
        STATIN, {"resourceType": "Medication", "id": "m"})]}}, 400, "bad_call"),
    ({"draftOrders": bundle({name: one for name, one in STATIN.items() if name != "id"})}, 400, "bad_call"),
    ({"draftOrders": bundle(*(draft(f"d{n}", LISINOPRIL) for n in range(201)))}, 400, "bad_call"),
    ({"patientId": "../x"}, 400, "bad_call"), ({"userId": "dr-who"}, 400, "bad_call"),
])  # fmt: skip
def test_a_context_that_breaks_a_rule_is_refused(
    caller: Caller, changes: dict[str, Any], status: int, code: str
) -> None:
    reply = select(caller, context(STATIN) | changes)
    assert reply.status_code == status
    assert (code_of(reply) if status != 200 else reply.json()) == (code or {"cards": []})


def test_a_call_of_one_hook_at_the_service_of_the_other_is_refused(caller: Caller) -> None:
    for body, path in ((caller.body(FAY, context=context(STATIN)), SELECT),
                       (caller.body(FAY, hook="order-select", context=context(STATIN)), SERVICE)):  # fmt: skip
        reply = caller.call(body, path=path)
        assert (reply.status_code, code_of(reply)) == (400, "bad_call")


def test_a_jwt_for_one_service_does_not_open_the_other(caller: Caller) -> None:
    body = caller.body(FAY, hook="order-select", context=context(STATIN))
    assert caller.call(body, token=caller.jwt(SERVICE), path=SELECT).status_code == 401


# Nobody else's order


@pytest.mark.parametrize("stray", [
    draft("s", LISINOPRIL, BEN), draft("s", LISINOPRIL) | {"subject": {}}, draft("s", LISINOPRIL) | {"subject": "Fay"},
    draft("s", LISINOPRIL) | {"subject": {"reference": "#p"}, "contained": [{"resourceType": "Patient", "id": "p"}]},
    draft("s", LISINOPRIL) | {"subject": {"reference": f"https://other.example/fhir/Patient/{FAY}"}},
    draft("s", LISINOPRIL) | {"subject": {"reference": "Group/1"}},
    draft("s", LISINOPRIL) | {"subject": {"reference": f"Patient/{FAY}?x"}},
    {"resourceType": "ServiceRequest", "id": "s", "subject": SOMEBODY},
    {"resourceType": "NutritionOrder", "id": "s", "patient": SOMEBODY},
    {"resourceType": "Patient", "id": BEN},
])  # fmt: skip
@pytest.mark.parametrize("selected", [True, False])
def test_one_draft_of_somebody_else_ends_the_call(caller: Caller, stray: dict[str, Any], selected: bool) -> None:
    chosen = [f"{stray['resourceType']}/{stray['id']}"] if selected else None
    reply = select(caller, context(STATIN, stray, selected=chosen))
    assert (reply.status_code, code_of(reply)) == (422, "other_patient")


def test_a_draft_may_name_the_patient_by_the_whole_address(caller: Caller, world: World) -> None:
    whole = STATIN | {"subject": {"reference": f"{world.ehr.fhir_base}/Patient/{FAY}"}}
    assert told(cards(caller, context(whole))) == [RISK]


def test_a_draft_of_somebody_else_is_refused_for_a_patient_as_user_too(caller: Caller) -> None:
    user = {"userId": f"Patient/{FAY}"}
    assert cards(caller, context(STATIN) | user) == []
    assert select(caller, context(draft("d1", LISINOPRIL, BEN)) | user).status_code == 422


def test_a_prefetch_of_somebody_else_ends_the_call(caller: Caller) -> None:
    reply = select(caller, context(STATIN), prefetch=caller.prefetch(BEN))
    assert (reply.status_code, code_of(reply)) == (422, "other_patient")


# What was selected, and nothing else


def test_the_card_has_what_the_specification_asks(caller: Caller) -> None:
    (card,) = cards(caller, context(STATIN))
    assert told([card]) == [RISK]
    assert set(card) == {"uuid", "summary", "indicator", "detail", "source", "links", "overrideReasons"}
    UUID(card["uuid"])
    (link,) = card["links"]
    assert (link["type"], link["url"], link["appContext"]) == ("smart", f"{caller.app_url}/launch", "kindred:scores")
    assert [one["code"] for one in card["overrideReasons"]] == ["known", "not-now"]
    assert "Khan SS et al., Circulation 2024" in card["detail"]
    assert "Cholesterol Treatment Trialists, Lancet 2012" in card["detail"]
    assert "As of 30-Jun-2026. Supports, does not replace" in card["detail"]


@pytest.mark.parametrize("medicine", [
    {"medicationCodeableConcept": {"text": "Atorvastatin 80 mg tablets"}},
    {"medicationCodeableConcept": {"coding": [{"system": "urn:local", "code": "7", "display": "LIPITOR"}]}},
    {"medicationReference": {"reference": "#m"}, "contained": [{"resourceType": "Medication", "id": "m",
                                                                "code": coded(ATORVASTATIN_80)}]},
    {"medicationReference": {"reference": "Medication/m1"}},
    {"medicationReference": {"reference": "urn:uuid:6a9e7b4e-0000-4000-8000-000000000001"}},
    {"medicationReference": {"display": "atorvastatin"}},
])  # fmt: skip
def test_the_medicine_is_known_however_it_is_given(caller: Caller, medicine: dict[str, Any]) -> None:
    given = context(draft("d1", None, **medicine))
    given["draftOrders"]["entry"].append({
        "fullUrl": "urn:uuid:6a9e7b4e-0000-4000-8000-000000000001",
        "resource": {"resourceType": "Medication", "id": "m1", "code": coded(ATORVASTATIN_80)},
    })  # fmt: skip
    ((kind, _, summary),) = told(cards(caller, given))
    assert kind == "order" and summary.startswith("Atorvastatin: 10-year cardiovascular risk 11.2 % by PREVENT, ")


@pytest.mark.parametrize("medicine", [
    coded("860975"), coded("0"), {"text": "no statin, please"}, {"text": "Tea"}, {}, {"coding": "x"},
    {"coding": [{"system": 7, "code": ["x"]}], "text": {"a": 1}},
])  # fmt: skip
def test_what_no_rule_knows_has_no_card_and_nothing_is_read(caller: Caller, world: World, medicine: Any) -> None:
    world.ehr.recorder.clear()
    assert cards(caller, context(draft("d1", None, medicationCodeableConcept=medicine))) == []
    assert world.ehr.recorder.all("/fhir/") == []


@pytest.mark.parametrize("more", [
    {"doNotPerform": True}, {"status": "cancelled"}, {"status": "entered-in-error"}, {"status": "stopped"},
])  # fmt: skip
def test_a_draft_that_is_not_to_be_taken_has_no_card(caller: Caller, more: dict[str, Any]) -> None:
    assert cards(caller, context(STATIN | more)) == []


def test_a_draft_that_is_not_selected_is_no_subject(caller: Caller) -> None:
    other = draft("d2", LISINOPRIL)
    assert told(cards(caller, context(STATIN, other))) == [RISK]
    found = told(cards(caller, context(STATIN, other, selected=["MedicationRequest/d2"])))
    assert [summary.partition(":")[0] for _, _, summary in found] == ["Lisinopril"]
    referral = {"resourceType": "ServiceRequest", "id": "r", "subject": {"reference": f"Patient/{FAY}"}}
    assert cards(caller, context(STATIN, referral, selected=["ServiceRequest/r"])) == []


def test_a_draft_without_an_id_is_never_selected(caller: Caller) -> None:
    nameless = {name: one for name, one in draft("x", LISINOPRIL).items() if name != "id"}
    assert cards(caller, context(draft("None", "0"), nameless, selected=["MedicationRequest/None"])) == []


def test_several_are_selected_at_once(caller: Caller) -> None:
    chosen = [STATIN, draft("d2", LISINOPRIL), draft("d3", LOSARTAN), draft("d4", "0")]
    found = told(cards(caller, context(*chosen, selected=[f"MedicationRequest/{one['id']}" for one in chosen])))
    assert [(kind, summary.partition(":")[0]) for kind, _, summary in found] == [
        ("check", "ACE inhibitor and ARB together"), ("order", "Atorvastatin"), ("order", "Lisinopril and losartan"),
    ]  # fmt: skip


def test_what_is_on_record_against_a_medicine_has_reasons_of_its_own(caller: Caller) -> None:
    prefetch = caller.prefetch(FAY)
    pregnant = {"resourceType": "Condition", "id": "pregnant", "subject": {"reference": f"Patient/{FAY}"},
                "code": {"coding": [{"system": "http://snomed.info/sct", "code": "77386006"}]},
                "onsetDateTime": "2026-03-02"}  # fmt: skip
    prefetch["conditions"] = bundle(pregnant) | {"type": "searchset", "total": 1}
    found = cards(caller, context(draft("d1", LISINOPRIL), draft("d2", LOSARTAN)), prefetch=prefetch)
    reasons = {one["source"]["topic"]["code"]: [why["code"] for why in one["overrideReasons"]] for one in found}
    assert reasons["record"] == ["considered", "wrong-record"]
    assert reasons["check"] == ["considered", "replaces", "not-taken"]
    assert {one["links"][0]["type"] for one in found} == {"smart"} and len(found) == 3


def test_an_unselected_draft_is_what_the_selected_one_is_held_against(caller: Caller) -> None:
    (warning, _) = told(cards(caller, context(draft("d1", LISINOPRIL), draft("d2", LOSARTAN))))
    assert warning == (
        "check", "warning", "ACE inhibitor and ARB together: lisinopril selected beside losartan (among the drafts)",
    )  # fmt: skip


def with_order(caller: Caller, code: str, **more: Any) -> dict[str, Any]:
    """Fay's prefetch with one more order in it."""
    prefetch = caller.prefetch(FAY)
    order = draft("in-use", code, status="active", authoredOn="2026-05-01") | more
    prefetch["medications"] = bundle(order) | {"type": "searchset", "total": 1}
    return prefetch


def test_an_active_order_of_the_class_is_a_possible_duplicate(caller: Caller) -> None:
    warning, known = told(cards(caller, context(STATIN), prefetch=with_order(caller, SIMVASTATIN)))
    assert warning == ("check", "warning", "Possible duplication (statin): atorvastatin selected beside simvastatin "
                                           "(in use, ordered 01-May-2026)")  # fmt: skip
    assert known[2].endswith("by PREVENT")  # no effect of starting what is in use already


@pytest.mark.parametrize("more", [
    {"status": "stopped"}, {"status": "completed"}, {"status": "on-hold"}, {"status": "cancelled"}, {"status": "draft"},
    {"intent": "proposal"}, {"authoredOn": "2024-05-01"},
    {"id": "d1", "medicationCodeableConcept": coded(ATORVASTATIN_80)},
    {"dispenseRequest": {"validityPeriod": {"end": "2026-06-01"}}},
])  # fmt: skip
def test_an_order_that_is_over_or_is_the_draft_itself_is_none(caller: Caller, more: dict[str, Any]) -> None:
    found = told(cards(caller, context(STATIN), prefetch=with_order(caller, SIMVASTATIN, **more)))
    assert [kind for kind, _, _ in found] == ["order"]


@pytest.mark.parametrize(("prior", "kinds"), [
    ("MedicationRequest/in-use", ["order"]), ("MedicationRequest/in-use/_history/2", ["order"]),
    ("https://other.example/fhir/MedicationRequest/in-use", ["check", "order"]),
    ("MedicationRequest/other", ["check", "order"]), (7, ["check", "order"]),
])  # fmt: skip
def test_an_order_that_the_draft_replaces_is_no_duplicate(caller: Caller, prior: Any, kinds: list[str]) -> None:
    replacing = STATIN | {"priorPrescription": {"reference": prior}}
    found = told(cards(caller, context(replacing), prefetch=with_order(caller, SIMVASTATIN)))
    assert [kind for kind, _, _ in found] == kinds


# As for patient-view: data, audit, feedback, the dead


def test_without_prefetch_and_token_it_is_412(caller: Caller) -> None:
    reply = select(caller, context(STATIN), fhirAuthorization=None)
    assert (reply.status_code, code_of(reply)) == (412, "precondition")


def test_prefetch_and_reads_give_the_same_card(caller: Caller) -> None:
    prefetch = caller.prefetch(FAY)
    (brought,), (read,) = cards(caller, context(STATIN), prefetch=prefetch, fhirAuthorization=None), cards(
        caller, context(STATIN)
    )
    assert {**brought, "uuid": ""} == {**read, "uuid": ""}


def test_medicines_that_could_not_be_read_are_said_and_leave_a_range(caller: Caller) -> None:
    types = ("Patient", "Condition", "Observation", "Procedure")
    given = caller.authorization(FAY, " ".join(f"patient/{name}.rs" for name in types))
    found = cards(caller, context(STATIN), fhirAuthorization=given)
    assert told(found)[-1][2].startswith("Order checked in part: the chart could not be read completely (allergies, ")
    assert told(found)[0][2].endswith(" % by PREVENT (not all is known)")  # a range, and no treatment weighed
    assert all("Medicines: the EHR did not grant it." in one["detail"] for one in found)


def test_of_the_dead_there_is_no_card(caller: Caller, caller_of: Callable[[str], Caller]) -> None:
    for one in (caller, caller_of("case=bare")):  # with a release and without one
        prefetch = caller.prefetch(FAY)
        prefetch["patient"]["deceasedDateTime"] = "2026-06-01"
        assert cards(one, context(STATIN), prefetch=prefetch) == []


def test_it_needs_no_release(caller_of: Callable[[str], Caller]) -> None:
    assert told(cards(caller_of("case=bare"), context(STATIN))) == [RISK]


def test_every_answer_has_a_row_in_the_audit(caller: Caller, world: World) -> None:
    for given in (context(STATIN), context(draft("d1", "0"))):
        cards(caller, given)
        with sqlite3.connect(world.home / "app.db") as db:
            rows = db.execute("SELECT id, action, who, patient FROM audit ORDER BY id DESC LIMIT 1").fetchall()
        assert [row[1:] for row in rows] == [("hook", "Practitioner/sandbox-clinician-1", FAY)]


def test_a_card_that_was_overridden_stays_away_until_it_says_something_else(caller: Caller) -> None:
    user = {"userId": "Practitioner/orders-1"}
    (card,) = cards(caller, context(STATIN) | user)
    entry = overridden(card["uuid"], now(), overrideReason={"reason": {"code": "known"}})
    assert caller.call({"feedback": [entry]}, path=f"{SELECT}/feedback").status_code == 200
    assert cards(caller, context(draft("another-id", ATORVASTATIN_80)) | user) == []
    assert len(cards(caller, context(draft("d1", SIMVASTATIN)) | user)) == 1
    assert len(cards(caller, context(STATIN))) == 1  # for another user


def test_a_no_for_a_warning_is_none_for_another_order(caller: Caller) -> None:
    user, prefetch = {"userId": "Practitioner/orders-2"}, with_order(caller, SIMVASTATIN)
    warning, _ = cards(caller, context(STATIN) | user, prefetch=prefetch)
    caller.call({"feedback": [overridden(warning["uuid"], now())]}, path=f"{SELECT}/feedback")
    assert [kind for kind, _, _ in told(cards(caller, context(STATIN) | user, prefetch=prefetch))] == ["order"]
    changed = with_order(caller, SIMVASTATIN, id="newer")
    assert told(cards(caller, context(STATIN) | user, prefetch=changed))[0][0] == "check"


def test_feedback_at_the_other_service_counts_for_nothing(caller: Caller) -> None:
    user = {"userId": "Practitioner/orders-3"}
    (card,) = cards(caller, context(STATIN) | user)
    caller.call({"feedback": [overridden(card["uuid"], now())]}, path=f"{SERVICE}/feedback")
    assert len(cards(caller, context(STATIN) | user)) == 1


def test_no_call_ends_in_a_fault_and_no_draft_of_another_gets_a_card(caller: Caller) -> None:
    draw = random.Random(4)
    lisinopril = draft("d2", LISINOPRIL, priorPrescription={"reference": "MedicationRequest/x"})
    given = context(STATIN, lisinopril, {"resourceType": "Medication", "id": "m", "code": coded(LOSARTAN)})
    body = caller.body(FAY, hook="order-select", context=given, prefetch=caller.prefetch(FAY))
    for _ in range(40):
        sent = mutated(copy.deepcopy(body["context"]), draw)
        raw = b'{"context":' + sent + b"," + caller_json(body)[1:]
        reply = caller.call(raw, path=SELECT)
        assert reply.status_code < 500, sent[:500]
        if reply.status_code == 200 and reply.json()["cards"]:
            answered = json.loads(sent)
            drafts = [one["resource"] for one in answered["draftOrders"]["entry"]]
            named = {one["subject"]["reference"] for one in drafts if one["resourceType"] == "MedicationRequest"}
            assert (answered["patientId"], named) == (FAY, {f"Patient/{FAY}"})


def caller_json(body: dict[str, Any]) -> bytes:
    return json.dumps({name: value for name, value in body.items() if name != "context"}).encode()


def test_a_refusal_repeats_nothing(caller: Caller, caplog: Any) -> None:
    marker = "SECRET-MARKER"
    for changes in ({"selections": [marker]}, {"draftOrders": bundle(draft("d1", None, marker))}):
        reply = select(caller, context(STATIN) | changes)
        assert reply.status_code >= 400
        assert marker not in reply.text + str(dict(reply.headers)) + caplog.text


def test_nothing_of_the_drafts_own_text_comes_back(caller: Caller) -> None:
    named = draft("d1", None, medicationCodeableConcept={"text": "atorvastatin for Mrs Secret <b>"})
    reply = select(caller, context(named))
    assert "Atorvastatin" in reply.text and "Secret" not in reply.text


def test_the_other_patients_cards_are_their_own(caller: Caller) -> None:
    """Ana's chart lacks what PREVENT needs; Fay's has it."""
    found = told(cards(caller, context(draft("d1", ATORVASTATIN_80, ANA), patient=ANA)))
    assert found == [("order", "info", "Atorvastatin: no 10-year risk by PREVENT: what it needs is not all known")]
    assert told(cards(caller, context(STATIN))) == [RISK]
