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

from app import metrics
from app.problems import Problem
from app.searches import ChartServer, Unreadable, ask, search
from app.smart.scopes import Granted
from app.smart.tokens import Context

PAGE_SIZE = 200
CHART_SECONDS = 25.0  # for everything; what has not come by then is named as unread
SEARCHED = (
    "Condition", "Observation", "Encounter", "MedicationRequest", "Procedure", "Immunization", "AllergyIntolerance",
)  # fmt: skip
Found = tuple[list[dict[str, Any]], bool]


@dataclass(frozen=True)
class Unread:
    """A resource type that is not, or not wholly, in the score. `parts`: categories that are, where that is known."""

    resource_type: str
    why: str
    parts: tuple[str, ...] = ()


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
    patient = pool.submit(_patient, server, who, granted)
    searches = {
        name: [pool.submit(search, server, query, who, deadline) for query in queries(name, who, granted)]
        for name in SEARCHED
    }
    try:
        return _gathered(_patient_in_time(patient, deadline), searches, deadline, granted)
    finally:
        for one in (one for several in searches.values() for one in several):
            one.cancel()  # where there is nothing to show, nothing more is asked of the EHR


def queries(resource_type: str, patient: str, granted: Granted) -> list[str]:
    """The searches for one type: one where all of it is granted, one for each granted part, none without the right."""
    if not granted.may_search(resource_type):
        return []
    query = f"{resource_type}?patient={patient}&_count={PAGE_SIZE}"
    if resource_type == "MedicationRequest" and granted.may_read("Medication"):
        query += "&_include=MedicationRequest:medication"
    return [f"{query}&{part}" for part in granted.narrowings(resource_type)] or [query]


def _gathered(
    record: dict[str, Any], searches: dict[str, list["Future[Found]"]], deadline: float, granted: Granted
) -> Chart:
    lines, unread = [orjson.dumps(record)], []
    for name, parts in searches.items():
        try:
            if not parts:
                raise Unreadable("not_granted")
            answers = [part.result(max(0.0, deadline - time.monotonic())) for part in parts]
        except (Unreadable, FutureTimeout) as error:
            unread.append(Unread(name, getattr(error, "why", "too_slow")))
            metrics.count("unread_types", unread[-1].why)
            continue
        resources = list(_each_once(one for found, _ in answers for one in found))
        lines += [orjson.dumps(one) for one in resources]
        if granted.is_narrowed(name):
            unread.append(Unread(name, "narrowed", granted.parts(name)))
        elif any(withheld for _, withheld in answers):
            unread.append(Unread(name, "narrowed"))
        elif name == "MedicationRequest" and _lacks_medicines(resources):
            unread.append(Unread(name, "unnamed"))
    return Chart(record, lines, unread)


def _lacks_medicines(resources: list[dict[str, Any]]) -> bool:
    """Does an order point to a Medication that did not come with it? Not every EHR sends or grants them."""
    came = {one.get("id") for one in resources if one.get("resourceType") == "Medication"}
    about = [one["medicationReference"] for one in resources if isinstance(one.get("medicationReference"), dict)]
    references = [str(one.get("reference", "")) for one in about]
    ids = [one.partition("/_history/")[0].rpartition("/")[2] for one in references if not one.startswith("#")]
    return not came.issuperset(ids)


def _each_once(resources: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What stands in several categories, or on several pages, counts once."""
    seen = set()
    for resource in resources:
        key = (resource.get("resourceType"), resource.get("id"))
        if not isinstance(key[1], str) or key not in seen:
            yield resource
        seen.add(key)


def _patient_in_time(future: "Future[dict[str, Any]]", deadline: float) -> dict[str, Any]:
    try:
        return future.result(max(0.0, deadline - time.monotonic()))
    except FutureTimeout as error:
        raise Problem("ehr_unreachable", "patient_too_slow") from error
    except Unreadable as error:
        slow = error.why in ("no_answer", "too_slow", "busy")
        raise Problem("ehr_unreachable" if slow else "patient_unreadable", error.why) from error


def _patient(server: ChartServer, patient: str, granted: Granted) -> dict[str, Any]:
    """The Patient of the token, and no other (a chart page for the wrong person is the worst thing it can do)."""
    if not granted.may_read("Patient"):
        raise Unreadable("not_granted")
    record, _ = ask(server, f"Patient/{patient}")
    if record.get("resourceType") != "Patient":
        raise Unreadable("malformed")
    if record.get("id") != patient:
        raise Problem("patient_mismatch", "read")
    links = record.get("link")
    if isinstance(links, list) and any(isinstance(one, dict) and one.get("type") == "replaced-by" for one in links):
        raise Problem("patient_replaced")  # the data moved on (FHIR R4, Patient.link): what is left looks like health
    return record
