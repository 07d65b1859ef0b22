"""Kinds of people: what Patient says of race and ethnicity, age bands, and that neither enters any number."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import orjson
import pytest

from analytics import build
from analytics.definitions import catalogue, events, features, live
from analytics.evidence import strata
from analytics.evidence.people import COLUMNS

OMB = "urn:oid:2.16.840.1.113883.6.238"
PROFILE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
AS_OF = date(2026, 6, 30)
WHITE, BLACK = (OMB, "2106-3"), (OMB, "2054-5")
UNKNOWN = ("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "ASKU")
HISPANIC, NOT_HISPANIC = (OMB, "2135-2"), (OMB, "2186-5")


def patient(person: str, race: list[tuple[str, str]], ethnicity: list[tuple[str, str]]) -> bytes:
    said = [("race", coding) for coding in race] + [("ethnicity", coding) for coding in ethnicity]
    extensions = [
        {"url": PROFILE + name,
         "extension": [{"url": "ombCategory", "valueCoding": {"system": system, "code": code}}]}
        for name, (system, code) in said
    ]  # fmt: skip
    return orjson.dumps({"resourceType": "Patient", "id": person, "gender": "female", "birthDate": "1950-01-01",
                         "extension": extensions})  # fmt: skip


def rows(lines: list[bytes]) -> list[dict[str, Any]]:
    """The batch's rows at both dates, without Spark."""
    connection = events.connect()
    table, _ = events.read_lines(enumerate(lines, start=1), 5_000_000)
    batch = events.Reader().events_of(table, expected_type="Patient")
    define = features.use_duckdb(connection, AS_OF)
    connection.register("events", batch.events)
    features.define_shared(define)
    coded = connection.sql("FROM coded").to_arrow_table()
    return build._rows(coded, build.dates(AS_OF, 0)).to_pylist()


SAID = [
    ([WHITE], [NOT_HISPANIC], ("White", "Not Hispanic or Latino")),
    ([BLACK], [HISPANIC], ("Black or African American", "Hispanic or Latino")),
    ([WHITE, BLACK], [HISPANIC], ("Two or more races", "Hispanic or Latino")),
    ([WHITE, WHITE], [HISPANIC, HISPANIC], ("White", "Hispanic or Latino")),
    ([WHITE], [HISPANIC, NOT_HISPANIC], ("White", None)),
    ([UNKNOWN], [], (None, None)),
    ([], [HISPANIC], (None, "Hispanic or Latino")),
    ([], [], (None, None)),
]


@pytest.fixture(scope="module")
def found() -> list[dict[str, Any]]:
    """Everyone of SAID, alike but for race and ethnicity, at both dates."""
    return rows([patient(f"p{number}", race, ethnicity) for number, (race, ethnicity, _) in enumerate(SAID)])


@pytest.mark.parametrize("number", range(len(SAID)))
def test_race_and_ethnicity_stand_beside_the_features(found: list[dict[str, Any]], number: int) -> None:
    mine = [(row["race"], row["ethnicity"]) for row in found if row["subject_id"] == f"p{number}"]
    assert mine == [SAID[number][2]] * 2


def test_race_and_ethnicity_change_no_feature_of_the_batch(found: list[dict[str, Any]]) -> None:
    for day in build.dates(AS_OF, 0):
        told = [{name: row[name] for name in catalogue.features()} for row in found if row["as_of"] == day]
        assert len(told) == len(SAID) and all(one == told[0] for one in told)


def test_race_and_ethnicity_change_nothing_of_the_live_score_but_the_pce() -> None:
    """The pooled cohort equations name race themselves; no feature, group or reason does."""
    one, other = patient("p", [WHITE], [HISPANIC]), patient("p", [BLACK], [NOT_HISPANIC])
    scored = [live.score([line], AS_OF, None) for line in (one, other)]
    for score in scored:
        score["scores"].pop("pce", None)
    assert scored[0] == scored[1]


def test_no_definition_knows_the_codes_of_race_and_ethnicity() -> None:
    """So no feature can be made of them; and their columns are no inputs, for an input is a feature."""
    codes = {code for concept in catalogue.concepts().values() for code in concept.codes}
    assert not codes & set(strata.codes()["code"].to_pylist())
    assert not catalogue.features().keys() & {*strata.RECORDED}
    texts = "\n".join(features.view_texts().values()) + features.outcome_text()
    assert OMB not in texts and not any(f"'{value}'" in texts for value in strata.codes()["value"].to_pylist())


def test_what_evidence_reads_of_a_person_are_features() -> None:
    assert set(COLUMNS) <= catalogue.features().keys()


def test_a_column_beside_the_features_changes_no_membership() -> None:
    """What places people reads the features of the model by name."""
    from analytics.definitions import groups

    step = {"shape": "value", "fill": 50.0, "cap": [0.0, 100.0], "middle": 50.0, "scale": 10.0}
    centres = [{"rank": 1, "rule": None, "centre": [-1.0]}, {"rank": 2, "rule": None, "centre": [1.0]}]
    model = {"features": ["age"], "transform": {"age": step}, "groups": centres}
    people = [{"age": 70.0, "days_since_contact": 3.0, "race": race} for race in ("White", "Asian", None)]
    found = groups.assign(groups.as_matrix(people, ["age"]), np.array([3.0] * 3), model)
    assert len({(one.rank, one.firmness) for one in found}) == 1


@pytest.mark.parametrize(
    ("by", "value", "expected"),
    [
        ("sex", 1.0, "Female"), ("sex", 0.0, "Male"), ("sex", np.nan, "Not recorded"),
        ("age_band", 0.0, "0 to 17"), ("age_band", 17.0, "0 to 17"), ("age_band", 18.0, "18 to 44"),
        ("age_band", 64.0, "45 to 64"), ("age_band", 65.0, "65 to 74"), ("age_band", 101.0, "75 and older"),
        ("age_band", np.nan, "Not recorded"), ("age_band", -1.0, "Not recorded"),
        ("race", None, "Not recorded"), ("ethnicity", "Hispanic or Latino", "Hispanic or Latino"),
    ],
)  # fmt: skip
def test_of_which_kind_a_person_is(by: str, value: Any, expected: str) -> None:
    column = np.array([value]) if by in ("sex", "age_band") else [value]
    assert strata.of(by, column) == [expected]
    assert expected in strata.values(by)


def test_dates_are_a_year_apart() -> None:
    assert build.dates(AS_OF, 2) == [date(2026, 6, 30), date(2025, 6, 30), date(2024, 6, 30), date(2023, 7, 1)]
