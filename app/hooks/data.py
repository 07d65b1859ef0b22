"""The chart of one call: what it brought, where that is whole, and the rest read with its token.

The rules are those of a chart page (`app.searches`), but for one: a resource of another patient ends the call.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from typing import Any

import orjson

from app.fhir import (
    MOST_SEARCHES,
    Chart,
    Found,
    Unread,
    checked_patient,
    each_once,
    gathered,
    name_orders,
    patient_in_time,
    queries,
    read_patient,
)
from app.hooks.answers import Refused
from app.hooks.calls import Call
from app.hooks.prefetch import Part, parts
from app.medicines import unnamed
from app.problems import Problem
from app.registry import Ehr
from app.searches import ChartServer, Unreadable, given, search

READ_SECONDS = 3.0  # for all that is read: an EHR gives a card up after a second or two
# Types without which no risk group is told.
NEEDED = frozenset({"Condition", "Observation", "Encounter", "MedicationRequest"})
Resource = dict[str, Any]


def server_of(call: Call, ehr: Ehr) -> ChartServer | None:
    """What reads with the token of a call, for all that is read for it; None where it brought none."""
    return ChartServer(ehr, call.token, READ_SECONDS) if call.token is not None else None


def chart_of(call: Call, ehr: Ehr, on: date, server: ChartServer | None, pool: ThreadPoolExecutor) -> Chart:
    """The call's patient. Raises Refused `precondition` where what is needed can be had nowhere, or `other_patient`."""
    brought, missing, unread = _brought(call, ehr, on)
    record = _brought_patient(call)
    if server is None:
        if record is None or NEEDED & {part.resource_type for part in missing}:
            raise Refused("precondition", "no_token")
        unread += [Unread(part.resource_type, "not_granted") for part in missing]
    elif record is None or missing:
        record, found, failed = _read(call, server, record, missing, pool)
        brought, unread = _joined(brought, found), unread + failed
    unread += _nameless(brought.get("MedicationRequest", []), call, ehr, server, pool)
    if any(one.why == "other_patient" for one in unread):
        raise Refused("other_patient", "read")
    assert record is not None  # it came, or was read, or the call has ended
    resources = (record, *(one for several in brought.values() for one in each_once(several)))
    try:
        return Chart(record, [orjson.dumps(one) for one in resources], unread)
    except TypeError as error:  # deeper than any resource is, or letters that are none
        raise Refused("bad_json", "resource") from error


def _brought(call: Call, ehr: Ehr, on: date) -> tuple[dict[str, list[Resource]], list[Part], list[Unread]]:
    """Resources by type, the parts that did not come whole, and the types of which the EHR kept some back."""
    found: dict[str, list[Resource]] = {}
    missing, unread = [], []
    for part in parts(on):
        value = call.prefetch.get(part.key, ...)
        if value is None and call.token is None:  # "no data" in the words of the specification
            found.setdefault(part.resource_type, [])
            continue
        try:
            if not isinstance(value, dict):  # not sent, or null, which a read can confirm
                raise Unreadable("malformed")
            resources, withheld = given(value, part.resource_type, call.patient, ehr)
        except Problem as problem:
            raise Refused("other_patient", "prefetch") from problem
        except Unreadable as error:
            if error.why == "other_patient":
                raise Refused("other_patient", "prefetch") from error
            missing.append(part)
            continue
        found.setdefault(part.resource_type, []).extend(resources)
        if withheld:
            unread.append(Unread(part.resource_type, "narrowed"))
    return found, missing, unread


def _brought_patient(call: Call) -> Resource | None:
    """The Patient that came; None where none did, or it is no Patient. Raises Refused where it is another one."""
    record = call.prefetch.get("patient")
    if not isinstance(record, dict):
        return None
    try:
        return checked_patient(record, call.patient)
    except Unreadable:
        return None
    except Problem as problem:
        code = "other_patient" if problem.code == "patient_mismatch" else "precondition"
        raise Refused(code, "prefetch_patient") from problem


def _read(
    call: Call, server: ChartServer, record: Resource | None, missing: list[Part], pool: ThreadPoolExecutor
) -> tuple[Resource, dict[str, list[Resource]], list[Unread]]:
    """The Patient, where it did not come, and the missing parts, all at once."""
    deadline = time.monotonic() + READ_SECONDS
    patient = None if record else pool.submit(read_patient, server, call.patient, call.granted)
    searches: dict[str, list[Future[Found]]] = {part.resource_type: [] for part in missing}
    left_out = dict.fromkeys(searches, 0)
    for part in missing:
        asked = [query + part.quoted for query in queries(part.resource_type, call.patient, call.granted)]
        left_out[part.resource_type] += max(0, len(asked) - MOST_SEARCHES)
        searches[part.resource_type] += [
            pool.submit(search, server, query, call.patient, deadline) for query in asked[:MOST_SEARCHES]
        ]
    try:
        found, unread = gathered(searches, deadline, call.granted, left_out)
        return record or patient_in_time(_some(patient), deadline), found, unread
    finally:
        for one in (one for several in searches.values() for one in several):
            one.cancel()


def _some(patient: "Future[Resource] | None") -> "Future[Resource]":
    assert patient is not None
    return patient


def _joined(one: dict[str, list[Resource]], other: dict[str, list[Resource]]) -> dict[str, list[Resource]]:
    return {name: [*one.get(name, []), *other.get(name, [])] for name in {**one, **other}}


def _nameless(
    orders: list[Resource], call: Call, ehr: Ehr, server: ChartServer | None, pool: ThreadPoolExecutor
) -> list[Unread]:
    """Add the Medications that orders point to, where the token reaches them; how many orders stay without one."""
    count = len(unnamed(orders, ehr))
    if not count:
        return []
    if server is None:
        return [Unread("MedicationRequest", "unnamed", count=count)]
    return name_orders(orders, server, call.granted, pool, time.monotonic() + READ_SECONDS)
