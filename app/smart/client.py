"""Our side of OAuth 2: an authlib session per EHR, authenticated the way that EHR registered us."""

from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from joserfc.jwk import import_key
from requests import RequestException

from app.outgoing import guard
from app.problems import Problem
from app.registry import Ehr

MAX_BYTES = 256 * 1024
ASSERTION_SECONDS = 240  # SMART 2.2 allows 300; the rest is for clocks that differ
KNOWN_ERRORS = {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope"}


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
    """An `OAuth2Session` that can reach only this EHR's registered origins."""
    method = "none" if ehr.client_auth == "public" else ehr.client_auth
    client = OAuth2Session(
        client_id=ehr.client_id, client_secret=ehr.client_secret, scope=scope, redirect_uri=ehr.redirect_uri,
        code_challenge_method="S256", token_endpoint_auth_method=method, revocation_endpoint_auth_method=method,
    )  # fmt: skip
    if ehr.private_keys:
        client.register_client_auth_method(_Assertion(dict(ehr.private_keys[0])))
    guard(client, ehr.allowed_origins, MAX_BYTES)
    return client


def ask_token(call: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Run a token request; every failure becomes a Problem, with the OAuth error code alone as its cause."""
    try:
        token = call(*args, **kwargs)
    except OAuthError as error:
        raise Problem("token_refused", error.error if error.error in KNOWN_ERRORS else "other") from error
    except RequestException as error:
        raise Problem("token_unreachable", type(error).__name__) from error
    except ValueError as error:
        raise Problem("token_invalid", "not_json") from error
    if not isinstance(token.get("access_token"), str) or str(token.get("token_type", "")).lower() != "bearer":
        raise Problem("token_invalid", "no_bearer")
    return dict(token)
