"""SMART App Launch 2.2, "Conformance/Metadata": `.well-known/smart-configuration` under the FHIR base."""

import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from app.outgoing import CLOCK_SECONDS, OutgoingRefused, moment, seconds_apart, session
from app.problems import Problem
from app.registry import Ehr, origin_of

MAX_BYTES = 256 * 1024
CACHE_SECONDS = 600.0  # where the server does not say
FAILED_SECONDS = 5.0  # that a failure stands: an EHR that is down is not waited for by one launch after the other
LONGEST_SECONDS = 3600.0  # an endpoint that has moved is found again within the hour, whatever the server said


@dataclass(frozen=True)
class Metadata:
    """The endpoints we use; each lies on an origin that was registered for the EHR."""

    authorization_endpoint: str
    token_endpoint: str
    issuer: str | None = None
    jwks_uri: str | None = None
    revocation_endpoint: str | None = None
    names_itself: bool = False  # RFC 9207: callbacks carry `iss`
    capabilities: frozenset[str] = frozenset()  # `permission-v2`, `authorize-post`, ... as the server lists them
    scopes_supported: frozenset[str] = frozenset()
    clock_ahead: float | None = field(default=None, compare=False)  # seconds by which its clock led ours

    @property
    def clocks_differ(self) -> bool:
        """Do the server's clock and ours differ so far that what either signs looks old or not yet valid?"""
        return self.clock_ahead is not None and abs(self.clock_ahead) > CLOCK_SECONDS


class Discovery:
    """Keeps the metadata of each EHR as long as its server allows, and a failure for seconds; asks once at a time.

    Whoever comes while an EHR is being asked waits for that one answer, good or bad.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Future[Metadata | Problem]]] = {}  # until when, and what
        self._lock = Lock()

    def of(self, ehr: Ehr) -> Metadata:
        """Metadata of a *registered* EHR. Raises Problem `discovery_failed` or `discovery_refused`."""
        with self._lock:
            until, answer = self._kept.get(ehr.name, (0.0, Future()))
            is_first = until <= time.monotonic()
            if is_first:
                answer = Future()
                self._kept[ehr.name] = (float("inf"), answer)
        if is_first:
            self._ask(ehr, answer)
        found = answer.result()
        if isinstance(found, Problem):
            raise Problem(found.code, found.cause)  # one for each request: what is raised remembers where
        return found

    def _ask(self, ehr: Ehr, answer: "Future[Metadata | Problem]") -> None:
        """Ask the server; everybody who waits gets the answer, or the fault of ours that came of it."""
        lifetime = 0.0
        try:
            lifetime, found = _asked(ehr)
            answer.set_result(found)
        except BaseException as error:
            answer.set_exception(error)
        finally:
            self._kept[ehr.name] = (time.monotonic() + lifetime, answer)


def _asked(ehr: Ehr) -> tuple[float, Metadata | Problem]:
    """The metadata or why there are none, and for how many seconds that may be kept."""
    try:
        document, reply = _fetched(ehr)
        return _lifetime(reply), _checked(ehr, document, reply)
    except Problem as problem:
        return FAILED_SECONDS, problem


def _lifetime(reply: requests.Response) -> float:
    """Seconds for which the server lets a copy stand (RFC 9111, 4.2 and 5.2.2), within our own bounds."""
    told = {name.strip().lower(): value.strip(' "') for name, _, value in
            (part.partition("=") for part in reply.headers.get("Cache-Control", "").split(","))}  # fmt: skip
    if {"no-store", "no-cache"} & set(told):
        return 0.0
    if "max-age" in told:
        return min(max(_number(told["max-age"]) - _number(reply.headers.get("Age", "")), 0.0), LONGEST_SECONDS)
    expires = moment(reply.headers.get("Expires", ""))
    if expires is None:
        return 0.0 if "Expires" in reply.headers else CACHE_SECONDS  # a date that is none has passed (RFC 9111, 5.3)
    return min(max(expires.timestamp() - time.time(), 0.0), LONGEST_SECONDS)


def _number(text: str) -> float:
    return float(text[:9]) if text.isascii() and text.isdecimal() else 0.0


def _fetched(ehr: Ehr) -> tuple[dict[str, Any], requests.Response]:
    url = ehr.issuer.rstrip("/") + "/.well-known/smart-configuration"
    try:
        with session(frozenset({origin_of(ehr.issuer)}), MAX_BYTES) as http:
            reply = http.get(url, headers={"Accept": "application/json"})
            document = reply.json() if reply.status_code == 200 else None
    except OutgoingRefused as error:
        raise Problem("discovery_refused", "redirect_or_limits") from error
    except (requests.RequestException, ValueError) as error:
        raise Problem("discovery_failed", type(error).__name__) from error
    if not isinstance(document, dict):
        raise Problem("discovery_failed", f"http_{reply.status_code}")
    return document, reply


def _checked(ehr: Ehr, document: dict[str, Any], reply: requests.Response) -> Metadata:
    methods = document.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:  # older servers say nothing; S256 is sent all the same
        raise Problem("discovery_refused", "no_s256")
    _check_client_auth(ehr, document)
    issuer = document.get("issuer")
    return Metadata(
        authorization_endpoint=_required(ehr, document, "authorization_endpoint"),
        token_endpoint=_required(ehr, document, "token_endpoint"),
        issuer=issuer if isinstance(issuer, str) else None,
        jwks_uri=_endpoint(ehr, document, "jwks_uri"),
        revocation_endpoint=_endpoint(ehr, document, "revocation_endpoint"),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        capabilities=_words(document, "capabilities"),
        scopes_supported=_words(document, "scopes_supported"),
        clock_ahead=seconds_apart(reply),
    )


def _check_client_auth(ehr: Ehr, document: dict[str, Any]) -> None:
    """A confidential client is held against what the server accepts before a secret or an assertion is sent.

    A public client is not: servers list the methods of confidential clients alone (2.2, "Metadata").
    """
    methods = _words(document, "token_endpoint_auth_methods_supported")
    if methods and ehr.client_auth != "public" and ehr.client_auth not in methods:
        raise Problem("discovery_refused", "client_auth")
    algorithms = _words(document, "token_endpoint_auth_signing_alg_values_supported")
    if algorithms and ehr.private_keys and ehr.private_keys[0]["alg"] not in algorithms:
        raise Problem("discovery_refused", "client_auth_alg")


def _words(document: dict[str, Any], key: str) -> frozenset[str]:
    values = document.get(key)
    return frozenset(value for value in values if isinstance(value, str)) if isinstance(values, list) else frozenset()


def _required(ehr: Ehr, document: dict[str, Any], key: str) -> str:
    url = _endpoint(ehr, document, key)
    if url is None:
        raise Problem("discovery_failed", f"no_{key}")
    return url


def _endpoint(ehr: Ehr, document: dict[str, Any], key: str) -> str | None:
    """Relative endpoints are resolved on the FHIR base (2.2, 379); none may lie outside of the registered origins."""
    value = document.get(key)
    if not isinstance(value, str) or not value:
        return None
    try:
        url = urljoin(ehr.issuer.rstrip("/") + "/", value)
        known = origin_of(url) in ehr.allowed_origins and not urlsplit(url).fragment
    except ValueError:
        known = False
    if not known:
        raise Problem("discovery_refused", f"{key}_origin")
    return url
