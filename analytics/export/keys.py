"""Is a private JWK one that an EHR will take? Found out at start, not weeks later at the token endpoint."""

from base64 import urlsafe_b64decode
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import import_key

ALGORITHMS = {"RSA": "RS384", "EC": "ES384"}  # SMART App Launch 2.2, asymmetric clients: both must be supported
RSA_BITS = 2048


def signing_algorithm(jwk: Any) -> str:
    """RS384 or ES384 of a private JWK that can sign. Raises ValueError saying what is wrong, without any value."""
    kid = jwk.get("kid") if isinstance(jwk, dict) else None
    named = isinstance(kid, str) and 0 < len(kid) <= 200 and kid.isprintable()
    if not isinstance(jwk, dict) or not isinstance(jwk.get("d"), str) or not named:
        raise ValueError("is not a private JWK with kid and d")
    algorithm = ALGORITHMS.get(str(jwk.get("kty")))
    if algorithm is None or jwk.get("alg", algorithm) != algorithm:
        raise ValueError("is neither an RS384 nor an ES384 key")
    if algorithm == "ES384" and jwk.get("crv") != "P-384":
        raise ValueError("has another curve than P-384, which ES384 needs")
    if jwk.get("use", "sig") != "sig" or "sign" not in jwk.get("key_ops", ["sign"]):
        raise ValueError("may not sign by its use or key_ops")
    _prove(jwk, algorithm)
    return algorithm


def _prove(jwk: dict[str, Any], algorithm: str) -> None:
    """Sign something and check it: the halves of a key that was put together wrongly do not fit."""
    try:
        long_enough = algorithm != "RS384" or _bits(jwk["n"]) >= RSA_BITS
        if long_enough:
            public: dict[str, Any] = {name: jwk[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in jwk}
            signed = jws.serialize_compact({"alg": algorithm}, b"proof", import_key(jwk), algorithms=[algorithm])
            jws.deserialize_compact(signed, import_key(public), algorithms=[algorithm])
    except (JoseError, ValueError, TypeError, KeyError):
        raise ValueError("is no usable key: a part is missing, or its parts do not belong together") from None
    if not long_enough:
        raise ValueError(f"is an RSA key of fewer than {RSA_BITS} bits")


def _bits(number: str) -> int:
    return int.from_bytes(urlsafe_b64decode(number + "==")).bit_length()
