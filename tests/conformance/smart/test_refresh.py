"""Refreshing: when a token ends, once per token, with what was granted and for the same patient."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from fhir_fixtures.ehr.clients import APP_SCOPES, SYMMETRIC_SECRET
from tests.conformance.smart.answers import in_turn, payload, says, with_parts
from tests.conformance.smart.browser import Browser, patient_of, problem_of
from tests.conformance.smart.world import TOKEN, Ehr, World
from tests.flow.people import ANA, BEN

EhrFor = Callable[[str], Ehr]


def opened(ehr: Ehr, browser: Browser, patient: str = ANA) -> requests.Response:
    """The chart page of a launch."""
    page = browser.open(ehr.launch_url(patient))
    assert patient_of(page) == patient
    return page


def test_req_105_106_a_refused_token_is_refreshed_and_the_chart_shown(ehr: Ehr, browser: Browser) -> None:
    page = opened(ehr, browser)
    ehr.end_token()
    assert patient_of(browser.open(page.url)) == ANA
    [seen] = ehr.refreshes()
    assert seen.method == "POST" and seen.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert seen.parameters["refresh_token"] == ehr.given[0]["refresh_token"]
    assert ehr.reads()[-1].bearer == ehr.given[1]["access_token"]
    assert not {"code", "code_verifier", "redirect_uri"} & set(seen.parameters)


def test_req_076_105_a_token_that_ends_soon_is_refreshed_beforehand(ehr: Ehr, browser: Browser) -> None:
    ehr.change(TOKEN, in_turn(with_parts(expires_in=1), None))
    page = opened(ehr, browser)
    browser.open(page.url)
    assert len(ehr.refreshes()) == 1
    assert ehr.reads()[-1].bearer == ehr.given[-1]["access_token"]


def test_req_117_each_refresh_token_is_used_once_and_replaced(ehr: Ehr, browser: Browser) -> None:
    page = opened(ehr, browser)
    for _ in range(3):
        ehr.end_token()
        assert patient_of(browser.open(page.url)) == ANA
    sent = [seen.parameters["refresh_token"] for seen in ehr.refreshes()]
    assert sent == [reply["refresh_token"] for reply in ehr.given[:3]] and len(set(sent)) == 3


def test_req_117_many_requests_at_once_refresh_once(ehr: Ehr, browser: Browser) -> None:
    page = opened(ehr, browser)
    ehr.end_token()
    with ThreadPoolExecutor(6) as pool:
        pages = list(pool.map(lambda _: requests.get(page.url, cookies=browser.http.cookies, timeout=30), range(6)))
    assert [patient_of(one) for one in pages] == [ANA] * 6
    assert len(ehr.refreshes()) == 1


def test_req_116_without_a_new_refresh_token_the_old_one_stays(ehr: Ehr, browser: Browser) -> None:
    page = opened(ehr, browser)
    ehr.change(TOKEN, with_parts(refresh_token=None))
    for _ in range(2):
        ehr.end_token()
        browser.open(page.url)
    assert [seen.parameters["refresh_token"] for seen in ehr.refreshes()] == [ehr.given[0]["refresh_token"]] * 2


def test_req_107_108_a_refresh_asks_for_no_more_than_was_granted(ehr: Ehr, browser: Browser) -> None:
    granted = "launch offline_access patient/Patient.rs patient/Condition.rs"
    ehr.change(TOKEN, in_turn(with_parts(scope=granted), None))
    page = opened(ehr, browser)
    ehr.end_token()
    browser.open(page.url)
    [seen] = ehr.refreshes()
    assert set(seen.parameters.get("scope", "").split()) <= set(granted.split())


def test_req_115_147_scopes_that_a_refresh_takes_away_are_gone(ehr: Ehr, browser: Browser) -> None:
    page = opened(ehr, browser)
    ehr.end_token()
    ehr.change(TOKEN, with_parts(scope="launch offline_access patient/Patient.rs patient/Condition.rs"))
    browser.open(page.url)
    before = len(ehr.seen("/fhir/Observation"))
    assert patient_of(browser.open(page.url)) == ANA
    assert before >= 1 and len(ehr.seen("/fhir/Observation")) == before


@pytest.mark.parametrize("parts", [{"patient": None, "encounter": None}, {"need_patient_banner": None}])
def test_req_118_a_refresh_without_context_keeps_that_of_the_launch(
    ehr: Ehr, browser: Browser, parts: dict[str, Any]
) -> None:
    page = opened(ehr, browser)
    ehr.end_token()
    ehr.change(TOKEN, with_parts(**parts))
    again = browser.open(page.url)
    assert patient_of(again) == ANA and ("print-only" in again.text) == ("print-only" in page.text)


@pytest.mark.parametrize("patient", [BEN, 7, ["ana-1"]])
def test_req_118_a_refresh_for_another_patient_ends_the_launch(ehr: Ehr, browser: Browser, patient: Any) -> None:
    page = opened(ehr, browser)
    ehr.end_token()
    ehr.change(TOKEN, with_parts(patient=patient))
    assert problem_of(browser.open(page.url)) in ("patient_mismatch", "session_ended", "token_invalid")
    assert patient_of(browser.open(page.url)) is None
    assert not any(BEN in seen.path + str(seen.query) for seen in ehr.reads())


@pytest.mark.parametrize("value", [None, "300", "soon"])
def test_req_112_a_refresh_that_does_not_say_how_long_is_taken(ehr: Ehr, browser: Browser, value: Any) -> None:
    page = opened(ehr, browser)
    ehr.end_token()
    ehr.change(TOKEN, with_parts(expires_in=value))
    assert patient_of(browser.open(page.url)) == ANA


@pytest.mark.parametrize(
    "answer",
    [says({"error": "invalid_grant"}, 400), says({"error": "invalid_client"}, 401), says("Who?", 401, "text/plain"),
     with_parts(access_token=None), with_parts(token_type="mac")],
    ids=["invalid_grant", "invalid_client", "plain 401", "no token", "another kind of token"],
)  # fmt: skip
def test_req_106_a_refresh_that_is_refused_ends_in_launch_again(ehr: Ehr, browser: Browser, answer: Any) -> None:
    page = opened(ehr, browser)
    ehr.end_token()
    ehr.change(TOKEN, answer)
    ended = browser.open(page.url)
    assert problem_of(ended) and "again" in ended.text and ANA not in ended.text
    assert problem_of(browser.open(page.url)) in ("session_unknown", "session_ended")
    assert len(ehr.refreshes()) == 1  # it is not tried again


def test_req_081_without_a_refresh_token_a_refused_token_ends_in_launch_again(ehr: Ehr, browser: Browser) -> None:
    ehr.change(TOKEN, with_parts(refresh_token=None))
    page = opened(ehr, browser)
    ehr.end_token()
    assert problem_of(browser.open(page.url)) == "session_ended"
    assert ehr.refreshes() == []


def test_req_093_a_new_token_that_is_refused_too_is_not_refreshed_for_ever(ehr: Ehr, browser: Browser) -> None:
    page = opened(ehr, browser)
    ehr.change(f"/fhir/Patient/{ANA}", says("Unauthorized", 401, "text/plain"))
    assert problem_of(browser.open(page.url)) == "session_ended"
    assert len(ehr.refreshes()) == 1


@pytest.mark.parametrize("kind", ["symmetric", "rs384", "es384"])
def test_req_064_105_a_confidential_client_authenticates_at_a_refresh_too(
    ehr_for: EhrFor, browser: Browser, kind: str
) -> None:
    ehr = ehr_for(kind)
    page = opened(ehr, browser)
    ehr.end_token()
    assert patient_of(browser.open(page.url)) == ANA
    first, second = ehr.seen(TOKEN)
    assert "client_id" not in second.parameters
    if kind == "symmetric":
        assert second.basic == f"kindred-symmetric:{SYMMETRIC_SECRET}"
    else:
        claims = [payload(seen.parameters["client_assertion"]) for seen in (first, second)]
        assert claims[0]["jti"] != claims[1]["jti"] and claims[1]["aud"] == f"{ehr.base}/auth/token"


@pytest.mark.parametrize("word", ["online_access", "offline_access"])
def test_req_215_216_refreshing_is_asked_for_as_registered(
    world: World, tmp_path: Path, browser: Browser, word: str
) -> None:
    with world.app(tmp_path, scopes=APP_SCOPES.replace("offline_access", word)) as ehr:
        opened(ehr, browser)
        asked = ehr.authorization["scope"].split()
    assert [one for one in asked if one.endswith("_access")] == [word]
    assert ehr.given[0]["refresh_token"]
