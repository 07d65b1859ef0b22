"""The patient against the group and everyone: words, places on the axis, and what is left out."""

from app.chart import profile
from app.chart.figures import Axis, axis
from tests.flow.published import model
from tests.spec.live.fhir import condition, encounter, observation
from tests.unit.app.readings import reading_of, served

DIABETIC = (
    observation("a", "4548-4", 9.4, "%", "2026-05-04"),
    observation("b", "8480-6", 140, "mm[Hg]", "2026-05-04"),
    condition("c", "44054006", "2015-02-01"),
    encounter("v", "AMB", "2026-05-04T09:00:00Z"),
)
EVERYONE = {
    "features": [
        {"feature": "hba1c", "everyone": {"usual": [5.2, 5.9], "share": None}, "groups": []},
        {"feature": "systolic", "everyone": {"usual": None, "share": None}, "groups": []},
    ]
}


def test_each_value_stands_beside_the_group_and_everyone() -> None:
    with served({"cohorts": EVERYONE}):
        found = profile.section(reading_of(model(), *DIABETIC))
    assert found and found.with_everyone
    rows = {row.label: row for row in found.rows}
    hba1c = rows["HbA1c"]
    assert (hba1c.value, hba1c.group, hba1c.everyone, hba1c.place) == ("9.4 %", "7.1 to 8.6", "5.2 to 5.9", "above")
    assert (rows["Systolic blood pressure"].everyone, rows["Systolic blood pressure"].place) == (None, "within")
    assert "Diabetes" not in rows  # a yes or no has no axis
    assert "HbA1c" in found.summary


def test_a_release_that_does_not_tell_of_everyone_leaves_it_out() -> None:
    with served():
        found = profile.section(reading_of(model(), *DIABETIC))
    assert found and not found.with_everyone and all(row.everyone is None for row in found.rows)


def test_without_a_group_there_is_no_profile() -> None:
    with served():
        assert profile.section(reading_of(None, *DIABETIC)) is None
        assert profile.section(reading_of(model("other definitions"), *DIABETIC)) is None


def test_places_on_an_axis_go_from_the_least_to_the_most() -> None:
    assert axis(0.0, [5.0, 7.5], [5.0, 10.0]) == Axis(3.0, (50.0, 73.5), (50.0, 97.0))
    assert axis(0.0, [0.0, 0.0], None) is None
    assert axis(5.0, None, None) is None
    assert axis(float("nan"), [0.0, 1.0], None) is None
    logged = axis(999.0, [0.0, 9.0], None, log=True)
    assert logged and logged.group == (3.0, 34.3) and logged.value == 97.0
