"""Faults of the id_token: the reply's own one is taken apart, changed and signed anew with the sandbox's key."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson
from joserfc import jwt
from joserfc.jwk import Key, RSAKey
from joserfc.jws import extract_compact
from werkzeug.wrappers import Response

from fhir_fixtures.ehr.faults.fault import Answer, Call, Fault, changed
from fhir_fixtures.ehr.keys import new_key, public_jwk

Json = dict[str, Any]
LATER = 600  # seconds that the server's clock is ahead
LONG_AGO = 3600


@lru_cache(maxsize=1)
def other_key() -> Key:
    """A key that is not the sandbox's."""
    return new_key("RS256")


def _id_token(change: Callable[[Call, Json, Json], None], sign: Callable[..., str] | None = None) -> Fault:
    """The fault that changes header and claims in place and signs anew."""
    def fault(call: Call, answer: Answer) -> Response:
        if not call.path.endswith("/auth/token"):
            return answer()

        def renew(reply: Json) -> None:
            if "id_token" in reply:
                token = extract_compact(reply["id_token"].encode())
                header, claims = dict(token.protected), orjson.loads(token.payload)
                change(call, header, claims)
                reply["id_token"] = (sign or _signed)(call, header, claims)

        return changed(answer(), renew)

    return fault


def _signed(call: Call, header: Json, claims: Json) -> str:
    assert call.shared is not None
    return jwt.encode(header, claims, call.shared.signing_key)


def _signed_by_other(call: Call, header: Json, claims: Json) -> str:
    return jwt.encode(header, claims, other_key())


def _unsigned(call: Call, header: Json, claims: Json) -> str:
    return f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(claims)}."


def _symmetric(call: Call, header: Json, claims: Json) -> str:
    """The old trick: an HMAC whose secret is the public key, which everybody has."""
    assert call.shared is not None and isinstance(call.shared.signing_key, RSAKey)
    secret = bytes(call.shared.signing_key.as_pem(private=False))
    text = f"{_encoded(header | {'alg': 'HS256'})}.{_encoded(claims)}"
    return f"{text}.{_base64(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def _encoded(value: Json) -> str:
    return _base64(orjson.dumps(value))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _claims(**values: Any) -> Fault:
    """Claims with these values; a function gives the value from the call and the true claims."""
    def change(call: Call, header: Json, claims: Json) -> None:
        claims.update({name: value(call, claims) if callable(value) else value for name, value in values.items()})

    return _id_token(change)


def _without(*names: str) -> Fault:
    def change(call: Call, header: Json, claims: Json) -> None:
        for name in names:
            header.pop(name, None) if name == "kid" else claims.pop(name, None)

    return _id_token(change)


def _keys(published: Callable[[Call], list[Key]], token: Fault) -> Fault:
    """The fault that publishes other keys beside changing the token."""
    def fault(call: Call, answer: Answer) -> Response:
        if not call.path.endswith("/auth/jwks"):
            return token(call, answer)
        keys = [public_jwk(key) for key in published(call)]
        return Response(orjson.dumps({"keys": keys}), content_type="application/json")

    return fault


def _both(call: Call) -> list[Key]:
    assert call.shared is not None
    return [other_key(), call.shared.signing_key]


def _rotated(call: Call) -> list[Key]:
    """At first the old key only; whoever asks again gets the new one too."""
    return [other_key()] if call.count("jwks") == 1 else _both(call)


def _as_it_was(call: Call, header: Json, claims: Json) -> None:
    return None


FHIR_USERS: dict[str, Callable[[Call, Json], object]] = {
    "foreign": lambda call, claims: f"{call.foreign}/fhir/{'/'.join(str(claims.get('fhirUser')).split('/')[-2:])}",
    "unknown": lambda call, claims: f"{call.base}/fhir/Practitioner/nobody",
    "device": lambda call, claims: f"{call.base}/fhir/Device/1",
    "path": lambda call, claims: "Practitioner/../Patient",
    "query": lambda call, claims: "Practitioner/a?_id=b",
    "number": lambda call, claims: 7,
    "script": lambda call, claims: "javascript:alert(1)",
}


def _client(call: Call, claims: Json) -> object:
    return claims["aud"]


def _fhir_user(call: Call, header: Json, claims: Json) -> None:
    claims["fhirUser"] = claims["profile"] = FHIR_USERS[call.argument or "foreign"](call, claims)


def _clock_ahead(call: Call, header: Json, claims: Json) -> None:
    for name in ("iat", "exp"):
        claims[name] += int(call.number_or(LATER))
    claims["nbf"] = claims["iat"]


def _expired(call: Call, header: Json, claims: Json) -> None:
    claims["exp"] = int(time.time() - call.number_or(LONG_AGO))
    claims["iat"] = claims["exp"] - LONG_AGO


IDENTITY_FAULTS: dict[str, Fault] = {
    "id-token-wrong-aud": _claims(aud="another-app"),
    "id-token-no-aud": _without("aud"),
    "id-token-aud-list": _claims(aud=lambda call, true: [true["aud"], "another-app"]),
    "id-token-aud-azp": _claims(aud=lambda call, true: ["another-app", true["aud"]], azp=_client),
    "id-token-aud-azp-other": _claims(aud=lambda call, true: [true["aud"], "another-app"], azp="another-app"),
    "id-token-azp-only": _claims(azp=_client, aud=["another-app", "a-third"]),
    "id-token-wrong-nonce": _claims(nonce="n" * 22),
    "id-token-no-nonce": _without("nonce"),
    "id-token-wrong-iss": _claims(iss=lambda call, true: f"{call.foreign}/fhir"),
    "id-token-no-iss": _without("iss"),
    "id-token-no-sub": _without("sub"),
    "id-token-no-exp": _without("exp"),
    "id-token-expired": _id_token(_expired),
    "id-token-clock-ahead": _id_token(_clock_ahead),
    "id-token-alg-none": _id_token(_as_it_was, _unsigned),
    "id-token-hs256": _id_token(_as_it_was, _symmetric),
    "id-token-other-key": _id_token(_as_it_was, _signed_by_other),
    "id-token-nonsense": _id_token(_as_it_was, lambda *_: "a.b.c"),
    "id-token-no-kid": _without("kid"),
    "id-token-no-kid-two-keys": _keys(_both, _without("kid")),
    "id-token-rotated-key": _keys(_rotated, _id_token(_as_it_was)),
    "id-token-no-fhir-user": _without("fhirUser", "profile"),
    "fhir-user": _id_token(_fhir_user),
}
