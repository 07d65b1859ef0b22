"""The published scores of a patient: which record gives each input, and that what is missing stays missing."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from analytics.definitions import live, patient_scores, scores
from tests.spec.live.fhir import Resource, codes, condition, encounter, line, observation, order, patient

AS_OF = date(2026, 6, 30)
SNOMED = "http://snomed.info/sct"
RACE = "urn:oid:2.16.840.1.113883.6.238"


def scored(*resources: Resource, **person: Any) -> dict[str, Any]:
    made = [patient(**person), *resources]
    return live.score([line(resource) for resource in made], AS_OF, None)["scores"]


def of_race(*found: str) -> dict[str, Any]:
    """A Patient's US Core race extension with these categories."""
    parts = [{"url": "ombCategory", "valueCoding": {"system": RACE, "code": code}} for code in found]
    return {"extension": [{"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race", "extension": parts}]}


LABS = [
    observation("tc", "2093-3", 200, "mg/dL", "2026-02-01"),
    observation("hdl", "2085-9", 45, "mg/dL", "2026-02-01"),
    observation("sbp-old", "8480-6", 120, "mm[Hg]", "2025-02-01"),
    observation("sbp", "8480-6", 160, "mm[Hg]", "2026-02-02"),
    observation("bmi", "39156-5", 35, "kg/m2", "2026-02-02"),
    observation("scr", "2160-0", 0.9, "mg/dL", "2026-02-01"),
    observation("smoke", "72166-2", None, None, "2026-02-02", valueCodeableConcept=codes((SNOMED, "266919005"))),
]
TREATED = [condition("dm", "44054006", "2020-01-01"), order("acei", "29046", "2026-05-01")]


def test_what_treatments_need_beside_the_scores_is_told_with_its_record() -> None:
    made = [line(patient()), line(observation("ldl", "13457-7", 116, "mg/dL", "2026-02-01"))]
    assert live.score(made, AS_OF, None)["levers"] == {
        "ldl": {"value": 116, "time": "2026-02-01", "resource": "Observation/ldl"}
    }
    nothing = {"value": None, "time": None, "resource": None}
    assert live.score(made[:1], AS_OF, None)["levers"] == {"ldl": nothing}


def test_every_input_of_every_score_is_looked_for() -> None:
    found = scored()
    assert list(found) == list(scores.NAMES)
    for name, result in found.items():
        assert list(result["inputs"]) == list(scores.declared_inputs(name))


def test_prevent_from_the_chart_is_the_score_of_its_inputs() -> None:
    found = scored(*LABS, *TREATED)["prevent"]
    taken = {name: (given["value"], given["time"], given["resource"]) for name, given in found["inputs"].items()}
    assert taken == {
        "sex": ("female", None, "Patient/p1"),
        "age": (66, None, "Patient/p1"),
        "tc": (200, "2026-02-01", "Observation/tc"),
        "hdl": (45, "2026-02-01", "Observation/hdl"),
        "sbp": (160, "2026-02-02", "Observation/sbp"),
        "dm": (1, "2020-01-01", "Condition/dm"),
        "smoking": (0, "2026-02-02", "Observation/smoke"),
        "bmi": (35, "2026-02-02", "Observation/bmi"),
        "egfr": (pytest.approx(70.93, abs=0.5), "2026-02-01", "Observation/scr"),
        "bptx": (1, "2026-05-01", "MedicationRequest/acei"),
        "statin": (0, None, None),
        "prior_cvd": (0, None, None),
    }
    assert found["missing"] == [] and found["values"] == scores.compute(
        "prevent", {name: given["value"] for name, given in found["inputs"].items()}
    )["values"]
    assert 10 < found["values"]["10y_total_cvd"] < 40


MISSING: dict[str, tuple[str, list[str]]] = {
    "tc": ("prevent", ["tc"]),
    "sbp": ("pce", ["race", "sbp"]),
    "bmi": ("prevent", ["bmi"]),
    "scr": ("prevent", ["egfr"]),
    "smoke": ("prevent", ["smoking"]),
}


@pytest.mark.parametrize("without", MISSING)
def test_what_is_missing_stays_missing(without: str) -> None:
    name, missing = MISSING[without]
    left = [resource for resource in LABS if without not in resource["id"]]
    found = scored(*left, *TREATED)[name]
    assert (found["missing"], found["values"]) == (missing, {})
    assert all(found["inputs"][key] == {"value": None, "time": None, "resource": None} for key in missing)


def test_without_sex_or_birth_date_nothing_is_computed() -> None:
    assert scored(*LABS, gender=None)["prevent"]["missing"] == ["sex", "egfr"]
    assert scored(*LABS, birthDate=None)["prevent"]["missing"] == ["age", "egfr"]


@pytest.mark.parametrize("code", ["414545008", "230690007", "84114007"])
def test_known_disease_rules_prevent_out_and_names_its_record(code: str) -> None:
    found = scored(*LABS, condition("cvd", code, "2021-01-01"))["prevent"]
    assert not found["applicable"] and found["values"] == {}
    assert found["inputs"]["prior_cvd"] == {"value": 1, "time": "2021-01-01", "resource": "Condition/cvd"}


@pytest.mark.parametrize(
    ("found", "race"),
    [
        ((), None),
        (("2054-5",), "black"),
        (("2106-3",), "white"),
        (("2028-9",), "other"),
        (("2054-5", "2106-3"), "other"),
    ],
)
def test_race_is_taken_for_the_pooled_cohort_equations_alone(found: tuple[str, ...], race: str | None) -> None:
    result = scored(*LABS, **of_race(*found))
    assert result["pce"]["inputs"]["race"]["value"] == race
    assert ("race" in result["pce"]["missing"]) == (race is None)
    assert [name for name in scores.NAMES if "race" in result[name]["inputs"]] == ["pce"]


