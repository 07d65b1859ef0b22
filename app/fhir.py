"""Reads the open patient's resources from the EHR: in parallel, bounded, with what failed said rather than hidden.

fhirclient's server class does the requests; `ChartServer` gives it our transport (registered origins, no redirects,
limits, retries) and our token (`Bearer`). Its strict resource models are not used: one unknown element would
lose a whole resource, and the definitions read plain JSON.
"""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any

import orjson

from app import medicines, metrics
from app.problems import Problem
from app.searches import ChartServer, Unreadable, ask, search
from app.smart.scopes import Granted
from app.smart.tokens import Context

PAGE_SIZE = 200
MOST_SEARCHES = 20  # for one type: an EHR may grant it in any number of parts
CHART_SECONDS = 25.0  # for everything; what has not come by then is named as unread
SEARCHED = (
    "Condition", "Observation", "Encounter", "MedicationRequest", "Procedure", "Immunization", "AllergyIntolerance",
)  # fmt: skip
#: Categories of which every resource of the type has one (US Core: Condition's category is 1..*, of these three).
PARTS_THAT_ARE_ALL = {"Condition": {"problem-list-item", "encounter-diagnosis", "health-concern"}}
Found = tuple[list[dict[str, Any]], bool]


@dataclass(frozen=True)
class Unread:
    """A resource type that is not, or not wholly, in the score.

    `parts`: categories that are, where that is known. `count`: of what is missing, where `why` counts it.
    """

    resource_type: str
    why: str
    parts: tuple[str, ...] = ()
    count: int = 0


@dataclass(frozen=True)
class Chart:
    """What was read: the Patient resource, every resource as one JSON line, and what is not among them."""

    patient: dict[str, Any]
    lines: list[bytes]
    unread: list[Unread]


def read_chart(server: ChartServer, context: Context, pool: ThreadPoolExecutor) -> Chart:
    """Everything the definitions use about the launch's patient, as far as it was granted.

    Raises Problem `patient_unreadable`, `patient_mismatch`, `session_ended` or `ehr_unreachable` where there is
    nothing to show; a resource type that fails is listed in `unread` instead.
    """
    if context.patient is None:
        raise Problem("no_patient")
    server.bearer.renew_if_ending()
    deadline, granted, who = time.monotonic() + CHART_SECONDS, context.granted, context.patient
    patient = pool.submit(read_patient, server, who, granted)
    asked = {name: queries(name, who, granted) for name in SEARCHED}
    searches = {
        name: [pool.submit(search, server, query, who, deadline) for query in parts[:MOST_SEARCHES]]
        for name, parts in asked.items()
    }
    left_out = {name: len(parts) - len(searches[name]) for name, parts in asked.items()}
    try:
        record = patient_in_time(patient, deadline)
        found, unread = gathered(searches, deadline, granted, left_out)
    finally:
        for one in (one for several in searches.values() for one in several):
            one.cancel()  # where there is nothing to show, nothing more is asked of the EHR
    unread += name_orders(found.get("MedicationRequest", []), server, granted, pool, deadline)
    resources = (record, *(one for several in found.values() for one in several))
    return Chart(record, [orjson.dumps(one) for one in resources], unread)


def queries(resource_type: str, patient: str, granted: Granted) -> list[str]:
    """The searches for one type: one where all of it is granted, one for each granted part, none without the right."""
    if not granted.may_search(resource_type):
        return []
    query = f"{resource_type}?patient={patient}&_count={PAGE_SIZE}"
    if resource_type == "MedicationRequest" and granted.may_read("Medication"):
        query += "&_include=MedicationRequest:medication"
    return [f"{query}&{part}" for part in granted.narrowings(resource_type)] or [query]


def gathered(
    searches: dict[str, list["Future[Found]"]], deadline: float, granted: Granted, left_out: dict[str, int]
) -> tuple[dict[str, list[dict[str, Any]]], list[Unread]]:
    """What was found of each type, and which types are not, or not wholly, there."""
    gathered, unread = {}, []
    for name, parts in searches.items():
        try:
            if not parts:
                raise Unreadable("not_granted")
            answers = [part.result(max(0.0, deadline - time.monotonic())) for part in parts]
        except (Unreadable, FutureTimeout) as error:
            unread.append(Unread(name, getattr(error, "why", "too_slow")))
            metrics.count("unread_types", unread[-1].why)
            continue
        gathered[name] = list(each_once(one for found, _ in answers for one in found))
        if left_out[name]:
            unread.append(Unread(name, "too_many_parts", count=left_out[name]))
        elif granted.is_narrowed(name) and not PARTS_THAT_ARE_ALL.get(name, {""}) <= set(granted.parts(name)):
            unread.append(Unread(name, "narrowed", granted.parts(name)))
        elif any(withheld for _, withheld in answers):
            unread.append(Unread(name, "narrowed"))
    return gathered, unread


def name_orders(
    orders: list[dict[str, Any]], server: ChartServer, granted: Granted, pool: ThreadPoolExecutor, deadline: float
) -> list[Unread]:
    """Add to the orders the Medications that did not come with them; what is still missing then is said.

    Not every EHR sends them along (`_include` is optional), or grants them.
    """
    if granted.may_read("Medication"):
        orders += medicines.read_missing(orders, server, pool, deadline)
    missing = len(medicines.unnamed(orders, server.ehr))
    return [Unread("MedicationRequest", "unnamed", count=missing)] if missing else []


def each_once(resources: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What stands in several categories, or on several pages, counts once."""
    seen = set()
    for resource in resources:
        key = (str(resource.get("resourceType")), resource.get("id"))
        if not isinstance(key[1], str) or key not in seen:
            yield resource
        if isinstance(key[1], str):  # an id may be anything, and not all can be looked up
            seen.add(key)


def patient_in_time(future: "Future[dict[str, Any]]", deadline: float) -> dict[str, Any]:
    """What `read_patient` gives by the deadline (of time.monotonic). Raises Problem where that is nothing to show."""
    try:
        return future.result(max(0.0, deadline - time.monotonic()))
    except FutureTimeout as error:
        raise Problem("ehr_unreachable", "patient_too_slow") from error
    except Unreadable as error:
        slow = error.why in ("no_answer", "too_slow", "busy")
        raise Problem("ehr_unreachable" if slow else "patient_unreadable", error.why) from error


def read_patient(server: ChartServer, patient: str, granted: Granted) -> dict[str, Any]:
    """The Patient of the token, and no other (a chart page for the wrong person is the worst thing it can do)."""
    if not granted.may_read("Patient"):
        raise Unreadable("not_granted")
    record, _ = ask(server, f"Patient/{patient}")
    return checked_patient(record, patient)


def checked_patient(record: dict[str, Any], patient: str) -> dict[str, Any]:
    """The record, if it is that of this patient and still stands. Raises Unreadable or Problem."""
    if record.get("resourceType") != "Patient":
        raise Unreadable("malformed")
    if record.get("id") != patient:
        raise Problem("patient_mismatch", "read")
    links = record.get("link")
    if isinstance(links, list) and any(isinstance(one, dict) and one.get("type") == "replaced-by" for one in links):
        raise Problem("patient_replaced")  # the data moved on (FHIR R4, Patient.link): what is left looks like health
    return record
