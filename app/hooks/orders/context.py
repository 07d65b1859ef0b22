"""What a call of `order-select` says was chosen (hook order-select 1.x): the selected draft orders, and the others.

Whatever is in the Bundle must be the patient's: one order of somebody else ends the call.
"""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from app.hooks.answers import Refused
from app.hooks.calls import Call
from app.medicines import medication_id, read_missing
from app.registry import Ehr
from app.searches import REFERENCE, ChartServer, dicts, is_fhir_base, is_of_another

KIND = "MedicationRequest"
MOST = 200  # resources in draftOrders
READ_SECONDS = 2.0  # for the Medications that drafts point to
OVER = {"cancelled", "completed", "entered-in-error", "stopped"}  # R4 medicationrequest-status: no order to be
_ORDER = re.compile(REFERENCE.format(KIND))
_SELECTION = re.compile(r"[A-Za-z]{1,64}/[A-Za-z0-9\-.]{1,64}", re.ASCII)
Resource = dict[str, Any]


@dataclass(frozen=True)
class DraftOrder:
    """A draft: `MedicationRequest/1`, its medicine as one CodeableConcept, and the order that it replaces, or ""."""

    key: str
    is_selected: bool
    medicine: Resource = field(repr=False)
    replaces: str = ""


@dataclass(frozen=True)
class Chosen:
    """The context, checked: every MedicationRequest of the Bundle, the Medications, and what was selected."""

    orders: list[Resource] = field(repr=False)
    medications: list[Resource] = field(repr=False)
    by_url: dict[str, Resource] = field(repr=False)
    selected: frozenset[str]

    @property
    def has_any(self) -> bool:
        """Is a medicine among what was selected?"""
        return any(_key(one) in self.selected for one in self.orders)


def read_chosen(call: Call, ehr: Ehr) -> Chosen:
    """The context of the call. Raises Refused: `bad_call` where it breaks a rule, `other_patient`."""
    selected, entries = _selections(call.context), _entries(call.context)
    resources = [entry["resource"] for entry in entries]
    keys = [_key(one) for one in resources if isinstance(one.get("id"), str)]
    if len(set(keys)) < len(keys):  # which of two was meant?
        raise Refused("bad_call", "draft_orders")
    if any(_is_of_somebody_else(one, call.patient, ehr) for one in resources):
        raise Refused("other_patient", "draft_orders")
    if not selected <= set(keys):
        raise Refused("bad_call", "selections")
    urls = [str(entry["fullUrl"]) for entry in entries if "fullUrl" in entry]
    if len(set(urls)) < len(urls):  # R4 bdl-7
        raise Refused("bad_call", "draft_orders")
    medications = [one for one in resources if one["resourceType"] == "Medication"]
    by_url = {str(entry["fullUrl"]): entry["resource"] for entry in entries
              if "fullUrl" in entry and entry["resource"]["resourceType"] == "Medication"}  # fmt: skip
    return Chosen([one for one in resources if one["resourceType"] == KIND], medications, by_url, selected)


def draft_orders(
    chosen: Chosen, call: Call, ehr: Ehr, server: ChartServer | None, pool: ThreadPoolExecutor
) -> list[DraftOrder]:
    """The drafts that are orders to take something, each with its medicine as far as that is known.

    A Medication that did not come is read with the call's token, where it was granted.
    """
    orders = [one for one in chosen.orders if one.get("status") not in OVER and not one.get("doNotPerform")]
    medications = chosen.medications
    if server is not None and call.granted.may_read("Medication"):
        deadline = time.monotonic() + READ_SECONDS
        medications = medications + read_missing([*orders, *medications], server, pool, deadline)
    by_id = {one["id"]: one for one in medications if isinstance(one.get("id"), str)}
    return [
        DraftOrder(_key(one), _key(one) in chosen.selected, _medicine(one, by_id, chosen.by_url, ehr),
                   _replaces(one, ehr))
        for one in orders
    ]  # fmt: skip


def _selections(context: dict[str, Any]) -> frozenset[str]:
    given = context.get("selections")
    if not isinstance(given, list) or not all(isinstance(one, str) and _SELECTION.fullmatch(one) for one in given):
        raise Refused("bad_call", "selections")
    return frozenset(given)


def _entries(context: dict[str, Any]) -> list[dict[str, Any]]:
    bundle = context.get("draftOrders")
    entries = bundle.get("entry", []) if isinstance(bundle, dict) and bundle.get("resourceType") == "Bundle" else None
    if not isinstance(entries, list) or len(entries) > MOST or not all(_is_entry(one) for one in entries):
        raise Refused("bad_call", "draft_orders")
    return entries


def _is_entry(entry: object) -> bool:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    return isinstance(resource, dict) and isinstance(resource.get("resourceType"), str)


def _is_of_somebody_else(resource: Resource, patient: str, ehr: Ehr) -> bool:
    """A medicine must name the patient; other drafts may be about no person, but about no other one either."""
    if resource["resourceType"] == "Patient":
        return resource.get("id") != patient
    about = resource.get("subject")
    reference = about.get("reference") if isinstance(about, dict) else None
    if resource["resourceType"] == KIND and not (isinstance(reference, str) and "Patient/" in reference):
        return True
    return is_of_another(resource, patient, ehr)


def _medicine(order: Resource, by_id: dict[str, Resource], by_url: dict[str, Resource], ehr: Ehr) -> Resource:
    """All that says which medicine it is, as one CodeableConcept: codes and text, contained or referenced ones too."""
    pointer = order.get("medicationReference")
    pointer = pointer if isinstance(pointer, dict) else {}
    reference = str(pointer.get("reference", ""))
    contained = {f"#{one.get('id')}": one for one in dicts(order, "contained")}
    found = contained.get(reference) or by_url.get(reference) or by_id.get(medication_id(reference, ehr) or "")
    given = [order.get("medicationCodeableConcept"), {"text": pointer.get("display")}, (found or {}).get("code")]
    concepts = [one for one in given if isinstance(one, dict)]
    coding = [_texts(one, "system", "code", "display") for concept in concepts for one in dicts(concept, "coding")]
    texts = [one["text"] for concept in concepts if (one := _texts(concept, "text"))]
    return {"coding": coding, "text": " ".join(texts)}


def _texts(value: dict[str, Any], *keys: str) -> dict[str, str]:
    return {key: value[key] for key in keys if isinstance(value.get(key), str)}


def _replaces(order: Resource, ehr: Ehr) -> str:
    """R4 MedicationRequest.priorPrescription, as `MedicationRequest/1`; "" where it names none of this EHR."""
    prior = order.get("priorPrescription")
    reference = prior.get("reference") if isinstance(prior, dict) else None
    found = _ORDER.fullmatch(reference) if isinstance(reference, str) else None
    return f"{KIND}/{found['id']}" if found and is_fhir_base(found["base"], ehr) else ""


def _key(resource: Resource) -> str:
    """`MedicationRequest/1`; without an id what no selection can name."""
    return f"{resource['resourceType']}/{resource['id'] if isinstance(resource.get('id'), str) else ''}"