def test_an_ordinary_crp_is_no_high_sensitivity_one_and_family_history_is_unknown() -> None:
    found = scored(*LABS, observation("crp", "1988-5", 2, "mg/L", "2026-02-01"))["reynolds"]
    assert found["missing"] == ["hscrp", "family_history"]


def test_the_age_of_ckd_epi_is_that_of_the_day_of_the_sample() -> None:
    found = scored(observation("scr", "2160-0", 1.5, "mg/dL", "2026-03-14"))
    assert found["ckd_epi_2021"]["inputs"]["age"]["value"] == 65  # 66 on the next day
    feature = found["prevent"]["inputs"]["egfr"]["value"]
    assert found["ckd_epi_2021"]["values"]["egfr"] == pytest.approx(feature, abs=1e-6)


def test_charlson_counts_the_codes_on_record() -> None:
    late = condition("late", "62479008", "2020", recordedDate="2026-07-01")
    found = scored(condition("a", "84114007", "2020"), condition("b", "44054006", "2020"), late)["charlson"]
    assert found["inputs"]["snomed"]["value"] == ["44054006", "84114007"] and found["inputs"]["icd10cm"]["value"] == []
    assert found["values"] == {"charlson_1987": 4, "quan_2011": 2, "groups": ["chf", "diab"]}
    assert scored()["charlson"]["missing"] == ["icd10cm", "snomed"]


def test_kidney_values_and_those_at_least_ninety_days_before() -> None:
    found = scored(
        observation("scr", "2160-0", 1.5, "mg/dL", "2026-03-14"),
        observation("scr-between", "2160-0", 1.5, "mg/dL", "2026-01-01"),
        observation("scr-before", "2160-0", 1.6, "mg/dL", "2025-12-14"),
        observation("acr", "9318-7", 45, "mg/g", "2026-02-01"),
    )["kdigo"]
    taken = {name: (given["value"], given["time"], given["resource"]) for name, given in found["inputs"].items()}
    assert taken == {
        "egfr": (pytest.approx(38.4, abs=0.5), "2026-03-14", "Observation/scr"),
        "acr": (45, "2026-02-01", "Observation/acr"),
        "egfr_before": (pytest.approx(35.6, abs=0.5), "2025-12-14", "Observation/scr-before"),
        "acr_before": (None, None, None),
    }
    assert found["values"] == {"g": "G3b", "a": "A2", "risk": "very high", "checks_per_year": "3", "lasting": "yes"}


def test_without_a_creatinine_there_is_no_kidney_stage() -> None:
    found = scored(observation("acr", "9318-7", 45, "mg/g", "2026-02-01"))["kdigo"]
    assert (found["missing"], found["values"]) == (["egfr"], {})


STAY = encounter("stay", "IMP", "2026-06-10T09:00:00Z", "2026-06-15T12:00:00Z")
VISITS = [
    encounter("led-to-it", "EMER", "2026-06-10T01:00:00Z", "2026-06-10T08:00:00Z"),
    encounter("in-window", "EMER", "2026-01-01T01:00:00Z", "2026-01-01T08:00:00Z"),
    encounter("before", "EMER", "2025-12-09T01:00:00Z", "2025-12-09T08:00:00Z"),
]


def test_lace_of_a_stay_that_ended_within_thirty_days() -> None:
    found = scored(STAY, *VISITS, condition("chf", "84114007", "2020"))["lace"]
    assert {name: given["value"] for name, given in found["inputs"].items()} == {
        "los_days": 5, "acute": 1, "charlson": 1, "ed_visits_6m": 1,
    }  # fmt: skip
    assert found["inputs"]["los_days"]["resource"] == "Encounter/stay"
    assert found["values"] == {"score": 4 + 3 + 1 + 1}


@pytest.mark.parametrize(
    "stay",
    [
        None,
        encounter("stay", "IMP", "2026-05-01T09:00:00Z", "2026-05-30T12:00:00Z"),
        encounter("stay", "IMP", "2026-06-20T09:00:00Z", "2026-07-02T12:00:00Z"),
        encounter("stay", "IMP", "2026-06-20T09:00:00Z"),
    ],
    ids=["none", "over for 31 days", "not over yet", "of unknown end"],
)
def test_no_lace_without_a_recent_stay_that_is_over(stay: Resource | None) -> None:
    found = scored(*([stay] if stay else []))["lace"]
    assert found["missing"] == ["los_days", "acute", "ed_visits_6m"] and found["values"] == {}


def test_cha2ds2_vasc_is_for_atrial_fibrillation() -> None:
    chart = [condition("htn", "59621000", "2020"), condition("mi", "22298006", "2020")]
    assert not scored(*chart)["cha2ds2_vasc"]["applicable"]
    found = scored(*chart, condition("af", "49436004", "2021"))["cha2ds2_vasc"]
    assert found["values"] == {"score": 4}  # woman, 66, hypertension, vascular
    assert found["inputs"]["vascular"]["resource"] == "Condition/mi"


def test_a_loop_diuretic_alone_is_no_treatment_of_blood_pressure() -> None:
    assert scored(order("x", "313988", "2026-05-01"))["prevent"]["inputs"]["bptx"]["value"] == 0
    assert set(patient_scores.BLOOD_PRESSURE) <= set(live.score([line(patient())], AS_OF, None)["features"])
