"""Headers on every reply, pages that name nobody, and faults whose messages stay in the dark."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g
from joserfc.jwk import ECKey

from app import create_app
from app.config import Config
from app.pages import show_problem
from app.problems import WORDS, Problem
from app.registry import Ehr
from app.serving import Serving
from app.smart.context import Context
from app.smart.tokens import Token
from tests.flow.published import RELEASE_ID, model, publish

PAGES = ["/", "/healthz", "/readyz", "/metrics", "/launch", "/callback", "/s/x/", "/nope", "/static/style.css",
         "/.well-known/jwks.json", "/closed"]  # fmt: skip


def make(folder: Path, ehr: Ehr) -> Flask:
    return create_app(Config(folder, f"sqlite:///{folder / 'kindred.db'}", b"k" * 32, {ehr.name: ehr}))


@pytest.fixture
def app(tmp_path: Path, ehr_at):
    made = make(tmp_path, ehr_at("https://ehr.example", frame_ancestors=("https://ehr.example",)))
    yield made
    made.extensions["smart"].engine.dispose()
    made.extensions["turns"].shutdown()


@pytest.mark.parametrize("path", PAGES)
def test_every_reply_carries_the_strict_headers(app: Flask, path: str) -> None:
    with app.test_client().get(path) as response:
        headers = response.headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == "'none'"
    assert policy["style-src"] == policy["form-action"] == "'self'"
    assert "script-src" not in policy and "unsafe" not in str(policy)
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert ("no-store" in headers["Cache-Control"]) is (path not in ("/static/style.css", "/.well-known/jwks.json"))


@pytest.mark.parametrize(
    ("path", "ancestors"),
    [("/", "'none'"), ("/metrics", "'none'"), ("/nope", "'none'"), ("/callback", "https://ehr.example"),
     ("/s/x/", "https://ehr.example"), ("/s/x/what-if", "https://ehr.example"), ("/s/x/write-back", "https://ehr.example"),
     ("/s/x/cohorts/", "https://ehr.example"), ("/api/v1/launches/x/chart", "'none'")],
)  # fmt: skip
def test_only_what_a_clinician_must_see_in_the_frame_may_be_framed(app: Flask, path: str, ancestors: str) -> None:
    response = app.test_client().get(path)
    assert response.headers["Content-Security-Policy"].endswith(f"frame-ancestors {ancestors}")
    assert ("X-Frame-Options" in response.headers) is (ancestors == "'none'")
    assert ("Cross-Origin-Opener-Policy" in response.headers) is (ancestors == "'none'")


def test_every_room_with_pages_of_a_launch_repeats_its_patient(app: Flask) -> None:
    rooms = {rule.endpoint.partition(".")[0] for rule in app.url_map.iter_rules() if "sid" in rule.arguments}
    repeat = {room for room in rooms for one in app.after_request_funcs[room] if one.__name__ == "repeat_patient"}
    assert len(rooms) > 3 and repeat == rooms


def test_https_is_kept_once_seen(app: Flask) -> None:
    client = app.test_client()
    assert "Strict-Transport-Security" in client.get("/", base_url="https://127.0.0.1:9500").headers
    assert "Strict-Transport-Security" not in client.get("/", base_url="http://127.0.0.1:9500").headers


@pytest.fixture
def public(tmp_path: Path, ehr_at):
    """The app as https://kindred.example, behind a proxy that ends TLS and speaks plain http to it."""
    made = make(tmp_path, ehr_at("https://ehr.example", redirect_uri="https://kindred.example/callback"))
    yield made.test_client()
    made.extensions["smart"].engine.dispose()
    made.extensions["turns"].shutdown()


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/", "kindred.example", 200),
        ("/", "kindred.example:443", 200),
        ("/", "localhost:9500", 200),
        ("/", "[::1]:9500", 200),
        ("/", "evil.example", 421),
        ("/", "kindred.example.evil.example", 421),
        ("/", "kindred.example:8080", 421),
        ("/", "127.0.0.1.evil.example", 421),
        ("/launch?iss=x", "evil.example", 421),
        ("/callback?state=x", "evil.example", 421),
        ("/s/x/", "evil.example", 421),
        ("/.well-known/jwks.json", "evil.example", 421),
        ("/nope", "evil.example", 421),
        ("/healthz", "10.0.0.7:9500", 200),  # what watches a container asks by its address
        ("/metrics", "10.0.0.7:9500", 200),
        ("/", "10.0.0.7:9500", 421),
    ],
)
def test_it_answers_under_its_registered_name_alone(public, path: str, host: str, status: int) -> None:
    forged = {"Host": host, "X-Forwarded-Host": "kindred.example", "Forwarded": "host=kindred.example"}
    page = public.get(path, headers=forged)
    assert page.status_code == status
    assert "evil" not in page.text


