# ruff: noqa: E501 (one case a line)
"""The rules of the care gaps are complete and consistent, and one that is not is refused by its name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from analytics.definitions import catalogue, events, gap_rules, gaps
from analytics.definitions.errors import DefinitionError

Change = Callable[[dict[str, Any]], Any]


def one_rule() -> dict[str, Any]:
    """A table of one rule, as small as can be."""
    exclusion = {"when": "diabetes = 1", "reason": "Diabetes on record.", "evidence": "diabetes"}
    words = dict.fromkeys(gap_rules.TEXTS, "Words.")
    rule = words | {
        "who": [{"when": "age >= 18", "reason": "Younger than 18."}],
        "not_for": ["diabetes"],
        "met": [{"when": "days_since_eye_exam < 365", "says": "On {date}.", "evidence": "days_since_eye_exam", "due_days": 365}],
        "gap": [{"says": "Nothing on record."}],
        "rests_on": ["Procedure"],
        "weight": 2,
    }  # fmt: skip
    return {"exclusion": {"diabetes": exclusion}, "rule": {"x": rule}}


def rule(**fields: Any) -> Change:
    return lambda table: table["rule"]["x"].update(fields)


def met(**fields: Any) -> Change:
    return lambda table: table["rule"]["x"]["met"][0].update(fields)


def who(**fields: Any) -> Change:
    return lambda table: table["rule"]["x"]["who"][0].update(fields)


def exclusion(**fields: Any) -> Change:
    return lambda table: table["exclusion"]["diabetes"].update(fields)


def without(*path: str) -> Change:
    *way, key = path

    def change(table: dict[str, Any]) -> None:
        for one in way:
            table = table[int(one) if one.isdecimal() else one]
        del table[key]

    return change


WRONG: list[tuple[Change, str]] = [
    (without("rule", "x", "title"), "gaps.toml [rule.x]: title is missing"),
    (without("rule", "x", "weight"), "gaps.toml [rule.x]: weight is missing"),
    (without("rule", "x", "gap"), "gaps.toml [rule.x]: gap is missing"),
    (without("rule", "x", "met", "0", "evidence"), "gaps.toml [rule.x] met: evidence is missing"),
    (without("rule", "x", "met", "0", "due_days"), "gaps.toml [rule.x] met: due_days is missing"),
    (without("rule", "x", "who", "0", "reason"), "gaps.toml [rule.x] who: reason is missing"),
    (without("exclusion", "diabetes", "reason"), "gaps.toml [exclusion.diabetes]: reason is missing"),
    (rule(colour="red"), "gaps.toml [rule.x]: there is no key 'colour'"),
    (who(says="x"), "gaps.toml [rule.x] who: there is no key 'says'"),
    (rule(asks=""), "gaps.toml [rule.x]: asks is empty"),
    (rule(who=[]), "gaps.toml [rule.x]: who is empty"),
    (rule(rests_on=[]), "gaps.toml [rule.x]: rests_on is empty"),
    (rule(rests_on=["Device"]), "gaps.toml [rule.x]: rests_on names 'Device', which is not read"),
    (rule(not_for=["diabetes", "luck"]), "gaps.toml [rule.x]: there is no exclusion 'luck'"),
    (rule(not_for=[]), "gaps.toml [exclusion.diabetes]: no rule names it"),
    (rule(weight=0), "gaps.toml [rule.x]: weight is 0, expected a number above 0"),
    (rule(weight="5"), "gaps.toml [rule.x]: weight is '5', expected a number above 0"),
    (met(when="days_since_shoe < 365"), "gaps.toml [rule.x]: there is no feature 'days_since_shoe'"),
    (met(when="age < 18.5"), "gaps.toml [rule.x]: 'age < 18.5' cannot be read from ' 18.5' on"),
    (met(when="age < '5'"), "gaps.toml [rule.x]: \"age < '5'\" cannot be read from \" '5'\" on"),
    (met(when="age < 5; DROP TABLE x"), "gaps.toml [rule.x]: 'age < 5; DROP TABLE x' cannot be read from '; DROP TABLE x' on"),
    (met(when="age < "), "gaps.toml [rule.x]: a condition cannot be planned: Parser Error"),
    (met(when="age <"), "gaps.toml [rule.x]: a condition cannot be planned: Parser Error"),
    (met(when="(age < 5"), "gaps.toml [rule.x]: a condition cannot be planned: Parser Error"),
    (met(when="age + 5"), "gaps.toml [rule.x]: a condition is no truth value"),
    (met(evidence="luck"), "gaps.toml [rule.x]: evidence 'luck' is no feature"),
    (met(says="{luck}"), "gaps.toml [rule.x]: '{luck}' has 'luck', which is no feature"),
    (met(due_days=-1), "gaps.toml [rule.x]: due_days is -1, expected days, or 0 for none"),
    (met(due_days=1.5), "gaps.toml [rule.x]: due_days is 1.5, expected days, or 0 for none"),
    (who(when="age >= 18 OR ldl > 190"), "gaps.toml [rule.x] who: 'age >= 18 OR ldl > 190' needs the words for what is not"),
    (rule(gap=[{"when": "age > 5", "says": "x"}]), "gaps.toml [rule.x] gap: the last one, and it alone, has no condition"),
    (rule(gap=[{"says": "x"}, {"says": "y"}]), "gaps.toml [rule.x] gap: the last one, and it alone, has no condition"),
    (rule(gap=[{"says": "On {date}."}]), "gaps.toml [rule.x]: 'On {date}.' has a date and no evidence"),
    (exclusion(when="luck = 1"), "gaps.toml [exclusion.diabetes]: there is no feature 'luck'"),
    (exclusion(evidence="luck"), "gaps.toml [exclusion.diabetes]: evidence 'luck' is no feature"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_rule_that_is_incomplete_or_wrong_is_refused_by_name(
    change: Change, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = one_rule()
    change(table)
    monkeypatch.setattr(catalogue, "gap_rules", lambda: table)
    with pytest.raises(DefinitionError) as raised:
        gap_rules.read()
    assert str(raised.value).startswith(said)


def test_a_whole_rule_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "gap_rules", one_rule)
    (made,) = gap_rules.read().values()
    assert [(case.state, case.when, case.says) for case in made.cases] == [
        ("not_applicable", "(age >= 18) IS NULL", "Age not known."),
        ("not_applicable", "NOT (age >= 18)", "Younger than 18."),
        ("not_applicable", "diabetes = 1", "Diabetes on record."),
        ("met", "days_since_eye_exam < 365", "On {date}."),
        ("gap", "", "Nothing on record."),
    ]


RULES = gaps.rules()
ASKED_FOR = ("cms122", "cms165", "cms347", "cms951", "cms131", "cms130", "cms125", "cms124", "cms138", "cms2", "cms69",
             "cms135", "cms144", "cms139", "cms1154", "ais_influenza", "ais_tetanus", "ais_zoster", "ais_pneumococcal",
             "ais_hepatitis_b")  # fmt: skip


def test_the_rules_of_the_clinical_tables_are_all_there() -> None:
    assert sorted(RULES) == sorted(ASKED_FOR)


#: family of a concept -> the resource type whose absence would change what is said.
TYPE_OF = {"medicine": "MedicationRequest", "medicine_detail": "MedicationRequest", "measurement": "Observation",
           "status": "Observation", "vaccine": "Immunization", "outpatient": "Encounter", "condition": "Condition",
           "condition_detail": "Condition", "state": "Condition"}  # fmt: skip


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_rests_on_every_type_that_its_features_come_from(rule: gaps.Rule) -> None:
    needed = set()
    for name in rule.features:
        feature = catalogue.features()[name]
        concept = catalogue.concepts().get(feature.concept)
        if feature.kind == "allergy":
            needed.add("AllergyIntolerance")
        elif concept is not None and concept.family in TYPE_OF:
            needed.add(TYPE_OF[concept.family])
        elif concept is not None and concept.family in {"screening", "exclusion", "procedure"}:
            systems = {re.sub(r"\|.*", "", code) for code in concept.codes}
            needed |= {"Observation"} if "http://loinc.org" in systems else set()
            needed |= {"Condition"} if "http://hl7.org/fhir/sid/icd-10-cm" in systems else set()
            needed |= {"Procedure"} if "http://snomed.info/sct" in systems else set()
    assert needed <= set(rule.rests_on) <= set(events.resource_types())


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_looks_at_nothing_that_places_people_by_what_it_must_not(rule: gaps.Rule) -> None:
    assert not [name for name in rule.features if catalogue.features()[name].grouped and name not in KNOWN_GROUPED]


#: Inputs of the grouping that rules ask for too; what was added for the rules alone places nobody.
KNOWN_GROUPED = {
    "age", "smoker", "diabetes", "prediabetes", "hypertension", "heart_failure", "coronary_disease", "stroke", "asthma",
    "dementia", "liver_disease", "body_mass_index", "phq9", "statin_in_use", "renin_angiotensin_in_use",
    "beta_blocker_in_use", "antidepressant_in_use", "dementia_medicine_in_use", "egfr", "urine_acr",
}  # fmt: skip


def test_a_rule_tells_all_of_itself() -> None:
    text = RULES["cms125"].text
    for part in ("Was a mammography done?", "Women aged 42 to 74", "821 days", "Removal of both breasts", "gender"):
        assert part in text


def test_a_rule_says_which_of_its_codes_were_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.id for one in RULES.values() if gaps.READ not in one.text] == []
    known = catalogue.concepts()
    doubtful = replace(known["mammography"], unverified=("http://loinc.org|24604-1",))
    medicine = replace(known["ingredient_sertraline"], unverified=("http://www.nlm.nih.gov/research/umls/rxnorm|36437",))
    changed = known | {one.name: one for one in (doubtful, medicine)}
    monkeypatch.setattr(catalogue, "concepts", lambda: changed)
    anew = {name: replace(one) for name, one in RULES.items()}
    assert anew["cms125"].unverified == ("24604-1 (mammography)",)
    assert "Codes checked: Not all; check first: 24604-1 (mammography)." in anew["cms125"].text
    assert anew["cms2"].unverified == ("36437 (sertraline)",)
    assert anew["cms130"].unverified == ()


def test_what_the_patient_alone_decides() -> None:
    mammography = RULES["cms125"]
    for reason in ("Asked of women.", "Sex not known.", "Outside ages 42 to 74.", "Age not known.", gaps.DIED):
        assert mammography.decided_by_patient(reason)
    for reason in ("No visit in the last 12 months.", "Removal of both breasts on record.", "No mammography on record."):
        assert not mammography.decided_by_patient(reason)
    assert not RULES["cms347"].decided_by_patient(
        "No cardiovascular disease on record; age, LDL cholesterol or a recorded 10-year risk is not known."
    )
