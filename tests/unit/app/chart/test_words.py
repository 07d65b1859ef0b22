"""What the chart page says: banner, dates, rates, small cells, bars, scopes."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from analytics import suppression
from app.chart.banner import banner_of
from app.chart.cells import may_show
from app.chart.figures import range_bar
from app.chart.view import outcome_sentence
from app.chart.words import UNREAD, age_of_value, day, firmness, percent, unit_assumed, unread_words
from app.problems import WORDS

ON = date(2026, 6, 30)


class TestTheBanner:
    def test_says_not_known_where_the_chart_is_silent(self) -> None:
        banner = banner_of({"resourceType": "Patient"}, ON)
        assert (banner.family, banner.born, banner.sex, banner.identifier) == ("Not known",) * 4

    @pytest.mark.parametrize(
        ("patient", "born"),
        [
            ({"birthDate": "1954-07-01"}, "01-Jul-1954 (71 years)"),
            ({"birthDate": "1954-06-30"}, "30-Jun-1954 (72 years)"),
            ({"birthDate": "1954-07"}, "Jul-1954 (age not known)"),
            ({"birthDate": "1954-01-01", "deceasedDateTime": "2000-01-02T10:00:00Z"}, "01-Jan-1954 (46 years)"),
            ({"birthDate": "soon"}, "Not known"),
            ({"birthDate": 7}, "Not known"),
        ],
    )
    def test_gives_date_of_birth_with_age(self, patient: dict[str, Any], born: str) -> None:
        assert banner_of(patient, ON).born == born

    def test_prefers_the_official_name_and_the_record_number(self) -> None:
        mr = {"coding": [{"code": "MR"}]}
        patient = {
            "name": [{"use": "old", "family": "Was"}, {"use": "official", "family": "Is", "given": ["A"]}],
            "identifier": [{"value": "1"}, {"value": "2", "type": {"text": "Passport"}}, {"value": "3", "type": mr}],
            "gender": "female",
        }  # fmt: skip
        banner = banner_of(patient, ON)
        assert (banner.family, banner.given, banner.sex) == ("Is", "A", "Female")
        assert (banner.identifier_type, banner.identifier) == ("Medical record number", "3")

    @pytest.mark.parametrize("odd", [{"name": "x"}, {"name": [None]}, {"identifier": [7]}, {"name": [{"given": [7]}]}])
    def test_survives_odd_shapes(self, odd: dict[str, Any]) -> None:
        assert banner_of(odd, ON).family == "Not known"


@pytest.mark.parametrize(
    ("text", "shown"), [("2026-03-09T10:00:00Z", "09-Mar-2026"), ("2026-03", "Mar-2026"), ("2026", "2026"), ("", None)]
)
def test_dates_keep_their_precision(text: str, shown: str | None) -> None:
    assert day(text) == shown


@pytest.mark.parametrize(
    ("time", "age"),
    [("2026-06-30", "that day"), ("2026-06-29", "1 day earlier"), ("2026-06-01", "4 weeks earlier"),
     ("2026-01-01", "6 months earlier"), ("2020-01-01", "6 years earlier"), ("2026-07-01", None), ("2026", None)],
)  # fmt: skip
def test_the_age_of_a_value(time: str, age: str | None) -> None:
    assert age_of_value(time, ON) == age


@pytest.mark.parametrize(("rate", "text"), [(0.0, "0"), (0.004, "0.4"), (0.31, "31"), (0.996, "99.6"), (1.0, "100")])
def test_rounding_claims_neither_never_nor_always(rate: float, text: str) -> None:
    assert percent(rate) == text


class TestSmallCells:
    @pytest.mark.parametrize(
        ("n", "followed", "events", "shown"),
        [
            (400, 300, 90, True),
            (400, 300, 0, True),
            (400, 300, 10, False),
            (400, 300, 290, False),
            (400, 300, 300, True),
            (400, 9, 0, False),
            (8, 8, 0, False),
            (305, 300, 90, False),
            (400, 0, 0, False),
            (400, None, None, False),
        ],
    )
    def test_counts_of_one_to_ten_are_never_shown(self, n: int, followed: Any, events: Any, shown: bool) -> None:
        group = {"n": n, "followed": followed, "events": events, "rate": 0.3, "low": 0.2, "high": 0.4}
        assert may_show(group) is shown
        assert ("Too few people" not in outcome_sentence(group)) is shown

    @pytest.mark.parametrize(
        ("hidden", "says"), [((400, 300, 8), "fewer than 4\u00a0%"), ((400, 300, 295), "more than 96\u00a0%")]
    )
    def test_a_hidden_rate_is_said_as_the_bound_that_the_release_gives(self, hidden: Any, says: str) -> None:
        group = suppression.rate(*hidden)
        assert not may_show(group) and f"Of 300 people in this group, {says} had" in outcome_sentence(group)

    def test_a_rate_that_the_release_hides_stays_hidden(self) -> None:
        assert not may_show({"n": 400, "followed": 300, "events": 90, "rate": None})


class TestARangeBar:
    def test_holds_value_and_range_inside_its_width(self) -> None:
        for value in (-1e9, 4.0, 5.0, 6.5, 9.0, 1e300):
            bar = range_bar(value, [5, 8])
            assert bar and all(0 < x < bar.width for x in (bar.low, bar.high, bar.value))

    def test_says_where_the_value_lies(self) -> None:
        places = [bar.place for value in (4, 5, 8, 9) if (bar := range_bar(value, [5, 8]))]
        assert places == ["below", "within", "within", "above"]

    @pytest.mark.parametrize(
        ("value", "usual"), [(None, [1, 2]), (1, None), (1, [2, 2]), (1, [None, 2]), (1, []), (float("nan"), [1, 2])]
    )
    def test_is_left_out_where_something_is_unknown(self, value: Any, usual: Any) -> None:
        assert range_bar(value, usual) is None


def test_how_firmly_a_patient_belongs_is_said_in_three_degrees() -> None:
    said = [firmness({"second": "B", "firmness": value, "rule": None}) for value in (0.4, 0.2, 0.05)]
    assert [text.split(" here")[0] for text in said] == ["Belongs", "Belongs", "Only just belongs"]
    assert len(set(said)) == 3 and all("“B”" in text for text in said)
    assert "rule" in firmness({"second": None, "firmness": None, "rule": "no_contact"})


def test_every_way_of_not_reading_has_its_words_and_no_words_are_left_over() -> None:
    app = Path(__file__).parents[4] / "app"
    text = (app / "fhir.py").read_text() + (app / "searches.py").read_text()
    used = set(re.findall(r'(?:Unreadable\(|Unread\(["\w]+, |return |if .* else |"why", )"(\w+)"', text))
    assert used - set(WORDS) == set(UNREAD)


@pytest.mark.parametrize(
    ("why", "parts", "says"),
    [
        ("narrowed", ["laboratory", "vital-signs"], "the EHR granted only laboratory results, vital signs"),
        ("narrowed", [], "the EHR granted only a part of it"),
        ("narrowed", ["laboratory", "<b>of their own</b>"], "the EHR granted only a part of it"),
        ("failed", ["laboratory"], "the EHR reported an error"),
    ],
)
def test_the_parts_that_were_granted_are_named_in_our_own_words(why: str, parts: list[str], says: str) -> None:
    assert unread_words(why, parts) == says


@pytest.mark.parametrize(
    ("concept", "n", "value", "said"),
    [
        ("ldl", 1, 100.542, "LDL cholesterol: 1 value came without a unit and was read by size; "
                            "the newest stands here as 100.5 mg/dL (02-Mar-2026)."),
        ("systolic", 3, 140.0, "Systolic blood pressure: 3 values came without a unit and were read by size; "
                               "the newest stands here as 140 mmHg (02-Mar-2026)."),
    ],
)  # fmt: skip
def test_a_unit_that_was_not_recorded_is_said(concept: str, n: int, value: float, said: str) -> None:
    told = {"n": n, "value": value, "time": "2026-03-02", "resource": "Observation/a"}
    assert unit_assumed(concept, told) == said
