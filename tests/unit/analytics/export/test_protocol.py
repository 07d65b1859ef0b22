"""What the client says and understands: parameters, manifests, Retry-After, origins, the assertion."""

from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from analytics.config import BulkClient
from analytics.errors import ConfigError, EhrError, ExportError
from analytics.export.auth import assertion
from analytics.export.http import Http, Pace, origin, retry_after
from analytics.export.manifest import Manifest, next_page
from analytics.export.options import ExportOptions
from fhir_fixtures.ehr.keys import new_key

DONE = requests.Response()
DONE.status_code = 200
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(("header", "seconds"), [
    ("120", 120.0), ("Tue, 30 Jun 2026 12:00:30 GMT", 30.0), ("Tue, 30 Jun 2026 11:00:00 GMT", 0.0),
    ("soon", None), ("-5", None), ("1.5", None), ("", None), (None, None), ("9" * 400, 999999999.0)])
def test_retry_after_is_seconds_a_date_or_nonsense(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOON) == seconds


def test_pauses_are_capped_and_short_on_this_machine() -> None:
    far, near = Pace.of("https://ehr.example"), Pace.of("http://127.0.0.1:9400")
    assert far.pause(0, 86_400.0) == 60.0
    assert near.pause(0, 86_400.0) == 0.5
    assert 0.8 <= far.pause(0) <= 1.2 < 6 <= far.pause(3) <= 9.6 < far.pause(20) == 60.0


@pytest.mark.parametrize(("url", "allowed"), [
    ("https://ehr.example/fhir/file", True), ("https://ehr.example:443/x", True), ("https://files.example/x", True),
    ("http://ehr.example/fhir", False), ("https://ehr.example:8443/fhir", False),
    ("https://ehr.example.evil.example/fhir", False)])
def test_a_token_goes_to_scheme_host_and_port_of_the_ehr_or_a_listed_host_only(url: str, allowed: bool) -> None:
    http = Http("https://ehr.example/fhir", ("https://files.example",), token=lambda refused: "secret")
    assert http.may_have_token(url) is allowed
    if not allowed:
        with pytest.raises(EhrError, match="is not registered"):
            http.send("GET", url)


def test_a_file_without_tls_is_not_fetched_though_it_needs_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    http, sent = Http("https://ehr.example/fhir"), list[str]()
    monkeypatch.setattr(http, "send", lambda method, url, **_: sent.append(url))
    with pytest.raises(EhrError, match="without TLS"):
        http.open_file("http://files.example/patients.ndjson", with_token=False, headers={})
    assert sent == []


def test_proxies_of_the_environment_hold_for_each_host_and_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "ehr.example")
    http, given = Http("https://ehr.example/fhir"), list[Any]()
    monkeypatch.setattr(http.session, "send", lambda request, **how: given.append(how["proxies"].get("https")) or DONE)
    for url in ("https://ehr.example/1", "https://files.example/2", "https://files.example/3"):
        http.send("GET", url, with_token=False, stream=True)
        monkeypatch.setenv("https_proxy", "http://another.example:3128")
    assert given == [None, "http://another.example:3128", "http://another.example:3128"]


@pytest.mark.parametrize("url", [
    "ftp://ehr.example/x", "file:///etc/passwd", "https:///x", "https://a:b/x", "x", "https://[::1",
    "https://evil.example\\@ehr.example/x", "https://ehr.exam\tple/x", "https://ehr.example /x",
    "https://ehr.example@evil.example/"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(EhrError):
        origin(url)


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_the_assertion_is_what_smart_asks_for(algorithm: str) -> None:
    key = new_key(algorithm)
    client = BulkClient("a", "https://ehr.example", "me", "system/*.rs", dict(key.as_dict(private=True)), algorithm)
    tokens = [assertion(client, "https://ehr.example/token", 1_000_000.5) for _ in range(2)]
    public = (RSAKey if algorithm == "RS384" else ECKey).import_key(key.as_dict(private=False))
    decoded = [jwt.decode(token, public, algorithms=[algorithm]) for token in tokens]
    header, claims = decoded[0].header, decoded[0].claims
    assert header == {"alg": algorithm, "kid": key.kid, "typ": "JWT"}
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("me", "me", "https://ehr.example/token")
    assert 0 < claims["exp"] - claims["iat"] <= 300
    assert decoded[0].claims["jti"] != decoded[1].claims["jti"]


def test_parameters_of_get_and_post() -> None:
    options = ExportOptions(types=("Patient", "Observation"), patient_level=True, since="2026-01-01T00:00:00Z",
                            type_filters=("Observation?code=a,b",), patients=("1",), allow_partial_manifests=True)
    assert options.path == "Patient/$export"
    assert options.query() == [("_type", "Patient,Observation"), ("_since", "2026-01-01T00:00:00Z"),
                               ("allowPartialManifests", "true"), ("_typeFilter", "Observation?code=a,b")]
    assert options.parameters()["parameter"] == [
        {"name": "_type", "valueString": "Patient"}, {"name": "_type", "valueString": "Observation"},
        {"name": "_typeFilter", "valueString": "Observation?code=a,b"},
        {"name": "_since", "valueInstant": "2026-01-01T00:00:00Z"},
        {"name": "allowPartialManifests", "valueBoolean": True},
        {"name": "patient", "valueReference": {"reference": "Patient/1"}}]


def test_what_names_a_request_is_what_is_asked_not_how_it_is_fetched() -> None:
    plain = ExportOptions().fingerprint("https://a")
    assert plain == ExportOptions(parallel=9, gzip=True, method="POST").fingerprint("https://a")
    assert plain != ExportOptions(group="g").fingerprint("https://a")
    assert plain != ExportOptions().fingerprint("https://b")


def test_options_that_no_server_could_honour_are_refused() -> None:
    with pytest.raises(ConfigError):
        ExportOptions(patients=("1",))
    with pytest.raises(ConfigError):
        ExportOptions(patients=("1",), group="g", method="GET")


PAGE: dict[str, Any] = {"transactionTime": "t", "request": "r", "requiresAccessToken": True, "error": [],
                        "output": [{"type": "Patient", "url": "https://a/1", "count": 0}]}


def test_both_versions_of_the_manifest_are_read() -> None:
    second = {**PAGE, "output": [{"type": "Patient", "url": "https://a/3", "count": 0}], "requiresAccessToken": False}
    old = Manifest.from_pages([PAGE, {**second, "error": [{"url": "https://a/2"}]}])
    assert [(f.index, f.kind, f.type, f.count, f.needs_token) for f in old.files] == [
        (0, "output", "Patient", 0, True), (1, "output", "Patient", 0, False),
        (2, "error", "OperationOutcome", None, False)]
    ballot = {"transactionTime": "t", "requiresAccessToken": True, "outcome": [{"url": "https://a/2"}]}
    assert [file.kind for file in Manifest.from_pages([ballot]).files] == ["error"]
    assert Manifest.from_state(old.to_state()) == old


@pytest.mark.parametrize("entry", [{"type": "../../etc", "url": "u"}, {"type": "Patient"}, {"url": "u"}, "x", None])
def test_an_entry_without_a_usable_type_and_url_is_refused(entry: object) -> None:
    with pytest.raises(ExportError, match="without a usable url and type"):
        Manifest.from_pages([{**PAGE, "output": [entry]}])


def test_the_next_page_is_the_link_of_that_name() -> None:
    assert next_page({"link": [{"relation": "self", "url": "a"}, {"relation": "next", "url": "b"}]}) == "b"
    assert next_page(PAGE) is None
