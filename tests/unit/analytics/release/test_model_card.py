"""The model card: every attribute of the regulation, every field of CHAI's schema; nothing is left out or made up."""

import re
from typing import Any

from analytics.release.model_card import facts, model_card, stability_words, texts
from tests.unit.analytics import papers

# 45 CFR 170.315(b)(11)(iv)(B): nine parts with so many attributes each.
PARTS = {1: 4, 2: 4, 3: 2, 4: 4, 5: 2, 6: 4, 7: 5, 8: 4, 9: 2}
ROMAN = ("i", "ii", "iii", "iv", "v")
CHAI = {
    "BasicInfo": "ModelName ModelDeveloper DeveloperContact",
    "ReleaseInfo": "ReleaseStage ReleaseDate ReleaseVersion GlobalAvailability EHRCompatibility RegulatoryApproval",
    "ModelSummary": "Summary Keywords",
    "UsesAndDirections": "IntendedUseAndWorkflow PrimaryIntendedUsers HowToUse TargetedPatientPopulation "
                         "CautionedOutOfScopeSettings",
    "Warnings": "KnownRisksAndLimitations KnownBiasesOrEthicalConsiderations ClinicalRiskLevel",
    "TrustIngredients": "AISystemFacts TransparencyInformation",
    "KeyMetrics": "UsefulnessUsabilityEfficacy FairnessEquity SafetyReliability",
    "Resources": "EvaluationReferences ClinicalTrial PeerReviewedPublications ReimbursementStatus "
                 "PatientConsentOrDisclosure",
    "Bibliography": "Bibliography",
}  # fmt: skip
METRIC = "MetricGoal Results Interpretation TestType TestingDataDescription ValidationProcessAndJustification"


def card(found: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return model_card(papers.release(**changes), found or papers.of())


def answers(table: dict[str, Any]) -> list[dict[str, Any]]:
    if "kind" in table:
        return [table]
    return [one for part in table.values() for one in answers(part)]


def every_answer(made: dict[str, Any]) -> list[dict[str, Any]]:
    return [*made["source_attributes"].values(), *answers(made["chai"])]


def test_the_31_attributes_are_there_by_their_numbers() -> None:
    wanted = [f"({part})({ROMAN[number]})" for part, many in PARTS.items() for number in range(many)]
    made = card()
    assert list(made["source_attributes"]) == wanted and len(wanted) == 31
    assert made["regulation"] == "45 CFR 170.315(b)(11)(iv)(B)"


def test_the_fields_of_chai_are_those_of_its_schema() -> None:
    made = card()["chai"]
    assert {part: set(names.split()) for part, names in CHAI.items()} == {part: set(made[part]) for part in made}
    assert all(set(metric) == set(METRIC.split()) for metric in made["KeyMetrics"].values())


def test_every_answer_says_something_and_no_placeholder_is_left() -> None:
    for one in every_answer(card()):
        assert len(one["answer"]) > 3 and not re.search(r"[{}]|None|\bnan\b", one["answer"]), one
        assert (one["kind"] == "open") == bool(one["filled_by"])


def test_what_is_not_known_says_who_has_to_fill_it() -> None:
    waiting = [one for one in every_answer(card()) if one["kind"] == "open"]
    assert len(waiting) > 10
    assert all(f"Not known to Kindred. To be filled in by {one['filled_by']}." in one["answer"] for one in waiting)


def test_external_validation_is_never_claimed() -> None:
    made = card()["source_attributes"]
    for number in ("(6)(i)", "(6)(ii)", "(6)(iii)", "(6)(iv)", "(7)(iii)", "(7)(iv)", "(7)(v)", "(1)(ii)"):
        assert made[number]["kind"] == "open", number


def test_numbers_of_the_release_stand_in_it() -> None:
    made = card()["source_attributes"]
    assert "rank of the group: c-statistic 0.72 (95 % interval 0.69 to 0.75)" in made["(7)(i)"]["answer"]
    assert "tested at 2025-06-30 on 1,415 people: c-statistic 0.71 (0.68 to 0.74)" in made["(7)(i)"]["answer"]
    assert "1,500 were placed as of 2026-06-30" in made["(2)(ii)"]["answer"]
    assert "exported on 2026-07-01" in made["(2)(ii)"]["answer"]
    assert "3 subgroups" in made["(7)(ii)"]["answer"] and "1 are hidden" in made["(7)(ii)"]["answer"]
    assert made["(4)(iii)"]["answer"] == "Sex: Female 760, Male 691. Race: Asian hidden, White 1,100."
    assert "adjusted Rand index 0.87" in made["(9)(i)"]["answer"] and "; 1 inputs moved" in made["(9)(i)"]["answer"]


def test_which_personal_variables_are_inputs_follows_from_the_release() -> None:
    told = card()["source_attributes"]["(4)(ii)"]["answer"]
    assert "Race, ethnicity, language, sexual orientation, gender identity, ZIP code and payer: never inputs" in told
    assert "Sex: not used. Date of birth: used (age)." in told
    with_sex = card(features=["age", "female", "stress", "hba1c"])["source_attributes"]["(4)(ii)"]["answer"]
    assert "Sex: used (female sex)" in with_sex and "Social factors: used (stress" in with_sex


def test_few_people_are_said_in_words() -> None:
    few = papers.of()
    few["evidence"] |= {"discrimination": dict.fromkeys(few["evidence"]["discrimination"]), "temporal": [],
                        "subgroups": []}  # fmt: skip
    few["funnel"]["steps"][4] |= {"read": None, "kept": None}
    few["drift"] = papers.no_drift()
    made = card(few)
    assert "rank of the group: not told, because too few people" in made["source_attributes"]["(7)(i)"]["answer"]
    assert "No earlier release" in made["source_attributes"]["(9)(i)"]["answer"]
    assert made["chai"]["KeyMetrics"]["UsefulnessUsabilityEfficacy"]["Interpretation"]["answer"].startswith("Too few")
    assert not [one for one in every_answer(made) if re.search(r"[{}]|None|\bnan\b|\?", one["answer"])]


def test_the_goal_is_judged_by_the_figure_out_of_period() -> None:
    found = papers.of()
    told = "The goal is met: 0.71 out of period, and +0.08 against age and sex."
    assert facts(papers.release(), found)["verdict"] == told
    found["evidence"]["temporal"][0]["c"] = papers.interval(0.69)
    assert facts(papers.release(), found)["verdict"].startswith("The goal is not met: 0.69 out of period")


def test_stability_is_told_by_the_chosen_candidate() -> None:
    assert stability_words(papers.release()) == (
        "Of 2 clusters, 2 are stable (mean overlap of 0.75 or more in 100 resamples); the weakest has 0.88."
    )
    single = papers.release(choice=papers.choice() | {"verdict": "single", "k": 1})
    assert stability_words(single).startswith("No division of these people was found again")


def test_every_open_answer_names_who_fills_it() -> None:
    assert [one["number"] for one in texts()["source_attribute"] if (one["kind"] == "open") != ("fill" in one)] == []
