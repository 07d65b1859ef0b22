"""The token, revocation and introspection endpoints: codes, client authentication, refresh, Backend Services."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import orjson
import pytest
import requests
from joserfc import jwt

from fhir_fixtures.ehr.keys import public_jwk


def error_of(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


def works(client: Any, token: str) -> bool:
    return bool(client.fhir("Patient/anna", token).status_code == 200)


def test_a_code_works_once_and_its_replay_ends_what_it_gave(client: Any) -> None:
    code = client.code()
    token = client.token(code=code).json()["access_token"]
    assert works(client, token)
    assert error_of(client.token(code=code)) == (400, "invalid_grant")
    assert not works(client, token)


@pytest.mark.parametrize("change", [
    {"code_verifier": "w" * 43},
    {"code_verifier": None},
    {"redirect_uri": "http://127.0.0.1:9500/other"},
    {"redirect_uri": None},
    {"code": "no-such-code"},
])  # fmt: skip
def test_a_wrong_exchange_is_an_invalid_grant(client: Any, change: dict[str, str | None]) -> None:
    assert error_of(client.token(**({"code": client.code()} | change))) == (400, "invalid_grant")


def test_a_wrong_verifier_spends_the_code(client: Any) -> None:
    code = client.code()
    client.token(code=code, code_verifier="w" * 43)
    assert error_of(client.token(code=code)) == (400, "invalid_grant")


def test_a_code_of_another_client_is_an_invalid_grant(client: Any, live: Any) -> None:
    code = client.code()
    response = client.token(code=code, auth=("kindred-symmetric", live.secret))
    assert error_of(response) == (400, "invalid_grant")


@pytest.mark.parametrize(("form", "error"), [
    ({"grant_type": "password"}, "unsupported_grant_type"),
    ({"grant_type": None}, "unsupported_grant_type"),
    ({"grant_type": "client_credentials", "scope": "system/*.rs"}, "unauthorized_client"),
])  # fmt: skip
def test_other_grant_types_are_refused(client: Any, form: dict[str, str | None], error: str) -> None:
    assert error_of(client.token(**form)) == (400, error)


def test_a_token_request_in_json_is_an_invalid_request(client: Any, live: Any) -> None:
    response = client.http.post(f"{live.base_url}/auth/token", json={"grant_type": "authorization_code"})
    assert error_of(response) == (400, "invalid_request")


def test_the_token_endpoint_takes_post_only(client: Any, live: Any) -> None:
    assert client.http.get(f"{live.base_url}/auth/token").status_code == 405


def test_an_unknown_client_is_401(client: Any) -> None:
    assert error_of(client.token(code="x", client_id="stranger")) == (401, "invalid_client")


# -- client authentication


def test_a_symmetric_client_authenticates_by_basic(client: Any, live: Any) -> None:
    code = client.code(client_id="kindred-symmetric")
    answer = client.token(code=code, auth=("kindred-symmetric", live.secret))
    assert answer.json()["patient"] == "anna"


def test_a_wrong_secret_is_401_with_a_challenge(client: Any) -> None:
    response = client.token(code="x", auth=("kindred-symmetric", "wrong"))
    assert error_of(response) == (401, "invalid_client")
    assert "WWW-Authenticate" in response.headers


def test_a_confidential_client_must_authenticate(client: Any) -> None:
    code = client.code(client_id="kindred-symmetric")
    assert error_of(client.token(code=code, client_id="kindred-symmetric")) == (401, "invalid_client")


@pytest.mark.parametrize("alg", ["RS384", "ES384"])
def test_an_asymmetric_client_authenticates_by_either_algorithm(client: Any, alg: str) -> None:
    code = client.code(client_id="kindred-asymmetric")
    answer = client.token(code=code, **client.assertion("kindred-asymmetric", alg))
    assert answer.json()["patient"] == "anna"


def test_two_ways_of_authentication_at_once_are_an_invalid_request(client: Any, live: Any) -> None:
    form = client.assertion("kindred-asymmetric")
    assert error_of(client.token(auth=("kindred-symmetric", live.secret), **form)) == (400, "invalid_request")


WRONG_CLAIMS = {
    "another aud": {"aud": "https://elsewhere.example/token"},
    "iss of another": {"iss": "kindred-asymmetric"},
    "sub of a stranger": {"sub": "stranger"},
    "expired": {"exp": int(time.time()) - 60},
    "more than five minutes": {"exp": int(time.time()) + 3600},
    "no exp": {"exp": None},
    "no jti": {"jti": None},
}


@pytest.mark.parametrize("case", WRONG_CLAIMS)
def test_a_wrong_assertion_is_an_invalid_client(client: Any, case: str) -> None:
    signed = client.assertion("kindred-bulk", **WRONG_CLAIMS[case])
    assert error_of(client.backend(**signed)) == (401, "invalid_client")


def test_an_assertion_works_once(client: Any) -> None:
    signed = client.assertion("kindred-bulk")
    assert client.backend(**signed).status_code == 200
    assert error_of(client.backend(**signed)) == (401, "invalid_client")


@pytest.mark.parametrize("header", [{"kid": "unknown"}, {"jku": "https://elsewhere.example/jwks.json"}])
def test_an_assertion_must_name_a_registered_key(client: Any, header: dict[str, str]) -> None:
    assert error_of(client.backend(**client.assertion("kindred-bulk", header=header))) == (401, "invalid_client")


def test_an_assertion_by_somebody_elses_key_is_refused(client: Any, live: Any) -> None:
    foreign, own = live.keys["kindred-asymmetric"][1], live.keys["kindred-bulk"][0]
    claims = jwt.decode(client.assertion("kindred-bulk")["client_assertion"], own, algorithms=["ES384"]).claims
    forged = jwt.encode({"alg": "ES384", "kid": own.kid}, claims, foreign, algorithms=["ES384"])
    assert error_of(client.backend(client_assertion=forged)) == (401, "invalid_client")


@pytest.mark.parametrize("text", ["", "a.b.c", "e30.e30.e30", "not a jwt"])
def test_rubbish_in_place_of_an_assertion_is_an_invalid_client(client: Any, text: str) -> None:
    assert error_of(client.backend(client_assertion=text)) == (401, "invalid_client")


def test_keys_of_a_client_may_lie_at_its_registered_address(client: Any, live: Any, key_server: str) -> None:
    registered = live.app.extensions["sandbox"].clients
    known = registered["kindred-asymmetric"]
    registered["kindred-asymmetric"] = replace(known, jwks=(), jwks_uri=f"{key_server}/jwks.json")
    try:
        code = client.code(client_id="kindred-asymmetric")
        signed = client.assertion("kindred-asymmetric", header={"jku": f"{key_server}/jwks.json"})
        assert client.token(code=code, **signed).json()["patient"] == "anna"
        registered["kindred-asymmetric"] = replace(known, jwks=(), jwks_uri=f"{key_server}/elsewhere")
        assert error_of(client.token(code="x", **client.assertion("kindred-asymmetric"))) == (401, "invalid_client")
    finally:
        registered["kindred-asymmetric"] = known


@pytest.fixture
def key_server(live: Any) -> Iterator[str]:
    """An app that publishes its keys at /jwks.json and redirects from everywhere else to there."""
    keys = orjson.dumps({"keys": [public_jwk(key) for key in live.keys["kindred-asymmetric"]]})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here = self.path == "/jwks.json"
            self.send_response(200 if here else 302)
            self.send_header("Location", "/jwks.json")
            self.end_headers()
            self.wfile.write(keys if here else b"")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


# -- refresh


def test_a_refresh_token_is_replaced_by_each_use(client: Any) -> None:
    first = client.exchange()
    second = client.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["patient"] == "anna"
    assert works(client, second["access_token"])


def test_an_old_refresh_token_ends_the_whole_grant(client: Any) -> None:
    first = client.exchange()
    second = client.refresh(first["refresh_token"]).json()
    assert error_of(client.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert error_of(client.refresh(second["refresh_token"])) == (400, "invalid_grant")
    assert not works(client, second["access_token"])


def test_of_two_refreshes_at_once_one_wins(client: Any) -> None:
    token = client.exchange()["refresh_token"]
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(client.refresh(token).status_code)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200, 400, 400, 400]


def test_refresh_may_narrow_the_scope_and_never_widen_it(client: Any) -> None:
    token = client.exchange(scope="launch offline_access patient/Patient.rs patient/Observation.rs")["refresh_token"]
    assert error_of(client.refresh(token, scope="patient/*.rs")) == (400, "invalid_scope")
    narrowed = client.refresh(token, scope="patient/Observation.rs").json()
    assert narrowed["scope"] == "patient/Observation.rs"
    assert not works(client, narrowed["access_token"])


# -- Backend Services, revocation, introspection


def test_backend_services_give_a_short_token_without_refresh(client: Any) -> None:
    answer = client.backend("system/Patient.rs").json()
    assert answer["expires_in"] <= 300
    assert answer["scope"] == "system/Patient.rs"
    assert "refresh_token" not in answer
    assert client.ids("Patient?_sort=_lastUpdated", answer["access_token"]) == ["anna", "bert"]


@pytest.mark.parametrize("scope", ["", "patient/*.rs", "user/*.rs", "openid"])
def test_backend_services_are_for_system_scopes(client: Any, scope: str) -> None:
    assert error_of(client.backend(scope)) == (400, "invalid_scope")


def _post(client: Any, path: str, **form: str) -> requests.Response:
    data = {"client_id": "kindred"} | form
    found: requests.Response = client.http.post(f"{client.live.base_url}/auth/{path}", data=data)
    return found


def test_revoking_the_refresh_token_ends_the_access_token_too(client: Any) -> None:
    answer = client.exchange()
    assert _post(client, "revoke", token=answer["refresh_token"]).status_code == 200
    assert not works(client, answer["access_token"])
    assert error_of(client.refresh(answer["refresh_token"])) == (400, "invalid_grant")


def test_revoking_an_unknown_token_is_fine_and_an_unknown_client_is_not(client: Any) -> None:
    assert _post(client, "revoke", token="never-was").status_code == 200
    assert error_of(_post(client, "revoke", token="x", client_id="stranger")) == (401, "invalid_client")


def test_introspection_tells_a_client_about_its_own_tokens_only(client: Any, live: Any) -> None:
    token = client.exchange()["access_token"]
    found = _post(client, "introspect", token=token).json()
    assert (found["active"], found["patient"], found["client_id"]) == (True, "anna", "kindred")
    assert found["exp"] > time.time()
    auth = ("kindred-symmetric", live.secret)
    other = client.http.post(f"{live.base_url}/auth/introspect", data={"token": token}, auth=auth)
    assert other.json() == {"active": False}
    _post(client, "revoke", token=token)
    assert _post(client, "introspect", token=token).json() == {"active": False}
