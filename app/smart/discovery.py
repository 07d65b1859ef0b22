"""SMART App Launch 2.2, "Conformance/Metadata": `.well-known/smart-configuration` under the FHIR base."""

import time
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import urljoin

import requests

from app.outgoing import OutgoingRefused, session
from app.problems import Problem
from app.registry import Ehr, origin_of

MAX_BYTES = 256 * 1024
CACHE_SECONDS = 600.0


@dataclass(frozen=True)
class Metadata:
    """The endpoints we use; each lies on an origin that was registered for the EHR."""

    authorization_endpoint: str
    token_endpoint: str
    issuer: str | None = None
    jwks_uri: str | None = None
    revocation_endpoint: str | None = None
    names_itself: bool = False  # RFC 9207: callbacks carry `iss`
    capabilities: frozenset[str] = frozenset()
    scopes_supported: frozenset[str] = frozenset()


class Discovery:
    """Fetches and keeps the metadata of each EHR for ten minutes; nothing is kept of a failure."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Metadata]] = {}
        self._lock = Lock()

    def of(self, ehr: Ehr) -> Metadata:
        """Metadata of a *registered* EHR. Raises Problem `discovery_failed` or `discovery_refused`."""
        kept = self._kept.get(ehr.name)
        if kept and kept[0] > time.monotonic():
            return kept[1]
        metadata = _checked(ehr, _fetched(ehr))
        with self._lock:
            self._kept[ehr.name] = (time.monotonic() + CACHE_SECONDS, metadata)
        return metadata


def _fetched(ehr: Ehr) -> dict[str, Any]:
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
    return document


def _checked(ehr: Ehr, document: dict[str, Any]) -> Metadata:
    methods = document.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        raise Problem("discovery_refused", "no_s256")
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
    )


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
    url = urljoin(ehr.issuer.rstrip("/") + "/", value)
    try:
        known = origin_of(url) in ehr.allowed_origins
    except ValueError:
        known = False
    if not known:
        raise Problem("discovery_refused", f"{key}_origin")
    return url
