"""`.well-known/smart-configuration`: found under the FHIR base, and believed only as far as the registry goes."""

import json
import time
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import Any

import pytest
import requests
import responses

from app.problems import Problem
from app.smart.discovery import FAILED_SECONDS, Discovery, _lifetime

GOOD = {"authorization_endpoint": "auth/authorize", "token_endpoint": "/auth/token"}


def answering(**changes: Any) -> Any:
    document = {key: value for key, value in (GOOD | changes).items() if value is not None}
    body = json.dumps(document).encode()
    return lambda path: (200 if path == "/fhir/.well-known/smart-configuration" else 404, {}, body)


def test_relative_endpoints_are_resolved_on_the_fhir_base(serve, ehr_at) -> None:
    here = serve(answering())
    metadata = Discovery().of(ehr_at(here.url))
    assert metadata.authorization_endpoint == f"{here.url}/fhir/auth/authorize"
    assert metadata.token_endpoint == f"{here.url}/auth/token"


def test_it_is_asked_once_and_kept(serve, ehr_at) -> None:
    here, discovery = serve(answering()), Discovery()
    assert discovery.of(ehr_at(here.url)) == discovery.of(ehr_at(here.url))
    assert len(here.requests) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 600),
        ({"Cache-Control": "max-age=60"}, 60),
        ({"Cache-Control": 'public, Max-Age="120"'}, 120),
        ({"Cache-Control": "max-age=60", "Age": "50"}, 10),
        ({"Cache-Control": "max-age=60", "Age": "70"}, 0),
        ({"Cache-Control": "max-age=31536000"}, 3600),
        ({"Cache-Control": "max-age=60", "Expires": "Wed, 21 Oct 2015 08:29:00 GMT"}, 60),
        ({"Cache-Control": "no-store"}, 0),
        ({"Cache-Control": "no-cache, max-age=60"}, 0),
        ({"Cache-Control": "max-age=soon"}, 0),
        ({"Expires": "Wed, 21 Oct 2015 07:39:00 GMT"}, 600),
        ({"Expires": "Wed, 21 Oct 2015 07:00:00 GMT"}, 0),
        ({"Expires": "Wed, 21 Oct 2099 07:00:00 GMT"}, 3600),
        ({"Expires": "0"}, 0),
    ],
)
def test_it_is_kept_as_long_as_the_server_allows_and_an_hour_at_most(monkeypatch, headers, seconds) -> None:
    monkeypatch.setattr("app.smart.discovery.time.time", lambda: 1445412540.0)  # 21 Oct 2015 07:29:00
    reply = requests.Response()
    reply.headers.update(headers)
    assert _lifetime(reply) == seconds


def test_it_is_asked_again_when_it_has_grown_old(serve, ehr_at) -> None:
    document = json.dumps(GOOD).encode()
    here, discovery = serve(lambda _: (200, {"Cache-Control": "no-store"}, document)), Discovery()
    assert discovery.of(ehr_at(here.url)) == discovery.of(ehr_at(here.url))
    assert len(here.requests) == 2


@pytest.mark.parametrize(
    ("reply", "code"), [((404, {}, b""), "discovery_failed"), ((302, {}, b""), "discovery_refused")]
)
def test_a_failure_stands_for_seconds_and_is_then_asked_about_again(serve, ehr_at, monkeypatch, reply, code) -> None:
    here, discovery = serve(lambda path: reply if len(here.requests) == 1 else answering()(path)), Discovery()
    causes = []
    for _ in range(3):
        with pytest.raises(Problem, match=code) as caught:
            discovery.of(ehr_at(here.url))
        causes.append(caught.value.cause)
    assert len(here.requests) == 1 and len(set(causes)) == 1
    clock = time.monotonic
    monkeypatch.setattr("app.smart.discovery.time.monotonic", lambda: clock() + FAILED_SECONDS)
    assert discovery.of(ehr_at(here.url)).token_endpoint and FAILED_SECONDS <= 10


@pytest.mark.parametrize("status", [200, 500])
def test_whoever_comes_while_it_is_asked_waits_for_that_one_answer(serve, ehr_at, status: int) -> None:
    is_there, discovery = Event(), Discovery()

    def answer(_: str) -> Any:
        is_there.wait(5)
        return status, {"Cache-Control": "no-store"}, json.dumps(GOOD).encode()

    here = serve(answer)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(discovery.of, ehr_at(here.url)) for _ in range(8)]
        wait(asked, timeout=0.3)
        is_there.set()
    outcomes = {str(one.exception() or one.result().token_endpoint) for one in asked}
    assert len(here.requests) == 1
    assert outcomes == {f"{here.url}/auth/token" if status == 200 else "discovery_failed"}


def test_one_ehr_that_does_not_answer_holds_up_no_other(serve, ehr_at) -> None:
    is_there, discovery = Event(), Discovery()
    silent, here = serve(lambda _: (is_there.wait(5), (500, {}, b""))[1]), serve(answering())
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(discovery.of, ehr_at(silent.url, name="silent"))
        assert discovery.of(ehr_at(here.url)).token_endpoint and not waits.done()
        is_there.set()


