"""Our side of OAuth 2: an authlib session per EHR, authenticated the way that EHR registered us."""

import json
import re
from typing import Any

from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from joserfc.jwk import import_key
from requests import RequestException, Response

from app.outgoing import CLOCK_SECONDS, OutgoingRefused, guard, seconds_apart
from app.problems import Problem
from app.registry import Ehr

MAX_BYTES = 256 * 1024
VISIBLE = re.compile(r"[\x21-\x7e]+")  # what may stand in an Authorization header (RFC 6750, 2.1)
ASSERTION_SECONDS = 240  # SMART 2.2 allows 300; the rest is for clocks that differ
KNOWN_ERRORS = (  # RFC 6749, 5.2
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope",
)  # fmt: skip


class _Assertion(PrivateKeyJWT):  # type: ignore[misc]  # authlib has no types
    """private_key_jwt as SMART 2.2 asks: alg RS384 or ES384, kid, typ, at most five minutes, a fresh jti each time."""

    def __init__(self, key: dict[str, Any]) -> None:
        super().__init__(alg=key["alg"])
        self.jwk = key

    def sign(self, auth: Any, token_endpoint: str) -> str:
        return str(
            private_key_jwt_sign(
                import_key(self.jwk), client_id=auth.client_id, token_endpoint=token_endpoint, alg=self.alg,
                header={"kid": self.jwk["kid"], "typ": "JWT"}, expires_in=ASSERTION_SECONDS,
            )
        )  # fmt: skip


def oauth_session(ehr: Ehr, scope: str | None = None) -> Any:
    """An `OAuth2Session` that can reach only this EHR's registered origins, and whose token replies are judged."""
    method = "none" if ehr.client_auth == "public" else ehr.client_auth
    client = OAuth2Session(
        client_id=ehr.client_id, client_secret=ehr.client_secret, scope=scope, redirect_uri=ehr.redirect_uri,
        code_challenge_method="S256", token_endpoint_auth_method=method, revocation_endpoint_auth_method=method,
    )  # fmt: skip
    if ehr.private_keys:
        client.register_client_auth_method(_Assertion(dict(ehr.private_keys[0])))
    for reply in ("access_token_response", "refresh_token_response"):
        client.register_compliance_hook(reply, lambda response: _judged(ehr, response))
    guard(client, ehr.allowed_origins, MAX_BYTES)
    client.headers.update(ehr.headers)
    return client


def ask_token(call: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Run a token request; every failure becomes a Problem with a fixed word as its cause.

    `token_refused` (the EHR said no), `token_unreachable` (no answer, or it is in trouble) or `token_invalid`.
    """
    try:
        token = call(*args, **kwargs)
    except OutgoingRefused as error:
        raise Problem("token_invalid", "redirect_or_limits") from error
    except RequestException as error:
        raise Problem("token_unreachable", type(error).__name__) from error
    access = token.get("access_token")
    if not isinstance(access, str) or not VISIBLE.fullmatch(access):
        raise Problem("token_invalid", "no_token")
    if str(token.get("token_type", "")).lower() != "bearer":
        raise Problem("token_invalid", "no_bearer")
    return dict(token)


def _judged(ehr: Ehr, response: Response) -> Response:
    """A reply that holds a token goes on to authlib; any other ends here, whatever its status and content type are."""
    try:
        document = response.json()
    except ValueError:
        document = None
    if response.status_code >= 500 or response.status_code == 429:
        raise Problem("token_unreachable", f"http_{response.status_code}")
    if isinstance(document, dict) and "error" in document:
        told = document["error"]
        raise Problem("token_refused", _cause(ehr, response, told if told in KNOWN_ERRORS else "other"))
    if response.status_code >= 400:  # some EHRs refuse in plain text
        raise Problem("token_refused", _cause(ehr, response, f"http_{response.status_code}"))
    if not isinstance(document, dict):
        raise Problem("token_invalid", "not_json")
    return _without_odd_ends(response, document)


def _without_odd_ends(response: Response, document: dict[str, Any]) -> Response:
    """authlib takes `expires_in` for a number; one that is none counts as not said (`token_reply` has a default)."""
    document.pop("expires_at", None)
    try:
        int(document.get("expires_in") or 0)
    except (TypeError, ValueError, OverflowError):
        del document["expires_in"]
    response._content = json.dumps(document).encode()
    return response


def _cause(ehr: Ehr, response: Response, told: str) -> str:
    """The word for the log. An assertion is valid for minutes, so clocks that are apart are what is at fault."""
    ahead = seconds_apart(response)
    apart = ehr.private_keys and ahead is not None and abs(ahead) > CLOCK_SECONDS
    return "clock_skew" if apart and told != "invalid_scope" else told
