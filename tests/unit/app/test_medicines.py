"""Orders whose Medication did not come along: it is read by its id, or the page says for how many it is missing."""

import json
from collections.abc import Callable
from threading import Barrier, Event
from typing import Any

import pytest

from app.fhir import Chart, Unread
from app.medicines import unnamed
from tests.unit.app.test_fhir import bundle, read, whys  # noqa: F401 - read is a fixture

ORDERS = "/fhir/MedicationRequest?patient=p1"
MINE = ("patient/Patient.r", "patient/MedicationRequest.rs", "patient/Medication.r")
EHR = "https://ehr.example"


def order(reference: Any) -> dict[str, Any]:
    about = {"medicationReference": reference} if reference else {}
    return {"resourceType": "MedicationRequest", "subject": {"reference": "Patient/p1"}} | about


def medication(identity: str) -> dict[str, Any]:
    return {"resourceType": "Medication", "id": identity, "code": {"coding": [{"system": "s", "code": identity}]}}


def orders(*ids: str) -> dict[str, Any]:
    return bundle(*(order({"reference": f"Medication/{one}"}) for one in ids))


def ids_of(chart: Chart) -> list[str]:
    lines = [json.loads(line) for line in chart.lines]
    return [line["id"] for line in lines if line["resourceType"] == "Medication"]


def asked_of(here: Any) -> list[str]:
    return sorted(path.removeprefix("/fhir/Medication/") for _, path, *_ in here.requests if "/Medication/" in path)


@pytest.mark.parametrize(
    ("reference", "lacks"),
    [
        (None, []), ({"reference": "#med"}, []), ({"reference": "Medication/here"}, []),
        ({"reference": "https://ehr.example/fhir/Medication/here/_history/2"}, []),
        ({"reference": "https://EHR.example:443/fhir/Medication/here"}, []),
        ({"reference": "Medication/else"}, ["else"]), ({"reference": "Medication/else/_history/3"}, ["else"]),
        ({"reference": "https://ehr.example/fhir/Medication/else"}, ["else"]),
        ({"display": "Metformin"}, [None]), ({"reference": 7}, [None]), ({"reference": "urn:uuid:1"}, [None]),
        ({"reference": "https://elsewhere.example/fhir/Medication/here"}, [None]),  # which is another
        ({"reference": "https://files.example/Medication/here"}, [None]),
        ({"reference": "https://ehr.example/fhir/tenant-2/Medication/here"}, [None]),
        ({"reference": "https://ehr.example\\\\@evil.example/fhir/Medication/else"}, [None]),
        ({"reference": "Medication/.."}, [None]), ({"reference": "Medication/../Patient/p2"}, [None]),
        ({"reference": "Medication/a?x=1"}, [None]), ({"reference": "Patient/p2"}, [None]),
    ],
)  # fmt: skip
def test_an_order_whose_medicine_did_not_come_is_noticed(ehr_at, reference: Any, lacks: list[str | None]) -> None:
    ehr = ehr_at(EHR, hosts=("https://files.example",))
    assert unnamed([order(reference), {"resourceType": "Medication", "id": "here"}], ehr) == lacks


def test_it_is_read_by_its_id_once(read: Callable[..., Any]) -> None:  # noqa: F811
    answers = {ORDERS: orders("m1", "m2", "m1"), "/fhir/Medication/m1": medication("m1"),
               "/fhir/Medication/m2": medication("m2")}  # fmt: skip
    chart, here = read(answers, scopes=MINE)
    assert asked_of(here) == ids_of(chart) == ["m1", "m2"] and "MedicationRequest" not in whys(chart)


def test_what_came_along_is_not_asked_for(read: Callable[..., Any]) -> None:  # noqa: F811
    chart, here = read({ORDERS: bundle(order({"reference": "Medication/m1"}), medication("m1"))}, scopes=MINE)
    assert asked_of(here) == [] and ids_of(chart) == ["m1"] and "MedicationRequest" not in whys(chart)


def test_nothing_is_asked_without_the_right(read: Callable[..., Any]) -> None:  # noqa: F811
    chart, here = read({ORDERS: orders("m1")}, scopes=MINE[:2])
    assert asked_of(here) == []
    assert chart.unread[-1] == Unread("MedicationRequest", "unnamed", count=1)


def test_only_what_lies_below_the_fhir_base_is_asked_for(read: Callable[..., Any], serve) -> None:  # noqa: F811
    there = serve(lambda _: (200, {}, json.dumps(medication("m1")).encode()))
    answers = {ORDERS: bundle(order({"reference": f"{there.url}/fhir/Medication/m1"}))}
    chart, here = read(answers, scopes=MINE, hosts=(there.url,))
    assert asked_of(here) == [] == there.requests
    assert chart.unread[-1] == Unread("MedicationRequest", "unnamed", count=1)


@pytest.mark.parametrize(
    "answer", [404, 403, 410, b"<html>", medication("m9"), {"resourceType": "Patient", "id": "m1"}, [], 302]
)
def test_what_the_ehr_does_not_give_is_counted_by_order(read: Callable[..., Any], answer: Any) -> None:  # noqa: F811
    answers = {ORDERS: orders("m1", "m2", "m1"), "/fhir/Medication/m1": answer, "/fhir/Medication/m2": medication("m2")}
    chart, _ = read(answers, scopes=MINE)
    assert chart.unread[-1] == Unread("MedicationRequest", "unnamed", count=2) and ids_of(chart) == ["m2"]


def test_no_more_are_read_than_a_page_can_wait_for(read: Callable[..., Any], monkeypatch) -> None:  # noqa: F811
    monkeypatch.setattr("app.medicines.MOST_READ", 3)
    chart, here = read({ORDERS: orders(*"abcde")} | {f"/fhir/Medication/{one}": medication(one) for one in "abcde"},
                       scopes=MINE)  # fmt: skip
    assert asked_of(here) == ids_of(chart) == ["a", "b", "c"]
    assert chart.unread[-1] == Unread("MedicationRequest", "unnamed", count=2)


def test_they_are_read_side_by_side(read: Callable[..., Any]) -> None:  # noqa: F811
    all_here = Barrier(3)

    def given(one: str) -> Callable[[], Any]:
        return lambda: all_here.wait(10) >= 0 and medication(one)

    chart, _ = read({ORDERS: orders(*"abc")} | {f"/fhir/Medication/{one}": given(one) for one in "abc"}, scopes=MINE)
    assert ids_of(chart) == ["a", "b", "c"]


def test_an_ehr_that_is_slow_with_them_is_not_waited_for(read: Callable[..., Any], monkeypatch) -> None:  # noqa: F811
    monkeypatch.setattr("app.medicines.SECONDS", 0.1)
    late = Event()
    answers = {ORDERS: orders("m1"), "/fhir/Medication/m1": lambda: (late.wait(0.5), medication("m1"))[1]}
    chart, _ = read(answers, scopes=MINE)
    assert chart.unread[-1] == Unread("MedicationRequest", "unnamed", count=1) and ids_of(chart) == []
