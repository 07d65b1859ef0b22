"""SMART App Launch 2.2 as an app meets it: discovery, EHR launch, standalone launch, and what must be refused."""

from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet


def test_discovery_tells_where_everything_is_and_is_open_to_all(client: Any, live: Any) -> None:
    found = client.http.get(f"{live.fhir_base}/.well-known/smart-configuration").json()
    assert found["issuer"] == live.fhir_base
    assert found["token_endpoint"] == f"{live.base_url}/auth/token"
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert {"launch-ehr", "client-confidential-asymmetric", "permission-v2", "authorize-post"} <= set(
        found["capabilities"]
    )


@pytest.mark.parametrize("post", [False, True])
def test_a_launch_from_the_chart_is_answered_at_once_with_code_and_state(client: Any, pages: Any, post: bool) -> None:
    answer = pages.answer(client.authorize(post=post, launch=client.launch()))
    assert set(answer) == {"code", "state"}
    assert answer["state"] == "s" * 22


def test_the_token_response_carries_the_context_of_the_chart(client: Any) -> None:
    token = client.exchange("bert")
    assert token["token_type"] == "Bearer"
    assert token["patient"] == "bert"
    assert token["encounter"] == "bert-visit"
    assert token["need_patient_banner"] is False
    assert token["scope"] == "launch openid fhirUser offline_access patient/*.rs"
    assert token["refresh_token"] and token["expires_in"] == 3600
    assert client.http.get(token["smart_style_url"]).json()["color_text"].startswith("#")


def test_the_token_response_may_not_be_cached(client: Any) -> None:
    response = client.token(code=client.code())
    assert response.headers["Cache-Control"] == "no-store"


def test_the_id_token_is_signed_by_the_published_key_and_names_the_clinician(client: Any, live: Any) -> None:
    answer = client.token(code=client.code(nonce="n-1")).json()
    keys = KeySet.import_key_set(client.http.get(f"{live.base_url}/auth/jwks").json())
    token = jwt.decode(answer["id_token"], keys, algorithms=["RS256"])
    assert token.header["kid"]
    assert (token.claims["iss"], token.claims["aud"]) == (live.fhir_base, "kindred")
    assert token.claims["nonce"] == "n-1"
    assert token.claims["fhirUser"] == f"{live.fhir_base}/Practitioner/sandbox-clinician-1"


def test_without_openid_there_is_no_id_token(client: Any) -> None:
    assert "id_token" not in client.exchange(scope="launch patient/*.rs")


def test_without_offline_access_there_is_no_refresh_token(client: Any) -> None:
    assert "refresh_token" not in client.exchange(scope="launch patient/*.rs")


WRONG_REQUESTS = {
    "aud of another server": ({"aud": "https://elsewhere.example/fhir"}, "invalid_request"),
    "no aud": ({"aud": None}, "invalid_request"),
    "no state": ({"state": None}, "invalid_request"),
    "no PKCE": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    "plain PKCE": ({"code_challenge_method": "plain"}, "invalid_request"),
    "implicit flow": ({"response_type": "token"}, "unsupported_response_type"),
    "unknown launch": ({"launch": "no-such-launch"}, "invalid_request"),
    "launch without its scope": ({"launch": "x", "scope": "openid"}, "invalid_scope"),
    "launch scope without a launch": ({}, "invalid_scope"),
    "no scope that it may have": ({"scope": "system/*.rs nonsense"}, "invalid_scope"),
}


@pytest.mark.parametrize("case", WRONG_REQUESTS)
def test_a_wrong_request_goes_back_to_the_app_as_an_error(client: Any, pages: Any, case: str) -> None:
    changes, error = WRONG_REQUESTS[case]
    answer = pages.answer(client.authorize(**changes))
    assert answer["error"] == error
    assert "code" not in answer


@pytest.mark.parametrize("changes", [
    {"redirect_uri": "https://evil.example/callback"},
    {"redirect_uri": "http://127.0.0.1:9500/callback/../other"},
    {"redirect_uri": None},
    {"client_id": "stranger"},
    {"client_id": "kindred-bulk"},
])  # fmt: skip
def test_an_unknown_app_or_address_gets_a_page_and_no_redirect(client: Any, changes: dict[str, str | None]) -> None:
    response = client.authorize(launch=client.launch(), **changes)
    assert response.status_code == 400
    assert "Location" not in response.headers
    assert "evil.example" not in response.text


