"""OpenID Connect: who is signed in. SMART 2.2 "Scopes for requesting identity data" (201, 202, 218)."""

import hmac
import re
import time
from typing import Any
from urllib.parse import urljoin

from app.problems import Problem
from app.registry import Ehr
from app.smart.discovery import Metadata
from app.smart.jwks import ALGORITHMS, Keys
from app.smart.signed import claims_of, header_of

LEEWAY_SECONDS = 120.0
USER = re.compile(r"(Patient|Practitioner|PractitionerRole|RelatedPerson|Person)/[A-Za-z0-9\-.]{1,64}")


def fhir_user(token: object, ehr: Ehr, metadata: Metadata, nonce: str, keys: Keys) -> str | None:
    """Validate the id_token and return who it names as `Practitioner/123`; None where it has no usable fhirUser.

    Raises Problem `id_token_invalid` where signature, iss, aud, azp, nonce or time are wrong.
    """
    if not isinstance(token, str):
        raise Problem("id_token_invalid", "not_a_text")
    if metadata.jwks_uri is None:
        raise Problem("id_token_invalid", "no_jwks_uri")
    claims = _signed_claims(token, ehr, metadata.jwks_uri, keys)
    _check(claims, ehr, metadata, nonce)
    return relative_to(ehr.issuer, claims.get("fhirUser"))


def _signed_claims(token: str, ehr: Ehr, jwks_uri: str, keys: Keys) -> dict[str, Any]:
    """Claims of a token that a key of the EHR signed; its keys are asked for once more where none of ours fits."""
    header = header_of(token)
    if header is None:
        raise Problem("id_token_invalid", "not_a_jws")
    if header.get("alg") not in ALGORITHMS:
        raise Problem("id_token_invalid", "alg")
    claims = claims_of(token, header, keys.of(ehr, jwks_uri))
    if claims is None:
        claims = claims_of(token, header, keys.again(ehr, jwks_uri) or [])
    if claims is None:
        raise Problem("id_token_invalid", "signature")
    return claims


def _check(claims: dict[str, Any], ehr: Ehr, metadata: Metadata, nonce: str) -> None:
    """OpenID Connect Core 3.1.3.7. The issuer falls back to the FHIR base where the metadata name none.

    Several audiences are allowed if we are one of them; an azp, wherever there is one, must be us.
    """
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != (metadata.issuer or ehr.issuer):
        raise Problem("id_token_invalid", "iss")
    if ehr.client_id not in audiences:
        raise Problem("id_token_invalid", "aud")
    if claims.get("azp", ehr.client_id) != ehr.client_id:
        raise Problem("id_token_invalid", "azp")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise Problem("id_token_invalid", "nonce")
    now = time.time()
    if not _number(claims.get("exp")) > now - LEEWAY_SECONDS:
        raise Problem("id_token_invalid", "clock_skew" if metadata.clocks_differ else "exp")
    for name in ("iat", "nbf"):
        if not _number(claims.get(name, 0)) < now + LEEWAY_SECONDS:
            raise Problem("id_token_invalid", "clock_skew" if metadata.clocks_differ else name)


def _number(value: object) -> float:
    """A JSON number; anything else is NaN, which no comparison accepts."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


def relative_to(base: str, user: object) -> str | None:
    """`Practitioner/123` from a relative or absolute reference to a person on this FHIR base; None for any other."""
    if not isinstance(user, str):
        return None
    prefix = base.rstrip("/") + "/"
    try:
        url = urljoin(prefix, user)
    except ValueError:
        return None
    relative = url.removeprefix(prefix)
    return relative if url.startswith(prefix) and USER.fullmatch(relative) else None
