"""What came from the EHR and could not be used is said on the page: an entry that vanishes would look like health."""

from datetime import date
from typing import Any

import orjson
import pytest

from analytics.definitions import live
from app.chart.view import View, view_of
from app.fhir import Chart, Unread, _lacks_medicines

TODAY = date(2026, 6, 30)
ANA: dict[str, Any] = {"resourceType": "Patient", "id": "p1", "birthDate": "1960-01-01", "gender": "female"}
DIABETES = {
    "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}, "onsetDateTime": "2020-01-01",
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "44054006"}]},
}  # fmt: skip


def page(*resources: dict[str, Any], unread: tuple[Unread, ...] = ()) -> View:
    chart = Chart(ANA, [orjson.dumps(one) for one in (ANA, *resources)], list(unread))
    score = live.score(chart.lines, TODAY, None)
    return view_of(chart, score, TODAY, None, None, show_banner=True, synthetic=False)


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


def order(reference: dict[str, Any] | None) -> dict[str, Any]:
    return {"resourceType": "MedicationRequest", "id": "m1"} | ({"medicationReference": reference} if reference else {})


@pytest.mark.parametrize(
    ("reference", "lacks"),
    [
        (None, False), ({"reference": "#med"}, False), ({"reference": "Medication/here"}, False),
        ({"reference": "https://ehr.example/fhir/Medication/here/_history/2"}, False),
        ({"reference": "Medication/elsewhere"}, True), ({"display": "Metformin"}, True),
    ],
)  # fmt: skip
def test_an_order_whose_medicine_did_not_come_is_noticed(reference: dict[str, Any] | None, lacks: bool) -> None:
    assert _lacks_medicines([order(reference), {"resourceType": "Medication", "id": "here"}]) is lacks


def test_orders_without_their_medicine_are_told_and_do_not_hide_the_group() -> None:
    shown = page(DIABETES, unread=(Unread("MedicationRequest", "unnamed"),))
    assert shown.rests_on_part == "medicines" and "which medicine" in shown.unread[0][1]
    assert shown.hidden is not None and "No release" in shown.hidden
