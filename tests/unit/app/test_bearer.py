"""A token on its way: to its own origin alone, refreshed once however many ask, gone when the EHR ends the grant."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from app.database import open_database
from app.problems import Problem
from app.smart import Smart
from app.smart.tokens import Context, Store, Token


@pytest.fixture
def bearer(serve, ehr_at, tmp_path: Path):
    """A bearer whose EHR answers token requests with `reply`, and the store behind it."""
    engine = open_database(tmp_path)

    def make(reply: dict[str, Any] | None, status: int = 200, token: Token | None = None) -> tuple[Any, Any, Any]:
        def answer(path: str) -> Any:
            if path.endswith("smart-configuration"):
                return 200, {}, json.dumps({"authorization_endpoint": "a", "token_endpoint": "token"}).encode()
            time.sleep(0.05)  # long enough for the others to come and wait
            return status, {"Content-Type": "application/json"}, json.dumps(reply).encode()

        here = serve(answer)
        ehr = ehr_at(here.url)
        smart = Smart(engine, Store(engine, b"k" * 32), {"here": ehr}, {ehr.issuer: ehr})
        context = Context(patient="p1", encounter="e1")
        launch = smart.store.create("here", "browser", token or Token("old", "refresh-1", None), context)
        return smart, launch, here

    yield make
    engine.dispose()


FRESH = {"access_token": "new", "token_type": "bearer", "expires_in": 300, "refresh_token": "refresh-2"}


def signed(bearer: Any, url: str) -> str | None:
    return requests.Request("GET", url, auth=bearer).prepare().headers.get("Authorization")


def test_the_token_goes_to_the_fhir_origin_alone(bearer) -> None:
    smart, launch, here = bearer(FRESH)
    mine = smart.bearer(launch)
    assert signed(mine, f"{here.url}/fhir/Patient/p1") == "Bearer old"
    port = int(here.url.rsplit(":", 1)[1])
    for url in ("https://elsewhere.example/fhir", f"http://127.0.0.1:{port + 1}/fhir", f"https://127.0.0.1:{port}/fhir",
                f"http://localhost:{port}/fhir"):  # fmt: skip
        assert signed(mine, url) is None


def test_many_refusals_of_one_token_lead_to_one_refresh(bearer) -> None:
    smart, launch, here = bearer(FRESH)
    bearers = [smart.bearer(launch) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: one.refresh("old"), bearers))
    assert [request[3] for request in here.requests if request[0] == "POST"] == [
        "grant_type=refresh_token&refresh_token=refresh-1&client_id=kindred"
    ]
    assert {signed(one, f"{here.url}/fhir/x") for one in bearers} == {"Bearer new"}
    kept = smart.store.find(launch.sid, "browser")
    assert kept.token.refresh == "refresh-2" and kept.context == launch.context


def test_an_ehr_that_sends_no_new_refresh_token_means_the_old_one(bearer) -> None:
    smart, launch, _ = bearer({"access_token": "new", "token_type": "Bearer"})
    smart.bearer(launch).refresh("old")
    assert smart.store.find(launch.sid, "browser").token.refresh == "refresh-1"


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        ({"error": "invalid_grant"}, 400, "session_ended"),
        ({"access_token": "x", "token_type": "mac"}, 200, "session_ended"),
        ({**FRESH, "patient": "someone-else"}, 200, "patient_mismatch"),
    ],
)
def test_a_refused_refresh_ends_the_launch(bearer, reply, status, code) -> None:
    smart, launch, _ = bearer(reply, status)
    with pytest.raises(Problem, match=code):
        smart.bearer(launch).refresh("old")
    assert smart.store.find(launch.sid, "browser") is None


def test_an_ehr_that_is_down_does_not_end_it(bearer) -> None:
    smart, launch, _ = bearer(None, 503)
    with pytest.raises(Problem, match="ehr_unreachable"):
        smart.bearer(launch).refresh("old")
    assert smart.store.find(launch.sid, "browser") == launch


def test_without_a_refresh_token_a_refusal_is_the_end(bearer) -> None:
    smart, launch, here = bearer(FRESH, token=Token("old"))
    with pytest.raises(Problem, match="session_ended"):
        smart.bearer(launch).refresh("old")
    assert here.requests == []


def test_a_token_that_ends_within_a_minute_is_refreshed_ahead(bearer) -> None:
    smart, launch, _ = bearer(FRESH, token=Token("old", "refresh-1", time.time() + 30))
    mine = smart.bearer(launch)
    mine.renew_if_ending()
    assert smart.store.find(launch.sid, "browser").token.access == "new"
