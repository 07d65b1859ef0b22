"""Published scores, by the worked examples that their sources print (percent), and by what must not be computed."""

import pytest

from analytics.definitions.scores import NAMES, compute, declared_inputs, table

Z = {"age": 50, "tc": 200, "hdl": 45, "sbp": 160, "dm": 1, "smoking": 0, "bmi": 35, "egfr": 90, "bptx": 1, "statin": 0}
PREVENT_ORDER = ("10y_total_cvd", "10y_ascvd", "10y_heart_failure", "30y_total_cvd", "30y_ascvd", "30y_heart_failure")

# sex, what differs from Z, the six results; 30 years are left out beyond 59
PREVENT = [
    ("female", {}, (14.6839, 9.1951, 8.0561, 52.9850, 35.4255, 38.9602)),
    ("male", {}, (16.3171, 10.1944, 10.5911, 51.4398, 34.8594, 42.3597)),
    ("female", {"age": 67}, (23.0456, 13.9960, 14.6563)),
    ("male", {"age": 59}, (21.1031, 13.3903, 14.5883, 51.7818, 35.4619, 43.2991)),
    ("male", {"age": 59, "sbp": 148}, (18.7439, 11.7154, 12.7358, 48.6639, 32.5463, 40.1882)),
    ("male", {"age": 59, "sbp": 148, "bptx": 0}, (15.2803, 10.0268, 10.1760, 43.7438, 29.9170, 34.9618)),
    ("male", {"age": 59, "tc": 189, "sbp": 148, "bptx": 0}, (15.0865, 9.6388, 10.1760, 43.3024, 28.9601, 34.9618)),
    ("male", {"age": 59, "hdl": 60, "sbp": 148, "bptx": 0}, (13.6246, 8.3950, 10.1760, 40.1160, 25.7537, 34.9618)),
    ("male", {"age": 59, "hdl": 60, "sbp": 148, "bptx": 0, "statin": 1},
     (12.3200, 7.8521, 10.1760, 39.8507, 26.2501, 34.9618)),
    ("male", {"age": 59, "hdl": 60, "sbp": 148, "dm": 0, "bptx": 0, "statin": 1},
     (6.6504, 4.3073, 4.8339, 30.1244, 19.3779, 23.6167)),
    ("male", {"age": 40, "hdl": 50, "sbp": 120, "dm": 0, "bmi": 25, "egfr": 70, "bptx": 0},
     (1.2754, 0.9134, 0.3922, 10.4582, 7.0081, 3.8894)),
    ("female", {"age": 58, "tc": 246, "hdl": 38, "sbp": 104, "dm": 0, "smoking": 1, "bmi": 22.5, "egfr": 41, "bptx": 0,
                "statin": 1}, (14.4557, 8.4910, 6.3181, 37.1802, 22.7944, 18.4264)),
    ("male", {"age": 35, "tc": 160, "hdl": 60, "sbp": 110, "dm": 0, "bmi": 39.9, "egfr": 15, "bptx": 0},
     (5.6454, 1.9967, 7.6370, 10.9606, 3.7708, 15.6560)),
    ("female", {"age": 30, "tc": 130, "hdl": 100, "sbp": 90, "dm": 0, "bmi": 18.5, "egfr": 140, "bptx": 0},
     (0.0579, 0.0338, 0.1033, 0.3927, 0.2134, 0.7775)),
]  # fmt: skip


@pytest.mark.parametrize(("sex", "differs", "expected"), PREVENT)
def test_prevent(sex, differs, expected):
    values = compute("prevent", {**Z, **differs, "sex": sex})["values"]
    assert values == pytest.approx(dict(zip(PREVENT_ORDER, expected, strict=False)), abs=5.1e-5)


P = {"age": 55, "tc": 213, "hdl": 50, "sbp": 120, "bptx": 0, "smoking": 0, "dm": 0}
Z_PCE = {"age": 50, "tc": 200, "hdl": 45, "sbp": 160, "bptx": 1, "smoking": 0, "dm": 1}
PCE = [  # sex, race, inputs, percent, within
    ("female", "white", P, 2.0557, 5e-5), ("female", "black", P, 3.0320, 5e-5),
    ("male", "white", P, 5.3760, 5.1e-5), ("male", "black", P, 6.0587, 5e-5),
    ("female", "white", P | {"sbp": 140}, 2.7694, 5e-5), ("female", "black", P | {"sbp": 140}, 5.0881, 5e-5),
    ("male", "white", P | {"sbp": 140}, 6.9960, 5e-5), ("male", "black", P | {"sbp": 140}, 7.9282, 5e-5),
    ("female", "white", P | {"sbp": 160, "bptx": 1, "smoking": 1, "dm": 1}, 21.2123, 5e-5),
    ("female", "black", P | {"sbp": 160, "bptx": 1, "smoking": 1, "dm": 1}, 46.1200, 5e-5),
    ("male", "white", P | {"sbp": 160, "bptx": 1, "smoking": 1, "dm": 1}, 32.8974, 5e-5),
    ("male", "black", P | {"sbp": 160, "bptx": 1, "smoking": 1, "dm": 1}, 44.9775, 5e-5),
    ("female", "white", Z_PCE, 6.4, 0.05), ("female", "black", Z_PCE, 24.5, 0.05),
    ("female", "white", Z_PCE | {"age": 67}, 27.0, 0.05),
    ("male", "white", Z_PCE | {"age": 59}, 26.2, 0.05), ("male", "white", Z_PCE | {"age": 59, "sbp": 148}, 23.2, 0.05),
    ("male", "white", Z_PCE | {"age": 59, "sbp": 148, "bptx": 0}, 20.0, 0.05),
]  # fmt: skip


