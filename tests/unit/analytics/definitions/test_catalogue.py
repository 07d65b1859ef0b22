"""The definitions are complete and consistent, and the catalogue refuses what is not: it names the file and the key."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from analytics.definitions import catalogue, reference_tables, scores
from analytics.definitions.errors import DefinitionError

CACHED = ("features", "concepts", "definitions_hash", "group_rules", "gap_rules")
SYSTEMS = {"LOINC": "http://loinc.org", "MEDS": ""}
FIELDS: dict[str, Any] = {
    "kind": "latest",
    "window_days": 730,
    "unit": "%",
    "missing": "unknown",
    "shape": "value",
    "direction": "higher",
    "label": "x",
    "high": "x",
    "low": "x",
    "sentence": "x.",
    "meaning": "x",
    "concept": "hba1c",
}

LISTED: dict[str, Any] = {"family": "f", "label": "x"}
MEASURED: dict[str, Any] = {"family": "measurement", "label": "x", "codes": ["LOINC|1"], "source": "x", "unit": "g",
                            "range": [0, 1]}  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the definitions that a test may spoil; the catalogue reads it, and forgets it afterwards."""
    root = tmp_path / "definitions"
    shutil.copytree(catalogue.ROOT, root, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(catalogue, "ROOT", root)
    forget()
    yield root
    monkeypatch.undo()
    forget()


def forget() -> None:
    for name in CACHED:
        getattr(catalogue, name).cache_clear()
    reference_tables.reference_tables.cache_clear()


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in FIELDS.items() if name != key}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (without("unit"), "features.toml [x]: missing 1 required positional argument: 'unit'"),
        (without("sentence"), "features.toml [x]: missing 1 required positional argument: 'sentence'"),
        (FIELDS | {"colour": "red"}, "features.toml [x]: got an unexpected keyword argument 'colour'"),
        (FIELDS | {"kind": "oldest"}, "features.toml [x]: kind is 'oldest', expected one of ['age', 'allergy',"),
        (FIELDS | {"missing": "guess"}, "features.toml [x]: missing is 'guess', expected one of ['unknown', 'zero']"),
        (FIELDS | {"shape": "round"}, "features.toml [x]: shape is 'round', expected one of"),
        (FIELDS | {"direction": "up"}, "features.toml [x]: direction is 'up', expected one of"),
        (FIELDS | {"concept": "shoe_size"}, "features.toml [x]: concept 'shoe_size' is not in concepts/"),
        (FIELDS | {"direction": ""}, "features.toml [x]: direction is '', expected one of"),
        (FIELDS | {"missing": ""}, "features.toml [x]: missing is '', expected one of"),
        (FIELDS | {"sentence": ""}, "features.toml [x]: sentence is empty"),
        (FIELDS | {"meaning": ""}, "features.toml [x]: meaning is empty"),
        (FIELDS | {"sentence": "It is {valu}."}, "features.toml [x]: a sentence has ['valu'], known are ['Label', "),
        (FIELDS | {"absent": "None {since}."}, "features.toml [x]: a sentence has ['since']"),
        (FIELDS | {"window_days": -1}, "features.toml [x]: window_days is -1, expected days, or 0 for ever"),
        (FIELDS | {"window_days": "730"}, "features.toml [x]: window_days is '730', expected days"),
        (FIELDS | {"concept": ""}, "features.toml [x]: kind 'latest' needs a concept"),
        (FIELDS | {"kind": "answer"}, "features.toml [x]: kind 'answer' needs an answer"),
        (FIELDS | {"missing": "zero", "shape": "flag", "records": ["Condition"]},
         "features.toml [x]: a flag needs the sentence for its absence"),
        (FIELDS | {"missing": "zero"}, "features.toml [x]: records goes with missing 'zero'"),
        (FIELDS | {"records": ["Condition"]}, "features.toml [x]: records goes with missing 'zero'"),
    ],
)
def test_a_feature_that_is_incomplete_or_unknown_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        catalogue._feature("x", fields)
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"family": "f", "label": "x", "source": "x"}, "concepts/a.toml [x]: 'codes'"),
        ({"family": "f", "codes": [], "source": "x"}, "concepts/a.toml [x]: Concept.__init__() missing 1 required"),
        (
            {"family": "f", "label": "x", "codes": [], "source": "x", "colour": 1},
            "concepts/a.toml [x]: Concept.__init__() got",
        ),
        ({"family": "f", "label": "x", "codes": [], "source": "x"}, "concepts/a.toml [x]: there is no code"),
        ({"family": "f", "label": "x", "codes": ["LOINC|1"], "source": ""}, "concepts/a.toml [x]: source is empty"),
        ({"family": "f", "label": "", "codes": ["LOINC|1"], "source": "x"}, "concepts/a.toml [x]: label is empty"),
        (LISTED | {"codes": {"VSAC 1 A": ["LOINC|1"], "": ["LOINC|2"]}}, "concepts/a.toml [x]: a source is empty, or"),
        (LISTED | {"codes": {"VSAC 1 A": ["LOINC|1"], "VSAC 2 B": []}}, "concepts/a.toml [x]: a source is empty, or"),
        (LISTED | {"codes": {"VSAC 1 A": ["LOINC|1"], "not checked": ["LOINC|1"]}}, "concepts/a.toml [x]: 'http://loinc"),
        (LISTED | {"codes": {"VSAC 1 A": ["LOINC|1"]}, "source": "x"}, "concepts/a.toml [x]: codes are listed by"),
        (MEASURED | {"unit": ""}, "concepts/a.toml [x]: a measurement needs a unit and a plausible range"),
        (MEASURED | {"range": [1, 1]}, "concepts/a.toml [x]: a measurement needs a unit and a plausible range"),
        (MEASURED | {"conversions": [{"unit": "kg"}]}, "concepts/a.toml [x]: a conversion needs a unit and a factor"),
        ({"codes": ["4548-4"]}, "concepts: code '4548-4' must be SYSTEM|code with a system of systems.toml"),
        ({"codes": ["ICD9|250"]}, "concepts: code 'ICD9|250' must be SYSTEM|code with a system of systems.toml"),
        ({"codes": [], "answers": {"yes": ["x"]}}, "concepts: code 'x' must be SYSTEM|code"),
    ],
)
def test_a_concept_that_is_incomplete_or_of_no_known_system_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        catalogue._concept("a.toml", "x", fields, SYSTEMS)
    assert str(raised.value).startswith(said)


