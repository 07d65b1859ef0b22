"""Headers on every reply, pages that name nobody, and faults whose messages stay in the dark."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from joserfc.jwk import ECKey

from app import create_app
from app.config import Config
from app.problems import WORDS
from app.registry import Ehr
from app.serving import Serving
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
    made.extensions["readers"].shutdown()


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
     ("/s/x/", "https://ehr.example")],
)  # fmt: skip
def test_only_what_a_clinician_must_see_in_the_frame_may_be_framed(app: Flask, path: str, ancestors: str) -> None:
    response = app.test_client().get(path)
    assert response.headers["Content-Security-Policy"].endswith(f"frame-ancestors {ancestors}")
    assert ("X-Frame-Options" in response.headers) is (ancestors == "'none'")


def test_https_is_kept_once_seen(app: Flask) -> None:
    client = app.test_client()
    assert "Strict-Transport-Security" in client.get("/", base_url="https://kindred.example").headers
    assert "Strict-Transport-Security" not in client.get("/", base_url="http://127.0.0.1:9500").headers


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


def test_on_https_the_cookie_survives_in_a_frame_and_nowhere_else(tmp_path: Path, ehr_at, serve) -> None:
    metadata = json.dumps({"authorization_endpoint": "a", "token_endpoint": "t"}).encode()
    ehr = ehr_at(serve(lambda _: (200, {}, metadata)).url, redirect_uri="https://kindred.example/callback")
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
    app.extensions["smart"].engine.dispose()


@pytest.mark.parametrize("code", WORDS)
def test_every_problem_says_what_happened_and_what_next(code: str) -> None:
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
