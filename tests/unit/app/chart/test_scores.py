"""The section of the published scores: score JSON in, words and numbers out."""

from datetime import date
from typing import Any

import pytest

from analytics.definitions import live, scores
from app.chart.scores import Card, Scores, percent, scores_of
from app.chart.words import by_name
from app.fhir import Unread
from app.read_in_part import as_read
from tests.spec.live.fhir import Resource, codes, condition, encounter, line, observation, order, patient

TODAY = date(2026, 6, 30)
SNOMED = "http://snomed.info/sct"
LABS = [
    observation("tc", "2093-3", 200, "mg/dL", "2026-02-01"),
    observation("hdl", "2085-9", 45, "mg/dL", "2026-02-01"),
    observation("sbp", "8480-6", 160, "mm[Hg]", "2025-02-02"),
    observation("bmi", "39156-5", 35, "kg/m2", "2026-02-02"),
    observation("scr", "2160-0", 0.9, "mg/dL", "2026-02-01"),
    observation("smoke", "72166-2", None, None, "2026-02-02", valueCodeableConcept=codes((SNOMED, "266919005"))),
]


def section(*resources: Resource, unread: tuple[str, ...] = (), **person: Any) -> Scores:
    """What the page tells of a woman born in 1968 with these resources."""
    person = {"birthDate": "1968-03-15"} | person
    found = live.score([line(one) for one in (patient(**person), *resources)], TODAY, None)
    lacking = [Unread(kind, "failed") for kind in unread]
    return scores_of(as_read(found, lacking)["scores"], unread, TODAY, found["series"], by_name(found["orders"]))


def card(found: Scores, name: str) -> Card:
    (one,) = [card for card in found.cards if card.name == name]
    return one


def figures(one: Card) -> dict[str, tuple[str, str]]:
    return {result.label: (result.value.replace("\u00a0", " "), result.category) for result in one.results}


def reasons(found: Scores) -> dict[str, str]:
    return {one.title: one.reason for one in found.not_for}


def without(identity: str) -> list[Resource]:
    return [one for one in LABS if one["id"] != identity]


def test_prevent_tells_both_horizons_and_a_category_of_its_own() -> None:
    told = figures(card(section(*LABS), "prevent"))
    given = {"sex": "female", "age": 58, "tc": 200, "hdl": 45, "sbp": 160, "dm": 0, "smoking": 0, "bmi": 35,
             "egfr": 74.47, "bptx": 0, "statin": 0}  # fmt: skip
    values = scores.compute("prevent", given)["values"]
    assert [value for value, _ in told.values()] == [f"{value:.1f} %" for value in values.values()]
    assert len(told) == 6
    assert told["Atherosclerotic disease (ASCVD), 10 years"][1] == "borderline"  # of PREVENT: from 3 to 5 %
    assert {word for label, (_, word) in told.items() if "ASCVD), 10" not in label} == {""}


def test_beyond_59_years_only_ten_years_are_told_and_why() -> None:
    one = card(section(*LABS, birthDate="1954-03-15"), "prevent")
    assert len(one.results) == 3 and one.notes == ["The risk over 30 years is given for ages 30 to 59."]


@pytest.mark.parametrize(("risk", "prevent", "pce"), [(4.0, "borderline", "low"), (6.0, "intermediate", "borderline"),
                                                     (12.0, "high", "intermediate")])  # fmt: skip
def test_the_categories_of_prevent_are_never_those_of_the_pooled_cohort_equations(risk, prevent, pce) -> None:
    def word(name: str) -> str:
        steps = scores.table(name)["categories"]["10y_ascvd"]
        return [step["label"] for step in steps if risk >= step["from"]][-1]

    assert (word("prevent"), word("pce")) == (prevent, pce)
    for name in ("prevent", "pce"):
        assert "do not apply to PREVENT" in scores.table(name)["categories_source"]