def test_codes_by_source_are_one_list_that_knows_what_was_read_where_and_what_nowhere() -> None:
    codes = {"VSAC 1 A": ["LOINC|1", "LOINC|2"], "Synthea modules": ["LOINC|3"], "not checked": ["LOINC|4"]}
    concept = catalogue._concept("a.toml", "x", LISTED | {"codes": codes}, SYSTEMS)
    assert concept.codes == tuple(f"http://loinc.org|{code}" for code in "1234")
    assert concept.sources == (("VSAC 1 A", 2), ("Synthea modules", 1))
    assert concept.source == "VSAC 1 A; Synthea modules"
    assert concept.unverified == ("http://loinc.org|4",)


def test_a_code_is_written_out_with_its_system() -> None:
    assert catalogue._full_code("LOINC|4548-4", SYSTEMS) == "http://loinc.org|4548-4"
    assert catalogue._full_code("MEDS|MEDS_BIRTH", SYSTEMS) == "MEDS_BIRTH"


SPOILED: dict[str, tuple[str, str, str]] = {
    # file                       text added at its end                                       said
    "features.toml": ("[diabetes]\n", "definitions/features.toml: "),
    "concepts/systems.toml": ("= broken", "definitions/concepts/systems.toml: "),
    "groups.toml": ("[no_contact", "definitions/groups.toml: "),
    "concepts/care.toml": (
        '[statin]\nfamily = "x"\nlabel = "x"\ncodes = ["LOINC|1"]\nsource = "x"\n',
        "[statin]: this concept exists already",
    ),
    "concepts/measurements.toml": (
        '[a]\nlabel = "a"\ncodes = ["LOINC|1"]\nunit = "g"\nsource = "a"\nrange = [0, 1]\n'
        'unitless = [{ low = 0, high = 1, unit = "kg" }]\n',
        "measurements.toml [a]: unitless unit 'kg'",
    ),
}


@pytest.mark.parametrize("file", SPOILED)
def test_a_spoiled_file_is_refused_by_name(copy: Path, file: str) -> None:
    text, said, *_ = SPOILED[file]
    with (copy / file).open("a", encoding="utf-8") as end:
        end.write("\n" + text)
    with pytest.raises(DefinitionError) as raised:
        catalogue.features(), reference_tables.reference_tables(), catalogue.group_rules()
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "file",
    [
        "features.toml",
        "groups.toml",
        "gaps.toml",
        "gap_rules.py",
        "events/Patient.sql",
        "events/rules.toml",
        "live.py",
        "features/kinds/age.sql",
        "concepts/care.toml",
        "concepts/systems.toml",
    ],
)
def test_the_hash_changes_with_every_file(copy: Path, file: str) -> None:
    before = catalogue.definitions_hash()
    (copy / file).write_bytes((copy / file).read_bytes() + b"\n")
    catalogue.definitions_hash.cache_clear()
    assert catalogue.definitions_hash() != before