def test_what_a_proxy_says_of_the_address_changes_nothing(public) -> None:
    forged = {"Host": "kindred.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http",
              "X-Forwarded-For": "6.6.6.6", "Forwarded": "host=evil.example;proto=http"}  # fmt: skip
    page = public.get("/", headers=forged)
    assert page.status_code == 200 and "evil" not in page.text
    assert page.headers["Strict-Transport-Security"]  # https is what was registered


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"Origin": "https://kindred.example", "Sec-Fetch-Site": "same-origin"}, False),
        ({"Origin": "https://kindred.example"}, False),  # an old browser
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, False),  # our own form under no-referrer
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({}, True),
        ({"Origin": "null"}, True),
        ({"Origin": "https://evil.example"}, True),
        ({"Origin": "http://kindred.example:8080"}, True),
        ({"Origin": "https://kindred.example.evil.example"}, True),
        ({"Origin": "https://kindred.example", "Sec-Fetch-Site": "cross-site"}, True),
        ({"Origin": "https://kindred.example", "Sec-Fetch-Site": "same-site"}, True),
        ({"Origin": "https://kindred.example", "Sec-Fetch-Site": "none"}, True),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, True),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_changes_something_comes_from_our_own_pages(public, method: str, headers: dict[str, str], refused) -> None:
    page = public.open("/s/x/close", method=method, headers={"Host": "kindred.example", **headers})
    assert ("<code>cross_site</code>" in page.text) is refused


def _unsafe(app: Flask) -> list[Any]:
    return [rule for rule in app.url_map.iter_rules() if (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}]


def test_every_call_for_cards_needs_a_jwt_and_no_cookie_helps(app: Flask) -> None:
    """They take the place of the form token: no page of ours sends them, so no browser's guard is asked."""
    calls = [rule.rule for rule in _unsafe(app) if rule.endpoint.startswith("hooks.")]
    client = app.test_client()
    client.set_cookie("kindred", "b" * 43)
    assert len(calls) == 2
    for path in calls:
        assert client.post(path.replace("<service>", "kindred-patient-view"), json={}).status_code == 401


def test_every_form_of_a_launch_needs_the_token_of_that_launch(app: Flask) -> None:
    """Every route that takes an unsafe method: a new one that forgets the token fails here."""
    unsafe = [rule for rule in _unsafe(app) if not rule.endpoint.startswith("hooks.")]
    assert unsafe and all("sid" in rule.arguments for rule in unsafe)
    engine, here = app.extensions["smart"].engine, {"Origin": "http://localhost"}
    browser = "b" * 43
    launch = app.extensions["smart"].store.create("here", browser, Token("t"), Context(patient="p1"))
    client = app.test_client()
    client.set_cookie("kindred", browser)
    for rule in [rule for rule in unsafe if rule.rule.startswith("/api/")]:
        for mark in ({}, {"Kindred-Patient": ""}, {"Kindred-Patient": "0" * 32}, {"Kindred-Patient": "ä"}):
            answer = client.post(rule.rule.replace("<sid>", launch.sid), json={}, headers=here | mark)
            assert answer.get_json()["code"] == "mark_wrong", (rule.rule, mark)
    for rule in [rule for rule in unsafe if not rule.rule.startswith("/api/")]:
        for form in ({}, {"form_token": ""}, {"form_token": "0" * 64}, {"form_token": "ä"}):
            path = rule.rule.replace("<sid>", launch.sid)
            assert "<code>cross_site</code>" in client.post(path, data=form, headers=here).text, (path, form)
    assert app.extensions["smart"].store.find(launch.sid, browser), engine


@pytest.mark.parametrize("value", ["<script>x</script>", "{{ 7*7 }}", "javascript:1"])
@pytest.mark.parametrize("path", ["/launch?iss=", "/launch?", "/callback?state=", "/callback?error=", "/s/", "/"])
def test_nothing_that_was_sent_is_shown(app: Flask, path: str, value: str) -> None:
    page = app.test_client().get(path + value).get_data(as_text=True)
    assert value not in page and "49" not in page