def test_inputs_have_value_unit_date_age_and_record_and_old_ones_are_named() -> None:
    one = card(section(*LABS), "prevent")
    row = {line.label: line for line in one.inputs}
    assert row["Total cholesterol"].value == "200 mg/dL (5.2 mmol/L)"
    assert (row["Total cholesterol"].dated, row["Total cholesterol"].resource) == ("01-Feb-2026", "Observation/tc")
    assert row["Systolic pressure"].value == "160 mmHg" and row["Systolic pressure"].is_old
    assert one.old == ["Systolic pressure"]
    assert not row["Total cholesterol"].is_old and row["Sex"].dated == ""


@pytest.mark.parametrize(("when", "counts"), [("2024-07-01", True), ("2024-06-30", False), ("2022-02-01", False)])
def test_a_lipid_beyond_the_window_is_told_with_its_date_and_not_used(when: str, counts: bool) -> None:
    one = card(section(*without("tc"), observation("tc", "2093-3", 210, "mg/dL", when)), "prevent")
    (row,) = [line for line in one.inputs if line.label == "Total cholesterol"]
    said = "is older than the 24 months that count" in row.note
    assert (row.value != "not known", said, row.resource) == (counts, not counts, "Observation/tc")
    assert any("The last total cholesterol, 210 mg/dL of " in sentence for sentence in one.missing) is not counts


def test_an_egfr_that_is_too_old_is_told_by_its_creatinine() -> None:
    found = section(*without("scr"), observation("scr", "2160-0", 0.9, "mg/dL", "2022-02-01"))
    for name in ("prevent", "kdigo"):
        told = " ".join(card(found, name).missing)
        assert "The last creatinine, 0.9 mg/dL of 01-Feb-2022, is older" in told


@pytest.mark.parametrize(("orders", "said"), [
    (0, None), (1, "1 medicine has no known code and was recognised by its name alone."),
    (2, "2 medicines have no known code and were recognised by their names alone."),
])  # fmt: skip
def test_medicines_known_by_name_alone_are_counted_where_medicines_are_an_input(orders: int, said: str | None) -> None:
    named = [order(f"n{number}", "x", "2026-05-01", medicationCodeableConcept={"text": "Atorvastatin 20 mg tablet"})
             for number in range(orders)]  # fmt: skip
    found = section(*LABS, *named)
    assert (said in card(found, "prevent").notes) is (said is not None) or not said
    assert [name for name in ("prevent", "charlson") if any("name" in one for one in card(found, name).notes)] == (
        ["prevent"] if said else [])  # fmt: skip


def test_no_record_counts_as_not_there_and_is_called_assumed() -> None:
    one = card(section(*LABS, condition("dm", "44054006", "2020-01-01")), "prevent")
    assert one.assumed == ["Medicine for blood pressure", "Statin", "Known cardiovascular disease"]
    notes = {line.label: line.note for line in one.inputs}
    assert notes["Statin"].startswith("assumed") and notes["Diabetes"] == "" == notes["Smoking"]


class TestWhatCouldNotBeRead:
    def test_is_no_absence_conditions_leave_open_for_whom_a_score_is(self) -> None:
        told = reasons(section(*LABS, unread=("Condition",)))
        why = "Whether it applies cannot be told: not all conditions could be read."
        open_ones = ("AHA PREVENT 2023 (base model)", "Pooled Cohort Equations 2013", "CHA2DS2-VASc")
        assert {told[title] for title in open_ones} == {why}

    def test_medicines_give_a_range_over_having_and_not_having_them(self) -> None:
        one = card(section(*LABS, unread=("MedicationRequest",)), "prevent")
        assert one.assumed == ["Diabetes", "Known cardiovascular disease"]
        assert one.missing[0].startswith("Medicine for blood pressure and statin not known: the lowest and highest")
        assert all("–" in result.value for result in one.results)

    def test_measurements_are_not_said_to_be_missing_from_the_chart(self) -> None:
        found = section(unread=("Observation",))
        told = [sentence for one in found.cards for sentence in one.missing]
        unread = "not all measurements and laboratory results could be read"
        assert f"hsCRP: not known: {unread}." in told and f"eGFR: not known: {unread}." in told
        assert not any("is on record" in sentence and "condition" not in sentence for sentence in told)

    def test_visits_leave_open_whether_there_was_a_stay(self) -> None:
        why = reasons(section(unread=("Encounter",)))["LACE index"]
        assert why.endswith("not all visits and stays could be read.")


