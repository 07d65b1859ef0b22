"""Medications that orders point to and that did not come with them: each is read by its id, where that is granted."""

import re
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from app.registry import Ehr
from app.searches import REFERENCE, ChartServer, Unreadable, ask, is_fhir_base

MOST_READ = 50  # Medications for one chart
SECONDS = 8.0  # for all of them: most of the page is there already
_MEDICATION = re.compile(REFERENCE.format("Medication"))
Resource = dict[str, Any]


def unnamed(resources: Iterable[Resource], ehr: Ehr) -> list[str | None]:
    """For each order whose Medication is not among the resources, its id; None where it is none of this FHIR base's."""
    given = list(resources)
    came = {one.get("id") for one in given if one.get("resourceType") == "Medication"}
    about = [one["medicationReference"] for one in given if isinstance(one.get("medicationReference"), dict)]
    references = [str(one.get("reference", "")) for one in about]
    ids = [medication_id(reference, ehr) for reference in references if not reference.startswith("#")]
    return [one for one in ids if one is None or one not in came]


def medication_id(reference: str, ehr: Ehr) -> str | None:
    """The id in a literal reference to a Medication of this EHR; None for any other."""
    found = _MEDICATION.fullmatch(reference)
    known = found and found["id"] not in (".", "..") and is_fhir_base(found["base"], ehr)
    return found["id"] if found and known else None


def read_missing(
    resources: Iterable[Resource], server: ChartServer, pool: ThreadPoolExecutor, deadline: float
) -> list[Resource]:
    """The missing Medications, as far as the EHR gives them in time. Raises Problem `session_ended`."""
    ids = list(dict.fromkeys(one for one in unnamed(resources, server.ehr) if one))[:MOST_READ]
    deadline = min(deadline, time.monotonic() + SECONDS)
    reads = [pool.submit(_medication, server, one, deadline) for one in ids]
    try:
        return [found for found in (_in_time(read, deadline) for read in reads) if found]
    finally:
        for read in reads:
            read.cancel()


def _in_time(read: "Future[Resource | None]", deadline: float) -> Resource | None:
    try:
        return read.result(max(0.0, deadline - time.monotonic()))
    except FutureTimeout:
        return None


def _medication(server: ChartServer, identity: str, deadline: float) -> Resource | None:
    """The Medication of this id, and no other; None where it cannot be had."""
    if time.monotonic() > deadline:
        return None
    try:
        resource, _ = ask(server, f"Medication/{identity}")
    except Unreadable:
        return None
    return resource if (resource.get("resourceType"), resource.get("id")) == ("Medication", identity) else None