def test_a_fault_of_ours_shows_and_logs_no_message(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> str:
        raise ValueError("MRN-12345 is not a number")

    app.add_url_rule("/broken", view_func=broken)
    with caplog.at_level(logging.DEBUG):
        response = app.test_client().get("/broken")
    assert response.status_code == 500
    assert "<code>internal</code>" in response.text
    assert "MRN" not in response.text + caplog.text
    assert "ValueError at broken" in caplog.text


def test_readiness_tells_whether_the_serving_tables_can_be_read(app: Flask, tmp_path: Path) -> None:
    client = app.test_client()
    assert client.get("/readyz").status_code == 503
    assert not (tmp_path / "kindred.db").exists()
    publish(tmp_path / "kindred.db", "here", model())
    assert client.get("/readyz").status_code == 200


def test_metrics_count_and_name_nobody(app: Flask) -> None:
    client = app.test_client()
    client.get("/launch?iss=https://evil.example/Patient/p1")
    text = client.get("/metrics").get_data(as_text=True)
    assert 'kindred_problems_total{code="iss_unknown"}' in text
    assert "evil" not in text and "p1" not in text


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
def test_on_https_the_cookie_survives_in_a_frame_and_nowhere_else(tmp_path: Path, ehr_at, serve, scheme: str) -> None:
    metadata = json.dumps({"authorization_endpoint": "a", "token_endpoint": "t"}).encode()
    ehr = ehr_at(serve(lambda _: (200, {}, metadata)).url, redirect_uri=f"{scheme}://kindred.example/callback")
    app = make(tmp_path, ehr)
    cookie = app.test_client().get(f"/launch?iss={ehr.issuer}", base_url="https://kindred.example").headers["Set-Cookie"]
    parts = cookie.split("; ")
    assert parts[0].startswith("__Host-kindred=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=None", "Partitioned"} <= set(parts)
    assert not [part for part in parts if part.startswith("Domain")]
    app.extensions["smart"].engine.dispose()


def test_only_the_public_half_of_a_key_is_published(tmp_path: Path, ehr_at) -> None:
    key = ECKey.generate_key("P-384", {"kid": "k1", "alg": "ES384"}).as_dict(private=True)
    app = make(tmp_path, ehr_at("https://ehr.example", client_auth="private_key_jwt", private_keys=(key,)))
    response = app.test_client().get("/.well-known/jwks.json")
    (published,) = response.get_json()["keys"]
    assert published["kid"] == "k1" and published["alg"] == "ES384" and "d" not in published
    assert response.headers["Cache-Control"] == "public, max-age=3600"
    again = app.test_client().get("/.well-known/jwks.json", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    app.extensions["smart"].engine.dispose()


@pytest.mark.parametrize("code", WORDS)
@pytest.mark.parametrize("route", ["/callback", "/s/x/", "/nope"])
def test_every_problem_has_one_page_that_reflects_nothing(
    app: Flask, caplog: pytest.LogCaptureFixture, code: str, route: str
) -> None:
    """Each code, wherever it comes up: its status and words; nothing of the request, the cause in the log alone."""
    app.before_request_funcs.setdefault(None, []).append(lambda: _raise(Problem(code, "fixed_word")))
    sent = {"error_description": "ZZ<b>", "state": "ZZ<b>", "iss": "https://zz.example"}
    page = app.test_client().get(route, query_string=sent, headers={"Referer": "https://zz.example", "Cookie": "zz=ZZ"})
    assert page.status_code == WORDS[code].status
    assert f"<code>{code}</code>" in page.text and WORDS[code].title in page.text and WORDS[code].next in page.text
    assert not re.search("zz|fixed_word", page.text + str(page.headers), re.IGNORECASE)
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert f"problem {code} cause=fixed_word" in caplog.text and "ZZ" not in caplog.text


def _raise(problem: Problem) -> None:
    raise problem


def test_every_problem_that_is_raised_has_words_and_no_words_are_left_over() -> None:
    source = "".join(path.read_text() for path in (Path(__file__).parents[3] / "app").rglob("*.py"))
    raised = set(re.findall(r'Problem\(\s*"(\w+)"', source))
    raised |= {"ehr_unreachable", "patient_unreadable"}  # one or the other: app/fhir.py
    raised |= {"not_found", "method", "bad_request", "too_large"}  # by HTTP status: app/pages.py
    raised |= {"input_unusable"}  # with the parts of it: app/api/problem.py
    assert raised == set(WORDS)


@pytest.mark.parametrize("code", WORDS)
def test_every_problem_says_says_what_happened_and_what_next(code: str) -> None:
    words = WORDS[code]
    assert 400 <= words.status < 600
    assert all(text and text[0].isupper() for text in (words.title, words.text, words.next))


class TestTheServingTables:
    def test_give_the_current_release_of_this_ehr_alone(self, tmp_path: Path) -> None:
        publish(tmp_path / "k.db", "north", model())
        serving = Serving(f"sqlite:///{tmp_path / 'k.db'}")
        release = serving.current("north")
        assert release and release.release_id == RELEASE_ID and release.model == model()
        assert serving.current("south") is None
        assert serving.membership(release, "nobody") is None

    @pytest.mark.parametrize("content", [None, b"", b"no database at all" * 100])
    def test_that_cannot_be_read_mean_no_release(self, tmp_path: Path, content: Any) -> None:
        if content is not None:
            (tmp_path / "k.db").write_bytes(content)
        serving = Serving(f"sqlite:///{tmp_path / 'k.db'}")
        assert serving.current("north") is None and not serving.is_readable()


def test_the_link_to_try_again_brings_the_mark_without_which_a_record_is_refused(app: Flask) -> None:
    with app.test_request_context("/s/x/source/Observation/1?patient=old"):
        g.patient_mark = "0" * 32
        body = show_problem(Problem("ehr_unreachable", "no_answer")).get_data(as_text=True)
    assert f'<a href="/s/x/source/Observation/1?patient={"0" * 32}">Try again</a>' in body
