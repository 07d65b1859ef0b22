"""OpenID Connect: who is signed in. SMART 2.2 "Scopes for requesting identity data" (201, 202, 218)."""

import hmac
import json
import re
import time
from typing import Any
from urllib.parse import urljoin

import requests
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.outgoing import session
from app.problems import Problem
from app.registry import Ehr
from app.smart.discovery import Metadata

ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"]  # never none, never HS*
LEEWAY_SECONDS = 120.0
MAX_BYTES = 256 * 1024
USER = re.compile(r"(Patient|Practitioner|PractitionerRole|RelatedPerson|Person)/[A-Za-z0-9\-.]{1,64}")


def fhir_user(token: str, ehr: Ehr, metadata: Metadata, nonce: str) -> str | None:
    """Validate the id_token and return who it names as `Practitioner/123`; None where it has no usable fhirUser.

    Raises Problem `id_token_invalid` where signature, iss, aud, nonce or time are wrong.
    """
    claims = _signed_claims(token, _keys(ehr, metadata))
    _check(claims, ehr, metadata, nonce)
    return _relative(claims.get("fhirUser"), ehr.issuer)


def _keys(ehr: Ehr, metadata: Metadata) -> list[Any]:
    if metadata.jwks_uri is None:
        raise Problem("id_token_invalid", "no_jwks_uri")
    try:
        with session(ehr.allowed_origins, MAX_BYTES) as http:
            document = http.get(metadata.jwks_uri, headers={"Accept": "application/json"}).json()
            return list(KeySet.import_key_set(document).keys)
    except (requests.RequestException, ValueError, KeyError, TypeError, JoseError) as error:
        raise Problem("id_token_invalid", "jwks_unreadable") from error


def _signed_claims(token: str, keys: list[Any]) -> dict[str, Any]:
    """Claims of a token that one of the EHR's keys signed. A token without kid is tried on each key."""
    try:
        kid = jws.extract_compact(token.encode()).headers().get("kid")
    except (JoseError, ValueError) as error:
        raise Problem("id_token_invalid", "not_a_jws") from error
    for key in [key for key in keys if kid is None or key.kid in (kid, None)]:
        try:
            claims = json.loads(jws.deserialize_compact(token, key, algorithms=ALGORITHMS).payload)
        except (JoseError, ValueError, TypeError):
            continue
        if isinstance(claims, dict):
            return claims
    raise Problem("id_token_invalid", "signature")


def _check(claims: dict[str, Any], ehr: Ehr, metadata: Metadata, nonce: str) -> None:
    """OpenID Connect Core 3.1.3.7. The issuer falls back to the FHIR base where the metadata name none."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != (metadata.issuer or ehr.issuer):
        raise Problem("id_token_invalid", "iss")
    if ehr.client_id not in audiences:
        raise Problem("id_token_invalid", "aud")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise Problem("id_token_invalid", "nonce")
    now, expires, issued = time.time(), claims.get("exp"), claims.get("iat", 0)
    if not isinstance(expires, int | float) or expires < now - LEEWAY_SECONDS:
        raise Problem("id_token_invalid", "exp")
    if not isinstance(issued, int | float) or issued > now + LEEWAY_SECONDS:
        raise Problem("id_token_invalid", "iat")


def _relative(user: object, base: str) -> str | None:
    """`Practitioner/123` from a relative or absolute fhirUser on the same FHIR base; None for any other."""
    if not isinstance(user, str):
        return None
    prefix = base.rstrip("/") + "/"
    url = urljoin(prefix, user)
    relative = url.removeprefix(prefix)
    return relative if url.startswith(prefix) and USER.fullmatch(relative) else None
