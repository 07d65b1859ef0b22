"""Faults of discovery, authorization and tokens: each does what its line in faults/README.md says, over real HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

ASKED = "launch openid fhirUser offline_access patient/Patient.rs patient/Observation.rs"
Check = Callable[[requests.Response, Any], bool]


def said(key: str, value: object) -> Check:
    return lambda answer, live: answer.json().get(key) == value


def starts(key: str, host: str) -> Check:
    return lambda answer, live: str(answer.json()[key]).startswith(getattr(live, host) + "/")


def status(expected: int) -> Check:
    return lambda answer, live: answer.status_code == expected


def is_html(answer: requests.Response, live: Any) -> bool:
    return answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")


def is_huge(answer: requests.Response, live: Any) -> bool:
    return len(answer.content) > 40_000_000


def goes_to_the_foreign_host(answer: requests.Response, live: Any) -> bool:
    return answer.status_code in (302, 307) and answer.headers["Location"].startswith(f"{live.foreign_url}/")


CONFIGURATION: list[tuple[str, Check]] = [
    ("case=plain", starts("token_endpoint", "base_url")),
    ("discovery-500", status(500)),
    ("discovery-404", status(404)),
    ("discovery-html", is_html),
    ("discovery-list", lambda answer, live: answer.json() == []),
    ("discovery-huge", is_huge),
    ("discovery-redirect", goes_to_the_foreign_host),
    ("discovery-slow=0.3", lambda answer, live: answer.elapsed.total_seconds() > 0.3),
    ("discovery-relative", said("token_endpoint", "auth/token")),
    ("discovery-foreign", starts("authorization_endpoint", "foreign_url")),
    ("discovery-foreign=token", starts("token_endpoint", "foreign_url")),
    ("discovery-foreign=token", starts("authorization_endpoint", "base_url")),
    ("discovery-foreign-jwks", starts("jwks_uri", "foreign_url")),
    ("discovery-no-authorize", said("authorization_endpoint", None)),
    ("discovery-no-token", said("token_endpoint", None)),
    ("discovery-no-jwks", said("jwks_uri", None)),
    ("discovery-no-issuer", said("issuer", None)),
    ("discovery-no-s256", said("code_challenge_methods_supported", ["plain"])),
    ("discovery-no-methods", said("code_challenge_methods_supported", None)),
    ("permission-v1", lambda answer, live: "permission-v2" not in answer.json()["capabilities"]),
    ("callback-iss", said("authorization_response_iss_parameter_supported", True)),
]
KEYS: list[tuple[str, Check]] = [
    ("jwks-500", status(500)),
    ("jwks-html", is_html),
    ("jwks-empty", said("keys", [])),
    ("jwks-huge", is_huge),
    ("jwks-redirect", goes_to_the_foreign_host),
    ("id-token-no-kid-two-keys", lambda answer, live: len(answer.json()["keys"]) == 2),
]


@pytest.mark.parametrize(("path", "fault", "check"), [
    *(("fhir/.well-known/smart-configuration", *row) for row in CONFIGURATION), *(("auth/jwks", *row) for row in KEYS),
])  # fmt: skip
def test_discovery_is_wrong_in_the_way_it_says(under: Any, live: Any, path: str, fault: str, check: Check) -> None:
    client = under(fault)
    assert check(client.http.get(f"{client.live.base_url}/{path}", allow_redirects=False), live)


@pytest.mark.parametrize("path", ["auth/token", "fhir/auth/token"])
def test_relative_endpoints_work_however_they_are_resolved(under: Any, path: str) -> None:
    client = under("discovery-relative")
    aud = f"{client.live.base_url}/{path}"
    form = {"grant_type": "client_credentials", "scope": "system/*.rs"} | client.assertion("kindred-bulk", aud=aud)
    assert client.http.post(aud, data=form).status_code == 200


def back(client: Any, pages: Any, scope: str = ASKED) -> dict[str, list[str]]:
    """The parameters with which the user returns to the app."""
    return dict(pages.query(client.authorize(launch=client.launch(), scope=scope).headers["Location"]))


CALLBACKS: list[tuple[str, dict[str, object]]] = [
    ("case=plain", {"error": None, "iss": None}),
    ("authorize-deny", {"error": "access_denied", "state": "s" * 22, "code": None}),
    ("authorize-error", {"error": "server_error", "state": "s" * 22, "code": None}),
    ("authorize-error=temporarily_unavailable", {"error": "temporarily_unavailable"}),
    ("callback-no-state", {"state": None, "error": None}),
    ("callback-no-code", {"code": None, "state": "s" * 22}),
    ("callback-empty", {"code": None, "state": None, "error": None}),
    ("callback-wrong-state", {"state": "w" * 43}),
    ("callback-wrong-code", {"code": "no-such-code", "state": "s" * 22}),
    ("callback-error-and-code", {"error": "server_error"}),
    ("callback-deny-no-state", {"error": "access_denied", "state": None, "code": None}),
    ("callback-script", {"error_description": "<script>alert(document.domain)</script>", "state": "s" * 22}),
    ("callback-script-code", {"error": "<script>alert(document.domain)</script>", "state": "s" * 22}),
    ("callback-iss", {"iss": "{base}/fhir"}),
    ("callback-no-iss", {"iss": None}),
    ("callback-wrong-iss", {"iss": "{foreign}/fhir"}),
]


@pytest.mark.parametrize(("fault", "expected"), CALLBACKS)
def test_the_callback_is_wrong_in_the_way_it_says(
    under: Any, live: Any, pages: Any, fault: str, expected: dict[str, object]
) -> None:
    client = under(fault)
    found = back(client, pages)
    for name, value in expected.items():
        wanted = str(value).format(base=client.live.base_url, foreign=live.foreign_url)
        assert found.get(name) == (None if value is None else [wanted]), name
    named = expected.keys() & {"code", "error"} or fault.startswith("callback-script")
    assert named or len(found["code"]) == 1


def test_every_parameter_may_come_twice(under: Any, pages: Any) -> None:
    assert [len(values) for values in back(under("callback-twice"), pages).values()] == [2, 2]


def test_a_silent_denial_stays_on_a_page_of_the_ehr(under: Any) -> None:
    client = under("authorize-deny-silent")
    answer = client.authorize(launch=client.launch())
    assert (answer.status_code, "Location" in answer.headers) == (200, False)


def test_the_authorization_endpoint_may_fail(under: Any) -> None:
    assert under("authorize-500").authorize().status_code == 500


@pytest.mark.parametrize("post", [False, True])
@pytest.mark.parametrize(("fault", "asked", "given"), [
    ("permission-v1", "launch patient/Patient.rs patient/Observation.read", "launch patient/Observation.read"),
    ("scopes-v1-for-v2", "launch patient/Patient.rs patient/Goal.cud patient/Flag.cruds", "launch patient/Patient.read"
     " patient/Goal.write patient/Flag.*"),
    ("scopes-v1-for-v2", "patient/Observation.rs?category=laboratory launch", "patient/Observation.read launch"),
    ("scopes-fewer", ASKED, "launch openid fhirUser offline_access patient/Patient.rs"),
    ("scopes-fewer=Patient", ASKED, "launch openid fhirUser offline_access patient/Observation.rs"),
    ("scopes-fewer=openid", "launch openid patient/Patient.rs", "launch patient/Patient.rs"),
])  # fmt: skip
def test_other_scopes_are_really_granted(
    under: Any, pages: Any, fault: str, asked: str, given: str, post: bool
) -> None:
    client = under(fault)
    code = pages.answer(client.authorize(post=post, launch=client.launch(), scope=asked))["code"]
    token = client.token(code=code).json()
    assert token["scope"] == given
    reads = client.fhir("Patient/anna", token["access_token"]).status_code == 200
    assert reads is any(word.startswith("patient/Patient.r") for word in given.split())


REPLIES: list[tuple[str, Check]] = [
    ("token-plain-401", lambda answer, live: (answer.status_code, answer.text) == (401, "Unauthorized")),
    ("token-invalid-grant", lambda answer, live: answer.status_code == 400 and answer.json()["error"]
     == "invalid_grant"),
    ("token-invalid-client", lambda answer, live: answer.status_code == 401 and answer.json()["error"]
     == "invalid_client"),
    ("token-500", status(500)),
    ("token-html", is_html),
    ("token-list", lambda answer, live: answer.json() == []),
    ("token-huge", is_huge),
    ("token-redirect", goes_to_the_foreign_host),
    ("token-slow=0.3", lambda answer, live: answer.elapsed.total_seconds() > 0.3),
    ("token-expires=7", said("expires_in", 7)),
    ("token-no-token", said("access_token", None)),
    ("token-no-type", said("token_type", None)),
    ("token-type-lower", said("token_type", "bearer")),
    ("token-type-other", said("token_type", "mac")),
    ("token-no-expiry", said("expires_in", None)),
    ("token-expiry-text", said("expires_in", "3600")),
    ("token-expiry-nonsense", said("expires_in", "soon")),
    ("token-expiry-negative", said("expires_in", -1)),
    ("token-no-scope", said("scope", None)),
    ("token-scope-list", said("scope", ASKED.split())),
    ("token-more-scopes", said("scope", f"{ASKED} patient/Coverage.rs user/*.cruds system/*.rs")),
    ("token-no-id-token", said("id_token", None)),
    ("token-no-refresh-token", said("refresh_token", None)),
    ("token-no-patient", said("patient", None)),
    ("token-no-encounter", said("encounter", None)),
    ("token-patient", said("patient", "../Group/all")),
    ("token-patient=query", said("patient", "anna?_id=bert")),
    ("token-patient=number", said("patient", 7)),
    ("token-patient=list", said("patient", ["anna"])),
    ("token-patient=empty", said("patient", "")),
    ("token-patient=long", said("patient", "a" * 65)),
    ("token-patient=script", said("patient", "<script>alert(1)</script>")),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "check"), REPLIES)
def test_the_token_reply_is_wrong_in_the_way_it_says(under: Any, live: Any, fault: str, check: Check) -> None:
    client = under(fault)
    code = client.code(scope=ASKED)
    assert check(client.http.post(f"{client.live.base_url}/auth/token", allow_redirects=False, data={
        "grant_type": "authorization_code", "code": code, "redirect_uri": "http://127.0.0.1:9500/callback",
        "code_verifier": client.verifier, "client_id": "kindred"}), live)  # fmt: skip


REFRESHES: list[tuple[str, Check]] = [
    ("case=plain", said("patient", "anna")),
    ("refresh-other-patient", said("patient", "somebody-else")),
    ("refresh-no-context", lambda answer, live: set(answer.json()) == {
        "access_token", "token_type", "expires_in", "scope", "refresh_token"}),
    ("refresh-not-returned", said("refresh_token", None)),
    ("refresh-invalid-grant", lambda answer, live: answer.json()["error"] == "invalid_grant"),
    ("refresh-500", status(500)),
    ("refresh-plain-401", lambda answer, live: (answer.status_code, answer.text) == (401, "Unauthorized")),
    ("refresh-fewer-scopes", said("scope", "launch openid fhirUser")),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "check"), REFRESHES)
def test_a_refresh_is_wrong_in_the_way_it_says(under: Any, live: Any, fault: str, check: Check) -> None:
    client = under(fault)
    first = client.exchange(scope=ASKED)
    assert first["patient"] == "anna" and first["refresh_token"]
    assert check(client.refresh(first["refresh_token"]), live)


def test_a_refresh_token_that_is_not_replaced_goes_on_working(under: Any) -> None:
    client = under("refresh-not-returned")
    first = client.exchange()["refresh_token"]
    for _ in range(3):
        token = client.refresh(first).json()["access_token"]
        assert client.fhir("Patient/anna", token).status_code == 200


def test_revocation_may_fail_or_take_its_time(under: Any) -> None:
    def revoke(client: Any) -> requests.Response:
        form = {"client_id": "kindred", "token": "x"}
        found: requests.Response = client.http.post(f"{client.live.base_url}/auth/revoke", data=form)
        return found

    assert revoke(under("revoke-500")).status_code == 500
    assert revoke(under("revoke-slow=0.3")).elapsed.total_seconds() > 0.3
