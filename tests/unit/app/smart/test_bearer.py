"""A token on its way: to its own origin alone, refreshed once however many ask, gone when the EHR ends the grant."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests

from app.database import open_database
from app.problems import Problem
from app.smart import Smart, Waiting, tokens
from app.smart import bearer as bearer_module
from app.smart.tokens import Context, Store, Token

ENDPOINTS = ("authorization", "token", "revocation")


@pytest.fixture
def bearer(serve, ehr_at, tmp_path: Path):
    """A bearer whose EHR answers token requests with `reply`, and the store behind it."""
    engine = open_database(tmp_path)

    def make(reply: dict[str, Any] | None, status: int = 200, token: Token | None = None) -> tuple[Any, Any, Any]:
        def answer(path: str) -> Any:
            if path.endswith("smart-configuration"):
                return 200, {}, json.dumps({f"{name}_endpoint": name for name in ENDPOINTS}).encode()
            time.sleep(0.05)  # long enough for the others to come and wait
            return status, {"Content-Type": "application/json"}, json.dumps(reply).encode()

        here = serve(answer)
        ehr = ehr_at(here.url)
        key = b"k" * 32
        smart = Smart(engine, Store(engine, key), Waiting(engine, key), {"here": ehr}, {ehr.issuer: ehr})
        context = Context(patient="p1", encounter="e1", scopes=("launch", "patient/*.rs"))
        launch = smart.store.create("here", "browser", token or Token("old", "refresh-1", None), context)
        return smart, launch, here

    yield make
    engine.dispose()


FRESH = {"access_token": "new", "token_type": "bearer", "expires_in": 300, "refresh_token": "refresh-2"}


def signed(bearer: Any, url: str) -> str | None:
    return requests.Request("GET", url, auth=bearer).prepare().headers.get("Authorization")


def told(request: tuple[str, str, dict[str, str], str]) -> dict[str, str]:
    return dict(parse_qsl(request[3]))


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


@pytest.mark.parametrize(("lasts", "refreshes"), [(3600, 1), (None, 1), (1, 2)])
def test_a_token_that_has_just_come_and_is_refused_too_is_the_end_unless_its_time_is_over(
    bearer, lasts: int | None, refreshes: int
) -> None:
    ends = {} if lasts is None else {"expires_in": lasts}
    smart, launch, here = bearer({"access_token": "new", "token_type": "Bearer", **ends})
    mine = smart.bearer(launch)
    for late_reader in ("old", "old", "new"):
        time.sleep(1.1 if (lasts, late_reader) == (1, "new") else 0)
        try:
            mine.refresh(late_reader)
        except Problem as problem:
            assert (problem.code, problem.cause, late_reader) == ("session_ended", "401_after_refresh", "new")
    assert len([request for request in here.requests if request[0] == "POST"]) == refreshes


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


def test_a_launch_that_is_closed_during_a_refresh_stays_closed_and_its_new_tokens_are_revoked(bearer) -> None:
    smart, launch, here = bearer(FRESH)
    mine = smart.bearer(launch)
    with ThreadPoolExecutor(1) as pool:
        refreshing = pool.submit(mine.refresh, "old")
        while not [one for one in here.requests if one[0] == "POST"]:
            time.sleep(0.005)
        smart.store.forget(launch.sid)
        with pytest.raises(Problem, match="session_ended"):
            refreshing.result()
    assert smart.store.find(launch.sid, "browser") is None
    assert [told(one)["token"] for one in here.requests if one[1] == "/fhir/revocation"] == ["refresh-2", "new"]


def test_a_refresh_for_another_patient_revokes_what_it_gave(bearer) -> None:
    smart, launch, here = bearer({**FRESH, "patient": "someone-else"})
    with pytest.raises(Problem, match="patient_mismatch"):
        smart.bearer(launch).refresh("old")
    assert [told(one)["token"] for one in here.requests if one[1] == "/fhir/revocation"] == ["refresh-2", "new"]


def test_ending_revokes_both_tokens_and_a_failure_of_one_does_not_save_the_other(bearer) -> None:
    smart, launch, here = bearer({"error": "server_error"}, 500)
    smart.bearer(launch).revoke()
    assert [(told(one)["token"], told(one)["token_type_hint"]) for one in here.requests if one[0] == "POST"] == [
        ("refresh-1", "refresh_token"), ("old", "access_token"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "kept"),
    [("patient/Patient.rs", ("patient/Patient.rs",)), (None, ("launch", "patient/*.rs")), ("", ()), (["a"], None)],
)
def test_the_scopes_of_the_reply_are_what_is_granted_from_then_on(bearer, scope, kept) -> None:
    smart, launch, _ = bearer(FRESH if scope is None else {**FRESH, "scope": scope})
    mine = smart.bearer(launch)
    mine.refresh("old")
    assert mine.context.scopes == (("launch", "patient/*.rs") if kept is None else kept)
    assert smart.store.find(launch.sid, "browser").context == mine.context


class TestTheLease:
    def test_is_held_by_one_and_given_back(self, bearer) -> None:
        smart, launch, _ = bearer(FRESH)
        holder = smart.store.lease(launch)
        assert holder and smart.store.lease(launch) is None
        smart.store.release(launch, holder)
        assert smart.store.lease(launch)

    def test_is_not_given_for_a_token_that_was_replaced_meanwhile(self, bearer) -> None:
        smart, launch, _ = bearer(FRESH)
        smart.bearer(launch).refresh("old")
        assert smart.store.lease(launch) is None
        assert smart.store.lease(smart.store.reload(launch))

    def test_of_a_process_that_died_runs_out_and_its_late_answer_is_not_kept(self, bearer, monkeypatch) -> None:
        smart, launch, _ = bearer(FRESH)
        monkeypatch.setattr(tokens, "LEASE_SECONDS", -1.0)
        dead = smart.store.lease(launch)
        smart.bearer(launch).refresh("old")
        assert smart.store.replace_token(launch, dead, Token("late"), ()) is None
        assert smart.store.reload(launch).token.access == "new"

    def test_of_another_is_not_waited_for_without_end(self, bearer, monkeypatch) -> None:
        smart, launch, here = bearer(FRESH)
        monkeypatch.setattr(bearer_module, "WAIT_SECONDS", 0.1)
        assert smart.store.lease(launch)
        begun = time.monotonic()
        with pytest.raises(Problem, match="ehr_unreachable"):
            smart.bearer(launch).refresh("old")
        assert time.monotonic() - begun < 5
        assert not [one for one in here.requests if one[0] == "POST"]


def test_a_token_that_still_holds_outlives_a_failed_renewal(bearer) -> None:
    smart, launch, here = bearer(None, 503, token=Token("old", "refresh-1", time.time() + 30))
    mine = smart.bearer(launch)
    mine.renew_if_ending()
    assert signed(mine, f"{here.url}/fhir/x") == "Bearer old"
    smart, launch, _ = bearer(None, 503, token=Token("old", "refresh-1", time.time() - 1))
    with pytest.raises(Problem, match="ehr_unreachable"):
        smart.bearer(launch).renew_if_ending()


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
