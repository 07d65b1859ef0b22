"""The rules of order-select as a table: a selected medicine, what is on record, and what is said, or nothing."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from analytics.definitions import catalogue, live
from analytics.definitions.errors import DefinitionError
from analytics.definitions.patient_scores import BLOOD_PRESSURE
from app.fhir import Chart, Unread
from app.hooks.cards import Draft
from app.hooks.orders import rules as file
from app.hooks.orders.cards import order_drafts
from app.hooks.orders.context import DraftOrder
from app.hooks.orders.medicines import of_drafts
from app.hooks.orders.rules import read, rules
from app.read_in_part import as_read
from app.registry import Ehr
from app.scorers import Scorers
from tests.spec.live.fhir import RXNORM, Resource, codes, condition, line, observation, order, patient
from tests.unit.app.chart.test_scores import LABS, TODAY, without
from tests.unit.app.hooks import order_docs

EHR = cast(Ehr, SimpleNamespace(issuer="https://ehr.example/fhir", is_synthetic=False, own_origin="https://app.example"))
LDL = observation("ldl", "13457-7", 116, "mg/dL", "2026-02-01")
DIASTOLIC = observation("dbp", "8462-4", 92, "mm[Hg]", "2025-02-02")
SIMVASTATIN, LISINOPRIL, LOSARTAN, AMLODIPINE, HCTZ = "312961", "314076", "979485", "308136", "310798"
ENTRESTO, VERAPAMIL, METOPROLOL, PROPRANOLOL, SPIRONOLACTONE = "1656346", "11170", "866427", "8787", "313096"
LISINOPRIL_HCTZ, ATORVASTATIN_80, PRAVASTATIN_10 = "197885", "259255", "904458"
SCORERS = Scorers(1, "test")


def said(*selected: str, chart: tuple[Resource, ...] = (), beside: tuple[str, ...] = (),
         unread: tuple[str, ...] = (), replaces: str = "", **person: Any) -> list[Draft]:  # fmt: skip
    """The cards for drafts of these codes or names for a woman born in 1968."""
    drafts = [DraftOrder(f"MedicationRequest/s{n}", True, medicine(one), replaces) for n, one in enumerate(selected)]
    drafts += [DraftOrder(f"MedicationRequest/b{n}", False, medicine(one)) for n, one in enumerate(beside)]
    lines = [line(one) for one in (patient(**({"birthDate": "1968-03-15"} | person)), *chart)]
    whole = Chart(json.loads(lines[0]), lines, [Unread(kind, "failed") for kind in unread])
    known = of_drafts(drafts, TODAY, EHR, SCORERS, 60)
    return order_drafts(known, as_read(live.score(lines, TODAY, None), whole.unread), whole, TODAY, EHR)


def medicine(text: str) -> Resource:
    return codes((RXNORM, text)) if text.isdigit() else {"text": text}


def summaries(found: list[Draft], kind: str = "") -> list[str]:
    """Of the cards of a kind; without one of the warnings."""
    return [one.summary.replace("\u00a0", " ") for one in found if one.kind == (kind or one.kind) and
            (kind or one.indicator == "warning")]  # fmt: skip


def allergy(code: str) -> Resource:
    return {"resourceType": "AllergyIntolerance", "id": "a", "code": codes((RXNORM, code)),
            "patient": {"reference": "Patient/p1"}, "recordedDate": "2024-05-06"}  # fmt: skip


PREGNANT = condition("pregnant", "77386006", "2026-03-02")
OVER = {"clinicalStatus": {"coding": [{"code": "resolved"}]}}


@pytest.mark.parametrize(("selected", "chart", "warnings"), [
    (ATORVASTATIN_80, [order("m", SIMVASTATIN, "2026-03-01")],
     ["Possible duplication (statin): atorvastatin selected beside simvastatin (in use, ordered 01-Mar-2026)"]),
    (SIMVASTATIN, [order("m", SIMVASTATIN, "2026-03-01")],
     ["Possible duplication (statin): simvastatin selected beside simvastatin (in use, ordered 01-Mar-2026)"]),
    (LISINOPRIL_HCTZ, [order("m", HCTZ, "2026-03-01")],
     ["Possible duplication (thiazide-like diuretic): hydrochlorothiazide selected beside hydrochlorothiazide (in use, "
      "ordered 01-Mar-2026)"]),
    (METOPROLOL, [order("m", PROPRANOLOL, "2026-03-01")],
     ["Possible duplication (beta-blocker): metoprolol selected beside propranolol (in use, ordered 01-Mar-2026)"]),
    (AMLODIPINE, [order("m", VERAPAMIL, "2026-03-01")], []),  # of another kind
    (AMLODIPINE, [order("m", LISINOPRIL, "2026-03-01")], []),
    (LISINOPRIL, [order("m", LOSARTAN, "2026-03-01")],
     ["ACE inhibitor and ARB together: lisinopril selected beside losartan (in use, ordered 01-Mar-2026)"]),
    (LOSARTAN, [order("m", LISINOPRIL, "2026-03-01")],
     ["ACE inhibitor and ARB together: losartan selected beside lisinopril (in use, ordered 01-Mar-2026)"]),
    (ENTRESTO, [order("m", LISINOPRIL, "2026-03-01")],  # and not the lesser one, for its valsartan
     ["Contraindicated within 36 hours of an ACE inhibitor: sacubitril selected beside lisinopril (in use, ordered "
      "01-Mar-2026)"]),
    (LISINOPRIL, [order("m", ENTRESTO, "2026-03-01")],
     ["Contraindicated within 36 hours of a neprilysin inhibitor: lisinopril selected beside sacubitril (in use, "
      "ordered 01-Mar-2026)"]),
    (LOSARTAN, [order("m", SPIRONOLACTONE, "2026-03-01")], []),
    (LISINOPRIL, [PREGNANT],
     ["Lisinopril: pregnancy recorded on 02-Mar-2026; medicines on the renin-angiotensin system can harm the fetus"]),
    (LISINOPRIL_HCTZ, [PREGNANT],  # the other part is of no concern
     ["Lisinopril: pregnancy recorded on 02-Mar-2026; medicines on the renin-angiotensin system can harm the fetus"]),
    (LISINOPRIL, [PREGNANT | {"onsetDateTime": "2025-06-01"}], []),
    (AMLODIPINE, [PREGNANT], []),
    (ATORVASTATIN_80, [PREGNANT],
     ["Atorvastatin: pregnancy recorded on 02-Mar-2026; most people stop a statin in pregnancy"]),
    (ATORVASTATIN_80, [condition("c", "169743001", "2026-03-02")],
     ["Atorvastatin: breastfeeding recorded on 02-Mar-2026; not advised with a statin"]),
    (ATORVASTATIN_80, [condition("c", "240131006", "2020-03-02")],
     ["Atorvastatin: rhabdomyolysis recorded on 02-Mar-2020"]),
    (ATORVASTATIN_80, [condition("c", "16462851000119106", "2020-03-02")],
     ["Atorvastatin: muscle symptoms of a statin recorded on 02-Mar-2020"]),
    (ATORVASTATIN_80, [allergy("36567")],
     ["Atorvastatin: allergy or intolerance to a statin recorded on 06-May-2024"]),
    (METOPROLOL, [allergy("8787")], ["Metoprolol: allergy or intolerance to a beta-blocker recorded on 06-May-2024"]),
    (METOPROLOL, [condition("c", "49044005", "2020-03-02")],
     ["Metoprolol: bradycardia or heart block recorded on 02-Mar-2020"]),
    (METOPROLOL, [condition("c", "195967001", "2020-03-02")], ["Metoprolol: asthma recorded on 02-Mar-2020"]),
    (LOSARTAN, [condition("c", "195967001", "2020-03-02"), allergy("8787")], []),
])  # fmt: skip
def test_a_rule_speaks_where_its_condition_holds(selected: str, chart: list[Resource], warnings: list[str]) -> None:
    found = said(selected, chart=tuple(chart))
    assert summaries(found) == warnings
    kinds = {"record"} if any(one["resourceType"] != "MedicationRequest" for one in chart) else {"check"}
    assert {one.kind for one in found if one.indicator == "warning"} == (kinds if warnings else set())
    assert {one.indicator for one in found if one.kind in ("order", "part")} <= {"info"}


PERIOD = {"abatementPeriod": {"start": "2026-04-01", "end": "2026-06-30"}}


@pytest.mark.parametrize(("records", "dated"), [
    ([{}], "02-Mar-2026"), ([OVER], None), ([{"abatementDateTime": "2026-05-01"}], None), ([PERIOD], None),
    ([{"abatementDateTime": "2026-05"}], None), ([{"abatementDateTime": "2025"}], None),
    ([{"abatementDateTime": "2026-10-01"}], "02-Mar-2026"),  # the day that is expected
    ([{"abatementDateTime": "2026"}], "02-Mar-2026"), ([{"abatementString": "in autumn"}], "02-Mar-2026"),
    ([{"clinicalStatus": "resolved"}], "02-Mar-2026"),
    ([{"abatementDateTime": "2026-05-01", "clinicalStatus": codes(("x", "active"))}], "02-Mar-2026"),
    ([{}, OVER | {"onsetDateTime": "2026-05-04"}], "02-Mar-2026"),  # the diagnosis of one visit ends with it
    ([OVER, {"onsetDateTime": "2026-05-04"}], "04-May-2026"), ([OVER, OVER | {"onsetDateTime": "2026-05-04"}], None),
    ([{"onsetDateTime": "2025-07-01"}], "01-Jul-2025"), ([{"onsetDateTime": "2025-06-30"}], None),
    ([{"verificationStatus": codes(("x", "refuted"))}], None),
])  # fmt: skip
def test_a_pregnancy_counts_unless_every_record_of_it_has_ended(records: list[Resource], dated: str | None) -> None:
    chart = tuple(PREGNANT | {"id": f"p{n}"} | one for n, one in enumerate(records))
    for selected in (LISINOPRIL, ATORVASTATIN_80):
        found = summaries(said(selected, chart=chart))
        assert [one.partition("recorded on ")[2].partition(";")[0] for one in found] == ([dated] if dated else [])


@pytest.mark.parametrize(("more", "state"), [
    ({"status": "stopped"}, "stopped"), ({"status": "completed"}, "completed"), ({"status": "on-hold"}, "on hold"),
    ({"status": "stopped", "meta": {"lastUpdated": "2026-06-28T08:00:00Z"}}, "stopped"),
    ({"status": "stopped", "meta": {"lastUpdated": "2026-06-27T08:00:00Z"}}, None),  # more than 36 hours ago
    ({"status": "cancelled"}, None), ({"status": "draft"}, None), ({"status": "entered-in-error"}, None),
    ({"status": "stopped", "dispenseRequest": {"validityPeriod": {"end": "2026-05-01"}}}, None),
    ({"meta": {"lastUpdated": "2026-03-01T08:00:00Z"}}, "in use"),
])  # fmt: skip
def test_sacubitril_and_an_ace_inhibitor_stay_apart_for_36_hours(more: Resource, state: str | None) -> None:
    for one, other, name in ((ENTRESTO, LISINOPRIL, "lisinopril"), (LISINOPRIL, ENTRESTO, "sacubitril")):
        found = summaries(said(one, chart=(order("m", other, "2026-03-01", **more),)))
        ends = [text.partition(" selected beside ")[2] for text in found if "within 36 hours" in text]
        assert ends == ([f"{name} ({state}, ordered 01-Mar-2026)"] if state else [])
    same = summaries(said(LISINOPRIL, chart=(order("m", LISINOPRIL, "2026-03-01", **more),)))
    assert bool(same) is (state == "in use")  # a change of dose, and no duplicate


def test_to_replace_an_ace_inhibitor_by_sacubitril_is_no_36_hours() -> None:
    chart = (order("m", LISINOPRIL, "2026-03-01"), order("a", LOSARTAN, "2026-03-01"))
    assert summaries(said(ENTRESTO, chart=chart, replaces="MedicationRequest/m")) == [
        "Possible duplication (ARB): valsartan selected beside losartan (in use, ordered 01-Mar-2026)",
        "Contraindicated within 36 hours of an ACE inhibitor: sacubitril selected beside lisinopril (to be replaced, "
        "ordered 01-Mar-2026)",
    ]


def test_a_lesser_rule_gives_way_for_the_same_orders_alone() -> None:
    chart = (order("e", ENTRESTO, "2026-03-01"), order("a", LOSARTAN, "2026-04-01"))
    assert [one.partition(": ")[0] for one in summaries(said(LISINOPRIL, chart=chart))] == [
        "ACE inhibitor and ARB together", "Contraindicated within 36 hours of a neprilysin inhibitor",
    ]  # fmt: skip


def test_an_order_with_the_id_of_a_draft_is_the_draft_if_it_is_of_its_medicine() -> None:
    for code, warned in ((LISINOPRIL, False), (LOSARTAN, True)):
        assert bool(summaries(said(LISINOPRIL, chart=(order("s0", code, "2026-03-01"),)))) is warned


def test_every_rule_has_a_row_above() -> None:
    rows = str(test_a_rule_speaks_where_its_condition_holds.pytestmark)  # type: ignore[attr-defined]
    starts = [rule.summary.partition("{name}")[2 if rule.feature else 0].partition("{")[0] for rule in rules().rules]
    assert len(starts) > 12 and [start for start in starts if start not in rows] == []


def test_two_selected_drafts_against_each_other_are_told_once() -> None:
    assert summaries(said(LISINOPRIL, LOSARTAN)) == [
        "ACE inhibitor and ARB together: lisinopril selected beside losartan (among the drafts)"
    ]


def test_many_orders_are_all_in_the_detail_where_the_summary_has_no_room() -> None:
    others = ("83367", "36567", "42463", "6472", "41127")
    many = tuple(order(f"m{n}", one, "2026-03-01") for n, one in enumerate(others))
    card, *_ = said("rosuvastatin", chart=many)
    assert len(card.summary) == 139 and card.summary.endswith("…")
    labels = [f"{name}statin" for name in ("atorva", "simva", "prava", "lova", "fluva")]
    assert [label for label in labels if label not in card.detail] == []


class TestWhatIsKnown:
    def test_a_statin_is_told_with_the_dose_that_its_product_stands_for(self) -> None:
        (high,), (any_dose,) = said(ATORVASTATIN_80, chart=(*LABS, LDL)), said("83367", chart=(*LABS, LDL))
        assert summaries([high], "order") == [
            "Atorvastatin: 10-year cardiovascular risk 7.9 % by PREVENT, 5.5 % with a statin by trials"
        ]
        assert summaries([any_dose], "order") == [
            "Atorvastatin: 10-year cardiovascular risk 7.9 % by PREVENT, 6.4 % to 5.5 % with a statin by trials"
        ]
        assert "Moderate intensity" not in high.detail and "Moderate intensity" in any_dose.detail
        assert "Number needed to treat for ten years: 43 (40 to 47)" in high.detail
        assert "Muscle pain or weakness: 26.6 % without, 27.1 % with it" in high.detail

    def test_of_low_intensity_no_effect_is_told(self) -> None:
        (card,) = said(PRAVASTATIN_10, chart=(*LABS, LDL))
        assert summaries([card], "order") == ["Pravastatin: 10-year cardiovascular risk 7.9 % by PREVENT"]
        assert "of low intensity: what that does is not worked out here" in card.detail

    def test_without_ldl_the_risk_stands_and_the_effect_does_not(self) -> None:
        (card,) = said(ATORVASTATIN_80, chart=tuple(LABS))
        assert summaries([card], "order") == ["Atorvastatin: 10-year cardiovascular risk 7.9 % by PREVENT"]
        assert "LDL cholesterol is not known" in card.detail and "treatment:" not in card.detail

    def test_whom_prevent_is_not_for_has_the_reason_and_no_number(self) -> None:
        (card,) = said(ATORVASTATIN_80, chart=(*LABS, LDL, condition("cad", "414545008", "2021")))
        why = "PREVENT is for people without known cardiovascular disease"
        assert summaries([card], "order") == [f"Atorvastatin: no 10-year risk by PREVENT: {why}"]
        assert "%" not in card.detail
        (old,) = said(ATORVASTATIN_80, chart=(*LABS, LDL), birthDate="1940-01-01")
        assert "PREVENT is for people aged 30 to 79" in old.summary

    def test_an_input_that_is_not_known_leaves_a_range_and_no_effect(self) -> None:
        (card,) = said(ATORVASTATIN_80, chart=(*without("smoke"), LDL))
        (summary,) = summaries([card], "order")
        assert summary.endswith(" by PREVENT (not all is known)") and "–" in summary and "treatment:" not in card.detail

    def test_too_much_that_is_not_known_leaves_nothing_to_compute(self) -> None:
        (card,) = said(ATORVASTATIN_80)
        assert summaries([card], "order") == [
            "Atorvastatin: no 10-year risk by PREVENT: what it needs is not all known"
        ]
        assert "Not known: total cholesterol, HDL cholesterol" in card.detail

    def test_blood_pressure_potassium_and_egfr_come_with_their_dates(self) -> None:
        potassium = observation("k", "2823-3", 5.1, "mmol/L", "2026-01-05")
        (card,) = said(LISINOPRIL, chart=(*LABS, DIASTOLIC, potassium))
        assert summaries([card], "order") == [
            "Lisinopril: blood pressure 160/92 mmHg on 02-Feb-2025; potassium 5.1 mmol/L on 05-Jan-2026; "
            "10-year cardiovascular risk 7.9 % by PREVENT"
        ]
        assert "- Potassium 5.1 mmol/L on 05-Jan-2026\n- eGFR (CKD-EPI 2021, computed from" in card.detail
        assert "creatinine) 74.6 mL/min/1.73 m² on 01-Feb-2026" in card.detail
        assert "10 mmHg lower: 7.9" in card.detail.replace("\u00a0", " ")
        (other,) = said(AMLODIPINE, chart=(*LABS, DIASTOLIC, potassium))
        assert "Potassium 5.1" not in other.detail

    def test_what_is_older_than_the_window_of_the_definitions_is_not_told(self) -> None:
        assert catalogue.features()["potassium"].window_days == 730
        old = observation("k", "2823-3", 5.1, "mmol/L", "2024-06-28")
        detail = said(LISINOPRIL, chart=(*LABS, old))[0].detail
        assert "- The last potassium, 5.1 mmol/L of 28-Jun-2024, is older than the 24 months that count." in detail
        assert "Potassium" not in detail

    def test_what_is_not_known_is_said_as_far_as_was_read(self) -> None:
        none, unread = said(LISINOPRIL, chart=tuple(LABS)), said(LISINOPRIL, chart=tuple(LABS), unread=("Observation",))
        assert "- Potassium: none of the last 24 months." in none[0].detail
        assert "- Potassium: not known: not all measurements and laboratory results could be read." in unread[0].detail
        assert "none of the last" not in unread[0].detail and "Potassium" not in said(AMLODIPINE, chart=LABS)[0].detail

    def test_it_says_what_is_not_checked_and_by_what_a_dose_is_told(self) -> None:
        (high,), (named,) = said(ATORVASTATIN_80, chart=(*LABS, LDL)), said("atorvastatin 80 mg", chart=(*LABS, LDL))
        by_product = "that of the selected product, one a day: the dosage instruction is not read"
        assert by_product in high.detail and by_product not in named.detail
        for one in (high, named, *said(LISINOPRIL, chart=tuple(LABS))):
            assert "**Not checked here**: the dose, " in one.detail and "No warning is no clearance." in one.detail

    def test_a_summary_without_room_loses_whole_parts_and_no_caveat(self) -> None:
        (statins,) = said("83367", "301542", "861634", "36567", "42463", chart=(*without("smoke"), LDL))[-1:]
        assert statins.summary.startswith("Selected medicines: ") and statins.summary.endswith("(not all is known)")
        (pressure,) = said("amlodipine, hydrochlorothiazide and olmesartan", chart=(*LABS, DIASTOLIC))
        assert pressure.summary.partition(": ")[2] == "blood pressure 160/92 mmHg on 02-Feb-2025"

    def test_readings_of_two_days_are_not_one(self) -> None:
        (card,) = said(LISINOPRIL, chart=(*LABS, DIASTOLIC | {"effectiveDateTime": "2025-02-03"}))
        assert "Lisinopril: systolic blood pressure 160 mmHg on 02-Feb-2025;" in card.summary

    @pytest.mark.parametrize("selected", [AMLODIPINE, "furosemide", "860975", "ibuprofen", "sildenafil"])
    def test_where_there_is_nothing_to_say_there_is_no_card(self, selected: str) -> None:
        assert said(selected) == []

    def test_a_medicine_for_both_ends_has_a_card_for_each(self) -> None:
        kinds = [one.said[0] for one in said("amlodipine and atorvastatin", chart=(*LABS, LDL))]
        assert kinds == ["statin", "blood_pressure"]


@pytest.mark.parametrize(("selected", "unread", "named"), [
    (ATORVASTATIN_80, "MedicationRequest", "medicines"), (ATORVASTATIN_80, "AllergyIntolerance", "allergies"),
    (LISINOPRIL, "Condition", "conditions"), (LISINOPRIL, "AllergyIntolerance", None),
    (ATORVASTATIN_80, "Immunization", None),
])  # fmt: skip
def test_what_a_rule_rests_on_and_was_not_read_is_said(selected: str, unread: str, named: str | None) -> None:
    found = summaries(said(selected, unread=(unread,)), "part")
    told = f"Order checked in part: the chart could not be read completely ({named})"
    assert found == ([told] if named else [])


class TestTheFile:
    def test_its_classes_of_the_renin_angiotensin_system_are_those_of_the_definitions(self) -> None:
        classes = [rules().classes[name].ingredients for name in ("ace_inhibitor", "arb", "neprilysin_inhibitor")]
        assert set().union(*classes) == set(catalogue.concepts()["renin_angiotensin"].members)
        assert sum(map(len, classes)) == len(set().union(*classes))

    def test_it_knows_every_medicine_that_the_score_counts_for_blood_pressure(self) -> None:
        (topic,) = [one for one in rules().topics if one.name == "blood_pressure"]
        known = set().union(*(rules().classes[name].ingredients for name in topic.classes))
        concepts = [catalogue.features()[name].concept for name in BLOOD_PRESSURE]
        assert known == set().union(*(catalogue.concepts()[one].members for one in concepts))

    def test_every_rule_has_a_source_and_says_less_than_140_characters(self) -> None:
        for rule in rules().rules:
            assert rule.source and rule.because and rule.rests_on
            usual = {"name": "x" * 12, "others": "y" * 40, "class": "z" * 24, "date": " on 01-Mar-2026"}
            assert len(rule.summary.format(**usual)) < 140

    @pytest.mark.parametrize(("change", "message"), [
        (("[class.statin]", "[class.statin"), "rules.toml"), (('of = ["statin"]', 'of = ["tea"]'), "tea"),
        (('feature = "asthma"', 'feature = "tea"'), "tea"), (('with = ["arb"]', 'with = ["tea"]'), "tea"),
        (('feature = "asthma"', ""), "what decides beta_blocker_asthma"),
        (('lever = "statin"', 'lever = "tea"'), "tea"),
        (('instead_of = ["renin_angiotensin_dual"]', 'instead_of = ["tea"]'), "tea"),
        (('"high"', '"tea"'), "tea"), (("below = 365", "above = 365"), "above"),
    ])  # fmt: skip
    def test_what_is_wrong_in_it_is_refused_by_name(self, change: tuple[str, str], message: str) -> None:
        from pathlib import Path

        text = (Path(file.__file__).parent / "rules.toml").read_text()
        with pytest.raises(DefinitionError, match=message):
            read(text.replace(*change))


def test_the_paper_for_clinicians_says_what_the_rules_say() -> None:
    assert order_docs.PAGE.read_text(encoding="utf-8") == order_docs.document(), "run scripts/orders-doc"
