"""Faults of the id_token: each token is wrong in one way, and but for three it is rightly signed."""

import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet
from joserfc.jws import extract_compact
from joserfc.util import urlsafe_b64decode


def opened(client: Any) -> tuple[dict[str, Any], dict[str, Any], bool]:
    """Header and claims of a launch's id_token, and whether a published key has signed it."""
    token = client.token(code=client.code(nonce="n-1")).json()["id_token"]
    keys = KeySet.import_key_set(client.http.get(f"{client.live.base_url}/auth/jwks").json()).keys
    if token == "a.b.c":
        return {}, {}, False
    header, claims = (orjson.loads(urlsafe_b64decode(part.encode())) for part in token.split(".")[:2])
    return header, claims, any(signed_by(key, token) for key in keys)


def signed_by(key: Key, token: str) -> bool:
    try:
        return bool(jwt.decode(token, key, algorithms=["RS256"]))
    except (JoseError, ValueError):
        return False


NOW = time.time
Claims = Callable[[dict[str, Any], dict[str, Any], Any], bool]
IDENTITIES: list[tuple[str, bool, Claims]] = [
    ("case=plain", True, lambda head, claims, live: claims["aud"] == "kindred" and claims["nonce"] == "n-1"),
    ("id-token-wrong-aud", True, lambda head, claims, live: claims["aud"] == "another-app"),
    ("id-token-no-aud", True, lambda head, claims, live: "aud" not in claims),
    ("id-token-aud-list", True, lambda head, claims, live: claims["aud"] == ["kindred", "another-app"]
     and "azp" not in claims),
    ("id-token-aud-azp", True, lambda head, claims, live: claims["aud"] == ["another-app", "kindred"]
     and claims["azp"] == "kindred"),
    ("id-token-aud-azp-other", True, lambda head, claims, live: "kindred" in claims["aud"]
     and claims["azp"] == "another-app"),
    ("id-token-azp-only", True, lambda head, claims, live: "kindred" not in claims["aud"]
     and claims["azp"] == "kindred"),
    ("id-token-wrong-nonce", True, lambda head, claims, live: claims["nonce"] == "n" * 22),
    ("id-token-no-nonce", True, lambda head, claims, live: "nonce" not in claims),
    ("id-token-wrong-iss", True, lambda head, claims, live: claims["iss"] == f"{live.foreign_url}/fhir"),
    ("id-token-no-iss", True, lambda head, claims, live: "iss" not in claims),
    ("id-token-no-sub", True, lambda head, claims, live: "sub" not in claims),
    ("id-token-no-exp", True, lambda head, claims, live: "exp" not in claims),
    ("id-token-expired", True, lambda head, claims, live: 3500 < NOW() - claims["exp"] < 3700),
    ("id-token-expired=60", True, lambda head, claims, live: 50 < NOW() - claims["exp"] < 90),
    ("id-token-clock-ahead", True, lambda head, claims, live: 550 < claims["iat"] - NOW() <= 600
     and claims["nbf"] == claims["iat"] and claims["exp"] == claims["iat"] + 3600),
    ("id-token-alg-none", False, lambda head, claims, live: head["alg"] == "none" and claims["aud"] == "kindred"),
    ("id-token-hs256", False, lambda head, claims, live: head["alg"] == "HS256" and claims["aud"] == "kindred"),
    ("id-token-other-key", False, lambda head, claims, live: head["alg"] == "RS256" and bool(head["kid"])),
    ("id-token-nonsense", False, lambda head, claims, live: not claims),
    ("id-token-no-kid", True, lambda head, claims, live: "kid" not in head),
    ("id-token-no-kid-two-keys", True, lambda head, claims, live: "kid" not in head),
    ("id-token-no-fhir-user", True, lambda head, claims, live: "fhirUser" not in claims),
    ("fhir-user", True, lambda head, claims, live: claims["fhirUser"].startswith(
        f"{live.foreign_url}/fhir/Practitioner/")),
    ("fhir-user=unknown", True, lambda head, claims, live: claims["fhirUser"].endswith("/Practitioner/nobody")),
    ("fhir-user=device", True, lambda head, claims, live: claims["fhirUser"].endswith("/Device/1")),
    ("fhir-user=path", True, lambda head, claims, live: claims["fhirUser"] == "Practitioner/../Patient"),
    ("fhir-user=query", True, lambda head, claims, live: claims["fhirUser"] == "Practitioner/a?_id=b"),
    ("fhir-user=number", True, lambda head, claims, live: claims["fhirUser"] == 7),
    ("fhir-user=script", True, lambda head, claims, live: claims["fhirUser"] == "javascript:alert(1)"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "signed", "check"), IDENTITIES)
def test_the_id_token_is_wrong_in_this_one_way(under: Any, live: Any, fault: str, signed: bool, check: Claims) -> None:
    head, claims, right = opened(under(fault))
    assert check(head, claims, live)
    assert right is signed


def test_a_rotated_key_is_there_when_the_keys_are_asked_for_again(under: Any) -> None:
    client = under("case=rotation,id-token-rotated-key")
    kid = extract_compact(client.exchange()["id_token"].encode()).protected["kid"]
    found = [client.http.get(f"{client.live.base_url}/auth/jwks").json()["keys"] for _ in range(2)]
    assert [kid in [key["kid"] for key in keys] for keys in found] == [False, True]
