"""One question to the EHR's FHIR server and what its reply is worth: every way to err has a fixed word.

The reply's own text goes nowhere: it may quote the patient. `app.chart.words.UNREAD` says each word to the clinician.
"""

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
import requests
from fhirclient.server import (
    FHIRNotFoundException,
    FHIRPermissionDeniedException,
    FHIRServer,
    FHIRUnauthorizedException,
)

from app.outgoing import BUSY, OutgoingRefused, get, guard
from app.problems import Problem
from app.registry import Ehr, origin_of
from app.smart import Bearer, CallToken

MAX_BYTES = 32 * 1024 * 1024  # of one reply
MAX_SEARCH_BYTES = 64 * 1024 * 1024  # of all pages of one search
MAX_PAGES = 100  # of one search
UNSUPPORTED = {405, 501}
CUT = {"incomplete", "too-costly", "timeout", "throttled"}  # R4 IssueType: the search did not reach everything
KEPT_BACK = {"suppressed", "forbidden", "security"}  # and: some of it is not for this token
#: A literal reference (R4 §2.3.0.1), as analytics/definitions/events/macros.sql reads it too.
REFERENCE = r"(?:(?P<base>.*)/)?{}/(?P<id>[A-Za-z0-9\-.]{{1,64}})(?:/_history/[A-Za-z0-9\-.]{{1,64}})?"
_PATIENT = re.compile(REFERENCE.format("Patient"))
_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9\-.]{1,64}")


class Unreadable(Exception):
    """Something could not be read; `why` is a key of `app.chart.words.UNREAD`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class ChartServer(FHIRServer):  # type: ignore[misc]  # fhirclient has no types
    """fhirclient's server for one launch or one call for cards.

    Nothing is asked, with a token or without, outside of `Ehr.takes_token`. `seconds` bounds each request.
    """

    def __init__(self, ehr: Ehr, bearer: Bearer | CallToken, seconds: float | None = None) -> None:
        super().__init__(None, base_uri=ehr.issuer)
        self.ehr, self.bearer = ehr, bearer
        self.session: requests.Session = guard(self.session, ehr.allowed_origins, MAX_BYTES, seconds)
        self.session.headers.update(ehr.headers)
        self.session.auth = bearer

    def _get(self, path: str, headers: dict[str, str] | None = None, nosign: bool = False) -> requests.Response:
        """GET with the launch's token; a 401 leads to one refresh, a second one to "launch again"."""
        url = urljoin(self.base_uri, path)
        if not self.ehr.takes_token(url):
            raise OutgoingRefused("address lies outside of the registered FHIR base and hosts")
        accept = {"Accept": "application/fhir+json", **(headers or {})}
        response = get(self.session, url, accept, self.bearer)
        if response.status_code == 401:
            self.bearer.refresh(self.bearer.used(response.request))
            response = get(self.session, url, accept, self.bearer)
        self.raise_for_status(response)
        return response

    def create(self, kind: str, body: bytes, if_none_exist: str) -> requests.Response:
        """POST a new resource by the same rule (R4 3.1.0.8). Whatever the status, the caller reads it.

        After a 401 nothing was stored, so it is sent once more with a new token; after no other answer is it.
        """
        url = urljoin(self.base_uri, kind)
        if not self.ehr.takes_token(url):
            raise OutgoingRefused("address lies outside of the registered FHIR base and hosts")
        headers = {"Accept": "application/fhir+json", "Content-Type": "application/fhir+json",
                   "If-None-Exist": if_none_exist, "Prefer": "return=representation"}  # fmt: skip
        response = self.session.post(url, data=body, headers=headers)
        if response.status_code == 401:
            self.bearer.refresh(self.bearer.used(response.request))
            response = self.session.post(url, data=body, headers=headers)
        return response


def ask(server: ChartServer, url: str) -> tuple[dict[str, Any], int]:
    """One JSON resource and its size in bytes. Raises Unreadable, or Problem `session_ended`."""
    try:
        body = server.request_data(url)
        document = orjson.loads(body)
    except FHIRUnauthorizedException as error:
        raise Problem("session_ended", "401_after_refresh") from error
    except FHIRPermissionDeniedException as error:
        raise Unreadable("forbidden") from error
    except FHIRNotFoundException as error:
        raise Unreadable("not_offered") from error
    except OutgoingRefused as error:
        raise Unreadable("refused") from error
    except requests.HTTPError as error:
        raise Unreadable(_by_status(error.response)) from error
    except orjson.JSONDecodeError as error:
        raise Unreadable("malformed") from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise Unreadable("no_answer") from error
    except (requests.RequestException, ValueError) as error:  # an address that is none
        raise Unreadable("refused") from error
    if not isinstance(document, dict):
        raise Unreadable("malformed")
    if document.get("resourceType") == "OperationOutcome":  # an error under a status that says success
        raise Unreadable("not_offered" if "not-supported" in _codes(document) else "failed")
    return document, len(body)


