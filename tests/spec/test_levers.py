"""Treatments by trial relative risks, ranges over what is unknown, values changed; hand-computed, never by a flag."""

import pytest

from analytics.definitions import scores
from analytics.definitions.scores import counterfactuals, levers, ranges

#: The man of 59 with a systolic pressure of 148 whose risk PREVENT's authors' package prints as 18.7 %.
MAN = {"sex": "male", "age": 59, "tc": 200, "hdl": 45, "sbp": 148, "dm": 1, "smoking": 0, "bmi": 35, "egfr": 90,
       "bptx": 1, "statin": 0, "prior_cvd": 0, "ldl": 116}  # fmt: skip
PREVENT = {key: value for key, value in MAN.items() if key != "ldl"}
RISK = 18.7439


def dose(lever: str, name: str) -> dict:
    return next(one for one in levers.table()[lever]["doses"] if one["name"] == name)


@pytest.mark.parametrize(
    ("lever", "name", "value", "low", "high"),
    [  # 116 mg/dL is 3.0 mmol/L; 30 % of it is 0.9 and 0.79 ^ 0.9 = 0.8088
        ("statin", "moderate", 0.8088, 0.7904, 0.8272),
        ("statin", "high", 0.7022, 0.6757, 0.7290),  # 0.79 ^ 1.5
        ("blood_pressure", "10", 0.80, 0.77, 0.83),
        ("blood_pressure", "20", 0.64, 0.5929, 0.6889),
        ("stop_smoking", "yes", 0.61, 0.49, 0.76),
    ],
)
def test_a_dose_scales_as_a_power(lever, name, value, low, high):
    found = levers.ratio(lever, dose(lever, name), MAN)
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=2e-4)


def test_levers_multiply_and_people_to_treat_come_from_the_interval():
    ratios = [levers.Ratio(0.8, 0.77, 0.83), levers.Ratio(0.61, 0.49, 0.76)]
    found = levers.effect(20.0, ratios)
    assert (found.after, found.fewer) == pytest.approx((9.76, 10.24))  # 20 * 0.8 * 0.61
    assert (found.after_low, found.after_high) == pytest.approx((7.546, 12.616))
    assert (found.needed, found.needed_low, found.needed_high) == (10, 9, 14)  # 100 / 10.24, 12.454, 7.384, rounded up
    alone = levers.effect(10.0, [levers.Ratio(0.8, 0.77, 0.83)])
    assert (alone.needed, alone.needed_low, alone.needed_high) == (50, 44, 59)
    assert levers.effect(10.0, []).needed is None


@pytest.mark.parametrize(
    ("lever", "differs", "why"),
    [
        ("statin", {}, None),
        ("statin", {"statin": 1}, "A statin is in use already"),
        ("statin", {"statin": None}, "not known"),
        ("statin", {"ldl": None}, "LDL cholesterol is not known"),
        ("blood_pressure", {"sbp": 130}, None),
        ("blood_pressure", {"sbp": 129}, "below 130"),
        ("blood_pressure", {"sbp": None}, "not known"),
        ("stop_smoking", {}, "Not a smoker"),
        ("stop_smoking", {"smoking": 1}, None),
        ("stop_smoking", {"smoking": None}, "not known"),
    ],
)
def test_a_lever_is_offered_only_where_it_applies(lever, differs, why):
    found = levers.why_not(lever, MAN | differs)
    assert found is None if why is None else why in found


def test_below_140_the_caveat_of_primary_prevention_is_said_and_20_lower_is_not_offered():
    assert any("140" in text for text in levers.caveats("blood_pressure", MAN | {"sbp": 139}))
    assert not any("140" in text for text in levers.caveats("blood_pressure", MAN | {"sbp": 140}))
    assert [one["name"] for one in levers.doses("blood_pressure", MAN)] == ["10"]
    assert [one["name"] for one in levers.doses("blood_pressure", MAN | {"sbp": 150})] == ["10", "20"]


def test_diabetes_is_no_harm_to_whom_it_has_already_and_the_figure_is_that_of_the_dose():
    def told(dose: str, dm: int) -> list[str]:
        return [harm["label"] for harm in levers.harms("statin", dose, MAN | {"dm": dm})]

    assert "new diabetes" in told("moderate", 0) and "new diabetes" not in told("high", 0)
    assert not any("diabetes" in label for dose in ("moderate", "high") for label in told(dose, 1))
    assert [harm for harm in levers.harms("statin", "high", MAN | {"dm": 0}) if "with" in harm] == [
        levers.table()["statin"]["harms"][0]
    ]


def test_every_lever_names_its_source_and_every_harm_a_figure_or_that_there_is_none():
    for name in levers.names():
        lever = levers.table()[name]
        assert lever["source"] and lever["about"] and lever["low"] <= lever["relative_risk"] <= lever["high"]
        assert lever["evidence"] in ("trials", "observational") and lever["harms"]
        for harm in lever["harms"]:
            assert harm["source"] and ("with" in harm) == ("without" in harm)
            assert "with" in harm or "not quantified here" in harm["text"].lower() or "kg" in harm["text"]