@pytest.mark.parametrize(("sex", "race", "inputs", "percent", "within"), PCE)
def test_pce(sex, race, inputs, percent, within):
    assert compute("pce", {**inputs, "sex": sex, "race": race})["values"] == {
        "10y_ascvd": pytest.approx(percent, abs=within)
    }


def test_pce_says_whose_coefficients_it_uses():
    other, white = (compute("pce", {**P, "sex": "female", "race": race}) for race in ("asian", "white"))
    assert other["values"] == white["values"]
    assert other["notes"] == ["The equation has no coefficients for this race: those of white people are used."]
    assert white["notes"] == []


REYNOLDS = [  # sex, age, sbp, hscrp, tc, hdl, smoking, family history, percent
    ("female", 50, 120, 0.5, 160, 60, 0, 0, 0.4048), ("female", 50, 140, 3, 220, 45, 1, 1, 6.7029),
    ("female", 65, 150, 5, 240, 40, 0, 1, 16.3803), ("male", 50, 120, 0.5, 160, 60, 0, 0, 1.7344),
    ("male", 55, 130, 3.3, 233, 45, 1, 1, 16.7476), ("male", 65, 150, 5, 240, 40, 0, 0, 22.3358),
]  # fmt: skip


@pytest.mark.parametrize(("sex", "age", "sbp", "hscrp", "tc", "hdl", "smoking", "family_history", "percent"), REYNOLDS)
def test_reynolds(sex, age, sbp, hscrp, tc, hdl, smoking, family_history, percent):
    inputs = {"sex": sex, "age": age, "sbp": sbp, "hscrp": hscrp, "tc": tc, "hdl": hdl, "smoking": smoking,
              "family_history": family_history}  # fmt: skip
    assert compute("reynolds", inputs)["values"] == {"10y_cvd": pytest.approx(percent, abs=5e-5)}


@pytest.mark.parametrize(
    ("creatinine", "age", "sex", "egfr", "within"),
    [
        (1.5, 55, "female", 40.90, 0.005), (1.5, 55, "male", 54.64, 0.005), (1.5, 43, "male", 58.87, 0.005),
        (1.5, 43, "female", 44.07, 0.005), (102 / 88.4, 43, "female", 60.38, 0.005),
        (111 / 88.4, 77, "male", 58.99, 0.005), (1.2, 55, "male", 71.42, 0.005), (0.6, 30, "female", 123.76, 0.005),
    ],
)  # fmt: skip
def test_ckd_epi_2021(creatinine, age, sex, egfr, within):
    found = compute("ckd_epi_2021", {"sex": sex, "age": age, "creatinine": creatinine})
    assert found["values"] == {"egfr": pytest.approx(egfr, abs=within)}


CHARLSON = [  # ICD-10-CM, SNOMED CT, age, 1987 with age points, 2011 without, groups
    (["E11.22", "N18.3", "I50.22"], [], None, 5, 4, ["chf", "diabwc", "rend"]),
    (["I21.4", "I63.9", "J44.9"], [], 72, 6, 1, ["mi", "cevd", "cpd"]),
    (["C50.911", "C78.00", "F03.90"], [], None, 7, 8, ["dementia", "metacanc"]),
    (["E10.0", "E10.2"], [], None, 2, 1, ["diabwc"]),
    (["K74.60", "K76.6", "B20"], [], None, 9, 8, ["msld", "aids"]),
    (["I10"], [], 45, 0, 0, []),
    ([], ["44054006", "433144002"], 80, 7, 1, ["diab", "rend"]),
    ([], ["431855005", "431856006"], None, 0, 0, []),  # CKD 1 and 2 are not moderate or severe renal disease
    (["e1122"], ["88805009"], None, 3, 3, ["chf", "diabwc"]),
]


