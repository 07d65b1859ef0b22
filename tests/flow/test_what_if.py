"""The what-if page over real HTTP: without script, as its script asks, and what nobody may bring about."""

import json
import re
import sqlite3

import pytest
import requests

from tests.flow.people import ANA, BEN, FAY
from tests.flow.test_launch import faulty
from tests.flow.world import SECONDS, World

FAULTS = {"no_medicines": "search-500=MedicationRequest"}
OURS = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
LIVE = OURS | {"Accept": "application/json"}


def opened(world: World, browser: requests.Session, patient: str = FAY) -> tuple[str, requests.Response]:
    """A launch of this patient: the address of its what-if page, and the page."""
    chart = browser.get(world.launch_url(patient), timeout=SECONDS)
    url = chart.url + "what-if"
    return url, browser.get(url, timeout=SECONDS)


def form_of(page: requests.Response) -> dict[str, str]:
    """What the page's form would send."""
    found = dict(re.findall(r'<input (?:type="hidden"|id="f-\w+") name="(\w+)"[^>]*? value="([^"]*)"', page.text))
    for name, body in re.findall(r'<select id="f-\w+" name="(\w+)".*?>(.*?)</select>', page.text, re.S):
        found[name] = (re.findall(r'value="(\w*)" selected', body) or [""])[0]
    return found


def post(
    browser: requests.Session, url: str, form: dict[str, str], headers: dict[str, str] = OURS
) -> requests.Response:
    return browser.post(url, data=form, headers=headers, timeout=SECONDS, allow_redirects=False)