@pytest.mark.parametrize(
    ("resources", "person", "title", "reason"),
    [
        ([condition("cad", "414545008", "2021")], {}, "AHA PREVENT 2023 (base model)", "without known cardiovascular"),
        ([], {"birthDate": "1940-01-01"}, "AHA PREVENT 2023 (base model)", "aged 30 to 79"),
        ([], {"birthDate": "1990-01-01"}, "Pooled Cohort Equations 2013", "aged 40 to 79"),
        ([condition("dm", "44054006", "2020")], {}, "Reynolds Risk Score", "without diabetes"),
        ([], {"gender": "male", "birthDate": "1977-01-01"}, "Reynolds Risk Score", "women from 45 and men from 50"),
        ([], {}, "LACE index", "No acute stay that ended within the last 30 days"),
        ([], {}, "CHA2DS2-VASc", "atrial fibrillation"),
    ],
)
def test_a_score_that_is_not_for_this_patient_says_why_and_shows_no_number(resources, person, title, reason) -> None:
    found = section(*LABS, *resources, **person)
    assert reason in reasons(found)[title]
    assert title not in [one.title for one in found.cards]


def test_the_record_that_rules_a_score_out_is_named() -> None:
    found = section(*LABS, condition("cad", "414545008", "2021-03-01"))
    (one,) = [one for one in found.not_for if "PREVENT" in one.title]
    assert (one.dated, one.resource) == ("01-Mar-2021", "Condition/cad")


def test_an_age_that_rules_a_score_out_is_not_told_with_the_date_of_a_disease() -> None:
    found = section(*LABS, condition("cad", "414545008", "2021-03-01"), birthDate="1940-01-01")
    (one,) = [one for one in found.not_for if "PREVENT" in one.title]
    assert "aged 30 to 79" in one.reason and (one.dated, one.resource) == ("", None)


class TestARange:
    def test_of_race_covers_the_coefficients_of_both_and_names_its_categories(self) -> None:
        one = card(section(*LABS), "pce")
        ((value, category),) = figures(one).values()
        assert (value, category) == ("4.8–9.8 %", "low to intermediate")
        assert one.missing[0].startswith("Race not known")

    def test_of_smoking(self) -> None:
        one = card(section(*without("smoke")), "prevent")
        assert one.missing == ["Smoking not known: the lowest and highest value over all that it could be."]
        low, high = figures(one)["Cardiovascular disease, total, 10 years"][0].removesuffix(" %").split("–")
        assert float(low) < float(high)

    def test_of_the_family_history_for_reynolds(self) -> None:
        one = card(section(*LABS, observation("crp", "30522-7", 3, "mg/L", "2026-02-01")), "reynolds")
        assert one.missing[0].startswith("Parent with an infarction before 60 not known")
        assert "–" in one.results[0].value

    def test_of_sex_takes_the_egfr_with_it(self) -> None:
        one = card(section(*LABS, gender="unknown"), "prevent")
        assert one.results and one.missing[0].startswith("Sex and eGFR not known")


def test_an_ordinary_crp_is_no_hscrp_and_is_not_ranged_over() -> None:
    one = card(section(*LABS, observation("crp", "1988-5", 3, "mg/L", "2026-02-01")), "reynolds")
    assert one.results == []
    assert one.missing[0] == "No high-sensitivity CRP is on record; an ordinary CRP does not stand in for it."


def test_what_is_missing_is_told_in_one_sentence() -> None:
    labs = [one for one in LABS if one["id"] not in ("tc", "hdl", "bmi")]
    assert card(section(*labs), "prevent").missing == [
        "Not known: total cholesterol, HDL cholesterol and body mass index."
    ]


def test_what_lies_outside_of_its_range_is_said() -> None:
    heavy = [observation("bmi", "39156-5", 45, "kg/m2", "2026-02-02"), *without("bmi")]
    one = card(section(*heavy), "prevent")
    assert "Heart failure, 10 years" not in figures(one)
    assert one.notes == [
        "Body mass index is outside of 18.5 to 39.9: heart failure, 10 years and heart failure, 30 years are left out."
    ]
    high = [observation("sbp", "8480-6", 190, "mm[Hg]", "2026-02-02"), *without("sbp")]
    one = card(section(*high), "prevent")
    assert one.results == [] and one.notes == ["Systolic pressure is outside of 90 to 180: the score is left out."]


