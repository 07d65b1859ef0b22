"""The recorder: what arrived where, secrets as digests, and whether one of them travelled at all."""

from typing import Any

import pytest
import requests
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from fhir_fixtures.ehr.recorder import Recorder, digest


@Request.application
def echo(request: Request) -> Response:
    return Response(request.get_data())


def test_a_token_request_is_recorded_with_digests_for_secrets(client: Any, live: Any) -> None:
    live.recorder.clear()
    code = client.code()
    client.token(code=code)
    (seen,) = live.recorder.all("/auth/token")
    assert (seen.method, seen.path, seen.faults, seen.authorization) == ("POST", "/auth/token", "", None)
    assert seen.form == {
        "grant_type": "authorization_code", "client_id": "kindred", "code": digest(code),
        "redirect_uri": "http://127.0.0.1:9500/callback", "code_verifier": digest(client.verifier),
    }  # fmt: skip
    assert {"Content-Type", "Host"} <= set(seen.headers)
    assert code not in repr(seen) and code not in str(seen.told())


def test_a_bearer_token_is_seen_by_its_digest_and_the_fault_apart_from_the_path(client: Any, live: Any) -> None:
    live.recorder.clear()
    client.http.get(f"{live.with_fault('case=r')}/fhir/Patient?_id=a", headers={"Authorization": "Bearer secret-1"})
    (seen,) = live.recorder.all()
    assert (seen.faults, seen.path, seen.query) == ("~case=r", "/fhir/Patient", {"_id": "a"})
    assert seen.authorization == ("Bearer", digest("secret-1"))


CARRIERS: list[dict[str, Any]] = [
    {"headers": {"Authorization": "Bearer secret-2"}}, {"headers": {"X-Any": "secret-2"}},
    {"params": {"token": "secret-2"}}, {"data": {"a": "secret-2"}}, {"data": b"{secret-2}"},
]  # fmt: skip


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_secret_is_seen_wherever_it_travels(live: Any, carrier: dict[str, Any]) -> None:
    live.recorder.clear()
    for place in (live.base_url, live.foreign_url):
        requests.post(f"{place}/fhir/x", timeout=5)
    assert live.recorder.saw("secret-2") == []
    requests.post(f"{live.foreign_url}/fhir/x", timeout=5, **carrier)
    assert len(live.recorder.saw("secret-2", host=live.foreign_url)) == 1
    assert live.recorder.saw("secret-2", host=live.base_url) == []


def test_the_record_is_told_where_that_is_allowed_and_the_body_still_arrives() -> None:
    recorder = Recorder()
    http = Client(recorder.telling(recorder.wrap(echo)))
    assert http.post("/a?code=c1", data={"refresh_token": "r1", "scope": "s"}).text == "refresh_token=r1&scope=s"
    told = http.get("/recorder")
    (seen,) = told.json or []
    assert (seen["query"], seen["form"]) == ({"code": digest("c1")}, {"refresh_token": digest("r1"), "scope": "s"})
    assert "r1" not in told.text and "c1" not in told.text
    assert http.delete("/recorder").status_code == 204
    assert http.get("/recorder").json == []


def test_the_record_is_not_told_otherwise(live: Any) -> None:
    assert requests.get(f"{live.base_url}/recorder", timeout=5).status_code == 404