def _by_status(response: requests.Response) -> str:
    """The word for a refusal that is neither 401, 403 nor 404. Some servers refuse an unknown type with 400."""
    if response.status_code in UNSUPPORTED:
        return "not_offered"
    if response.status_code in BUSY:
        return "busy"
    try:
        document = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return "failed"
    unsupported = response.status_code == 400 and isinstance(document, dict) and "not-supported" in _codes(document)
    return "not_offered" if unsupported else "failed"


def _codes(outcome: dict[str, Any]) -> set[str]:
    return {str(issue.get("code")) for issue in dicts(outcome, "issue")}


def search(server: ChartServer, query: str, patient: str, deadline: float) -> tuple[list[dict[str, Any]], bool]:
    """All resources of one search, and whether the EHR says that it withheld some. Nothing is asked after `deadline`.

    Raises Unreadable: a half-read type would look like a healthy one. Raises Problem `patient_mismatch` where the
    answer holds the record of another person.
    """
    found: list[dict[str, Any]] = []
    withheld, told, came = False, 0, 0
    for bundle in _pages(server, query, deadline):
        withheld = _withheld(bundle) or withheld
        told, came = _total(bundle, told), came + len(dicts(bundle, "entry"))
        found += _resources(bundle, query.partition("?")[0], patient, server.ehr)
    if told > came and not withheld:
        raise Unreadable("cut")
    return found, withheld


def people(server: ChartServer, query: str, most: int, deadline: float) -> tuple[list[dict[str, Any]], bool]:
    """The Patients of one search in the order in which they came, each once, at most so many; and whether there are
    more. For lists only: nothing of it may be shown as the open patient's.

    Raises Unreadable. A search may bring fewer than asked for: that is how the EHR says whom this token may not see.
    """
    found: dict[str, dict[str, Any]] = {}
    for bundle in _pages(server, query, deadline):
        _withheld(bundle)  # raises where the search failed
        for resource in (one["resource"] for one in dicts(bundle, "entry")):
            identity = resource.get("id")
            if resource.get("resourceType") == "Patient" and isinstance(identity, str):
                found.setdefault(identity, resource)
        if len(found) > most:
            return list(found.values())[:most], True
    return list(found.values()), False


def _total(bundle: dict[str, Any], before: int) -> int:
    """How many results there are (R4 Bundle.total), as the newest page that says so has it."""
    total = bundle.get("total")
    return total if isinstance(total, int) else before


def _pages(server: ChartServer, query: str, deadline: float) -> Iterator[dict[str, Any]]:
    url, seen, size = urljoin(server.base_uri, query), set[str](), 0
    while url:
        if url in seen or len(seen) == MAX_PAGES or size > MAX_SEARCH_BYTES:
            raise Unreadable("too_many_pages")
        if time.monotonic() > deadline:
            raise Unreadable("too_slow")
        bundle, length = _page(server, url, first=not seen)
        seen.add(url)
        size += length
        yield bundle
        url = _next(bundle, url)


def _page(server: ChartServer, url: str, *, first: bool) -> tuple[dict[str, Any], int]:
    try:
        bundle, size = ask(server, url)
    except Unreadable as error:
        raise error if first or error.why != "not_offered" else Unreadable("failed") from error  # a page that has gone
    _check_bundle(bundle)
    return bundle, size


def given(bundle: dict[str, Any], resource_type: str, patient: str, ehr: Ehr) -> tuple[list[dict[str, Any]], bool]:
    """As `search`, of a search result that came with a call instead. Raises Unreadable unless it is all in one page."""
    _check_bundle(bundle)
    withheld, entries = _withheld(bundle), dicts(bundle, "entry")
    if any(link.get("relation") == "next" for link in dicts(bundle, "link")):
        raise Unreadable("cut")
    if _total(bundle, 0) > len(entries) and not withheld:
        raise Unreadable("cut")
    return list(_resources(bundle, resource_type, patient, ehr)), withheld


def _check_bundle(bundle: dict[str, Any]) -> None:
    if bundle.get("resourceType") != "Bundle" or bundle.get("type", "searchset") != "searchset":
        raise Unreadable("malformed")
    if not _is_list_of_objects(bundle, "entry") or not _is_list_of_objects(bundle, "link"):
        raise Unreadable("malformed")
    if not all(isinstance(entry.get("resource"), dict) for entry in dicts(bundle, "entry")):
        raise Unreadable("malformed")  # a result without its resource is one that we do not know


