"""A signed JWT (RFC 7515, 7519): its header as it claims to be, and its claims once a key proves them."""

import json
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError

from app.smart.jwks import ALGORITHMS, fitting

LONGEST = 8192  # characters; a JWT of ours or of an EHR is a tenth of that


def header_of(token: str) -> dict[str, Any] | None:
    """The header, of which nothing is proven; None where this is no compact JWS."""
    try:
        return jws.extract_compact(token.encode()).headers() if len(token) <= LONGEST else None
    except (JoseError, ValueError, TypeError, RecursionError):
        return None


def payload_of(token: str) -> dict[str, Any]:
    """The claims, of which nothing is proven: good for choosing whose keys to try, and for nothing else."""
    try:
        claims = json.loads(jws.extract_compact(token.encode()).payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def claims_of(token: str, header: dict[str, Any], keys: list[Any]) -> dict[str, Any] | None:
    """The claims, where one of these keys signed them by one of our algorithms; else None."""
    key = fitting(keys, str(header.get("alg")), header.get("kid"))
    if key is None:
        return None
    try:
        claims = json.loads(jws.deserialize_compact(token, key, algorithms=list(ALGORITHMS)).payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None