def test_a_launch_works_once(client: Any, pages: Any) -> None:
    launch = client.launch()
    assert "code" in pages.answer(client.authorize(launch=launch))
    assert pages.answer(client.authorize(launch=launch))["error"] == "invalid_request"


def test_scopes_that_are_not_registered_are_dropped_or_narrowed(client: Any) -> None:
    token = client.exchange(scope="launch patient/Observation.rs system/*.rs patient/Patient.read nonsense user/X.sr")
    assert token["scope"] == "launch patient/Observation.rs patient/Patient.read"


def _through_the_pages(
    client: Any, pages: Any, *, answer: str, patient: str = "bert", drop: str = ""
) -> requests.Response:
    """Sign in, choose the patient, answer the consent page; gives the redirect to the app."""
    scope = "launch/patient openid fhirUser patient/*.rs"
    page = client.http.get(_absolute(client, client.authorize(scope=scope).headers["Location"]))
    action, fields = pages.form(page)
    chosen = {"login": fields["login"][0], "clinician": fields["clinician"][1]}
    page = client.http.post(_absolute(client, action), data=chosen)
    action, fields = pages.form(page)
    assert set(fields["patient"]) == {"anna", "bert"}
    page = client.http.post(_absolute(client, action), data={"login": fields["login"][0], "patient": patient})
    action, fields = pages.form(page)
    allowed = [scope for scope in fields["scope"] if scope != drop]
    data = {"login": fields["login"][0], "scope": allowed, "answer": answer}
    return client.http.post(_absolute(client, action), data=data, allow_redirects=False)


def _absolute(client: Any, address: str) -> str:
    return address if address.startswith("http") else client.live.base_url + address


def test_a_standalone_launch_signs_in_picks_a_patient_and_asks_for_consent(client: Any, pages: Any) -> None:
    code = pages.answer(_through_the_pages(client, pages, answer="allow"))["code"]
    token = client.token(code=code).json()
    assert token["patient"] == "bert"
    assert token["need_patient_banner"] is True
    assert client.fhir("Patient/bert", token["access_token"]).status_code == 200
    assert client.fhir("Patient/anna", token["access_token"]).status_code == 404


def test_what_the_clinician_unticks_is_not_granted(client: Any, pages: Any) -> None:
    code = pages.answer(_through_the_pages(client, pages, answer="allow", drop="patient/*.rs"))["code"]
    token = client.token(code=code).json()
    assert token["scope"] == "launch/patient openid fhirUser"
    assert client.fhir("Patient/bert", token["access_token"]).status_code == 403


def test_denying_goes_back_as_access_denied(client: Any, pages: Any) -> None:
    answer = pages.answer(_through_the_pages(client, pages, answer="deny"))
    assert answer["error"] == "access_denied"
    assert answer["state"] == "s" * 22


def test_another_browser_cannot_go_on_with_a_sign_in(client: Any) -> None:
    where = _absolute(client, client.authorize(scope="launch/patient patient/*.rs").headers["Location"])
    assert requests.get(where, timeout=5).status_code == 400
    assert client.http.get(where).status_code == 200


def test_consent_cannot_be_reached_before_sign_in(client: Any) -> None:
    where = _absolute(client, client.authorize(scope="launch/patient patient/*.rs").headers["Location"])
    assert client.http.get(where.replace("/sign-in", "/consent")).status_code == 400


def test_below_a_fault_prefix_every_address_keeps_the_prefix(client: Any, live: Any) -> None:
    base = live.with_fault("case=one")
    found = client.http.get(f"{base}/fhir/.well-known/smart-configuration").json()
    assert found["issuer"] == f"{base}/fhir"
    assert found["token_endpoint"] == f"{base}/auth/token"
    launched = client.http.post(f"{base}/launches", json={"patient": "anna"}).json()
    assert launched["iss"] == f"{base}/fhir"