def _is_list_of_objects(bundle: dict[str, Any], key: str) -> bool:
    values = bundle.get(key)
    return values is None or (isinstance(values, list) and len(dicts(bundle, key)) == len(values))


def _next(bundle: dict[str, Any], url: str) -> str:
    """Address of the next page; "" where there is none. It is looked at again before anything is sent there."""
    links = [link for link in dicts(bundle, "link") if link.get("relation") == "next"]
    if links and not links[0].get("url"):
        raise Unreadable("malformed")  # there is more, and nobody says where
    try:
        return urljoin(url, str(links[0]["url"])) if links else ""
    except ValueError as error:
        raise Unreadable("refused") from error


def _withheld(bundle: dict[str, Any]) -> bool:
    """Does an OperationOutcome among the results (R4 §3.1.1.4, search.mode outcome) say that some were kept back?

    Raises Unreadable where it says that the search failed or did not reach everything.
    """
    resources = [entry.get("resource") for entry in dicts(bundle, "entry")]
    outcomes = [one for one in resources if isinstance(one, dict) and one.get("resourceType") == "OperationOutcome"]
    issues = [issue for outcome in outcomes for issue in dicts(outcome, "issue")]
    if any(issue.get("severity") in ("fatal", "error") or issue.get("code") in CUT for issue in issues):
        raise Unreadable("failed")
    return any(issue.get("code") in KEPT_BACK for issue in issues)


def _resources(bundle: dict[str, Any], resource_type: str, patient: str, ehr: Ehr) -> Iterator[dict[str, Any]]:
    """Resources of the type asked for, and Medications that came with them; none where one is of another patient.

    What is told as found (R4 Bundle.entry.search.mode match) and is of another type answers another question.
    """
    for entry in dicts(bundle, "entry"):
        resource = entry.get("resource")
        if not isinstance(resource, dict):
            continue
        if resource.get("resourceType") == "Patient" and resource.get("id") != patient:
            raise Problem("patient_mismatch", "search")
        if is_of_another(resource, patient, ehr):
            raise Unreadable("other_patient")
        if resource.get("resourceType") in (resource_type, "Medication"):
            yield resource
        elif isinstance(entry.get("search"), dict) and entry["search"].get("mode") == "match":
            raise Unreadable("malformed")


def read(server: ChartServer, kind: str, identity: str, patient: str) -> dict[str, Any]:
    """The resource of this type and id, which must be the patient's own. A Medication is nobody's (R4 8.2).

    Raises Problem `not_found` for what is no id (R4 datatype id), before anything is asked; Unreadable; Problem
    `patient_mismatch` where the record is another's, or does not say whose it is.
    """
    if not _ID.fullmatch(identity):
        raise Problem("not_found", "id")
    if kind == "Patient" and identity != patient:
        raise Problem("patient_mismatch", "source")
    record, _ = ask(server, f"{kind}/{identity}")
    if record.get("resourceType") == "Patient" and record.get("id") != patient:
        raise Problem("patient_mismatch", "source")
    if (record.get("resourceType"), record.get("id")) != (kind, identity):
        raise Unreadable("malformed")
    named = any(True for _ in _patients(record))
    if kind not in ("Patient", "Medication") and (not named or is_of_another(record, patient, server.ehr)):
        raise Problem("patient_mismatch", "source")
    return record


def is_of_another(resource: dict[str, Any], patient: str, ehr: Ehr) -> bool:
    """Does it name a patient other than this one of this EHR? The same id on another server is another person."""
    for reference in _patients(resource):
        named = _PATIENT.fullmatch(reference)
        if not named or named["id"] != patient or not is_fhir_base(named["base"], ehr):
            return True
    return False


def _patients(resource: dict[str, Any]) -> Iterator[str]:
    """The references by which a resource says which patient it is about."""
    for key in ("subject", "patient"):
        about = resource.get(key)
        reference = about.get("reference") if isinstance(about, dict) else None
        if isinstance(reference, str) and "Patient/" in reference:
            yield reference


def is_fhir_base(base: str | None, ehr: Ehr) -> bool:
    """Is this the registered FHIR base, however its host is written, or None, of a relative reference?

    As R4 compares addresses (§3.1.0.1.3): whether http or https does not matter, the path does letter by letter.
    Another tenant may live below the base, beside it, or on a listed host.
    """
    if base is None:
        return True
    try:
        return _server_of(base) == _server_of(ehr.issuer.rstrip("/"))
    except ValueError:
        return False


def _server_of(base: str) -> tuple[str, str]:
    """Host with port, and path. Raises ValueError for what is no base of one server."""
    if set(base) & set("?#"):
        raise ValueError("not a base")
    return origin_of(base).partition("://")[2], urlsplit(base).path


def dicts(resource: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The JSON objects of a list, or of what should be one."""
    values = resource.get(key)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
