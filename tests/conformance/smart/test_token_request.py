"""The exchange of a code for a token: the form, and how each kind of client says who it is."""

import time
from collections.abc import Callable

import pytest
from joserfc import jwt

from fhir_fixtures.ehr.clients import SYMMETRIC_SECRET
from tests.conformance.smart.answers import header, payload
from tests.conformance.smart.browser import CHART, Browser, parameter, patient_of
from tests.conformance.smart.registrations import Registration
from tests.conformance.smart.world import Ehr
from tests.flow.people import ANA, BEN

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EhrFor = Callable[[str], Ehr]
KEYS = ["rs384", "es384"]


def launched(ehr: Ehr, browser: Browser) -> dict[str, str]:
    """A whole launch; gives the form that the token endpoint received."""
    assert browser.launch(ehr.launch_url(ANA)) == CHART
    return dict(ehr.token_request.form)


def test_req_062_067_068_069_the_code_is_traded_by_a_form_post(ehr: Ehr, browser: Browser) -> None:
    callback = browser.callback(ehr.launch_url(ANA))
    assert ehr.seen("/auth/token") == []
    browser.open(callback)
    seen = ehr.token_request
    assert seen.method == "POST" and not seen.query
    assert seen.headers["Content-Type"].split(";")[0] == "application/x-www-form-urlencoded"
    assert seen.parameters["grant_type"] == "authorization_code"
    assert seen.parameters["code"] == parameter(callback, "code")
    assert seen.parameters["redirect_uri"] == ehr.authorization["redirect_uri"]


def test_req_012_063_071_a_public_client_sends_its_id_and_no_proof(ehr: Ehr, browser: Browser) -> None:
    form = launched(ehr, browser)
    assert form["client_id"] == "kindred-public"
    assert not {"client_secret", "client_assertion", "client_assertion_type"} & set(form)
    assert "Authorization" not in ehr.token_request.headers


def test_req_023_064_066_345_343_a_secret_goes_by_basic_alone(ehr_for: EhrFor, browser: Browser) -> None:
    ehr = ehr_for("symmetric")
    form = launched(ehr, browser)
    assert ehr.token_request.basic == f"kindred-symmetric:{SYMMETRIC_SECRET}"
    assert "client_secret" not in form and SYMMETRIC_SECRET not in str(form)


@pytest.mark.parametrize("kind", ["symmetric", "rs384", "es384"])
def test_req_072_a_confidential_client_leaves_client_id_out(ehr_for: EhrFor, browser: Browser, kind: str) -> None:
    assert "client_id" not in launched(ehr_for(kind), browser)


@pytest.mark.parametrize("kind", KEYS)
def test_req_011_064_065_333_334_a_key_proves_who_asks(ehr_for: EhrFor, browser: Browser, kind: str) -> None:
    ehr = ehr_for(kind)
    form = launched(ehr, browser)
    assert form["client_assertion_type"] == JWT_BEARER
    assert form["client_assertion"].count(".") == 2
    assert "client_secret" not in form and "Authorization" not in ehr.token_request.headers


@pytest.mark.parametrize("kind", KEYS)
def test_req_307_308_309_320_the_assertion_is_signed_by_the_key(ehr_for: EhrFor, browser: Browser, kind: str) -> None:
    text = launched(ehr_for(kind), browser)["client_assertion"]
    assert header(text)["alg"] == kind.upper()
    assert jwt.decode(text, Registration.of(kind).key, algorithms=[kind.upper()]).claims["iss"] == f"kindred-{kind}"


@pytest.mark.parametrize("kind", KEYS)
def test_req_321_322_323_324_325_the_header_has_alg_kid_and_typ(ehr_for: EhrFor, browser: Browser, kind: str) -> None:
    said = header(launched(ehr_for(kind), browser)["client_assertion"])
    assert said == {"alg": kind.upper(), "kid": Registration.of(kind).key.kid, "typ": "JWT"}  # and so no jku


@pytest.mark.parametrize("kind", KEYS)
def test_req_317_327_328_329_330_331_the_claims_name_client_endpoint_and_end(
    ehr_for: EhrFor, browser: Browser, kind: str
) -> None:
    ehr = ehr_for(kind)
    before = time.time()
    claims = payload(launched(ehr, browser)["client_assertion"])
    assert claims["iss"] == claims["sub"] == f"kindred-{kind}"
    assert claims["aud"] == f"{ehr.base}/auth/token"
    assert isinstance(claims["exp"], int) and before < claims["exp"] <= time.time() + 300


@pytest.mark.parametrize("kind", KEYS)
def test_req_319_332_each_request_has_an_assertion_of_its_own(ehr_for: EhrFor, browser: Browser, kind: str) -> None:
    ehr = ehr_for(kind)
    texts = [launched(ehr, browser)["client_assertion"] for _ in range(3)]
    assert len(set(texts)) == len({payload(text)["jti"] for text in texts}) == 3
    assert all(len(payload(text)["jti"]) >= 16 for text in texts)


def test_req_069_070_two_launches_at_once_keep_their_own_code_and_verifier(ehr: Ehr, browser: Browser) -> None:
    first, second = browser.callback(ehr.launch_url(ANA)), browser.callback(ehr.launch_url(BEN))
    assert patient_of(browser.open(second)) == BEN
    assert patient_of(browser.open(first)) == ANA
    codes = [seen.parameters["code"] for seen in ehr.seen("/auth/token")]
    assert codes == [parameter(second, "code"), parameter(first, "code")]
