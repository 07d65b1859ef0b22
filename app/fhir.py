"""Reads the open patient's resources from the EHR: in parallel, bounded, with what failed said rather than hidden.

fhirclient's server class does the requests; `ChartServer` gives it our transport (registered origin, no redirects,
limits, retries) and our token (`Bearer`). Its strict resource models are not used: one unknown element would
lose a whole resource, and the definitions read plain JSON.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import orjson
import requests
from fhirclient.server import (
    FHIRNotFoundException,
    FHIRPermissionDeniedException,
    FHIRServer,
    FHIRUnauthorizedException,
)

from app import metrics
from app.outgoing import OutgoingRefused, session
from app.problems import Problem
from app.registry import Ehr, origin_of
from app.smart import Bearer
from app.smart.tokens import Context

MAX_BYTES = 32 * 1024 * 1024  # of one reply
MAX_PAGES = 100  # of one search
PAGE_SIZE = 200
CHART_SECONDS = 25.0  # for everything; what has not come by then is named as unread
SEARCHED = (
    "Condition", "Observation", "Encounter", "MedicationRequest", "Procedure", "Immunization", "AllergyIntolerance",
)  # fmt: skip


class Unreadable(Exception):
    """One resource type could not be read; `why` is a key of `app.chart.words.UNREAD`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Unread:
    """A resource type that is not, or not wholly, in the score."""

    resource_type: str
    why: str


@dataclass(frozen=True)
class Chart:
    """What was read: the Patient resource, every resource as one JSON line, and what is not among them."""

    patient: dict[str, Any]
    lines: list[bytes]
    unread: list[Unread]


class ChartServer(FHIRServer):  # type: ignore[misc]  # fhirclient has no types
    """fhirclient's server for one launch. The token goes to the FHIR base's own scheme, host and port alone."""

    def __init__(self, ehr: Ehr, bearer: Bearer) -> None:
        super().__init__(None, base_uri=ehr.issuer)
        self.bearer = bearer
        self.session = session(frozenset({origin_of(ehr.issuer)}), MAX_BYTES)
        self.session.auth = bearer

    def _get(self, path: str, headers: dict[str, str] | None = None, nosign: bool = False) -> requests.Response:
        """GET with the launch's token; a 401 leads to one refresh, a second one to "launch again"."""
        url = urljoin(self.base_uri, path)
        accept = {"Accept": "application/fhir+json", **(headers or {})}
        response = self.session.get(url, headers=accept)
        if response.status_code == 401:
            self.bearer.refresh(self.bearer.used(response.request))
            response = self.session.get(url, headers=accept)
        self.raise_for_status(response)
        return response


def read_chart(server: ChartServer, context: Context, pool: ThreadPoolExecutor) -> Chart:
    """Everything the definitions use about the launch's patient.

    Raises Problem `patient_unreadable`, `patient_mismatch`, `session_ended` or `ehr_unreachable` where there is
    nothing to show; a resource type that fails is listed in `unread` instead.
    """
    if context.patient is None:
        raise Problem("no_patient")
    server.bearer.renew_if_ending()
    deadline = time.monotonic() + CHART_SECONDS
    patient = pool.submit(_patient, server, context)
    searches = {name: pool.submit(_search, server, name, context) for name in SEARCHED}
    try:
        return _gathered(_patient_in_time(patient, deadline), searches, deadline, context)
    finally:
        for search in searches.values():
            search.cancel()  # where there is nothing to show, nothing more is asked of the EHR


def _gathered(
    record: dict[str, Any], searches: "dict[str, Future[tuple[list[bytes], bool]]]", deadline: float, context: Context
) -> Chart:
    lines, unread = [orjson.dumps(record)], []
    for name, search in searches.items():
        try:
            found, withheld = search.result(max(0.0, deadline - time.monotonic()))
            lines += found
            unread += [Unread(name, "narrowed")] if withheld or context.granted.is_narrowed(name) else []
        except (Unreadable, FutureTimeout) as error:
            unread.append(Unread(name, getattr(error, "why", "too_slow")))
            metrics.count("unread_types", unread[-1].why)
    return Chart(record, lines, unread)


def _patient_in_time(future: "Future[dict[str, Any]]", deadline: float) -> dict[str, Any]:
    try:
        return future.result(max(0.0, deadline - time.monotonic()))
    except FutureTimeout as error:
        raise Problem("ehr_unreachable", "patient_too_slow") from error
    except Unreadable as error:
        slow = error.why in ("no_answer", "too_slow")
        raise Problem("ehr_unreachable" if slow else "patient_unreadable", error.why) from error