def test_the_hash_changes_with_a_name_and_not_with_what_is_no_definition(copy: Path) -> None:
    before = catalogue.definitions_hash()
    (copy / "notes.md").write_text("x", encoding="utf-8")
    catalogue.definitions_hash.cache_clear()
    assert catalogue.definitions_hash() == before and len(before) == 64
    (copy / "features" / "kinds" / "age.sql").rename(copy / "features" / "kinds" / "years.sql")
    catalogue.definitions_hash.cache_clear()
    assert catalogue.definitions_hash() != before


FEATURES = catalogue.features()
CONCEPTS = catalogue.concepts()
MEASUREMENTS = [concept for concept in CONCEPTS.values() if concept.family == "measurement"]


def test_there_are_enough_features_and_each_says_what_it_is() -> None:
    assert sum(1 for feature in FEATURES.values() if feature.grouped) >= 25
    for feature in FEATURES.values():
        assert all([feature.label, feature.high, feature.low, feature.sentence, feature.meaning, feature.unit]), feature


def test_nobody_is_grouped_by_race_ethnicity_language_zip_code_or_payer() -> None:
    names = " ".join([*FEATURES, *CONCEPTS, *(feature.concept for feature in FEATURES.values())]).lower()
    assert [word for word in ("race", "ethnic", "language", "zip", "postal", "payer", "insur") if word in names] == []


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_of_a_measurement_is_in_the_unit_of_its_concept(name: str) -> None:
    feature = FEATURES[name]
    if feature.kind in {"latest", "change"}:
        assert feature.unit == CONCEPTS[feature.concept].unit and CONCEPTS[feature.concept].family == "measurement"
    if feature.kind == "answer":
        assert feature.answer in dict(CONCEPTS[feature.concept].answers)


@pytest.mark.parametrize("concept", MEASUREMENTS, ids=lambda concept: concept.name)
def test_a_measurement_has_a_unit_a_range_and_no_value_with_two_meanings(concept: catalogue.Concept) -> None:
    assert concept.unit and concept.range[0] < concept.range[1] and concept.source
    spans = sorted((guess["low"], guess["high"]) for guess in concept.unitless)
    assert all(high < low for (_, high), (low, _) in pairwise(spans))
    written = [concept.unit, *concept.also, *(step["unit"] for step in concept.conversions)]
    assert len(written) == len(set(written)) and all(step["factor"] > 0 for step in concept.conversions)


CONVERTED: list[tuple[str, float, str, float]] = [
    # cholesterol 38.67, triglycerides 88.57, creatinine 88.4, IFCC master equation, pound 0.45359237 kg
    ("total_cholesterol", 5.0, "mmol/L", 193.35),
    ("ldl", 2.6, "mmol/L", 100.542),
    ("hdl", 1.0, "mmol/L", 38.67),
    ("triglycerides", 2.0, "mmol/L", 177.14),
    ("creatinine", 88.4, "umol/L", 1.0),
    ("hba1c", 48, "mmol/mol", 6.542),
    ("urine_acr", 3.0, "mg/mmol", 26.52),
    ("weight", 100, "[lb_av]", 45.359237),
    ("haemoglobin", 128, "g/L", 12.8),
    ("potassium", 4.4, "mEq/L", 4.4),
    ("potassium", 4.4, "meq/L", 4.4),
    ("height", 70, "[in_i]", 177.8),
    ("temperature", 98.6, "[degF]", 37.0),
    ("glucose", 5.0, "mmol/L", 90.08),
    ("urea_nitrogen", 3.57, "mmol/L", 10.0),
    ("white_cells", 7200, "/uL", 7.2),
    ("platelets", 250, "10*9/L", 250),
    ("hs_crp", 0.2, "mg/dL", 2.0),
]


