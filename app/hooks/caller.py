"""Who calls: the JWT of the CDS client (CDS Hooks 2.0, "Trusting CDS Clients"). Outside, each refusal is one 401."""

import math
import time
from typing import Any

from flask import current_app, request

from app.hooks.answers import Refused
from app.hooks.store import HookStore
from app.problems import Problem
from app.registry import Ehr
from app.smart import Smart
from app.smart.jwks import ALGORITHMS, imported
from app.smart.signed import claims_of, header_of, payload_of

LEEWAY_SECONDS = 60.0  # by which clocks may differ
LONGEST_SECONDS = 600.0  # from iat to exp: a JWT is made for one call
LONGEST_JTI = 256
FAILED_SECONDS = 5.0  # that a key set which cannot be fetched is not asked for again


def authenticated(*endpoints: str) -> Ehr:
    """The EHR whose JWT the request carries. `endpoints`: paths of ours, one of which must be its audience.

    Raises Refused `unauthorized`; the JWT counts as used once its signature has held.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused("unauthorized", "no_token")
    header = header_of(token)
    if header is None:
        raise Refused("unauthorized", "not_a_jws")
    ehr = _client_of(payload_of(token).get("iss"))
    claims = _proven(token, header, ehr)
    _check(claims, ehr, {f"{ehr.own_origin}{path}" for path in endpoints})
    _use_once(claims, ehr)
    return ehr


def _client_of(issuer: object) -> Ehr:
    """The EHR that registered this issuer; what it says is proven only by its own keys, later."""
    smart: Smart = current_app.extensions["smart"]
    for ehr in smart.ehrs.values():
        if ehr.hooks is not None and ehr.hooks.issuer == issuer:
            return ehr
    raise Refused("unauthorized", "iss")


def _proven(token: str, header: dict[str, Any], ehr: Ehr) -> dict[str, Any]:
    if header.get("alg") not in ALGORITHMS:  # never none, never HS*
        raise Refused("unauthorized", "alg")
    if str(header.get("typ", "JWT")).upper() != "JWT" or "crit" in header:
        raise Refused("unauthorized", "header")
    if not isinstance(header.get("kid"), str | None):
        raise Refused("unauthorized", "kid")
    assert ehr.hooks is not None  # `_client_of` gave it
    if "jku" in header and header["jku"] != ehr.hooks.jwks_url:  # it is compared, never followed
        raise Refused("unauthorized", "jku")
    claims = claims_of(token, header, _keys(ehr))
    if claims is None and ehr.hooks.jwks_url:
        claims = claims_of(token, header, _keys(ehr, again=True))
    if claims is None:
        raise Refused("unauthorized", "signature")
    return claims


def _keys(ehr: Ehr, again: bool = False) -> list[Any]:
    """The registered keys; those of an address are kept for an hour, and asked for again when none of them fits."""
    assert ehr.hooks is not None
    url = ehr.hooks.jwks_url
    if url is None:
        return [imported(key) for key in ehr.hooks.keys]
    smart: Smart = current_app.extensions["smart"]
    failed: dict[str, float] = current_app.extensions["hook_keys_failed"]
    if failed.get(url, 0.0) > time.monotonic():
        raise Refused("unauthorized", "jwks_failed_lately")
    try:
        return (smart.keys.again(ehr, url) or []) if again else smart.keys.of(ehr, url)
    except Problem as problem:
        failed[url] = time.monotonic() + FAILED_SECONDS
        raise Refused("unauthorized", problem.cause) from problem


def _check(claims: dict[str, Any], ehr: Ehr, audiences: set[str]) -> None:
    """The claims of a JWT that is proven: still `iss`, and `aud`, times and `jti`."""
    assert ehr.hooks is not None
    aud = claims.get("aud")
    named = aud if isinstance(aud, list) else [aud]
    if claims.get("iss") != ehr.hooks.issuer:
        raise Refused("unauthorized", "iss")
    if not audiences & {one for one in named if isinstance(one, str)}:
        raise Refused("unauthorized", "aud")
    now, begun, ends = time.time(), _number(claims.get("iat")), _number(claims.get("exp"))
    if not ends > now - LEEWAY_SECONDS:
        raise Refused("unauthorized", "exp")
    if not now - LONGEST_SECONDS - LEEWAY_SECONDS < begun < now + LEEWAY_SECONDS:
        raise Refused("unauthorized", "iat")
    if not begun < ends <= begun + LONGEST_SECONDS:
        raise Refused("unauthorized", "lifetime")
    if not _number(claims.get("nbf", 0)) < now + LEEWAY_SECONDS:
        raise Refused("unauthorized", "nbf")


def _use_once(claims: dict[str, Any], ehr: Ehr) -> None:
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI:
        raise Refused("unauthorized", "jti")
    store: HookStore = current_app.extensions["hook_store"]
    if not store.use_once(ehr, jti, _number(claims["exp"]) + LEEWAY_SECONDS):
        raise Refused("unauthorized", "replay")


def _number(value: object) -> float:
    """A JSON number; anything else is NaN, which no comparison accepts."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
