"""Calls of `order-select`: drafts and their Bundle, as an EHR sends them."""

from typing import Any

import requests

from tests.conformance.hooks.caller import USER, Caller
from tests.flow.people import FAY

SELECT = "/cds-services/kindred-order-select"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATORVASTATIN_80, SIMVASTATIN, LISINOPRIL, LOSARTAN = "259255", "312961", "314076", "979485"
Resource = dict[str, Any]


def coded(code: str) -> Resource:
    """A CodeableConcept of an RxNorm code."""
    return {"coding": [{"system": RXNORM, "code": code}]}


def draft(identity: str, code: str | None = None, patient: str = FAY, **more: Any) -> Resource:
    """A draft order of the patient; without a code its medicine is among `more`."""
    medicine = {"medicationCodeableConcept": coded(code)} if code else {}
    return {"resourceType": "MedicationRequest", "id": identity, "status": "draft", "intent": "order",
            "subject": {"reference": f"Patient/{patient}"}} | medicine | more  # fmt: skip


def bundle(*resources: Resource) -> Resource:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


def context(*drafts: Resource, selected: list[str] | None = None, patient: str = FAY, **more: Any) -> Resource:
    """The context with these drafts, the first of them selected."""
    chosen = [f"{one['resourceType']}/{one['id']}" for one in drafts[:1]] if selected is None else selected
    return {"userId": USER, "patientId": patient, "selections": chosen, "draftOrders": bundle(*drafts)} | more


def select(caller: Caller, given: Resource, **changes: Any) -> requests.Response:
    """One call of the service."""
    patient = given.get("patientId", FAY)
    return caller.call(caller.body(patient, hook="order-select", context=given, **changes), path=SELECT)


def cards(caller: Caller, given: Resource, **changes: Any) -> list[Resource]:
    """The cards of a call that must be answered."""
    reply = select(caller, given, **changes)
    assert reply.status_code == 200, reply.text
    return list(reply.json()["cards"])


def told(found: list[Resource]) -> list[tuple[str, str, str]]:
    """Kind, indicator and summary of each card."""
    return [(one["source"]["topic"]["code"], one["indicator"], one["summary"].replace("\u00a0", " ")) for one in found]
