"""A launch over real HTTP on both sides: what a clinician sees, and what nobody may bring about."""

import json
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests

from tests.flow.people import ANA, BEN, DAN, EVA, SCRIPT
from tests.flow.published import RELEASE_ID, model, publish
from tests.flow.world import SECONDS, World, callback_of, parameter, running

FAULTS = {
    "unauthorized_once": "fhir-401-once",
    "no_observations": "search-500=Observation",
    "broken": "fhir-500",
    "no_discovery": "discovery-500",
    "plain_401": "token-plain-401",
}


def get(browser: requests.Session, url: str) -> requests.Response:
    return browser.get(url, timeout=SECONDS)


def faulty(world: World, name: str, patient: str = ANA) -> str:
    """The launch address of an EHR with a fault: the same handle, another issuer."""
    handle = parameter(world.launch_url(patient), "launch")
    return f"{world.app_url}/launch?" + urlencode({"iss": world.config.ehrs[name].issuer, "launch": handle})


def assert_problem(page: requests.Response, code: str) -> None:
    assert f"<code>{code}</code>" in page.text
    assert "What next:" in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]


class TestAChartLaunch:
    def test_ends_at_the_page_of_that_patient_with_group_reasons_and_evidence(self, world, browser) -> None:
        page = get(browser, world.launch_url(ANA))
        assert page.status_code == 200
        assert re.fullmatch(rf"{re.escape(world.app_url)}/s/[A-Za-z0-9_-]{{43}}/", page.url)
        assert f'data-patient="{ANA}"' in page.text
        assert "Diabetes with high HbA1c" in page.text
        assert "Of 412 people in this group, 31\u00a0% (27–36\u00a0%) had an unplanned hospital admission" in page.text
        assert page.text.count('<p class="sentence">') == 3
        assert "Latest HbA1c 9.4 % on 4 May 2026." in page.text
        assert f"<code>{RELEASE_ID}</code>" in page.text
        assert "As of 30-Jun-2026." in page.text
        assert "Synthetic data." in page.text

    def test_is_audited_with_who_saw_whom_under_which_release(self, world, browser) -> None:
        get(browser, world.launch_url(BEN))
        with sqlite3.connect(world.home / "app.db") as db:
            rows = db.execute(
                "SELECT action, who, patient, release FROM audit WHERE patient = ? ORDER BY id DESC LIMIT 2", (BEN,)
            ).fetchall()
        db.close()
        assert [row[0] for row in rows] == ["view", "launch"]
        assert rows[0][1].startswith("Practitioner/")
        assert rows[0][3] == RELEASE_ID

    def test_a_name_with_a_script_in_it_stays_a_name(self, world, browser) -> None:
        page = get(browser, world.launch_url(DAN))
        assert SCRIPT not in page.text
        assert "&lt;script&gt;" in page.text

    def test_may_be_framed_by_its_own_ehr_only(self, world, browser) -> None:
        page = get(browser, world.launch_url(ANA))
        assert page.headers["Content-Security-Policy"].endswith(f"frame-ancestors {world.ehr.base_url}")
        assert "X-Frame-Options" not in page.headers
        assert page.headers["Cache-Control"] == "no-store"

    def test_hides_the_banner_that_the_ehr_shows_already(self, world, browser) -> None:
        assert '<header class="banner print-only">' in get(browser, world.launch_url(ANA)).text

    def test_a_patient_without_any_record_gets_no_group_and_a_reason(self, world, browser) -> None:
        page = get(browser, world.launch_url(EVA))
        assert "No risk group is shown" in page.text
        assert "Not known" in page.text

    @pytest.mark.parametrize("patient", [ANA, BEN])
    def test_leaves_no_token_name_or_patient_in_the_logs(self, world, browser, caplog, patient) -> None:
        with caplog.at_level("DEBUG", "app"):
            page = get(browser, world.launch_url(patient))
            get(browser, page.url + "nothing")
        for secret in (patient, "MRN-000", "Ångström", "Baker", page.url.split("/")[-2]):
            assert secret not in caplog.text

    def test_the_cookie_holds_a_random_number_and_the_database_no_token_in_clear(self, world, browser) -> None:
        get(browser, world.launch_url(ANA))
        (cookie,) = browser.cookies
        assert (cookie.name, len(cookie.value or "")) == ("kindred", 43)
        tokens = [str(token) for token in _live_tokens(world)]
        assert tokens
        files = b"".join(path.read_bytes() for path in world.home.iterdir())
        assert not any(token.encode() in files for token in tokens)


