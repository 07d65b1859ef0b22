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
from app.smart.jwks import AGAIN_TIMES, Keys

RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
OTHER = RSAKey.generate_key(2048, {"kid": "other"})
EC = ECKey.generate_key("P-384", {"kid": "ec"})
WEAK = {"kty": "RSA", "kid": "rsa", "n": "sXch", "e": "AQAB"}
NONCE = "n" * 43


@pytest.fixture
def believe(serve, ehr_at):
    """Ask for the fhirUser of a token made from good claims with changes (None removes one)."""
    published: list[Any] = []
    here = serve(lambda _: (200, {}, json.dumps({"keys": published}).encode()))
    ehr = ehr_at(here.url)

    def ask(
        key: Any = RSA, alg: str = "RS256", header: dict[str, Any] | None = None, keys: Keys | None = None,
        ahead: float = 0.0, **changes: Any,
    ) -> str | None:  # fmt: skip
        shown = changes.pop("published", [RSA, EC])
        published[:] = [one.as_dict(private=False) if hasattr(one, "as_dict") else one for one in shown]
        metadata = Metadata("", "", issuer="https://auth.example", jwks_uri=ehr.issuer, clock_ahead=ahead)
        good = {"iss": "https://auth.example", "aud": "kindred", "nonce": NONCE, "exp": time.time() + 60,
                "fhirUser": "Practitioner/1"}  # fmt: skip
        claims = {name: value for name, value in (good | changes).items() if value is not None}
        if "fhirUser" in claims:
            claims["fhirUser"] = claims["fhirUser"].replace("BASE", ehr.issuer)
        token = jwt.encode({"alg": alg, **(header or {"kid": key.kid})}, claims, key, algorithms=[alg])
        return fhir_user(token, ehr, metadata, NONCE, keys or Keys())

    ask.fetched = lambda: len(here.requests)  # type: ignore[attr-defined]
    return ask


@pytest.mark.parametrize(
    ("user", "named"),
    [
        ("Practitioner/1", "Practitioner/1"),
        ("BASE/Practitioner/1", "Practitioner/1"),
        ("https://elsewhere.example/Practitioner/1", None),
        ("Device/1", None),
        ("BASE/Practitioner/1/_history/2", None),
        ("BASEx/Practitioner/1", None),
        ("//elsewhere.example/Practitioner/1", None),
        ("http://[", None),
        ("Practitioner/1?x=1", None),
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


@pytest.mark.parametrize("azp", ["kindred", None])
def test_an_authorized_party_is_us_or_not_named(believe, azp) -> None:
    assert believe(aud=["kindred", "another"], azp=azp) == "Practitioner/1"


class TestTheKey:
    def test_without_kid_is_the_only_one_that_fits_the_algorithm(self, believe) -> None:
        assert believe(EC, "ES384", header={"typ": "JWT"}) == "Practitioner/1"

    def test_without_kid_among_several_is_not_guessed(self, believe) -> None:
        with pytest.raises(Problem, match="id_token_invalid"):
            believe(header={"typ": "JWT"}, published=[RSA, OTHER])

    @pytest.mark.parametrize("kid", ["rsa", None])
    def test_that_is_published_alone_and_without_kid_is_the_one(self, believe, kid) -> None:
        bare = {name: value for name, value in RSA.as_dict(private=False).items() if name != "kid"}
        assert believe(header={"kid": kid} if kid else {"typ": "JWT"}, published=[bare]) == "Practitioner/1"

    @pytest.mark.parametrize("odd", [{"kty": "AKP", "kid": "x"}, {"kty": "RSA"}, {"kty": "oct", "k": "AA"}, WEAK, "x"])
    def test_is_found_beside_keys_that_nobody_can_use(self, believe, odd) -> None:
        assert believe(published=[odd, RSA]) == "Practitioner/1"

    @pytest.mark.parametrize("change", [{"use": "enc"}, {"alg": "RS512"}, {"kty": "oct", "k": "AAAA"}])
    def test_without_kid_is_the_only_one_that_is_there_for_this(self, believe, change) -> None:
        other = OTHER.as_dict(private=False) | change
        assert believe(header={"typ": "JWT"}, published=[other, RSA]) == "Practitioner/1"

    @pytest.mark.parametrize("change", [{"use": "enc"}, {"alg": "RS512"}])
    def test_is_not_one_that_is_there_for_something_else(self, believe, change) -> None:
        with pytest.raises(Problem, match="id_token_invalid"):
            believe(published=[RSA.as_dict(private=False) | change])

    def test_is_asked_for_once_more_when_the_ehr_rotates_its_keys(self, believe) -> None:
        keys = Keys()
        assert believe(keys=keys) == believe(keys=keys) == "Practitioner/1"
        assert believe.fetched() == 1
        assert believe(OTHER, published=[OTHER], keys=keys) == "Practitioner/1"
        assert believe.fetched() == 2

    def test_is_not_asked_for_without_end(self, believe) -> None:
        keys = Keys()
        for _ in range(AGAIN_TIMES + 3):
            with pytest.raises(Problem, match="id_token_invalid"):
                believe(OTHER, keys=keys)
        assert believe.fetched() == 1 + AGAIN_TIMES


def test_a_small_clock_difference_is_forgiven(believe) -> None:
    assert believe(exp=time.time() - 60, iat=time.time() + 60, nbf=time.time() + 60) == "Practitioner/1"


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
        {"nbf": time.time() + 600},
        {"nbf": "now"},
        {"exp": True},
        {"exp": float("nan")},
        {"azp": "another"},
        {"aud": ["kindred", "another"], "azp": "another"},
        {"aud": {"kindred": 1}},
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
