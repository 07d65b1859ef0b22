"""Why a person belongs to a group: the arithmetic of the pulls, and the words, numbers and dates that are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.definitions import catalogue, explain, groups
from tests.unit.analytics.definitions.models import model

MARCH = datetime(2026, 3, 2, 14, 10)
FEATURES = catalogue.features()
Values = dict[str, float | None]
WELL, DIABETES, NO_CONTACT = range(3)


def reasons(values: Values, group: int = DIABETES, most: int = 6, **changed: Any) -> list[dict[str, Any]]:
    evidence = {"hba1c": (MARCH, "Observation/1")}
    return explain.reasons(values, evidence, model()["groups"][group] | changed, model(), most)


VALUE = st.none() | st.floats(-100, 100) | st.integers(0, 5).map(float)
PEOPLE = st.fixed_dictionaries({"diabetes": st.sampled_from([None, 0.0, 1.0]), "hba1c": VALUE, "stays_12m": VALUE})


@settings(max_examples=80, deadline=None)
@given(values=PEOPLE, group=st.sampled_from([WELL, DIABETES]))
def test_the_pulls_add_up_to_the_difference_of_the_squared_distances(values: Values, group: int) -> None:
    pulls = explain._pulls(values, model()["groups"][group], model())
    known = [place for place, name in enumerate(model()["features"]) if values[name] is not None]
    row = groups.prepare(groups.as_matrix([values], model()["features"]), model())[:, known]
    to_mean, to_centre = (
        groups.squared_distances(row, [np.array(point)[known].tolist()])[0, 0]
        for point in (model()["mean"], model()["groups"][group]["centre"])
    )
    assert sum(pulls.values()) == pytest.approx(to_mean - to_centre, rel=1e-12, abs=1e-9)
    assert set(pulls) == {name for name, value in values.items() if value is not None}


@settings(max_examples=80, deadline=None)
@given(values=PEOPLE, group=st.sampled_from([WELL, DIABETES]), most=st.integers(1, 6))
def test_reasons_are_known_ordered_and_shares_of_the_positive_pull(values: Values, group: int, most: int) -> None:
    found = reasons(values, group, most)
    shares = [reason["share"] for reason in found]
    assert all(values[reason["feature"]] is not None for reason in found)
    assert shares == sorted(shares, reverse=True) and all(0 < share <= 1 for share in shares)
    assert len(found) <= most and sum(shares) <= 1 + 1e-9
    positive = {name for name, pull in explain._pulls(values, model()["groups"][group], model()).items() if pull > 0}
    assert {reason["feature"] for reason in found} <= positive and len(found) == min(most, len(positive))


def test_a_reason_by_hand() -> None:
    # HbA1c 7.0 is 3.0 scaled: (3 - 0.5)^2 - (3 - 3)^2 = 6.25. Diabetes is 1.5: 1.5^2 - 0 = 2.25. No stay: 0.0625 - 1.
    found = reasons({"diabetes": 1.0, "hba1c": 7.0, "stays_12m": 0.0})
    assert [(reason["feature"], reason["share"]) for reason in found] == [
        ("hba1c", 6.25 / 8.5),
        ("diabetes", 2.25 / 8.5),
    ]
    assert found[0] | {"share": 0} == {
        "feature": "hba1c",
        "label": "HbA1c",
        "sentence": "Latest HbA1c 7 % on 2 Mar 2026.",
        "value": 7.0,
        "display": "7",
        "unit": "%",
        "time": "2026-03-02",
        "resource": "Observation/1",
        "usual": [6.5, 7.9],
        "usual_display": "6.5 to 7.9 %",
        "share": 0,
    }
    assert (found[1]["usual_display"], found[1]["unit"], found[1]["time"]) == ("84 % of the group", "", None)


def test_equal_pulls_come_in_the_order_of_their_names() -> None:
    flat = {"shape": "value", "fill": 0.0, "cap": [-9.0, 9.0], "middle": 0.0, "scale": 1.0}
    release = {"features": ["ldl", "age"], "transform": {"ldl": flat, "age": flat}, "mean": [0.0, 0.0]}
    group = model()["groups"][DIABETES] | {"centre": [1.0, 1.0]}
    assert [r["feature"] for r in explain.reasons({"ldl": 1.0, "age": 1.0}, {}, group, release)] == ["age", "ldl"]


def test_a_person_in_the_middle_of_everyone_has_no_reason() -> None:
    assert reasons({"diabetes": None, "hba1c": None, "stays_12m": None}) == []


def test_the_group_of_a_rule_has_the_rule_as_its_reason() -> None:
    (found,) = explain.reasons({"days_since_contact": None}, {}, model()["groups"][NO_CONTACT], model())
    assert (found["feature"], found["share"], found["sentence"]) == (
        "days_since_contact",
        1.0,
        "Days since last contact: not known.",
    )


def test_a_hidden_usual_range_is_not_shown() -> None:
    found = reasons({"diabetes": 1.0, "hba1c": 7.0, "stays_12m": 0.0}, usual={"hba1c": None}, share={"diabetes": None})
    assert [(reason["usual"], reason["usual_display"]) for reason in found] == [(None, ""), (None, "")]


SENTENCES: list[tuple[str, float | None, bool, str]] = [
    # feature                 value  dated  sentence
    ("age", 66, False, "Aged 66 years."),
    ("female", 1, False, "Female."),
    ("female", 0, False, "Male."),
    ("smoker", 1, True, "Currently smoking, recorded 2 Mar 2026."),
    ("smoker", 0, True, "Not smoking, recorded 2 Mar 2026."),
    ("condition_count", 3, False, "Chronic conditions on record: 3."),
    ("heart_failure", 1, True, "Heart failure recorded since 2 Mar 2026."),
    ("heart_failure", 1, False, "Heart failure recorded since an unknown date."),
    ("heart_failure", 0, False, "No record of heart failure."),
    ("copd", 1, True, "COPD recorded since 2 Mar 2026."),
    ("systolic", 142, True, "Latest systolic blood pressure 142 mmHg on 2 Mar 2026."),
    ("egfr", 58.25, True, "Latest recorded eGFR 58.2 mL/min/1.73 m² on 2 Mar 2026."),
    ("systolic_trend", 3.5, True, "Trend of systolic blood pressure +3.5 mmHg per year up to 2 Mar 2026."),
    ("copd_years", 6.2491, True, "COPD: 6.25 years since the first record, on 2 Mar 2026."),
    ("hba1c_age_days", 120, True, "Newest HbA1c: 120 days before the as-of date, on 2 Mar 2026."),
    ("hba1c_variability", 0.35, True, "Standard deviation of HbA1c 0.35 % up to 2 Mar 2026."),
    ("egfr_2021", 58.25, True, "Computed eGFR 58.2 mL/min/1.73 m² (CKD-EPI 2021), from the creatinine of 2 Mar 2026."),
    ("readmissions_12m", 0, False, "No readmission within 30 days in 12 months."),
    ("phq9", 12, True, "Latest PHQ-9 score 12 points on 2 Mar 2026."),
    ("hba1c_change", 0.7, True, "Change in HbA1c: +0.7 % up to 2 Mar 2026."),
    ("egfr_change", -9, True, "Change in eGFR: -9 mL/min/1.73 m² up to 2 Mar 2026."),
    ("statin_in_use", 1, True, "Statin in use, last ordered 2 Mar 2026."),
    ("statin_in_use", 0, False, "No statin in use."),
    ("stays_12m", 2, True, "Unplanned admissions in 12 months: 2, the last on 2 Mar 2026."),
    ("stays_12m", 0, False, "No unplanned admission in 12 months."),
    ("bed_days_12m", 5, True, "Nights in hospital in 12 months: 5."),
    ("care_days_12m", 0, False, "Not seen in 12 months."),
    ("days_since_contact", 800, True, "Last seen 800 days before the as-of date, on 2 Mar 2026."),
    ("ldl", None, False, "LDL cholesterol: not known."),
]


@pytest.mark.parametrize(("name", "value", "dated", "sentence"), SENTENCES, ids=[row[3] for row in SENTENCES])
def test_sentences_for_the_clinician(name: str, value: float | None, dated: bool, sentence: str) -> None:
    assert explain.sentence(FEATURES[name], value, MARCH if dated else None) == sentence


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("value", [0.0, 1.0, 2.345, None])
def test_every_feature_has_whole_sentences(name: str, value: float | None) -> None:
    said = explain.sentence(FEATURES[name], value, MARCH)
    assert said.endswith(".") and said[0] == said[0].upper() and not set("{}[]") & set(said) and "  " not in said


DISPLAYS: list[tuple[str, float | None, str]] = [
    ("hba1c", 7.0, "7"),
    ("hba1c", 7.14, "7.14"),
    ("hba1c", 8.006, "8.01"),
    ("ldl", 139.9854, "140"),
    ("ldl", 99.96, "100"),
    ("nt_probnp", 12345.6, "12346"),
    ("creatinine", 0.875, "0.875"),
    ("hba1c_change", 0.0, "0"),
    ("hba1c_change", 0.5, "+0.5"),
    ("hba1c_change", -0.5, "-0.5"),
    ("hba1c_change", 8.881784197001252e-16, "0"),
    ("hba1c_change", -8.9e-16, "0"),
    ("weight_change", -112.4, "-112"),
    ("diabetes", 1.0, "yes"),
    ("diabetes", 0.0, "no"),
    ("female", 0.0, "no"),
    ("smoker", 1.0, "yes"),
    ("statin_in_use", 0.0, "no"),
    ("stays_12m", 0.0, "0"),
    ("ldl", None, "not known"),
]


@pytest.mark.parametrize(("name", "value", "shown"), DISPLAYS)
def test_a_value_for_people(name: str, value: float | None, shown: str) -> None:
    assert explain.display(FEATURES[name], value) == shown


USUAL: list[tuple[str, list[float] | None, float | None, str]] = [
    ("hba1c", [5.2, 5.9], None, "5.2 to 5.9 %"),
    ("stays_12m", [0, 0], 0.1, "0"),
    ("stays_12m", [0, 2], 0.1, "0 to 2"),
    ("age", [40, 60], 1.0, "40 to 60"),
    ("systolic", [118, 141], None, "118 to 141 mmHg"),
    ("hba1c", None, 0.5, ""),
    ("diabetes", [0, 1], 0.843, "84 % of the group"),
    ("diabetes", [0, 0], None, ""),
    ("diabetes", None, 0.0, "0 % of the group"),
    ("female", None, 0.515, "52 % of the group"),
    ("days_since_contact", [10, 90], None, "10 to 90"),
]


@pytest.mark.parametrize(("name", "usual", "share", "shown"), USUAL)
def test_what_is_usual_in_the_group(name: str, usual: Any, share: float | None, shown: str) -> None:
    assert explain.usual_display(FEATURES[name], usual, share) == shown


def test_what_is_missing_names_the_window() -> None:
    found = explain.missing({"ldl": None, "age": None, "diabetes": 0.0}, ["diabetes", "ldl", "age"])
    assert [(m["feature"], m["sentence"]) for m in found] == [
        ("ldl", "LDL cholesterol: no usable value in the last 24 months."),
        ("age", "Age: no usable value."),
    ]
