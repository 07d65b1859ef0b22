"""Whose a resource is, and which medicine an order means: the table of references, in the batch and in the chart."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from analytics.definitions import events, live
from tests.references import BASE, ELSEWHERE, ID, NONE, OURS, REFERENCES, written
from tests.spec.live.fhir import RXNORM, Resource, codes, condition, known, line, observation, order, patient

AS_OF = date(2026, 6, 30)
WHY = {ELSEWHERE: "subject_elsewhere", NONE: "no_subject"}
ROSUVASTATIN = {"resourceType": "Medication", "id": ID, "code": codes((RXNORM, "859751"))}
#: The same base, as a registry may write it.
BASES = [BASE, f"{BASE}/", "HTTPS://EHR.example:443/fhir", "http://ehr.example/fhir"]


def batch(base: str | None, *resources: Resource) -> events.Batch:
    table, _ = events.read_lines(enumerate(map(line, resources), start=1), 1_000_000)
    return events.Reader(base).events_of(table, resources[0]["resourceType"])


def of(reference: str, key: str = "subject") -> Resource:
    if key == "subject":
        return observation("o", "4548-4", 7.1, "%", "2026-01-02", subject={"reference": reference})
    vaccine = codes(("http://hl7.org/fhir/sid/cvx", "140"))
    return {"resourceType": "Immunization", "id": "i", "status": "completed", "patient": {"reference": reference},
            "vaccineCode": vaccine, "occurrenceDateTime": "2026-01-02"}  # fmt: skip


@pytest.mark.parametrize("base", BASES)
def test_whose_a_resource_is_in_the_batch(base: str) -> None:
    found = batch(base, *(of(written(template, "Patient")) for template in REFERENCES))
    assert dict(found.dropped) == {
        number: WHY[verdict] for number, verdict in enumerate(REFERENCES.values(), start=1) if verdict != OURS
    }
    assert set(found.events["subject_id"].to_pylist()) == {ID}


@pytest.mark.parametrize("key", ["subject", "patient"])
@pytest.mark.parametrize("template", REFERENCES)
def test_whose_a_resource_is_in_the_chart(template: str, key: str) -> None:
    found = live.score([line(patient(ID)), line(of(written(template, "Patient"), key))], AS_OF, None, BASE)
    verdict = REFERENCES[template]
    assert found["dropped"] == ({} if verdict == OURS else {WHY[verdict]: 1})


def test_without_a_base_no_absolute_reference_is_ours() -> None:
    lines = [of(written(template, "Patient")) for template in REFERENCES]
    relative = [not template.lower().startswith("http") for template in REFERENCES]
    kept = [number for number in range(1, len(lines) + 1) if number not in dict(batch(None, *lines).dropped)]
    assert kept == [n for n, (verdict, near) in enumerate(zip(REFERENCES.values(), relative, strict=True), start=1)
                    if verdict == OURS and near]  # fmt: skip


def test_two_servers_in_one_thread_stay_apart() -> None:
    chart = [line(patient(ID)), line(of(f"https://a.example/fhir/Patient/{ID}")),
             line(observation("l", "13457-7", 100, "mg/dL", "2026-01-02") |
                  {"subject": {"reference": f"https://b.example/fhir/Patient/{ID}"}})]  # fmt: skip
    bases = ("https://a.example/fhir", "https://b.example/fhir", None, "https://a.example/fhir")
    values = [live.score(chart, AS_OF, None, base)["features"] for base in bases]
    assert [(one["hba1c"], one["ldl"]) for one in values] == [(7.1, None), (None, 100), (None, None), (7.1, None)]


@pytest.mark.parametrize("template", REFERENCES)
def test_which_medicine_an_order_means(template: str) -> None:
    """An order whose medicine is elsewhere stays, without that code, counted; what names none gives no code."""
    reference = written(template, "Medication")
    made = order("r", "", "2026-06-01", ID, medicationReference={"reference": reference})
    del made["medicationCodeableConcept"]
    found = live.score([line(patient(ID)), line(made), line(ROSUVASTATIN)], AS_OF, None, BASE)
    verdict = REFERENCES[template]
    expected = {"statin_in_use", "medicine_classes_in_use"} if verdict == OURS else set[str]()
    assert expected <= {name for name in known(found["features"]) if name.endswith("_in_use")}
    assert bool(found["features"]["statin_in_use"]) == (verdict == OURS)
    assert found["orders"]["elsewhere"] == (verdict == ELSEWHERE)
    assert found["dropped"] == ({"no_code": 1} if verdict == NONE else {})


def test_an_order_keeps_its_own_code_beside_a_medicine_elsewhere() -> None:
    other = {"reference": f"https://other.example/Medication/{ID}"}
    made = order("r", "617310", "2026-06-01", ID, medicationReference=other)
    codes_found = batch(BASE, made).events["code"].to_pylist()
    assert codes_found == [f"{RXNORM}|617310", "reference|elsewhere"]


def test_a_contained_medicine_is_that_of_the_order() -> None:
    inside = [{"resourceType": "Medication", "id": "m", "code": codes((RXNORM, "617310"))},
              {"resourceType": "Medication", "id": "n", "code": codes((RXNORM, "314076"))}]  # fmt: skip
    made = order("r", "", "2026", contained=inside, medicationReference={"reference": "#m"})
    del made["medicationCodeableConcept"]
    assert batch(BASE, made).events["code"].to_pylist() == [f"{RXNORM}|617310"]


def test_the_base_changes_nothing_of_what_is_relative() -> None:
    chart = [line(one) for one in (patient(), condition("c", "44054006", "2020"), order("r", "617310", "2026-01-01"))]
    scores: list[dict[str, Any]] = [live.score(chart, AS_OF, None, base) for base in (None, *BASES)]
    assert all(one == scores[0] for one in scores)
