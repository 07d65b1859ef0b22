"""SMART Backend Services, client side: discovery, signed assertion, access token (SMART App Launch 2.2)."""

import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from analytics.config import BulkClient
from analytics.errors import EhrError
from analytics.export.http import Http, absolute

ASSERTION_SECONDS = 240  # at most 300 (SMART §"asymmetric authentication"); the rest allows for a clock that is off
DEFAULT_LIFE = 300  # seconds, when the server gives no expires_in
LONGEST_LIFE = 3600.0  # a longer one is asked for anew all the same
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN = re.compile(r"[\x21-\x7e]+")  # what can stand in a header
OAUTH_ERRORS = {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
                "unsupported_grant_type", "invalid_scope"}  # RFC 6749 §5.2


class Authorization:
    """Access tokens of one backend client: fetched when needed, renewed before they end and when refused."""

    def __init__(self, client: BulkClient, http: Http, clock: Callable[[], float] = time.time) -> None:
        self._client, self._http, self._clock = client, http, clock
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._token = ""
        self._renew_at = 0.0

    def token(self, refused: str | None = None) -> str:
        """A valid access token; `refused` is one that the server answered with 401. Raises EhrError."""
        with self._lock:
            if not self._token or self._clock() >= self._renew_at or refused == self._token:
                self._fetch()
            return self._token

    def _fetch(self) -> None:
        server = self._server = self._server or discover(self._http, self._client)
        answer = self._http.send_patiently(
            "POST", server.token_endpoint, doing="the token request", with_token=False,
            headers={"Accept": "application/json"},
            fresh=lambda: {"data": self._form(server)},  # jti must not repeat, so a retry may not resend the body
        )
        body = _json_object(answer)
        if answer.status_code != 200:
            raise _token_refused(answer.status_code, body, server.scopes)
        token, kind = body.get("access_token"), str(body.get("token_type", ""))
        if not isinstance(token, str) or not TOKEN.fullmatch(token) or kind.lower() != "bearer":
            raise EhrError("The token endpoint answered 200 without a bearer token.", "Report it to the EHR.")
        life = _seconds(body.get("expires_in"))
        self._token, self._renew_at = token, self._clock() + life - min(30.0, life / 5)

    def _form(self, server: "Server") -> dict[str, str]:
        return {"grant_type": "client_credentials", "scope": server.scopes,
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": assertion(self._client, server.token_endpoint, self._clock())}


@dataclass(frozen=True)
class Server:
    """What discovery tells a backend client: where tokens come from, and the scopes to ask in the server's version."""

    token_endpoint: str
    scopes: str


def assertion(client: BulkClient, audience: str, now: float) -> str:
    """The signed JWT of SMART §"authentication JWT": kid, iss = sub = client_id, aud, exp <= 5 min, one-use jti."""
    key = (RSAKey if client.algorithm == "RS384" else ECKey).import_key(client.private_key)
    header = {"alg": client.algorithm, "kid": client.private_key["kid"], "typ": "JWT"}
    claims = {"iss": client.client_id, "sub": client.client_id, "aud": audience, "jti": secrets.token_urlsafe(24),
              "iat": int(now), "exp": int(now) + ASSERTION_SECONDS}
    return jwt.encode(header, claims, key, algorithms=[client.algorithm])


def discover(http: Http, client: BulkClient) -> Server:
    """Discovery below the FHIR base (not at the host's root). Raises EhrError."""
    url = f"{client.issuer}/.well-known/smart-configuration"
    answer = http.send_patiently("GET", url, doing="discovery", with_token=False,
                                 headers={"Accept": "application/json"})
    found = _json_object(answer)
    endpoint = found.get("token_endpoint")
    if answer.status_code != 200 or not isinstance(endpoint, str):
        raise EhrError(f"Discovery at {url} failed: HTTP {answer.status_code}, no token_endpoint.",
                       "Check issuer in the registry: it is the FHIR base address.")
    endpoint = absolute(f"{client.issuer}/", endpoint)
    if not http.may_have_token(endpoint):
        raise EhrError("The token endpoint lies on a host that is not registered for this EHR.",
                       "If it is right, add its origin to hosts in the bulk table of the registry.")
    capabilities = found.get("capabilities")
    return Server(endpoint, scopes_for(client.scopes, capabilities if isinstance(capabilities, list) else []))


def scopes_for(scopes: str, capabilities: list[Any]) -> str:
    """The scopes in the syntax that the server knows (SMART 2.2 "permission-v1", "permission-v2").

    `.rs` and `.read` say the same; they are exchanged only where the server names the other version and not its own.
    """
    v1, v2 = "permission-v1" in capabilities, "permission-v2" in capabilities
    if v1 and not v2:
        return re.sub(r"(system/[A-Za-z*]+)\.rs(\?\S+)?(?!\S)", r"\1.read", scopes)
    if v2 and not v1:
        return re.sub(r"(system/[A-Za-z*]+)\.read(?!\S)", r"\1.rs", scopes)
    return scopes


def _seconds(expires_in: Any) -> float:
    """A token's life; some servers send a text, some nothing."""
    try:
        life = float(expires_in)
    except (TypeError, ValueError):
        return float(DEFAULT_LIFE)
    return min(life, LONGEST_LIFE) if life > 0 else float(DEFAULT_LIFE)


def _token_refused(status: int, body: dict[str, Any], scopes: str) -> EhrError:
    code = body.get("error")
    named = f" ({code})" if code in OAUTH_ERRORS else ""
    said = f"The EHR gave no token: HTTP {status}{named}."
    if code == "invalid_scope":
        return EhrError(said, f"It refuses the scopes {scopes!r}: set scopes in the bulk table of the registry.")
    return EhrError(said, "Check client_id, that the EHR knows our public key (kid), and this machine's clock.")


def _json_object(answer: Any) -> dict[str, Any]:
    """The body as a dict; empty for plain text, which some servers send with a 401."""
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
