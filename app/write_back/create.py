"""Puts one resource into the EHR, once: what its answer means, and what to do when there is none.

A create is not safe to repeat (RFC 9110, 9.2.2). It goes out with If-None-Exist, and whatever leaves open if it was
stored (no answer, 5xx, a redirect, a place that is not the EHR's) leads to a search for it, never to a second create.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin

import orjson
import requests

from app.outgoing import OutgoingRefused
from app.problems import Problem
from app.searches import ChartServer, Unreadable, dicts, is_fhir_base, is_of_another, search

ID = r"[A-Za-z0-9\-.]{1,64}"
_PLACE = re.compile(rf"(?P<base>.+)/(?P<kind>[A-Za-z]+)/(?P<id>{ID})(?:/_history/(?P<version>{ID}))?/?")
_WEAK_TAG = re.compile(rf'W/"(?P<version>{ID})"')
NOT_SENT = (requests.exceptions.ConnectTimeout, requests.exceptions.SSLError)
REFUSED = {
    403: "forbidden", 404: "not_accepted", 405: "not_accepted", 410: "not_accepted", 501: "not_accepted",
    400: "invalid", 406: "not_accepted", 413: "invalid", 415: "not_accepted", 422: "invalid", 429: "busy",
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What became of a create.

    outcome: `written` (now), `existing` (it was there), `several` (more than once), `unclear` (nobody knows), or a
    reason for which nothing was stored: `forbidden`, `not_accepted`, `invalid`, `busy`, `not_sent`.
    reference: `Type/id` at this EHR; None where it is not known. version: its version id, for display.
    """

    outcome: str
    reference: str | None = None
    version: str | None = None

    @property
    def is_stored(self) -> bool:
        """Is it in the EHR for sure?"""
        return self.outcome in ("written", "existing", "several")


@dataclass(frozen=True)
class Once:
    """By what a resource is known as the same one: a search parameter with its value, such as identifier=system|value.

    `is_it` looks at a resource that the EHR found, since a server may ignore a parameter that it does not know.
    """

    kind: str
    parameter: str
    value: str

    @property
    def query(self) -> str:
        """For If-None-Exist."""
        return f"{self.parameter}={quote(self.value, safe=':/')}"

    def is_it(self, resource: dict[str, Any]) -> bool:
        """Does this resource carry that value?"""
        if self.parameter == "target":
            return any(one.get("reference") == self.value for one in dicts(resource, "target"))
        return any(f"{one.get('system')}|{one.get('value')}" == self.value for one in dicts(resource, "identifier"))


def find(server: ChartServer, once: Once, patient: str, deadline: float) -> Answer | None:
    """Where the EHR has it already, or None. Raises Unreadable; Problem `patient_mismatch` for another's record."""
    found, _ = search(server, f"{once.kind}?patient={patient}&{once.query}", patient, deadline)
    same = [one for one in found if one.get("resourceType") == once.kind and once.is_it(one)]
    if not same:
        return None
    return Answer("existing" if len(same) == 1 else "several", *_named(same[0], once.kind))


def create(server: ChartServer, once: Once, body: bytes, patient: str) -> Answer:
    """Send it. Raises Problem `session_ended`, or `patient_mismatch` where the answer is about somebody else."""
    try:
        response = server.create(once.kind, body, once.query)
    except NOT_SENT:
        return Answer("not_sent")
    except (requests.RequestException, OutgoingRefused):
        return Answer("unclear")
    if response.status_code == 401:
        raise Problem("session_ended", "401_after_refresh")
    if response.status_code in (200, 201):
        return _stored(server, once, response, patient)
    if response.status_code == 412:
        return Answer("several")
    why = REFUSED.get(response.status_code, "unclear")
    return Answer("not_accepted" if why == "invalid" and _is_unsupported(response) else why)


def _stored(server: ChartServer, once: Once, response: requests.Response, patient: str) -> Answer:
    """What a 200 or 201 says, and nothing that it does not: an error in its body, or a foreign place, is no success."""
    resource = _json(response)
    if resource and resource.get("resourceType") not in (once.kind, "OperationOutcome"):
        return Answer("unclear")
    is_error = any(issue.get("severity") in ("error", "fatal") for issue in dicts(resource, "issue"))
    place, is_ours = _place(server, once.kind, response.headers.get("Location"))
    if is_error or not is_ours:
        return Answer("unclear")
    if resource.get("resourceType") == once.kind:
        if is_of_another(resource, patient, server.ehr):
            raise Problem("patient_mismatch", "create")
        if response.status_code == 200 and not once.is_it(resource):
            return Answer("unclear")  # it found something else than what we asked for
        place = place if place[0] else _named(resource, once.kind)
    if place[0] is None:
        return Answer("unclear")
    tag = _WEAK_TAG.fullmatch(response.headers.get("ETag", ""))
    version = place[1] or (tag["version"] if tag else None)
    return Answer("written" if response.status_code == 201 else "existing", place[0], version)


def _place(server: ChartServer, kind: str, location: str | None) -> tuple[tuple[str | None, str | None], bool]:
    """Reference and version in a Location, and whether it is one of this EHR's own (or absent)."""
    if not location:
        return (None, None), True
    try:
        found = _PLACE.fullmatch(urljoin(server.base_uri, location))
    except ValueError:
        return (None, None), False
    if not found or found["kind"] != kind or not is_fhir_base(found["base"], server.ehr):
        return (None, None), False
    return (f"{kind}/{found['id']}", found["version"]), True


def _named(resource: dict[str, Any], kind: str) -> tuple[str | None, str | None]:
    meta = resource.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return (
        f"{kind}/{resource['id']}" if _is_id(resource.get("id")) else None,
        str(version) if _is_id(version) else None,
    )


def _is_id(text: Any) -> bool:
    return isinstance(text, str) and re.fullmatch(ID, text) is not None


def _json(response: requests.Response) -> dict[str, Any]:
    """The body as an object; {} for none (Prefer: return=minimal) and for what is not JSON."""
    try:
        found = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_unsupported(response: requests.Response) -> bool:
    """Some servers refuse an unknown type with 400 and say so in the OperationOutcome."""
    return any(issue.get("code") == "not-supported" for issue in dicts(_json(response), "issue"))


def looked_for(server: ChartServer, once: Once, patient: str, deadline: float) -> Answer:
    """After an unclear answer: `written` where the EHR has it, else still `unclear`."""
    try:
        found = find(server, once, patient, deadline)
    except Unreadable:
        found = None
    return Answer("written", found.reference, found.version) if found else Answer("unclear")
