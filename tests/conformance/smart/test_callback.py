"""What may come to the redirect address, by whom and how often, and where it never leads."""

import re
import time
from urllib.parse import urlencode, urlsplit

import pytest

from tests.conformance.smart.answers import says
from tests.conformance.smart.browser import Browser, parameter, patient_of, problem_of
from tests.conformance.smart.world import Ehr, World
from tests.flow.people import ANA, BEN

SCRIPT = "<script>alert(1)</script>"


def test_req_004_060_a_callback_with_another_state_is_refused(ehr: Ehr, browser: Browser) -> None:
    url = browser.callback(ehr.launch_url(ANA))
    state = parameter(url, "state")
    for wrong in (state[:-1], state[:-1] + ("A" if state[-1] != "A" else "B"), state + "x", state.swapcase(), "0"):
        assert problem_of(browser.get(url.replace(state, wrong))) == "state_unknown"
    assert ehr.seen("/auth/token") == []


def test_req_004_060_a_callback_without_a_state_is_refused(ehr: Ehr, browser: Browser, world: World) -> None:
    url = browser.callback(ehr.launch_url(ANA))
    for query in (f"code={parameter(url, 'code')}", f"code={parameter(url, 'code')}&state=", "error=access_denied", ""):
        assert problem_of(browser.get(f"{world.app_url}/callback?{query}")) == "state_missing"
    assert ehr.seen("/auth/token") == []


def test_req_039_061_a_callback_in_another_browser_is_refused_and_ends_the_launch(
    ehr: Ehr, browser: Browser, other_browser: Browser
) -> None:
    url = browser.callback(ehr.launch_url(ANA))
    other_browser.callback(ehr.launch_url(BEN))  # it has a cookie of its own, and a launch too
    assert problem_of(other_browser.get(url)) == "other_browser"
    assert problem_of(browser.get(url)) == "state_unknown"
    assert ehr.seen("/auth/token") == []


def test_req_061_a_callback_without_the_cookie_is_told_what_to_do(
    ehr: Ehr, browser: Browser, other_browser: Browser
) -> None:
    page = other_browser.get(browser.callback(ehr.launch_url(ANA)))
    assert problem_of(page) == "other_browser" and "window of its own" in page.text
    assert ehr.seen("/auth/token") == []


def test_req_039_060_a_callback_serves_once(ehr: Ehr, browser: Browser) -> None:
    url = browser.callback(ehr.launch_url(ANA))
    assert patient_of(browser.open(url)) == ANA
    assert problem_of(browser.get(url)) == "state_unknown"
    assert len(ehr.seen("/auth/token")) == 1


@pytest.mark.parametrize(("minutes", "shows"), [(9, (ANA, None)), (11, (None, "state_unknown"))])
def test_req_039_a_launch_waits_ten_minutes_and_no_longer(
    ehr: Ehr, browser: Browser, monkeypatch: pytest.MonkeyPatch, minutes: int, shows: tuple[str | None, str | None]
) -> None:
    url = browser.callback(ehr.launch_url(ANA))
    monkeypatch.setattr("app.smart.pending.time", lambda: time.time() + minutes * 60)  # nothing over HTTP moves a clock
    page = browser.open(url)
    assert (patient_of(page), problem_of(page)) == shows


def test_req_039_061_a_flood_of_launches_ends_nobodys(ehr: Ehr, browser: Browser, other_browser: Browser) -> None:
    url = browser.callback(ehr.launch_url(ANA))
    for anybody in (browser, other_browser):
        for _ in range(30):
            anybody.get(f"{ehr.app_url}/launch?{urlencode({'iss': ehr.fhir, 'launch': 'x'})}")
    assert patient_of(browser.open(url)) == ANA


def test_req_061_a_state_belongs_to_the_ehr_that_it_was_made_for(
    ehr: Ehr, world: World, browser: Browser
) -> None:
    other = world.ehr()
    ours, theirs = browser.callback(ehr.launch_url(ANA)), browser.callback(other.launch_url(BEN))
    mixed = theirs.replace(parameter(theirs, "code"), parameter(ours, "code"))
    browser.get(mixed)
    assert ehr.seen("/auth/token") == []  # the code went where the state belongs, and nowhere else
    assert [seen.parameters["code"] for seen in other.seen("/auth/token")] == [parameter(ours, "code")]