@pytest.mark.parametrize(("concept", "value", "unit", "expected"), CONVERTED)
def test_conversions_are_those_of_the_clinical_tables(concept: str, value: float, unit: str, expected: float) -> None:
    rows = reference_tables.reference_tables()["units"].to_pylist()
    (row,) = [row for row in rows if (row["concept"], row["unit"], row["inferred"]) == (concept, unit, False)]
    assert value * row["factor"] + row["shift"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", CONCEPTS)
def test_a_concept_has_codes_and_says_where_they_are_from(name: str) -> None:
    concept = CONCEPTS[name]
    assert concept.codes and concept.source and concept.label
    assert len(set(concept.codes)) == len(concept.codes)


@pytest.mark.parametrize("concept", CONCEPTS.values(), ids=lambda concept: concept.name)
def test_a_value_set_is_named_with_its_number_and_the_edition_that_was_read(concept: catalogue.Concept) -> None:
    said = [where for where, _ in concept.sources if "VSAC" in where and concept.family != "ingredient"]
    assert all(re.match(r"VSAC 2\.16(\.\d+)+ \w[^;]*, 20\d\d-\d\d( \(|$)", where) for where in said)


def test_a_class_has_the_codes_of_its_ingredients_and_no_other() -> None:
    loop = CONCEPTS["loop_diuretic"]
    ingredients = ("furosemide", "bumetanide", "torsemide", "ethacrynate")
    assert loop.members == tuple(f"ingredient_{name}" for name in ingredients)
    bare = [code.rpartition("|")[2] for code in loop.codes]
    assert bare == ["1808", "4603", "38413", "62349", "313988", "1719286"]


def test_a_class_with_an_unknown_ingredient_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"concepts \[a\]: there is no concept 'b'"):
        catalogue._with_members(catalogue.Concept("a", "medicine", "a", (), "x", members=("b",)), {})


def test_charlson_has_one_list_of_codes_and_the_concepts_are_fed_from_it() -> None:
    groups = scores.table("charlson")["groups"]
    fed = {name.removeprefix("charlson_"): c for name, c in CONCEPTS.items() if c.family == "charlson"}
    assert list(fed) == list(groups)
    for name, group in groups.items():
        bare = {code.rpartition("|")[2] for code in fed[name].codes}
        assert bare == {f"{code}*" for code in group["icd10cm"]} | set(group["snomed"])


SOCIAL = ("160903007", "160904001", "73595000", "741062008", "422650009", "423315002", "706893006", "266948004",
          "224299000", "314529007")  # fmt: skip


@pytest.mark.parametrize("code", SOCIAL)
def test_a_social_finding_is_no_morbidity(code: str) -> None:
    families = {c.family for c in CONCEPTS.values() if f"http://snomed.info/sct|{code}" in c.codes}
    assert families and families <= {"social_risk", "social_status", "administrative"}


def test_an_ordinary_crp_is_never_a_high_sensitivity_one() -> None:
    assert not set(CONCEPTS["hs_crp"].codes) & set(CONCEPTS["crp"].codes)


def test_codes_of_one_family_do_not_overlap_by_accident() -> None:
    owners: dict[tuple[str, str], list[str]] = {}
    for concept in MEASUREMENTS:
        for code in concept.codes:
            owners.setdefault((concept.family, code), []).append(concept.name)
    assert {code: names for code, names in owners.items() if len(names) > 1} == {}


WRONG_NAMES = {
    "an ingredient that there is not": {"names": {"ingredient_spinach": ["spinach"]}},
    "a name that nothing has": {"not_beside_name": {"spinach": ["canned"]}},
    "capital letters": {"names": {"ingredient_aspirin": ["Acetylsalicylic acid"]}},
    "a mark": {"not_beside": ["don't"]},
}


@pytest.mark.parametrize("name", WRONG_NAMES)
def test_names_of_medicines_that_could_never_match_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {"names": {}, "not_beside": [], "not_beside_name": {}} | WRONG_NAMES[name]
    monkeypatch.setattr(catalogue, "read_toml", lambda _: whole)
    with pytest.raises(DefinitionError, match=r"medicine_names\.toml: "):
        reference_tables._medicine_name_tables()


def test_a_name_stands_for_its_ingredient_and_its_classes() -> None:
    rows = reference_tables.reference_tables()["medicine_names"].to_pylist()
    assert [row["concept"] for row in rows if row["name"] == "lipitor"] == ["ingredient_atorvastatin", "statin"]
    assert {row["family"] for row in rows} == {"ingredient", "medicine"}
    named = {row["concept"] for row in rows if row["family"] == "ingredient"}
    assert named == {one.name for one in catalogue.concepts().values() if one.family == "ingredient"}


def test_a_reason_has_the_codes_of_what_it_is_a_reason_for() -> None:
    cancer, reason = catalogue.concepts()["cancer"], catalogue.concepts()["cancer_reason"]
    assert set(reason.codes) == {f"reason|{code}" for code in cancer.codes}
