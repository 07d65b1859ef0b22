"""What came from the EHR and could not be used is said on the page: an entry that vanishes would look like health."""

from datetime import date
from typing import Any

import orjson
import pytest

from analytics.definitions import live
from app.chart.reading import Reading
from app.chart.view import View, view_of
from app.fhir import Chart, Unread
from app.read_in_part import as_read
from app.registry import Ehr
from app.smart.context import Context
from app.smart.tokens import Launch, Token

TODAY = date(2026, 6, 30)
ANA: dict[str, Any] = {"resourceType": "Patient", "id": "p1", "birthDate": "1960-01-01", "gender": "female"}
DIABETES = {
    "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}, "onsetDateTime": "2020-01-01",
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "44054006"}]},
}  # fmt: skip


def reading(chart: Chart, score: dict[str, Any]) -> Reading:
    ehr = Ehr("here", "https://ehr.example/fhir", "kindred", "public", "https://kindred.example/callback", ())
    launch = Launch("sid", "here", Context(patient="p1"), Token("secret", None, 0.0))
    return Reading(launch, ehr, chart, score, TODAY, None, None)


def page(*resources: dict[str, Any], unread: tuple[Unread, ...] = ()) -> View:
    chart = Chart(ANA, [orjson.dumps(one) for one in (ANA, *resources)], list(unread))
    score = as_read(live.score(chart.lines, TODAY, None), chart.unread)
    return view_of(reading(chart, score))


def test_what_can_be_used_leaves_nothing_to_say() -> None:
    assert (page(DIABETES).unread, page(DIABETES).rests_on_part) == ([], None)


@pytest.mark.parametrize(
    "change",
    [
        {"onsetDateTime": None}, {"onsetDateTime": "in May"}, {"code": {"text": "Diabetes"}}, {"id": None},
        {"subject": {"display": "Ana"}}, {"subject": {"reference": "#p"}}, {"subject": {"reference": "urn:uuid:1"}},
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_used_is_counted_on_the_page(change: dict[str, Any]) -> None:
    shown = page({key: value for key, value in (DIABETES | change).items() if value is not None})
    ((what, why),) = shown.unread
    assert what == "Entries of the chart" and why.startswith("1 could not be used")
    assert shown.rests_on_part == "entries"


def test_a_value_without_a_unit_is_told_with_its_record() -> None:
    systolic = {
        "resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-05-04", "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
        "valueQuantity": {"value": 151},
    }  # fmt: skip
    (told,) = page(systolic).units_assumed
    assert told.resource == "Observation/o1" and "pressure: 1 value came without" in told.sentence
    assert page(systolic | {"valueQuantity": {"value": 151, "code": "mm[Hg]"}}).units_assumed == []


def test_orders_without_their_medicine_are_told() -> None:
    shown = page(DIABETES, unread=(Unread("MedicationRequest", "unnamed", count=2),))
    assert shown.rests_on_part == "medicines"
    assert shown.unread == [("Medicines", "for 2 of them the EHR did not give which medicine it is")]
    assert shown.hidden is not None and "No release" in shown.hidden


def test_two_things_to_say_of_one_type_name_it_once_at_the_top() -> None:
    shown = page(unread=(Unread("MedicationRequest", "narrowed"), Unread("MedicationRequest", "unnamed", count=1)))
    assert shown.rests_on_part == "medicines" and [what for what, _ in shown.unread] == ["Medicines", "Medicines"]


@pytest.mark.parametrize(("kind", "hides"), [("Condition", True), ("MedicationRequest", True), ("Procedure", False)])
def test_parts_that_were_not_asked_for_are_told_and_hide_the_group_where_absence_counts(kind: str, hides: bool) -> None:
    chart = Chart(ANA, [orjson.dumps(ANA)], [Unread(kind, "too_many_parts", count=12)])
    group = {"rank": 1, "of": 2, "n": 0, "followed": 0, "events": 0, "rate": None, "second": None, "firmness": None}
    score = live.score(chart.lines, TODAY, None) | {"group_hidden": None, "group": group}
    shown = view_of(reading(chart, as_read(score, chart.unread)))
    assert shown.unread[0][1] == "the EHR granted it in so many parts that 12 of them were not asked for"
    assert (shown.group is None) is hides