def test_req_006_the_callback_leads_to_the_apps_own_page_whatever_else_it_says(ehr: Ehr, browser: Browser) -> None:
    evil = "https://evil.example/"
    names = ("redirect", "redirect_uri", "next", "return_to", "url", "continue", "target", "RelayState")
    url = f"{browser.callback(ehr.launch_url(ANA))}&{urlencode(dict.fromkeys(names, evil))}"
    page = browser.get(url)
    target = urlsplit(page.headers["Location"])
    assert page.status_code in (302, 303) and not target.query and not target.fragment
    assert target.netloc in ("", urlsplit(ehr.app_url).netloc)
    assert re.fullmatch(r"/s/[A-Za-z0-9_-]{20,}/", target.path)
    assert "evil.example" not in page.text + str(page.headers)


@pytest.mark.parametrize("parameter_name", ["redirect", "next", "redirect_uri", "url"])
def test_req_006_the_launch_leads_to_the_registered_ehr_whatever_else_it_says(
    ehr: Ehr, browser: Browser, parameter_name: str
) -> None:
    url = f"{ehr.launch_url(ANA)}&{urlencode({parameter_name: 'https://evil.example/'})}"
    assert patient_of(browser.open(url)) == ANA
    assert "evil.example" not in str(ehr.authorization)


@pytest.mark.parametrize("name", ["error", "error_description", "error_uri", "code", "iss", "state"])
def test_req_005_nothing_of_a_callback_comes_back_in_a_page(ehr: Ehr, browser: Browser, name: str) -> None:
    state = parameter(browser.callback(ehr.launch_url(ANA)), "state")
    sent = {"error": "server_error", "state": state, name: SCRIPT}
    page = browser.get(f"{ehr.app_url}/callback?{urlencode(sent)}")
    assert problem_of(page) and "alert(1)" not in page.text + str(page.headers)
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["iss", "launch"])
def test_req_005_nothing_of_a_launch_comes_back_in_a_page(ehr: Ehr, browser: Browser, name: str) -> None:
    ehr.change("/fhir/.well-known/smart-configuration", says("no", 500, "text/plain"))
    page = browser.get(f"{ehr.app_url}/launch?{urlencode({'iss': ehr.fhir, 'launch': 'x', name: SCRIPT})}")
    assert problem_of(page) and "alert(1)" not in page.text + str(page.headers)


ERRORS = {"access_denied": "denied", "invalid_scope": "ehr_refused", "server_error": "ehr_refused",
          "temporarily_unavailable": "ehr_refused", "unheard_of": "ehr_refused"}  # fmt: skip


@pytest.mark.parametrize("error", ERRORS)
def test_req_054_an_error_of_the_ehr_is_told_in_our_words_and_drops_the_launch(
    ehr: Ehr, browser: Browser, error: str
) -> None:
    url = browser.callback(ehr.launch_url(ANA))
    said = {"error": error, "error_description": "Patient Ana may not", "state": parameter(url, "state")}
    page = browser.get(f"{ehr.app_url}/callback?{urlencode(said)}")
    assert problem_of(page) == ERRORS[error] and "may not" not in page.text
    assert problem_of(browser.get(url)) == "state_unknown"
    assert ehr.seen("/auth/token") == []


def test_req_054_a_clinician_who_denies_sees_that(ehr: Ehr, browser: Browser) -> None:
    url = f"{ehr.app_url}/launch?{urlencode({'iss': ehr.fhir})}"
    assert problem_of(browser.standalone(url, ANA, allow=False)) == "denied"


def test_req_054_after_a_denial_without_a_callback_the_next_launch_works(ehr: Ehr, browser: Browser) -> None:
    browser.open(f"{ehr.app_url}/launch?{urlencode({'iss': ehr.fhir})}")  # the sign-in page, and there it ends
    assert patient_of(browser.open(ehr.launch_url(ANA))) == ANA


def test_req_060_an_answer_from_another_authorization_server_is_refused(ehr: Ehr, browser: Browser) -> None:
    url = browser.callback(ehr.launch_url(ANA))
    assert problem_of(browser.get(f"{url}&iss=https%3A%2F%2Felsewhere.example")) == "issuer_mismatch"
    assert ehr.seen("/auth/token") == []


def test_req_060_an_answer_that_names_its_own_server_is_taken(ehr: Ehr, browser: Browser) -> None:
    url = browser.callback(ehr.launch_url(ANA))
    assert patient_of(browser.open(f"{url}&{urlencode({'iss': ehr.fhir})}")) == ANA
