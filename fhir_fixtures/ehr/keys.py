"""Key pairs as JWK: made once, kept in files that only their owner may read."""

from pathlib import Path
from typing import Any

import orjson
from joserfc.jwk import ECKey, JWKRegistry, Key, KeyParameters, RSAKey

ASYMMETRIC_ALGORITHMS = ("RS384", "ES384")  # SMART App Launch 2.2, client-confidential-asymmetric: both are required


def new_key(algorithm: str) -> Key:
    """A fresh private signing key for RS256, RS384 or ES384; its kid is its RFC 7638 thumbprint."""
    facts: KeyParameters = {"alg": algorithm, "use": "sig"}
    if algorithm.startswith("ES"):
        return ECKey.generate_key("P-384", parameters=facts, private=True, auto_kid=True)
    return RSAKey.generate_key(2048, parameters=facts, private=True, auto_kid=True)


def public_jwk(key: Key) -> dict[str, Any]:
    """What may be published of a key."""
    return dict(key.as_dict(private=False))


def load_or_make(path: Path, algorithm: str) -> Key:
    """The private JWK in this file; made and written with mode 0600 when the file is missing.

    Raises ValueError when the file holds something else than a private key with kid and alg.
    """
    if path.exists():
        return read_private(path)
    key = new_key(algorithm)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(orjson.dumps(key.as_dict(private=True), option=orjson.OPT_INDENT_2) + b"\n")
    return key


def read_private(path: Path) -> Key:
    """The private JWK in this file; ValueError when it is not one."""
    try:
        key = JWKRegistry.import_key(orjson.loads(path.read_bytes()))
        usable = key.is_private and bool(key.kid) and bool(key.get("alg"))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is not a JWK") from error
    if not usable:
        raise ValueError(f"{path} is not a private JWK with kid and alg")
    return key