@pytest.mark.parametrize(("icd10cm", "snomed", "age", "old", "new", "groups"), CHARLSON)
def test_charlson(icd10cm, snomed, age, old, new, groups):
    found = compute("charlson", {"icd10cm": icd10cm, "snomed": snomed, "age": age})
    assert found["values"] == {"charlson_1987": old, "quan_2011": new, "groups": groups}


@pytest.mark.parametrize(
    ("los_days", "acute", "charlson", "ed_visits_6m", "score", "category"),
    [(5, 1, 5, 2, 14, "high"), (2, 0, 0, 0, 2, "low"), (14, 1, 4, 4, 19, "high"), (7, 1, 3, 1, 12, "high"),
     (0, 0, 0, 0, 0, "low"), (0.9, 1, 0, 2, 5, "moderate"), (13, 0, 0, 9, 9, "moderate")],
)  # fmt: skip
def test_lace(los_days, acute, charlson, ed_visits_6m, score, category):
    inputs = {"los_days": los_days, "acute": acute, "charlson": charlson, "ed_visits_6m": ed_visits_6m}
    found = compute("lace", inputs)
    assert (found["values"], found["categories"]) == ({"score": score}, {"score": category})


NONE = dict.fromkeys(("chf", "hypertension", "diabetes", "stroke", "vascular"), 0)


@pytest.mark.parametrize(
    ("sex", "age", "has", "score"),
    [("male", 78, "chf hypertension stroke vascular", 7), ("female", 78, "chf hypertension diabetes vascular", 7),
     ("male", 70, "chf hypertension vascular", 4), ("female", 72, "chf hypertension diabetes stroke", 7),
     ("male", 64, "", 0), ("female", 64, "", 1), ("male", 65, "", 1), ("male", 75, "", 2)],
)  # fmt: skip
def test_cha2ds2_vasc(sex, age, has, score):
    found = compute("cha2ds2_vasc", {**NONE, **dict.fromkeys(has.split(), 1), "sex": sex, "age": age})
    assert found["values"] == {"score": score}


KDIGO = [  # eGFR, albumin, the two 90 days before; G, A, risk, checks per year, whether it lasts
    (90, 10, None, None, "G1", "A1", "low", "1", "none"),
    (89.4, 30, None, None, "G2", "A2", "moderate", "1", "one_value"),
    (59.5, 29.9, None, None, "G2", "A1", "low", "1", "none"),  # a laboratory says 60
    (59.4, 300, 58, None, "G3a", "A2", "high", "2", "yes"),
    (45, 301, 70, 20, "G3a", "A3", "very high", "3", "not_before"),
    (44.4, 5, None, None, "G3b", "A1", "high", "2", "one_value"), (29, 40, 70, 40, "G4", "A2", "very high", "3", "yes"),
    (14.4, 400, 12, None, "G5", "A3", "very high", "4 or more", "yes"),
    (52, None, 70, None, "G3a", None, None, None, "not_before"), (75, None, 70, 500, "G2", None, None, None, "half"),
]  # fmt: skip


@pytest.mark.parametrize(("egfr", "acr", "egfr_before", "acr_before", "g", "a", "risk", "checks", "lasting"), KDIGO)
def test_kdigo(egfr, acr, egfr_before, acr_before, g, a, risk, checks, lasting):
    inputs = {"egfr": egfr, "acr": acr, "egfr_before": egfr_before, "acr_before": acr_before}
    cell = {"g": g, "a": a, "risk": risk, "checks_per_year": checks, "lasting": lasting}
    assert compute("kdigo", inputs)["values"] == {name: value for name, value in cell.items() if value is not None}


WHOLE = {
    "prevent": {**Z, "sex": "female"},
    "pce": {**P, "sex": "female", "race": "white"},
    "reynolds": {"sex": "female", "age": 50, "sbp": 120, "hscrp": 0.5, "tc": 160, "hdl": 60, "smoking": 0,
                 "family_history": 0},
    "ckd_epi_2021": {"sex": "female", "age": 50, "creatinine": 1},
    "charlson": {"icd10cm": ["I10"], "snomed": []},
    "lace": {"los_days": 1, "acute": 0, "charlson": 0, "ed_visits_6m": 0},
    "cha2ds2_vasc": {**NONE, "sex": "female", "age": 70},
    "kdigo": {"egfr": 52, "acr": 40, "egfr_before": 50, "acr_before": 12},
}  # fmt: skip
EACH = [(name, one) for name in NAMES for one in declared_inputs(name).values()]