def _live_tokens(world: World) -> list[str]:
    kept = world.ehr.app.extensions["sandbox"].vault.access
    return [key for value in vars(kept).values() if isinstance(value, dict) for key in value]


class TestTwoLaunchesInOneBrowser:
    def test_never_mix_even_when_the_first_is_reloaded_after_the_second(self, world, browser) -> None:
        first = get(browser, world.launch_url(ANA))
        second = get(browser, world.launch_url(BEN))
        assert first.url != second.url
        again = get(browser, first.url)
        assert f'data-patient="{ANA}"' in again.text and BEN not in again.text
        assert f'data-patient="{BEN}"' in second.text and ANA not in second.text

    def test_never_mix_when_their_callbacks_arrive_in_the_other_order(self, world, browser) -> None:
        first, second = (callback_of(browser, world.launch_url(patient)) for patient in (ANA, BEN))
        assert f'data-patient="{BEN}"' in get(browser, second).text
        assert f'data-patient="{ANA}"' in get(browser, first).text

    def test_never_mix_at_the_same_time(self, world) -> None:
        def launch(patient: str) -> bool:
            with requests.Session() as own:
                return f'data-patient="{patient}"' in get(own, world.launch_url(patient)).text

        with ThreadPoolExecutor(6) as pool:
            assert all(pool.map(launch, [ANA, BEN] * 6))

    def test_a_page_is_closed_to_another_browser(self, world, browser) -> None:
        page = get(browser, world.launch_url(ANA))
        with requests.Session() as other:
            assert_problem(get(other, page.url), "session_unknown")
            get(other, world.launch_url(BEN))
            assert_problem(get(other, page.url), "session_unknown")


class TestACallback:
    def test_works_once(self, world, browser) -> None:
        url = callback_of(browser, world.launch_url(ANA))
        assert get(browser, url).status_code == 200
        assert_problem(get(browser, url), "state_unknown")

    def test_with_a_wrong_state_asks_the_ehr_for_nothing(self, world, browser) -> None:
        url = callback_of(browser, world.launch_url(ANA))
        world.requests_seen.clear()
        assert_problem(get(browser, url.replace("state=", "state=x")), "state_unknown")
        assert world.requests_seen == []

    def test_without_state_is_refused(self, world, browser) -> None:
        assert_problem(get(browser, f"{world.app_url}/callback?code=abc"), "state_missing")

    def test_with_the_state_of_another_browser_is_refused_and_spends_it(self, world, browser) -> None:
        url = callback_of(browser, world.launch_url(ANA))
        with requests.Session() as thief:
            assert_problem(get(thief, url), "other_browser")
        assert_problem(get(browser, url), "state_unknown")

    def test_from_another_authorization_server_is_refused(self, world, browser) -> None:
        url = callback_of(browser, world.launch_url(ANA))
        assert_problem(get(browser, f"{url}&iss=https://elsewhere.example"), "issuer_mismatch")

    @pytest.mark.parametrize(("error", "code"), [("access_denied", "denied"), ("server_error", "ehr_refused")])
    def test_with_an_error_shows_our_words_and_reflects_nothing(self, world, browser, error, code) -> None:
        state = parameter(callback_of(browser, world.launch_url(ANA)), "state")
        sent = {"error": error, "error_description": SCRIPT, "error_uri": "https://evil.example", "state": state}
        page = get(browser, f"{world.app_url}/callback?{urlencode(sent)}")
        assert_problem(page, code)
        assert "script>" not in page.text and "evil.example" not in page.text
        assert_problem(get(browser, f"{world.app_url}/callback?{urlencode(sent)}"), "state_unknown")

    def test_with_an_error_and_no_state_shows_our_words_too(self, world, browser) -> None:
        page = get(browser, f"{world.app_url}/callback?{urlencode({'error': 'x', 'error_description': SCRIPT})}")
        assert_problem(page, "state_missing")
        assert "script>" not in page.text

    def test_whose_code_the_ehr_refuses_ends_cleanly(self, world, browser) -> None:
        url = callback_of(browser, world.launch_url(ANA))
        assert_problem(get(browser, re.sub(r"code=[^&]+", "code=wrong", url)), "token_refused")