def texts(page: requests.Response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


class TestWithoutScript:
    def test_the_page_starts_from_the_chart(self, world, browser) -> None:
        _, page = opened(world, browser)
        assert page.status_code == 200 and f'data-patient="{FAY}"' in page.text
        form = form_of(page)
        assert {name: form[name] for name in ("sbp", "tc", "hdl", "ldl", "bmi", "smoking")} == {
            "sbp": "152", "tc": "220", "hdl": "45", "ldl": "145", "bmi": "28.0", "smoking": "yes",
        }  # fmt: skip
        assert "from the chart Chart: 152 mmHg, 04-May-2026" in texts(page)

    def test_a_form_that_is_sent_brings_a_page_with_the_answer(self, world, browser) -> None:
        url, page = opened(world, browser)
        answered = post(browser, url, form_of(page) | {"sbp": "130", "lever_stop_smoking": "yes"})
        assert answered.status_code == 200 and "changed by you Chart: 152 mmHg" in texts(answered)
        assert "Stop smoking, stops and stays off" in texts(answered) and "Number needed to treat" in answered.text
        assert '<svg viewBox="0 0 100 100" role="img"' in answered.text

    def test_each_button_works(self, world, browser) -> None:
        url, page = opened(world, browser)
        form = form_of(page) | {"sbp": "150"}
        assert form_of(post(browser, url, form | {"do": "sbp:-"}))["sbp"] == "145"
        assert form_of(post(browser, url, form | {"do": "reset"}))["sbp"] == "152"
        other = post(browser, url, form | {"do": "unit"})
        assert form_of(other)["tc"] == "5.69" and "Show in mg/dL" in other.text
        assert form_of(post(browser, url, form_of(other) | {"do": "unit"}))["tc"] == "220"

    @pytest.mark.parametrize("nonsense", ["<script>alert(1)</script>", "many", "99999", "x" * 5000, "\x00"])
    def test_nonsense_comes_back_with_a_message_and_as_text(self, world, browser, nonsense: str) -> None:
        url, page = opened(world, browser)
        answered = post(browser, url, form_of(page) | {"sbp": nonsense, "do": "what:+", "shown": nonsense})
        assert answered.status_code == 200 and "Enter a" in answered.text and "<script>alert" not in answered.text
        assert len(answered.text) < 40_000

    def test_a_patient_without_values_gets_a_form_and_a_reason(self, world, browser) -> None:
        _, page = opened(world, browser, BEN)
        assert page.status_code == 200 and "The risk cannot be computed" in page.text

    def test_is_audited_and_weighs_little(self, world, browser) -> None:
        url, page = opened(world, browser)
        answered = post(browser, url, form_of(page) | {"lever_statin": "moderate", "lever_stop_smoking": "yes"})
        assert len(answered.content) < 60_000
        with sqlite3.connect(world.home / "app.db") as db:
            last = db.execute("SELECT action, patient FROM audit ORDER BY id DESC LIMIT 1").fetchone()
        db.close()
        assert last == ("what_if", FAY)

    def test_may_run_its_own_script_and_ask_its_own_server_alone(self, world, browser) -> None:
        _, page = opened(world, browser)
        policy = page.headers["Content-Security-Policy"]
        assert "script-src 'self'; connect-src 'self'; " in policy and "unsafe" not in policy
        assert "<script>" not in page.text and "style=" not in page.text
        assert page.headers["Cache-Control"] == "no-store"


class TestAsItsScriptAsks:
    def test_the_answer_is_json_with_the_patients_mark_and_the_ehr_is_not_asked(self, world, browser) -> None:
        url, page = opened(world, browser)
        form = form_of(page)
        world.requests_seen.clear()
        reply = post(browser, url, form | {"sbp": "142"}, LIVE)
        found = json.loads(reply.text)
        assert reply.headers["Kindred-Patient"] == form["patient"] and world.requests_seen == []
        assert found["said"].startswith("10-year risk of cardiovascular disease ")
        assert found["fields"]["sbp"] == {"text": "142", "mark": "changed", "words": "changed by you", "message": ""}
        assert "with the values above" in found["html"].lower()

    def test_what_is_wrong_is_told_at_its_field(self, world, browser) -> None:
        url, page = opened(world, browser)
        found = json.loads(post(browser, url, form_of(page) | {"sbp": "300"}, LIVE).text)
        assert found["fields"]["sbp"]["message"] == "Enter a value from 90 to 180 mmHg."
        assert found["said"] == "Nothing is computed until the marked values are corrected."

    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"patient": "0" * 32}, 502, "patient_mismatch"),
            ({"patient": ""}, 502, "patient_mismatch"),
            ({"form_token": "0" * 64}, 403, "cross_site"),
            ({"start": "nonsense"}, 400, "bad_request"),
            ({"start": ""}, 400, "bad_request"),
        ],
    )
    def test_a_wrong_mark_token_or_start_is_refused(self, world, browser, change, status: int, code: str) -> None:
        url, page = opened(world, browser)
        reply = post(browser, url, form_of(page) | change, LIVE)
        assert (reply.status_code, f"<code>{code}</code>" in reply.text) == (status, True)
        assert "152" not in reply.text

    def test_the_start_of_another_patients_page_is_refused(self, world, browser) -> None:
        url, page = opened(world, browser)
        _, other = opened(world, browser, ANA)
        reply = post(browser, url, form_of(page) | {"start": form_of(other)["start"]}, LIVE)
        assert reply.status_code == 400 and "bad_request" in reply.text

    def test_another_browser_and_another_site_get_nothing(self, world, browser) -> None:
        url, page = opened(world, browser)
        form = form_of(page)
        with requests.Session() as thief:
            assert "session_unknown" in post(thief, url, form, LIVE).text
        assert "cross_site" in post(browser, url, form, LIVE | {"Sec-Fetch-Site": "cross-site"}).text

    def test_a_closed_view_answers_no_more(self, world, browser) -> None:
        url, page = opened(world, browser)
        form = form_of(page)
        post(browser, url.replace("what-if", "close"), {name: form[name] for name in ("form_token", "patient")})
        assert post(browser, url, form, LIVE).status_code == 403


def test_the_chart_page_tells_the_scores_and_asks_the_ehr_no_more_than_before(world, browser) -> None:
    page = browser.get(world.launch_url(FAY), timeout=SECONDS)
    before = len(world.requests_seen)
    again = browser.get(page.url, timeout=SECONDS)
    assert len(world.requests_seen) - before <= 9  # the patient, seven types, the style
    assert "AHA PREVENT 2023" in again.text and "Kidney stage (KDIGO)" in again.text
    assert re.search(r'href="/s/[\w-]+/source/Observation/fay-6-o-tc\?patient=[0-9a-f]{32}"', again.text)
    assert len(again.content) < 150_000


def test_where_medicines_cannot_be_read_none_is_counted_as_absent(world, browser) -> None:
    chart = browser.get(faulty(world, "no_medicines", FAY), timeout=SECONDS)
    page = browser.get(chart.url + "what-if", timeout=SECONDS)
    assert "Whether a statin is in use is not known" in page.text and " to " in texts(page)
