"""The EHR's public keys: kept for an hour, asked for again when a signature fits none of them (its keys rotate)."""

import time
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import requests
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

from app.outgoing import session
from app.problems import Problem
from app.registry import Ehr

MAX_BYTES = 256 * 1024
CACHE_SECONDS = 3600.0
FETCH_SECONDS = 5.0  # a person waits: for a page, or for a card
AGAIN_SECONDS, AGAIN_TIMES = 60.0, 5  # ahead of time only so often, or bad tokens could hammer the EHR
RSA_LETTERS = 2048 // 6  # of a modulus in base64url: RFC 7518 3.3 asks for 2,048 bits
# RFC 7518 3.1: what each algorithm needs of a key. Never none, never HS*: our secret or their public key would sign.
ALGORITHMS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"), "ES512": ("EC", "P-521"),
}  # fmt: skip


@dataclass
class _Kept:
    keys: list[Any]
    fetched_at: float
    again: list[float] = field(default_factory=list)  # when it was fetched ahead of time


class Keys:
    """Keys by their address, once per process."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._lock = Lock()

    def of(self, ehr: Ehr, url: str) -> list[Any]:
        """The keys at `url`. Raises Problem `id_token_invalid` where they cannot be had."""
        kept = self._kept.get(url)
        if kept is None or kept.fetched_at < time.monotonic() - CACHE_SECONDS:
            kept = self._kept[url] = _Kept(_fetched(ehr, url), time.monotonic(), kept.again if kept else [])
        return kept.keys

    def again(self, ehr: Ehr, url: str) -> list[Any] | None:
        """The keys fetched anew since none of the kept ones fits; None where that was done too often of late."""
        with self._lock:
            kept, now = self._kept[url], time.monotonic()
            kept.again = [time_ for time_ in kept.again if time_ > now - AGAIN_SECONDS]
            if len(kept.again) >= AGAIN_TIMES:
                return None
            kept.again.append(now)
        kept.keys, kept.fetched_at = _fetched(ehr, url), now
        return kept.keys


def fitting(keys: list[Any], algorithm: str, kid: str | None) -> Any | None:
    """The one key that may have signed: the one with this kid, or, where kids do not tell, the only one that fits.

    OpenID Connect Core 10.1: with several keys a kid is required; which of them was meant is then not guessed.
    """
    kind, curve = ALGORITHMS.get(algorithm, (None, None))
    fit = [key for key in keys if _fits(key, kind, curve, algorithm)]
    named = [key for key in fit if kid is not None and key.kid == kid]
    unnamed = fit if kid is None else [key for key in fit if key.kid is None]
    return next((found[0] for found in (named, unnamed) if len(found) == 1), None)


def _fits(key: Any, kind: str | None, curve: str | None, algorithm: str) -> bool:
    known = key.as_dict(private=False)
    return (
        key.key_type == kind
        and curve in (None, known.get("crv"))
        and known.get("use", "sig") == "sig"
        and known.get("alg", algorithm) == algorithm
    )


def _fetched(ehr: Ehr, url: str) -> list[Any]:
    try:
        with session(ehr.key_origins, MAX_BYTES, FETCH_SECONDS) as http:
            reply = http.get(url, headers={"Accept": "application/json"})
            found = reply.json()["keys"] if reply.status_code == 200 else None
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise Problem("id_token_invalid", "jwks_unreadable") from error
    if not isinstance(found, list):
        raise Problem("id_token_invalid", "jwks_unreadable")
    return [key for key in map(imported, found) if key is not None]


def imported(jwk: Any) -> Any | None:
    """One public key; None for what we cannot use, which must not spoil the others."""
    try:
        if jwk["kty"] not in ("RSA", "EC") or (jwk["kty"] == "RSA" and len(jwk["n"]) < RSA_LETTERS):
            return None
        key = import_key(jwk)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return key if isinstance(key, RSAKey | ECKey) else None
