"""A medicine that is chosen in a chart and not signed: what the hook `order-select` tells of it. Nothing is stored."""

from dataclasses import dataclass
from datetime import date
from typing import Any

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


@dataclass(frozen=True)
class Medicine:
    """One line of the list: RxNorm code and name of a product."""

    code: str
    name: str


MEDICINES = tuple(
    Medicine(code, name)
    for code, name in (
        ("617310", "atorvastatin 20 MG Oral Tablet"),
        ("259255", "atorvastatin 80 MG Oral Tablet"),
        ("859751", "rosuvastatin calcium 20 MG Oral Tablet"),
        ("312961", "simvastatin 20 MG Oral Tablet"),
        ("314076", "lisinopril 10 MG Oral Tablet"),
        ("979485", "losartan potassium 25 MG Oral Tablet"),
        ("308136", "amLODIPine 2.5 MG Oral Tablet"),
        ("310798", "Hydrochlorothiazide 25 MG Oral Tablet"),
        ("866427", "24 HR metoprolol succinate 25 MG Extended Release Oral Tablet"),
        ("313096", "spironolactone 25 MG Oral Tablet"),
    )
)


def medicine(code: str | None) -> Medicine | None:
    """A medicine of the list; None for any other code."""
    return next((one for one in MEDICINES if one.code == code), None)


def context(chosen: Medicine, patient: str, on: date) -> dict[str, Any]:
    """What order-select has in its context beside who and whose: the one draft, selected."""
    coding = {"system": RXNORM, "code": chosen.code, "display": chosen.name}
    draft = {
        "resourceType": "MedicationRequest", "id": f"draft-{chosen.code}", "status": "draft", "intent": "order",
        "medicationCodeableConcept": {"coding": [coding], "text": chosen.name},
        "subject": {"reference": f"Patient/{patient}"}, "authoredOn": on.isoformat(),
    }  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]}
    return {"selections": [f"MedicationRequest/{draft['id']}"], "draftOrders": bundle}