class TestALaunch:
    @pytest.mark.parametrize("change", ["https://evil.example", "{issuer}/", "{issuer}x", "{issuer}#", "HTTP{rest}"])
    def test_from_an_unknown_issuer_makes_no_request(self, world, browser, change) -> None:
        issuer = world.ehr.fhir_base
        world.requests_seen.clear()
        sent = change.format(issuer=issuer, rest=issuer.removeprefix("http"))
        assert_problem(get(browser, f"{world.app_url}/launch?{urlencode({'iss': sent, 'launch': 'x'})}"), "iss_unknown")
        assert world.requests_seen == []

    @pytest.mark.parametrize("query", ["", "?launch=x", "?iss=a&iss=b"])
    def test_without_one_issuer_is_refused(self, world, browser, query) -> None:
        assert_problem(get(browser, f"{world.app_url}/launch{query}"), "launch_malformed")

    def test_sends_what_smart_asks_for(self, world, browser) -> None:
        launch_url = world.launch_url(ANA)
        sent = browser.get(launch_url, allow_redirects=False, timeout=SECONDS).headers["Location"]
        assert parameter(sent, "response_type") == "code"
        assert parameter(sent, "aud") == world.ehr.fhir_base
        assert parameter(sent, "launch") == parameter(launch_url, "launch")
        assert parameter(sent, "code_challenge_method") == "S256"
        assert 43 <= len(parameter(sent, "state")) < 256 and len(parameter(sent, "nonce")) == 43
        assert "launch" in parameter(sent, "scope").split()

    def test_without_a_launch_parameter_is_standalone(self, world, browser) -> None:
        url = f"{world.app_url}/launch?{urlencode({'iss': world.ehr.fhir_base})}"
        sent = browser.get(url, allow_redirects=False, timeout=SECONDS).headers["Location"]
        assert "launch=" not in sent
        scope = parameter(sent, "scope").split()
        assert "launch/patient" in scope and "launch" not in scope

    def test_with_a_launch_that_the_ehr_does_not_know_ends_cleanly(self, world, browser) -> None:
        url = f"{world.app_url}/launch?{urlencode({'iss': world.ehr.fhir_base, 'launch': 'gone'})}"
        assert_problem(get(browser, url), "ehr_refused")

    def test_standalone_shows_who_is_chosen_after_sign_in_and_consent(self, world, browser) -> None:
        page = get(browser, f"{world.app_url}/launch?{urlencode({'iss': world.ehr.fhir_base})}")
        for answer in ({"clinician": None}, {"patient": ANA}, {"answer": "allow"}):
            page = _answered(browser, page, answer)
        assert '<header class="banner">' in page.text
        assert '<span class="family">Ångström-Núñez</span>' in page.text
        assert "09-Mar-1954 (72 years)" in page.text and "MRN-0001" in page.text

    def test_denied_by_the_clinician_says_so(self, world, browser) -> None:
        page = get(browser, f"{world.app_url}/launch?{urlencode({'iss': world.ehr.fhir_base})}")
        for answer in ({"clinician": None}, {"patient": ANA}, {"answer": "deny"}):
            page = _answered(browser, page, answer)
        assert_problem(page, "denied")


def _answered(browser: requests.Session, page: requests.Response, answer: dict[str, str | None]) -> requests.Response:
    """Send the one form of a sign-in page; None means: the first choice it offers."""
    fields = re.findall(r'<(?:input|button)[^>]*name="([a-z]+)"[^>]*value="([^"]*)"', page.text)
    form = [(name, value) for name, value in fields if name in ("login", "scope")]
    form += [(name, value or dict(reversed(fields)).get(name, "")) for name, value in answer.items()]
    return browser.post(page.url, data=form, timeout=SECONDS)