def test_a_person_like_this_with_other_values() -> None:
    smoker = observation("s", "72166-2", None, None, "2026-03-02", valueCodeableConcept=codes((SNOMED, "449868002")))
    told = [label.split(":")[0] for label, _ in card(section(*LABS, smoker), "prevent").changes]
    assert told == ["systolic pressure 10 mmHg lower", "no smoking", "all four optimal"]
    assert card(section(*LABS), "pce").changes == []


class TestTheKidneys:
    def test_stage_and_cell_have_words_and_checks_per_year(self) -> None:
        low = [observation("scr", "2160-0", 1.5, "mg/dL", "2026-03-14"),
               observation("acr", "9318-7", 45, "mg/g", "2026-02-01")]  # fmt: skip
        kidney = card(section(*low), "kdigo").kidney
        assert kidney is not None
        assert kidney.stage == "G3b: moderately to severely decreased filtration; A2: albumin moderately increased."
        assert kidney.risk == "Very high risk; 3 checks a year."
        assert "cannot be told" in kidney.lasting
        here = [(name, cell.risk) for name, _, cells in kidney.rows for cell in cells if cell.here]
        assert here == [("G3b", "very high")]
        assert all(cell.risk for _, _, cells in kidney.rows for cell in cells)
        assert [(name, bounds) for name, bounds, _ in kidney.rows][1:3] == [("G2", "60 to 89"), ("G3a", "45 to 59")]

    def test_without_albumin_only_the_row_is_told(self) -> None:
        kidney = card(section(*LABS), "kdigo").kidney
        assert kidney is not None and kidney.row == "G2" and "No urine albumin" in kidney.risk
        assert not any(cell.here for _, _, cells in kidney.rows for cell in cells)


def test_charlson_names_what_it_counted_and_lace_comes_after_a_stay() -> None:
    stay = encounter("stay", "IMP", "2026-06-10T09:00:00Z", "2026-06-15T12:00:00Z")
    found = section(condition("chf", "84114007", "2020"), stay)
    told = figures(card(found, "charlson"))
    assert told["Conditions counted"][0] == "heart failure" and told["Weights of 2011, without age"][0] == "2"
    assert figures(card(found, "lace")) == {"LACE": ("8", "moderate")}
    assert card(section(*LABS), "charlson").missing == ["No condition with a code is on record."]


@pytest.mark.parametrize(
    ("person", "more", "points", "advice"),
    [
        ({}, [], "1", "no anticoagulation for this score alone"),  # the point of sex alone
        ({"gender": "male"}, [condition("h", "59621000", "2020")], "1", "anticoagulation is considered"),
        ({}, [condition("h", "59621000", "2020"), condition("d", "44054006", "2020")], "3",
         "anticoagulation is recommended"),
    ],
)  # fmt: skip
def test_cha2ds2_vasc_advises_by_the_points_that_sex_does_not_give(person, more, points, advice) -> None:
    found = section(condition("af", "49436004", "2021"), *more, **person)
    assert figures(card(found, "cha2ds2_vasc")) == {"CHA2DS2-VASc": (points, advice)}


def test_every_score_tells_its_limits_formula_and_source() -> None:
    found = section(*LABS, order("x", "313988", "2026-05-01"))
    assert all(one.limits and one.formula and one.source for one in found.cards)
    limits = " ".join(limit for one in found.cards for limit in one.limits)
    assert "over-predicted" in limits and "hsCRP is not interchangeable" in limits
    assert any("near discharge" in limit for limit in scores.table("lace")["limits"])


def test_cards_with_a_result_come_first() -> None:
    has = [bool(one.results) for one in section(*LABS).cards]
    assert has == sorted(has, reverse=True) and False in has


@pytest.mark.parametrize(("value", "text"), [(0.04, "below 0.1"), (0.05, "0.1"), (0.0, "0.0"), (14.68, "14.7")])
def test_no_risk_is_told_as_none(value: float, text: str) -> None:
    assert percent(value) == f"{text}\u00a0%"