def test_a_fault_of_ours_is_told_to_all_and_not_kept(serve, ehr_at, monkeypatch) -> None:
    here, discovery = serve(answering()), Discovery()
    with monkeypatch.context() as broken:
        broken.setattr("app.smart.discovery._checked", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            discovery.of(ehr_at(here.url))
    assert discovery.of(ehr_at(here.url)).token_endpoint


def test_what_the_server_can_do_is_kept(serve, ehr_at) -> None:
    said = {"capabilities": ["permission-v2", "authorize-post", 7], "scopes_supported": ["patient/*.rs"]}
    metadata = Discovery().of(ehr_at(serve(answering(**said)).url))
    assert metadata.capabilities == {"permission-v2", "authorize-post"}
    assert metadata.scopes_supported == {"patient/*.rs"}
    assert Discovery().of(ehr_at(serve(answering(capabilities="permission-v2")).url)).capabilities == frozenset()


@pytest.mark.parametrize(("date", "differ"), [("Wed, 21 Oct 2015 07:28:00 GMT", True), (None, False), ("now", False)])
def test_a_clock_that_is_far_from_ours_is_noted(serve, ehr_at, date, differ) -> None:
    document = json.dumps(GOOD).encode()
    headers = {"Server-Date": "x"} | ({"Date": date} if date else {})
    assert Discovery().of(ehr_at(serve(lambda _: (200, headers, document)).url)).clocks_differ is differ


@pytest.mark.parametrize(
    ("auth", "said", "cause"),
    [
        ("client_secret_basic", {"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "client_auth"),
        ("client_secret_basic", {"token_endpoint_auth_methods_supported": ["client_secret_post"]}, "client_auth"),
        ("client_secret_basic", {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}, None),
        ("client_secret_basic", {"token_endpoint_auth_methods_supported": []}, None),
        ("client_secret_basic", {}, None),
        ("private_key_jwt", {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}, "client_auth"),
        ("private_key_jwt", {"token_endpoint_auth_signing_alg_values_supported": ["RS384"]}, "client_auth_alg"),
        ("private_key_jwt", {"token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"]}, None),
        ("public", {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}, None),
    ],
)
def test_a_server_that_does_not_take_our_kind_of_client_is_named_before_a_secret_goes_there(
    serve, ehr_at, auth: str, said: dict[str, list[str]], cause: str | None
) -> None:
    keys = ({"alg": "ES384", "kid": "1"},) if auth == "private_key_jwt" else ()
    here = serve(answering(**said))
    ehr = ehr_at(here.url, client_auth=auth, private_keys=keys, client_secret="s3cret")
    if cause is None:
        assert Discovery().of(ehr).token_endpoint
    else:
        with pytest.raises(Problem, match="discovery_refused") as caught:
            Discovery().of(ehr)
        assert caught.value.cause == cause
    assert "s3cret" not in str(here.requests)


@pytest.mark.parametrize("key", ["authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint"])
@pytest.mark.parametrize(
    "url", ["https://evil.example/x", "http://127.0.0.1:1/x", "//evil.example", "javascript:1", "http://[x", "a#b",
            "http://127.0.0.1\\@evil.example/x", "http://@evil.example/x", "//127.0.0.1.evil.example\t/x"],
)  # fmt: skip
def test_an_endpoint_on_an_unregistered_origin_is_refused(serve, ehr_at, key, url) -> None:
    with pytest.raises(Problem, match="discovery_refused"):
        Discovery().of(ehr_at(serve(answering(**{key: url})).url))


def test_an_endpoint_on_a_registered_host_is_used(serve, ehr_at) -> None:
    here = serve(answering(token_endpoint="https://auth.example.org/token"))
    metadata = Discovery().of(ehr_at(here.url, hosts=("https://auth.example.org",)))
    assert metadata.token_endpoint == "https://auth.example.org/token"


def test_a_server_without_s256_is_refused(serve, ehr_at) -> None:
    with pytest.raises(Problem, match="discovery_refused"):
        Discovery().of(ehr_at(serve(answering(code_challenge_methods_supported=["plain"])).url))


@pytest.mark.parametrize("reply", [(500, {}, b""), (200, {}, b"<html>"), (200, {}, b"[]"), (200, {}, b"{}")])
def test_what_is_no_metadata_is_said_to_be_none(serve, ehr_at, reply) -> None:
    with pytest.raises(Problem, match="discovery_failed"):
        Discovery().of(ehr_at(serve(lambda _: reply).url))


def test_a_redirect_is_refused(serve, ehr_at) -> None:
    with pytest.raises(Problem, match="discovery_refused"):
        Discovery().of(ehr_at(serve(lambda _: (302, {"Location": "/other"}, b"")).url))


@responses.activate
def test_a_certificate_that_does_not_hold_ends_the_launch_before_anything_is_sent(ehr_at) -> None:
    """A public name with a broken certificate cannot be had on loopback, so the transport answers in its place."""
    asked = "https://ehr.example.org/fhir/.well-known/smart-configuration"
    responses.get(asked, body=requests.exceptions.SSLError("certificate verify failed: ZZCANARY"))
    with pytest.raises(Problem, match="discovery_failed") as raised:
        Discovery().of(ehr_at("https://ehr.example.org"))
    assert "ZZCANARY" not in str(raised.value)
    assert [call.request.headers.get("Authorization") for call in responses.calls] == [None]