class TestAnEhrInTrouble:
    def test_a_refused_token_is_refreshed_once_and_the_page_comes(self, world, browser) -> None:
        world.requests_seen.clear()
        page = get(browser, faulty(world, "unauthorized_once"))
        assert page.status_code == 200 and f'data-patient="{ANA}"' in page.text
        assert sum(path.endswith("/auth/token") for path in world.requests_seen) == 2

    def test_a_type_that_fails_is_named_and_the_rest_is_shown(self, world, browser) -> None:
        page = get(browser, faulty(world, "no_observations"))
        assert page.status_code == 200
        assert "<strong>Measurements and laboratory results</strong>: the EHR reported an error." in page.text
        assert "Diabetes" in page.text
        assert "Not known from what could be read" in page.text and "Not in the chart" not in page.text

    def test_without_the_conditions_no_group_is_shown_since_a_sick_patient_would_look_well(self, tmp_path) -> None:
        publish(tmp_path / "kindred.db", "half", model())
        with running(tmp_path, {"half": "search-500=Condition"}) as half, requests.Session() as browser:
            page = get(browser, faulty(half, "half"))
        assert "The chart could not be read completely (conditions)" in page.text
        assert "No risk group is shown" in page.text and "Diabetes with high HbA1c" not in page.text

    def test_an_ehr_without_a_release_shows_what_was_found(self, world, browser) -> None:
        page = get(browser, faulty(world, "unauthorized_once"))
        assert "No release yet" in page.text
        assert "HbA1c</th><td>9.4 %" in page.text

    @pytest.mark.parametrize(
        ("name", "code"),
        [("no_discovery", "discovery_failed"), ("plain_401", "token_refused"), ("broken", "patient_unreadable")],
    )
    def test_each_fault_has_its_page(self, world, browser, name, code) -> None:
        assert_problem(get(browser, faulty(world, name)), code)


def closing_form(page: requests.Response) -> dict[str, str]:
    """The hidden fields of the form that closes a page."""
    fields = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([0-9a-f]+)"', page.text))
    assert set(fields) == {"form_token", "patient"}
    return fields


class TestClosing:
    def test_revokes_both_tokens_and_forgets_the_launch(self, world, browser) -> None:
        page = get(browser, world.launch_url(ANA))
        world.requests_seen.clear()
        headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        closed = browser.post(page.url + "close", data=closing_form(page), headers=headers, timeout=SECONDS)
        assert "This view is closed" in closed.text
        assert world.requests_seen.count("/auth/revoke") == 2
        assert_problem(get(browser, page.url), "session_unknown")

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
    )
    def test_from_another_site_is_refused(self, world, browser, headers) -> None:
        page = get(browser, world.launch_url(ANA))
        sent = browser.post(page.url + "close", data=closing_form(page), headers=headers, timeout=SECONDS)
        assert_problem(sent, "cross_site")
        assert get(browser, page.url).status_code == 200

    @pytest.mark.parametrize(("left_out", "code"), [("form_token", "cross_site"), ("patient", "patient_mismatch")])
    def test_without_either_mark_is_refused(self, world, browser, left_out, code) -> None:
        page = get(browser, world.launch_url(ANA))
        form = {name: value for name, value in closing_form(page).items() if name != left_out}
        sent = browser.post(page.url + "close", data=form, headers={"Origin": world.app_url}, timeout=SECONDS)
        assert_problem(sent, code)

    def test_with_the_form_of_another_chart_is_refused(self, world, browser) -> None:
        ana, ben = (get(browser, world.launch_url(patient)) for patient in (ANA, BEN))
        mixed = closing_form(ana) | {"patient": closing_form(ben)["patient"]}
        sent = browser.post(ana.url + "close", data=mixed, headers={"Origin": world.app_url}, timeout=SECONDS)
        assert_problem(sent, "patient_mismatch")


@pytest.mark.parametrize(
    ("client_id", "changes"),
    [
        ("kindred-symmetric", {"client_auth": "client_secret_basic"}),
        ("kindred-asymmetric", {"client_auth": "private_key_jwt"}),
    ],
)
@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_confidential_clients_launch_too(tmp_path: Path, client_id, changes, algorithm) -> None:
    from fhir_fixtures.ehr.clients import SYMMETRIC_SECRET
    from fhir_fixtures.ehr.live import test_key

    key = test_key("asymmetric", algorithm)
    private = json.loads(json.dumps({**key.as_dict(private=True), "alg": algorithm, "kid": key.kid}))
    proof = {"private_keys": (private,)} if "key" in changes["client_auth"] else {"client_secret": SYMMETRIC_SECRET}
    with running(tmp_path, client_id=client_id, **changes, **proof) as world, requests.Session() as browser:
        page = get(browser, world.launch_url(ANA, client_id))
        assert f'data-patient="{ANA}"' in page.text
        assert "No release can be read" in page.text  # there is no serving database at all
