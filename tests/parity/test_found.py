"""Every fault that was found once, as lines: what the batch and the chart make of them, and that both make the same."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.parity.batch import AS_OF, batch_rows, by_date, differences, live_numbers
from tests.references import BASE
from tests.spec.live.fhir import RXNORM, Resource, codes, encounter, line, observation, order, patient, subject

OTHER = "https://other.example/fhir"
STATIN: Resource = {"resourceType": "Medication", "id": "m", "code": codes((RXNORM, "617310"))}
CHEMOTHERAPY: Resource = {
    "resourceType": "Procedure", "id": "c", "status": "completed", "subject": subject(),
    "code": codes(("http://snomed.info/sct", "367336001")), "performedDateTime": "2026-05-01T09:00:00Z",
}  # fmt: skip


def called(text: str, ident: str = "r") -> Resource:
    return order(ident, "", "2026-06-01", medicationCodeableConcept={"text": text})


def pointing(reference: str) -> Resource:
    made = order("r", "", "2026-06-01", medicationReference={"reference": reference})
    return {key: value for key, value in made.items() if key != "medicationCodeableConcept"}


def of(reference: str) -> Resource:
    return observation("o", "4548-4", 7.1, "%", "2026-05-01") | {"subject": {"reference": reference}}


#: what was wrong -> lines beside the Patient, and features that they must give.
FOUND: dict[str, tuple[list[Resource], dict[str, float | None]]] = {
    "a patient of another server with the same id was ours": ([of(f"{OTHER}/Patient/p1")], {"hba1c": None}),
    "one below our base is ours": ([of(f"{BASE}/Patient/p1")], {"hba1c": 7.1}),
    "http and https are one server": ([of(f"{BASE.replace('https', 'http')}/Patient/p1")], {"hba1c": 7.1}),
    "a medicine of another server with the same id was ours":
        ([STATIN, pointing(f"{OTHER}/Medication/m")], {"statin_in_use": 0, "ingredients_in_use": 0}),
    "a medicine below our base is ours": ([STATIN, pointing(f"{BASE}/Medication/m/_history/2")], {"statin_in_use": 1}),
    "an order without a code was dropped": ([called("Crestor 20 mg")], {"statin_in_use": 1}),
    "no medicine is not one": ([called("No statin: atorvastatin allergy")], {"statin_in_use": 0}),
    "amlodipine 5 mg was no calcium channel blocker":
        ([order("r", "197361", "2026-06-01")], {"calcium_channel_blocker_in_use": 1}),
    "chemotherapy, a procedure, was a visit": ([CHEMOTHERAPY], {"care_days_12m": 0, "days_since_contact": None}),
    "a stay for chemotherapy was an unplanned one":
        ([encounter("e", "IMP", "2026-05-01T08:00:00Z", "2026-05-03"), CHEMOTHERAPY],
         {"stays_12m": 0, "care_days_12m": 1}),
    "a stay did not begin with its emergency visit":
        ([encounter("e", "EMER", "2026-05-01T20:00:00Z", "2026-05-02T04:00:00Z"),
          encounter("s", "IMP", "2026-05-02T05:00:00Z", "2026-05-04T05:00:00Z")], {"stays_12m": 1, "bed_days_12m": 3}),
    "an encounter of a local class was no stay":
        ([encounter("e", "inp", "2026-05-01", "2026-05-04", type=[codes(("http://snomed.info/sct", "32485007"))])],
         {"stays_12m": 1, "bed_days_12m": 3}),
    "a body mass index was missing beside weight and height":
        ([observation("h", "8302-2", 170, "cm", "2020-05-01"), observation("w", "29463-7", 80, "kg", "2026-05-01")],
         {"body_mass_index": 27.68}),
}  # fmt: skip


def both(tmp_path: Path, resources: Iterable[Resource]) -> dict[str, float | None]:
    """The features that batch and chart agree about."""
    lines = [line(one) for one in (patient(), *resources)]
    found, chart = by_date(batch_rows(tmp_path, lines)[0]), live_numbers({"p1": lines})
    assert differences(found, chart) == []
    return chart[AS_OF]["p1"]


@pytest.mark.parametrize("fault", FOUND)
def test_it_is_not_there_any_more(fault: str, tmp_path: Path) -> None:
    resources, expected = FOUND[fault]
    found = both(tmp_path, resources)
    assert {name: found[name] for name in expected} == expected
