"""OpenID Connect Core 3.1.3.7: which id_tokens we believe, and whom they name."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from app.problems import Problem
from app.smart.discovery import Metadata
from app.smart.id_token import fhir_user
from app.smart.jwks import Keys

RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
OTHER = RSAKey.generate_key(2048, {"kid": "other"})
EC = ECKey.generate_key("P-384", {"kid": "ec"})
NONCE = "n" * 43


@pytest.fixture
def believe(serve, ehr_at):
    """Ask for the fhirUser of a token made from good claims with changes (None removes one)."""

    def ask(
        key: Any = RSA, alg: str = "RS256", header: dict[str, Any] | None = None, ahead: float = 0.0, **changes: Any
    ) -> str | None:
        document = {"keys": [one.as_dict(private=False) for one in (RSA, EC)]}
        ehr = ehr_at(serve(lambda _: (200, {}, json.dumps(document).encode())).url)
        metadata = Metadata("", "", issuer="https://auth.example", jwks_uri=ehr.issuer, clock_ahead=ahead)
        good = {"iss": "https://auth.example", "aud": "kindred", "nonce": NONCE, "exp": time.time() + 60,
                "fhirUser": "Practitioner/1"}  # fmt: skip
        claims = {name: value for name, value in (good | changes).items() if value is not None}
        if "fhirUser" in claims:
            claims["fhirUser"] = claims["fhirUser"].replace("BASE", ehr.issuer)
        token = jwt.encode({"alg": alg, **(header or {"kid": key.kid})}, claims, key, algorithms=[alg])
        return fhir_user(token, ehr, metadata, NONCE, Keys())

    return ask


@pytest.mark.parametrize(
    ("user", "named"),
    [
        ("Practitioner/1", "Practitioner/1"),
        ("BASE/Practitioner/1", "Practitioner/1"),
        ("https://elsewhere.example/Practitioner/1", None),
        ("Device/1", None),
        ("../Practitioner/1", None),
        (None, None),
    ],
)
def test_the_user_is_named_relative_to_the_same_base_or_not_at_all(believe, user, named) -> None:
    assert believe(fhirUser=user) == named


def test_an_audience_list_with_us_in_it_is_ours(believe) -> None:
    assert believe(aud=["another", "kindred"]) == "Practitioner/1"


def test_another_listed_algorithm_works(believe) -> None:
    assert believe(EC, "ES384") == "Practitioner/1"


def test_a_token_without_kid_is_tried_on_every_key(believe) -> None:
    assert believe(EC, "ES384", header={"typ": "JWT"}) == "Practitioner/1"


def test_a_small_clock_difference_is_forgiven(believe) -> None:
    assert believe(exp=time.time() - 60, iat=time.time() + 60) == "Practitioner/1"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another"},
        {"aud": ["another"], "azp": "kindred"},
        {"aud": None},
        {"nonce": "m" * 43},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": 99999999999},
    ],
)
def test_wrong_claims_are_refused(believe, changes) -> None:
    with pytest.raises(Problem, match="id_token_invalid"):
        believe(**changes)


def test_a_strange_key_is_refused(believe) -> None:
    with pytest.raises(Problem, match="id_token_invalid"):
        believe(OTHER)
    with pytest.raises(Problem, match="id_token_invalid"):
        believe(OTHER, header={"kid": "rsa"})


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256", "kid": "rsa"}, None])
def test_no_signature_or_one_made_with_the_public_key_is_refused(serve, ehr_at, header) -> None:
    ehr = ehr_at(serve(lambda _: (200, {}, json.dumps({"keys": [RSA.as_dict(private=False)]}).encode())).url)
    claims = {"iss": ehr.issuer, "aud": "kindred", "nonce": NONCE, "exp": time.time() + 60}
    signed = f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(claims).encode())}"
    mac = hmac.new(RSA.as_pem(private=False), signed.encode(), hashlib.sha256).digest()
    token = "not.a.token" if header is None else f"{signed}.{_b64(mac) if 'kid' in header else ''}"
    with pytest.raises(Problem, match="id_token_invalid"):
        fhir_user(token, ehr, Metadata("", "", jwks_uri=ehr.issuer), NONCE, Keys())


def _b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("claim", "seconds", "ahead", "cause"),
    [
        ("exp", -600, -600.0, "clock_skew"), ("iat", 600, 600.0, "clock_skew"), ("nbf", 600, 600.0, "clock_skew"),
        ("exp", -600, 5.0, "exp"), ("iat", 600, 5.0, "iat"),
    ],
)  # fmt: skip
def test_clocks_that_are_apart_are_named_as_the_cause(believe, claim, seconds, ahead, cause) -> None:
    with pytest.raises(Problem) as caught:
        believe(ahead=ahead, **{claim: time.time() + seconds})
    assert caught.value.cause == cause
