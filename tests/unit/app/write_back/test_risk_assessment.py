"""The resources as FHIR: what is in them, what never is, and when two are the same finding."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from fhir.resources.R4B.provenance import Provenance
from fhir.resources.R4B.riskassessment import RiskAssessment

from app.write_back.risk_assessment import LIMITS, Finding, provenance, provenance_before, risk_assessment

FINDING = Finding(
    issuer="https://ehr.example/fhir", patient="p1", encounter="e1", on=date(2026, 6, 30), release="r1",
    definitions_hash="ab" * 32, group="Risk group 2 of 9: Diabetes", outcome="Unplanned admission or death",
    outcome_days=365, percent=31.1, rationale="Of 412 people <in> this group, 31 % had it.",
    basis=("Observation/o1", "Condition/c1"), notes=("Belongs here clearly.",),
)  # fmt: skip
WHO = {"reference": "Practitioner/1", "display": "Dr. One"}
NOW = datetime(2026, 6, 30, 12, 0, 5, tzinfo=UTC)


def test_the_assessment_says_whom_when_how_and_on_what() -> None:
    made = risk_assessment(FINDING)
    RiskAssessment.model_validate(made)
    assert made["status"] == "final"
    assert (made["subject"], made["encounter"]) == ({"reference": "Patient/p1"}, {"reference": "Encounter/e1"})
    assert made["occurrenceDateTime"] == "2026-06-30"
    assert made["method"]["text"] == "Kindred risk groups, release r1, definitions abababababab"
    assert made["basis"] == [{"reference": "Observation/o1"}, {"reference": "Condition/c1"}]
    assert made["performer"]["reference"] == f"#{made['contained'][0]['id']}"
    assert [one["text"] for one in made["note"]] == [LIMITS, "Belongs here clearly."]


def test_the_prediction_is_in_percent_and_of_the_year_after() -> None:
    (prediction,) = risk_assessment(FINDING)["prediction"]
    assert prediction["probabilityDecimal"] == 31.1
    assert prediction["whenPeriod"] == {"start": "2026-06-30", "end": "2027-06-30"}
    assert prediction["rationale"].startswith("Risk group 2 of 9: Diabetes. Of 412 people")
    assert "qualitativeRisk" not in prediction and "relativeRisk" not in prediction


def test_what_may_not_be_told_or_is_not_known_is_left_out() -> None:
    made = risk_assessment(replace(FINDING, percent=None, encounter=None, basis=()))
    assert "probabilityDecimal" not in made["prediction"][0]
    assert "encounter" not in made and "basis" not in made


@pytest.mark.parametrize("percent", [-0.1, 100.1, 3110.0, float("nan")])
def test_a_percentage_that_is_none_makes_no_assessment(percent: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        risk_assessment(replace(FINDING, percent=percent))


def test_words_stay_words_in_the_narrative() -> None:
    assert "people &lt;in&gt; this group" in risk_assessment(FINDING)["text"]["div"]


def test_a_message_names_the_field_and_not_the_value() -> None:
    with pytest.raises(ValueError) as raised:
        risk_assessment(replace(FINDING, basis=({"Secretname": 1},)))  # type: ignore[arg-type]
    assert "basis" in str(raised.value) and "Secretname" not in str(raised.value)


@pytest.mark.parametrize(("change", "is_same"), [
    ({}, True), ({"percent": 12.0}, True), ({"notes": ()}, True), ({"encounter": "e2"}, True),
    ({"release": "r2"}, False), ({"on": date(2026, 7, 1)}, False), ({"patient": "p2"}, False),
    ({"issuer": "https://other.example/fhir"}, False),
])  # fmt: skip
def test_a_finding_is_the_same_by_release_day_and_patient(change: dict[str, Any], is_same: bool) -> None:
    first, second = (risk_assessment(one)["identifier"] for one in (FINDING, replace(FINDING, **change)))
    assert (first == second) is is_same
    assert first[0]["system"] == second[0]["system"]


def test_the_provenance_names_who_clicked_and_the_device() -> None:
    made = provenance(FINDING, WHO, "RiskAssessment/a1", NOW)
    Provenance.model_validate(made)
    assert (made["target"], made["recorded"]) == ([{"reference": "RiskAssessment/a1"}], "2026-06-30T12:00:05+00:00")
    assert [(one["type"]["coding"][0]["code"], one["who"].get("reference")) for one in made["agent"]] == [
        ("enterer", "Practitioner/1"), ("assembler", "#kindred"),
    ]  # fmt: skip
    assert [one["what"].get("reference") for one in made["entity"]] == ["Observation/o1", "Condition/c1", None]
    assert {one["role"] for one in made["entity"]} == {"source"}


def test_what_is_shown_of_it_before_differs_in_two_values_alone() -> None:
    before, after = provenance_before(FINDING, WHO), provenance(FINDING, WHO, "RiskAssessment/a1", NOW)
    assert {name for name in after if before[name] != after[name]} == {"target", "recorded"}
