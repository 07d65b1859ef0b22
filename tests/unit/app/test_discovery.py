"""`.well-known/smart-configuration`: found under the FHIR base, and believed only as far as the registry goes."""

import json
from typing import Any

import pytest
import requests
import responses

from app.problems import Problem
from app.smart.discovery import Discovery

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


def test_it_is_asked_again_when_it_has_grown_old(serve, ehr_at, monkeypatch) -> None:
    monkeypatch.setattr("app.smart.discovery.CACHE_SECONDS", -1.0)
    here, discovery = serve(answering()), Discovery()
    assert discovery.of(ehr_at(here.url)) == discovery.of(ehr_at(here.url))
    assert len(here.requests) == 2


@pytest.mark.parametrize("key", ["authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint"])
@pytest.mark.parametrize("url", ["https://evil.example/x", "http://127.0.0.1:1/x", "//evil.example", "javascript:1"])
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
