"""Our signing keys: private JWKs as the registry names them, and the public halves that EHRs fetch (2.2, 301-315)."""

from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from app.registry import Ehr
from app.smart.jwks import imported

ALGORITHMS = {"RSA": "RS384", "EC": "ES384"}  # 2.2 asks for both (308, 309), and for no other
PUBLIC_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}  # RFC 7518, section 6: all that a public key consists of
RSA_BITS = 2048


def checked(jwk: object) -> dict[str, Any]:
    """A private JWK that can sign assertions, with its `alg`. Raises ValueError saying what is wrong, never a value."""
    if not isinstance(jwk, dict) or not isinstance(jwk.get("d"), str) or not _is_name(jwk.get("kid")):
        raise ValueError("must hold one private JWK with a kid.")
    alg = ALGORITHMS.get(str(jwk.get("kty")))
    if alg is None or jwk.get("alg", alg) != alg:
        raise ValueError("its alg must be RS384 (kty RSA) or ES384 (kty EC).")
    if alg == "ES384" and jwk.get("crv") != "P-384":
        raise ValueError("ES384 needs the curve P-384.")
    if jwk.get("use", "sig") != "sig" or "sign" not in jwk.get("key_ops", ["sign"]):
        raise ValueError("its use or key_ops do not allow it to sign.")
    _prove({**jwk, "alg": alg})
    return {**jwk, "alg": alg}


def checked_public(document: object) -> tuple[dict[str, Any], ...]:
    """The public keys of a JWKS (RFC 7517, 5). Raises ValueError where it is none, or holds a private or no usable key.
    """
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise ValueError('must hold a key set, {"keys": [...]}, with at least one key.')
    if any("d" in key or "k" in key for key in keys):
        raise ValueError("must hold public keys alone: a private or shared key of the EHR belongs to nobody else.")
    if not all(imported(key) is not None for key in keys):
        raise ValueError("must hold RSA keys of 2048 bits or more, or EC keys; one of them is no such key.")
    return tuple(keys)


def _is_name(kid: object) -> bool:
    return isinstance(kid, str) and 0 < len(kid) <= 200 and kid.isprintable()


def _prove(jwk: dict[str, Any]) -> None:
    """Sign something and check it with the public half: a key whose halves differ would fail only at the EHR."""
    try:
        long_enough = jwk["kty"] != "RSA" or _bits(jwk["n"]) >= RSA_BITS
        if long_enough:
            signed = jws.serialize_compact({"alg": jwk["alg"]}, b"proof", import_key(jwk), algorithms=[jwk["alg"]])
            jws.deserialize_compact(signed, import_key(public_half(jwk)), algorithms=[jwk["alg"]])
    except (JoseError, ValueError, TypeError, KeyError):
        raise ValueError("is no usable key: a part is missing, or its parts do not belong together.") from None
    if not long_enough:
        raise ValueError(f"an RSA key must have {RSA_BITS} bits or more.")


def _bits(number: str) -> int:
    """Length of a number as JWKs write it (RFC 7518, 2: base64url of its bytes, the highest first)."""
    return int.from_bytes(urlsafe_b64decode(number + "==")).bit_length()


def public_half(jwk: Mapping[str, Any]) -> dict[str, Any]:
    """What may be seen of a key: the members that make up a public key, named one by one, and its kid, alg and use."""
    kind = str(jwk["kty"])
    members = {name: jwk[name] for name in PUBLIC_MEMBERS[kind]}
    return {"kty": kind, **members, "kid": jwk["kid"], "alg": ALGORITHMS[kind], "use": "sig"}


def published(ehrs: Iterable[Ehr]) -> dict[str, list[dict[str, Any]]]:
    """The JWKS: every registered key, the one that signs now and those before and after it, each kid once."""
    keys = {jwk["kid"]: public_half(jwk) for ehr in ehrs for jwk in (*ehr.private_keys, *ehr.published_keys)}
    return {"keys": list(keys.values())}