def _patient(server: ChartServer, context: Context) -> dict[str, Any]:
    """The Patient of the token, and no other (a chart page for the wrong person is the worst thing it can do)."""
    if not context.granted.may_read("Patient"):
        raise Unreadable("not_granted")
    record = _json(server, f"Patient/{context.patient}")
    if record.get("resourceType") != "Patient":
        raise Unreadable("malformed")
    if record.get("id") != context.patient:
        raise Problem("patient_mismatch", "read")
    return record


def _search(server: ChartServer, resource_type: str, context: Context) -> tuple[list[bytes], bool]:
    """All pages of one search as JSON lines, and whether the EHR says that it withheld some.

    Raises Unreadable; a half-read type would look like a healthy one.
    """
    if not context.granted.may_search(resource_type):
        raise Unreadable("not_granted")
    query = f"{resource_type}?patient={context.patient}&_count={PAGE_SIZE}"
    if resource_type == "MedicationRequest" and context.granted.may_read("Medication"):
        query += "&_include=MedicationRequest:medication"
    lines, withheld = [], False
    for bundle in _pages(server, query):
        withheld = _withheld(bundle) or withheld
        lines += [orjson.dumps(one) for one in _resources(bundle, resource_type, str(context.patient))]
    return lines, withheld


def _withheld(bundle: dict[str, Any]) -> bool:
    """Does an OperationOutcome among the results (R4 §3.1.1.4, search.mode outcome) say that some were kept back?

    Raises Unreadable where it says that the search failed or did not reach everything.
    """
    resources = [entry.get("resource") for entry in _list(bundle, "entry")]
    outcomes = [one for one in resources if isinstance(one, dict) and one.get("resourceType") == "OperationOutcome"]
    issues = [issue for outcome in outcomes for issue in _list(outcome, "issue")]
    if any(issue.get("severity") in ("fatal", "error") or issue.get("code") == "incomplete" for issue in issues):
        raise Unreadable("failed")
    return any(issue.get("code") == "suppressed" for issue in issues)


def _pages(server: ChartServer, query: str) -> Iterator[dict[str, Any]]:
    url, seen = urljoin(server.base_uri, query), set[str]()
    while url:
        if url in seen or len(seen) == MAX_PAGES:
            raise Unreadable("too_many_pages")
        seen.add(url)
        bundle = _json(server, url)
        if bundle.get("resourceType") != "Bundle":
            raise Unreadable("malformed")
        yield bundle
        links = [link for link in _list(bundle, "link") if link.get("relation") == "next" and link.get("url")]
        url = urljoin(url, str(links[0]["url"])) if links else ""


def _resources(bundle: dict[str, Any], resource_type: str, patient: str) -> Iterator[dict[str, Any]]:
    """Resources of the type asked for, and Medications that came with them; none of another patient."""
    for entry in _list(bundle, "entry"):
        resource = entry.get("resource")
        if not isinstance(resource, dict) or resource.get("resourceType") not in (resource_type, "Medication"):
            continue
        if _names_another(resource, patient):
            raise Unreadable("other_patient")
        yield resource


def _names_another(resource: dict[str, Any], patient: str) -> bool:
    about = resource.get("subject") or resource.get("patient")
    reference = about.get("reference") if isinstance(about, dict) else None
    if not isinstance(reference, str) or "Patient/" not in reference:
        return False
    return reference.rsplit("Patient/", 1)[1].split("/", 1)[0] != patient


def _list(bundle: dict[str, Any], key: str) -> list[dict[str, Any]]:
    values = bundle.get(key)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _json(server: ChartServer, path: str) -> dict[str, Any]:
    """One JSON object. Every failure becomes Unreadable with a fixed word; the reply's own text goes nowhere."""
    try:
        document = orjson.loads(server.request_data(path))
    except FHIRUnauthorizedException as error:
        raise Problem("session_ended", "401_after_refresh") from error
    except FHIRPermissionDeniedException as error:
        raise Unreadable("forbidden") from error
    except FHIRNotFoundException as error:
        raise Unreadable("not_offered") from error
    except OutgoingRefused as error:
        raise Unreadable("refused") from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise Unreadable("no_answer") from error
    except (requests.RequestException, ValueError) as error:
        raise Unreadable("malformed" if isinstance(error, ValueError) else "failed") from error
    if not isinstance(document, dict):
        raise Unreadable("malformed")
    return document
