"""Token replies in every odd form: what is taken, what is refused, and that nothing is shown of what is refused."""

from typing import Any

import pytest

from tests.conformance.smart.answers import JSON, says, with_parts
from tests.conformance.smart.browser import CHART, Browser, parameter, patient_of, problem_of
from tests.conformance.smart.world import Ehr, World
from tests.flow.people import ANA

TOKEN = "/auth/token"


@pytest.mark.parametrize("written", ["Bearer", "bearer", "BEARER"])
def test_req_075_093_the_token_is_used_as_bearer_however_it_is_written(
    ehr: Ehr, browser: Browser, written: str
) -> None:
    ehr.change(TOKEN, with_parts(token_type=written))
    assert patient_of(browser.open(ehr.launch_url(ANA))) == ANA
    assert ehr.reads() and len({seen.bearer for seen in ehr.reads()}) == 1 and ehr.reads()[0].bearer
    assert not any("access_token" in dict(seen.query) for seen in ehr.reads())


@pytest.mark.parametrize(
    "parts",
    [{"token_type": None}, {"token_type": "mac"}, {"token_type": 7}, {"access_token": None}, {"access_token": ""},
     {"access_token": 7}, {"access_token": ["a"]}, {"access_token": "a\r\nX-Evil: 1"}, {"patient": ["ana-1", "ben-2"]},
     {"patient": 7}, {"patient": ""}, {"patient": "../Patient/ben-2"}, {"patient": "Patient/ana-1"},
     {"patient": "a" * 65}, {"encounter": {"id": "1"}}],
)  # fmt: skip
def test_req_075_170_171_a_reply_that_breaks_the_rules_shows_no_chart(
    ehr: Ehr, browser: Browser, parts: dict[str, Any]
) -> None:
    ehr.change(TOKEN, with_parts(**parts))
    page = browser.open(ehr.launch_url(ANA))
    assert problem_of(page) in ("token_invalid", "no_patient") and patient_of(page) is None
    assert ehr.reads() == []


@pytest.mark.parametrize(
    ("body", "status", "kind", "code"),
    [
        ({"error": "invalid_grant", "error_description": "Ana's code"}, 400, JSON, "token_refused"),
        ({"error": "invalid_client"}, 401, JSON, "token_refused"),
        ({"error": "<script>"}, 400, JSON, "token_refused"),
        ({"error": {"a": 1}}, 400, JSON, None),
        ("Unauthorized", 401, "text/plain", None),
        ("<html>Sign in</html>", 200, "text/html", None),
        ("access_token=a&token_type=Bearer", 200, "application/x-www-form-urlencoded", None),
        ("", 200, JSON, None),
        ("[]", 200, JSON, None),
        ("null", 200, JSON, None),
        ('{"access_token": ', 200, JSON, None),
        ("{" + '"a":' * 5_000, 200, JSON, None),
        (b"\xff\xfe{", 200, JSON, None),
        ("oops", 500, "text/plain", None),
        ("{}" + " " * 2_000_000, 200, JSON, None),
    ],
)
def test_req_062_a_token_endpoint_that_says_no_or_nonsense_ends_the_launch(
    ehr: Ehr, browser: Browser, body: Any, status: int, kind: str, code: str | None
) -> None:
    ehr.change(TOKEN, says(body, status, kind))
    page = browser.open(ehr.launch_url(ANA))
    assert problem_of(page) == code if code else str(problem_of(page)).startswith("token_")
    assert "Ana" not in page.text and "<script>" not in page.text
    assert len(ehr.seen(TOKEN)) == 1 and ehr.reads() == []  # a code is sent once


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_req_001_a_redirect_of_the_token_endpoint_is_not_followed(
    ehr: Ehr, browser: Browser, world: World, status: int
) -> None:
    ehr.change(TOKEN, says("", status, "text/plain", Location=f"{world.foreign_url}/auth/token"))
    assert problem_of(browser.open(ehr.launch_url(ANA)))
    assert world.foreign_seen == []


def test_req_062_after_a_refusal_the_same_callback_is_over(ehr: Ehr, browser: Browser) -> None:
    ehr.change(TOKEN, says({"error": "invalid_grant"}, 400))
    url = browser.callback(ehr.launch_url(ANA))
    assert problem_of(browser.get(url)) == "token_refused"
    assert problem_of(browser.get(url)) == "state_unknown"
    assert [seen.parameters["code"] for seen in ehr.seen(TOKEN)] == [parameter(url, "code")]


@pytest.mark.parametrize("value", [None, 3600, "3600", "soon", 3600.5, 0, -5, True, 10**12, ["a"]])
def test_req_076_expires_in_may_be_missing_or_odd(ehr: Ehr, browser: Browser, value: Any) -> None:
    ehr.change(TOKEN, with_parts(expires_in=value))
    assert browser.launch(ehr.launch_url(ANA)) == CHART


@pytest.mark.parametrize("value", [None, 7, "", {"a": 1}])
def test_req_081_a_refresh_token_may_be_missing_or_odd(ehr: Ehr, browser: Browser, value: Any) -> None:
    ehr.change(TOKEN, with_parts(refresh_token=value))
    assert browser.launch(ehr.launch_url(ANA)) == CHART


def test_req_080_an_id_token_may_be_missing_then_nobody_is_named(ehr: Ehr, browser: Browser) -> None:
    ehr.change(TOKEN, with_parts(id_token=None))
    page = browser.open(ehr.launch_url(ANA))
    assert patient_of(page) == ANA and "Okafor" not in page.text
    assert not any("/Practitioner" in seen.path for seen in ehr.reads())


def test_req_082_217_what_is_not_known_is_left_alone(ehr: Ehr, browser: Browser) -> None:
    details = [{"type": "smart_on_fhir", "locations": ["https://elsewhere.example/fhir"], "patient": "ben-2"}]
    extensions = {"__vendor": {"patient": "ben-2"}, "https://vendor.example/patient": "ben-2", "Patient": "ben-2"}
    ehr.change(TOKEN, with_parts(authorization_details=details, **extensions))
    page = browser.open(ehr.launch_url(ANA))
    assert patient_of(page) == ANA
    assert not any("ben-2" in seen.path + str(seen.query) for seen in ehr.reads())


def test_req_083_170_without_a_patient_none_is_guessed(ehr: Ehr, browser: Browser) -> None:
    ehr.change(TOKEN, with_parts(patient=None))
    page = browser.open(ehr.launch_url(ANA))
    assert problem_of(page) == "no_patient" and patient_of(page) is None
    assert not any("ana-1" in seen.path + str(seen.query) for seen in ehr.reads())