@pytest.mark.parametrize(("name", "one"), EACH, ids=lambda it: getattr(it, "name", it))
def test_nothing_is_computed_without_an_input_it_needs(name, one):
    for without in ({k: v for k, v in WHOLE[name].items() if k != one.name}, {**WHOLE[name], one.name: None}):
        found = compute(name, without)
        assert found["missing"] == ([] if one.optional else [one.name])
        assert bool(found["values"]) is one.optional


def test_charlson_needs_codes_of_one_kind_at_least_and_an_empty_list_is_an_answer():
    assert compute("charlson", {"age": 50}) | {"notes": []} == {
        "applicable": True, "reason": None, "missing": ["icd10cm", "snomed"], "out_of_range": [], "values": {},
        "categories": {}, "notes": [],
    }  # fmt: skip
    assert compute("charlson", {"snomed": []})["values"] == {"charlson_1987": 0, "quan_2011": 0, "groups": []}


@pytest.mark.parametrize(
    ("name", "one", "value"),
    [(name, one, value) for name, one in EACH for value in ("many", float("nan"), float("inf"), [1], {}, -1, 1e9)
     if not (one.otherwise and isinstance(value, str))],  # any text is a race
    ids=lambda it: getattr(it, "name", str(it)),
)  # fmt: skip
def test_a_value_that_cannot_be_used_is_named_and_nothing_is_computed_from_it(name, one, value):
    found = compute(name, {**WHOLE[name], one.name: value})
    assert found["out_of_range"] == [one.name]
    assert set(found["values"]) <= {"10y_total_cvd", "10y_ascvd", "30y_total_cvd", "30y_ascvd"}
    assert not found["values"] or one.only_for


REYNOLDS_AGES = "The Reynolds score was derived in women from 45 and men from 50 years."


@pytest.mark.parametrize(
    ("name", "differs", "reason"),
    [
        ("prevent", {"age": 29}, "PREVENT is for people aged 30 to 79."),
        ("prevent", {"age": 80}, "PREVENT is for people aged 30 to 79."),
        ("prevent", {"prior_cvd": True}, "PREVENT is for people without known cardiovascular disease."),
        ("pce", {"age": 39}, "The pooled cohort equations are for people aged 40 to 79."),
        ("pce", {"prior_cvd": 1}, "The pooled cohort equations are for people without known atherosclerotic disease."),
        ("reynolds", {"age": 44}, REYNOLDS_AGES),
        ("reynolds", {"age": 49, "sex": "male"}, REYNOLDS_AGES),
        ("reynolds", {"dm": 1}, "The Reynolds score is for people without diabetes."),
        ("ckd_epi_2021", {"age": 17}, "CKD-EPI 2021 is for adults."),
        ("cha2ds2_vasc", {"atrial_fibrillation": 0}, "CHA2DS2-VASc is for people with atrial fibrillation."),
    ],
)
def test_a_score_that_is_not_for_this_person_says_why_and_gives_no_number(name, differs, reason):
    found = compute(name, {**WHOLE[name], **differs})
    assert (found["applicable"], found["reason"], found["values"]) == (False, reason, {})


def test_a_body_mass_index_out_of_range_leaves_out_heart_failure_alone():
    found = compute("prevent", {**WHOLE["prevent"], "bmi": 45})
    assert found["out_of_range"] == ["bmi"]
    assert set(found["values"]) == {"10y_total_cvd", "10y_ascvd", "30y_total_cvd", "30y_ascvd"}
    assert found["values"]["10y_ascvd"] == compute("prevent", WHOLE["prevent"])["values"]["10y_ascvd"]
    assert compute("prevent", {**WHOLE["prevent"], "bmi": float("nan")})["values"] == {}  # that is no BMI at all


def test_categories_are_those_of_the_source():
    steps = [(2.99, "low"), (3.01, "borderline"), (5.01, "intermediate"), (10.01, "high")]
    cuts = [step["from"] for step in table("prevent")["categories"]["10y_ascvd"]]
    assert (cuts, [label for _, label in steps]) == (
        [0, 3, 5, 10], [step["label"] for step in table("prevent")["categories"]["10y_ascvd"]]
    )  # fmt: skip
    assert compute("prevent", WHOLE["prevent"])["categories"] == {"10y_ascvd": "intermediate"}


@pytest.mark.parametrize(("name", "given"), [("framingham", {}), ("lace", {"age": 3})])
def test_an_unknown_score_or_input_is_an_error_of_the_caller(name, given):
    with pytest.raises(ValueError, match=r"no score is called|no such input"):
        compute(name, given)


@pytest.mark.parametrize("name", NAMES)
def test_every_score_tells_its_source_its_limits_and_what_its_inputs_mean(name):
    assert table(name)["title"] and len(table(name)["source"]) > 30 and table(name)["limits"]
    assert all(one.meaning for one in declared_inputs(name).values())
