"""What is missing or old, and what a usual value of it could change: the group's border, never the patient."""

import pytest

from app.chart import missing
from tests.flow.published import model
from tests.spec.live.fhir import condition, encounter, observation
from tests.unit.app.readings import reading_of, served

VISIT = encounter("v", "AMB", "2026-05-04T09:00:00Z")
DIABETES = condition("c", "44054006", "2015-02-01")


def told(*resources, papers=None, release=None) -> dict[str, missing.Missing]:
    with served(papers):
        found = missing.section(reading_of(release or model(), VISIT, *resources))
    return {one.sentence.partition(":")[0]: one for one in found}


def test_a_missing_input_says_where_the_group_would_change() -> None:
    found = told(DIABETES)["HbA1c"]
    assert found.sentence == "HbA1c: no usable value in the last 24 months."
    assert found.effect == "At 5.1 % the group would stay. At 8.6 % it would be “Diabetes with high HbA1c”."


def test_where_both_ends_lead_to_the_same_group_so_does_everything_between() -> None:
    found = told()["Systolic blood pressure"]
    assert found.effect == "No usual value (112 to 146 mmHg) would change the group."


def test_everyones_middle_half_counts_too() -> None:
    papers = {"cohorts": {"features": [{"feature": "systolic", "everyone": {"usual": [99, 151], "share": None}}]}}
    assert told(papers=papers)["Systolic blood pressure"].effect.startswith("No usual value (99 to 151 mmHg)")


def test_a_value_beyond_the_look_back_is_named_with_its_date_and_record() -> None:
    found = told(observation("o", "4548-4", 7.9, "%", "2021-05-04"))["HbA1c"]
    assert found.sentence == "HbA1c: no usable value in the last 24 months; the last, 7.9 %, is of 04-May-2021."
    assert found.resource == "Observation/o"


@pytest.mark.parametrize(("when", "is_old"), [("2025-06-29", True), ("2025-06-30", False), ("2026-05-04", False)])
def test_a_value_that_is_used_but_over_a_year_old_is_called_old(when: str, is_old: bool) -> None:
    found = told(observation("o", "4548-4", 7.9, "%", when)).get("HbA1c")
    assert (found is not None) is is_old
    if found:
        assert found.sentence == "HbA1c: the newest value, 7.9 %, is of 29-Jun-2025, 12 months earlier."
        assert "At 5.1 %" in (found.effect or "") or "No usual value" in (found.effect or "")


def test_what_is_tried_leaves_the_score_as_it_was() -> None:
    with served():
        reading = reading_of(model(), VISIT, DIABETES)
        before = dict(reading.score["features"])
        missing.section(reading)
    assert reading.score["features"] == before and before["hba1c"] is None


def test_without_a_group_nothing_is_said_of_one() -> None:
    with served():
        found = missing.section(reading_of(None, VISIT))
    assert found and all(one.effect is None for one in found)


def test_what_could_change_the_group_stands_first() -> None:
    release = model()
    for group in release["groups"]:
        group["usual"]["hba1c"] = [5.5, 5.6]  # so near to the middle that nothing changes
    assert release["features"].index("hba1c") < release["features"].index("systolic")
    found = list(told(DIABETES, release=release).items())
    assert [(name, one.changes) for name, one in found] == [("Systolic blood pressure", True), ("HbA1c", False)]