def test_no_treatment_is_worked_out_by_a_flag_of_the_model():
    """Switching the flag would lower this man's risk by taking his treatment away; the lever leaves the flag alone."""
    assert scores.compute("prevent", PREVENT)["values"]["10y_total_cvd"] == pytest.approx(RISK, abs=5e-5)
    assert scores.compute("prevent", PREVENT | {"bptx": 0})["values"]["10y_total_cvd"] < RISK
    treated = levers.effect(RISK, [levers.ratio("statin", dose("statin", "moderate"), MAN)])
    flagged = scores.compute("prevent", PREVENT | {"statin": 1})["values"]["10y_total_cvd"]
    assert treated.after == pytest.approx(RISK * 0.8088, abs=0.01) and abs(treated.after - flagged) > 0.5
    rules = scores.table("prevent")["counterfactuals"]
    changed = {key for rule in rules for part in rule.values() if isinstance(part, dict) for key in part}
    assert not changed & counterfactuals.TREATMENTS


def test_a_person_like_this_with_another_value():
    found = counterfactuals.of("prevent", PREVENT | {"smoking": 1, "bptx": 0})
    told = {one["label"].split(":")[0]: one["values"]["10y_total_cvd"] for one in found}

    def risk(**changed) -> float:
        return scores.compute("prevent", PREVENT | {"bptx": 0} | changed)["values"]["10y_total_cvd"]

    assert told == {
        "systolic pressure 10 mmHg lower": risk(smoking=1, sbp=138),
        "no smoking": pytest.approx(15.2803, abs=5e-5),  # printed by the authors' package
        "all four optimal": risk(sbp=120, tc=160, hdl=60),
    }


def test_only_changes_for_which_there_is_room_and_none_makes_a_value_worse():
    best = PREVENT | {"sbp": 112, "tc": 150, "hdl": 70}
    assert counterfactuals.of("prevent", best) == []
    assert counterfactuals.of("prevent", PREVENT | {"tc": None}) == []
    lean = counterfactuals.of("prevent", PREVENT | {"hdl": 80, "tc": 150, "sbp": 125})
    assert [one["label"].split(":")[0] for one in lean] == ["systolic pressure 10 mmHg lower", "all four optimal"]
    assert lean[1]["values"] == scores.compute("prevent", PREVENT | {"hdl": 80, "tc": 150, "sbp": 120})["values"]


class TestARange:
    def test_of_a_flag_is_both_of_its_values(self):
        ends = [scores.compute("prevent", PREVENT | {"smoking": one})["values"]["10y_total_cvd"] for one in (0, 1)]
        assert ranges.span("prevent", PREVENT | {"smoking": None})["10y_total_cvd"] == (min(ends), max(ends))

    def test_of_the_family_history_that_no_chart_here_holds(self):
        woman = {"sex": "female", "age": 50, "sbp": 140, "hscrp": 3, "tc": 220, "hdl": 45, "smoking": 1}
        low, high = ranges.span("reynolds", woman)["10y_cvd"]
        assert high == pytest.approx(6.7029, abs=5e-5) and 4 < low < 5

    def test_of_a_value_turns_where_the_risk_does(self):
        found = ranges.span("prevent", PREVENT | {"sbp": None})["10y_total_cvd"]
        each = [scores.compute("prevent", PREVENT | {"sbp": sbp})["values"] for sbp in range(90, 181)]
        everywhere = [values["10y_total_cvd"] for values in each]
        assert found == (min(everywhere), max(everywhere))

    def test_has_no_width_where_the_unknown_input_does_not_matter(self):
        found = ranges.span("prevent", PREVENT | {"bmi": None})
        assert found["10y_total_cvd"][0] == found["10y_total_cvd"][1]
        assert found["10y_heart_failure"][0] < found["10y_heart_failure"][1]

    def test_of_an_unknown_sex_takes_the_egfr_with_it(self):
        unknown = PREVENT | {"sex": None, "egfr": None}
        found = ranges.span("prevent", unknown, {"creatinine": 1.2, "age": 59})["10y_total_cvd"]
        each = []
        for sex in ("female", "male"):
            egfr = scores.compute("ckd_epi_2021", {"sex": sex, "age": 59, "creatinine": 1.2})["values"]["egfr"]
            each.append(scores.compute("prevent", PREVENT | {"sex": sex, "egfr": egfr})["values"]["10y_total_cvd"])
        assert found == (min(each), max(each))

    @pytest.mark.parametrize(
        ("name", "given"),
        [
            ("prevent", PREVENT),
            ("prevent", PREVENT | {"smoking": None, "tc": None, "hdl": None}),
            ("prevent", PREVENT | {"age": None}),
            ("prevent", PREVENT | {"smoking": None, "prior_cvd": 1}),
            ("prevent", PREVENT | {"smoking": None, "sbp": 300}),
            ("reynolds", {"sex": "female", "age": 50, "sbp": 140, "tc": 220, "hdl": 45, "smoking": 1}),
        ],
        ids=["nothing unknown", "three unknown", "age", "not for this person", "another out of range", "hsCRP"],
    )
    def test_is_not_given(self, name, given):
        assert ranges.span(name, given) == {}
