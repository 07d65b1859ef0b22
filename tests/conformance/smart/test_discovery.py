"""Discovery and the addresses that it names: what is taken, what is refused before anything secret is sent."""

import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conformance.smart.answers import JSON, in_turn, says, with_parts
from tests.conformance.smart.browser import Browser, patient_of, problem_of
from tests.conformance.smart.test_keys import start
from tests.conformance.smart.world import TOKEN, Ehr, World
from tests.flow.people import ANA

WELL_KNOWN = "/fhir/.well-known/smart-configuration"


def test_req_378_379_relative_endpoints_are_taken_relative_to_the_fhir_base(ehr: Ehr, browser: Browser) -> None:
    names = ("authorize", "token", "revoke", "jwks")
    keys = ("authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri")
    ehr.change(WELL_KNOWN, with_parts(**{k: f"../auth/{name}" for k, name in zip(keys, names, strict=True)}))
    page = browser.open(ehr.launch_url(ANA))
    assert patient_of(page) == ANA
    browser.follow(browser.close(page))
    assert all(ehr.seen(f"/auth/{name}") for name in names)


@pytest.mark.parametrize(
    "answer",
    [
        says("no", 404, "text/plain"), says("no", 500, "text/plain"), says("Sign in", 200, "text/html"), says("[]"),
        says("null"), says(""), says("{"), says("{}" + " " * 2_000_000), with_parts(token_endpoint=None),
        with_parts(authorization_endpoint=None), with_parts(token_endpoint=7), with_parts(token_endpoint=""),
        with_parts(authorization_endpoint="javascript:alert(1)"), with_parts(token_endpoint="file:///etc/passwd"),
        with_parts(code_challenge_methods_supported=["plain"]), with_parts(code_challenge_methods_supported=[]),
    ],
)  # fmt: skip
def test_req_029_394_a_configuration_that_cannot_be_used_ends_the_launch(
    ehr: Ehr, browser: Browser, answer: Any
) -> None:
    ehr.change(WELL_KNOWN, answer)
    page = browser.open(ehr.launch_url(ANA))
    assert problem_of(page) in ("discovery_failed", "discovery_refused")
    assert ehr.seen("/auth/") == []


def test_req_029_a_failure_is_kept_for_seconds_alone(
    ehr: Ehr, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.smart.discovery.FAILED_SECONDS", 1000.0)  # however slow this machine is
    ehr.change(WELL_KNOWN, in_turn(says("no", 500, "text/plain"), None))
    assert [problem_of(browser.open(ehr.launch_url(ANA))) for _ in range(2)] == ["discovery_failed"] * 2
    assert len(ehr.seen(WELL_KNOWN)) == 1
    clock = time.monotonic
    monkeypatch.setattr("app.smart.discovery.time.monotonic", lambda: clock() + 1000)
    assert patient_of(browser.open(ehr.launch_url(ANA))) == ANA


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_req_001_discovery_follows_no_redirect(ehr: Ehr, browser: Browser, world: World, status: int) -> None:
    ehr.change(WELL_KNOWN, says("", status, JSON, Location=f"{world.foreign_url}/x"))
    assert problem_of(browser.open(ehr.launch_url(ANA)))
    assert world.foreign_seen == []


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint"])
@pytest.mark.parametrize("where", ["{foreign}/auth", "http://127.0.0.1:1/auth", "https://127.0.0.1:{port}/auth",
                                   "http://user:pw@127.0.0.1:{port}/auth", "//elsewhere.example/auth"])  # fmt: skip
def test_req_001_an_endpoint_on_another_origin_gets_nothing(
    ehr: Ehr, browser: Browser, world: World, name: str, where: str
) -> None:
    port = ehr.base.split(":")[2].split("/")[0]
    ehr.change(WELL_KNOWN, with_parts(**{name: where.format(foreign=world.foreign_url, port=port)}))
    page = browser.open(ehr.launch_url(ANA))
    assert problem_of(page) == "discovery_refused"
    assert world.foreign_seen == [] and ehr.seen("/auth/") == []


def test_req_001_an_endpoint_on_a_host_that_is_listed_is_used(world: World, tmp_path: Path, browser: Browser) -> None:
    with world.app(tmp_path, hosts=[world.foreign_url]) as ehr:
        ehr.change(WELL_KNOWN, with_parts(token_endpoint=f"{world.foreign_url}/token"))
        page = browser.open(ehr.launch_url(ANA))
    seen = [one for one in world.foreign_seen if one.path == "/token"]
    world.foreign_seen.clear()
    assert problem_of(page) == "token_invalid"  # it answered {}
    assert [one.parameters["grant_type"] for one in seen] == ["authorization_code"] and ehr.seen(TOKEN) == []


@pytest.mark.parametrize(
    "change",
    ["https://elsewhere.example", "{issuer}x", "{issuer}#", "{issuer}?", "{issuer}/../fhir", "{issuer}\n", "http"],
)
def test_req_001_161_a_launch_from_an_unknown_issuer_sends_nothing(
    ehr: Ehr, browser: Browser, change: str
) -> None:
    sent = change.format(issuer=ehr.fhir)
    page = browser.get(f"{ehr.app_url}/launch?{urlencode({'iss': sent, 'launch': 'x'})}")
    assert problem_of(page) in ("iss_unknown", "launch_malformed") and "Set-Cookie" not in page.headers
    assert ehr.seen() == []


@pytest.mark.parametrize("query", ["", "?launch=x", "?iss=", "?iss=a&iss=b", "?launch=x&launch=y&iss={iss}"])
def test_req_161_a_launch_without_one_issuer_and_one_launch_is_refused(ehr: Ehr, browser: Browser, query: str) -> None:
    assert problem_of(browser.get(f"{ehr.app_url}/launch{query.format(iss=ehr.fhir)}")) == "launch_malformed"
    assert ehr.seen() == []


CLEAR = {
    "issuer": ("issuer = \"", "http://ehr.example/fhir"),
    "redirect_uri": ("redirect_uri = \"", "http://kindred.example/callback"),
}


@pytest.mark.parametrize("key", CLEAR)
def test_req_001_301_an_address_without_tls_ends_the_start(world: World, tmp_path: Path, key: str) -> None:
    _, home = world.registered(tmp_path, "http://127.0.0.1:9")
    registry = home / "ehrs.toml"
    begin, address = CLEAR[key]
    changed = [f'{begin}{address}"' if line.startswith(begin) else line for line in registry.read_text().splitlines()]
    registry.write_text("\n".join(changed))
    ended: subprocess.CompletedProcess[str] = start(home)
    assert ended.returncode == 3 and key in ended.stderr and "https" in ended.stderr


def test_req_001_a_further_host_without_tls_ends_the_start(world: World, tmp_path: Path) -> None:
    _, home = world.registered(tmp_path, "http://127.0.0.1:9", hosts=["http://files.example"])
    ended = start(home)
    assert ended.returncode == 3 and "hosts" in ended.stderr and "https" in ended.stderr


def test_req_375_the_answer_is_taken_whatever_type_it_says(ehr: Ehr, browser: Browser) -> None:
    def change(request: Any, answer: Any) -> Any:
        response = answer()
        response.content_type = "text/plain"
        return response

    ehr.change(WELL_KNOWN, change)
    assert patient_of(browser.open(ehr.launch_url(ANA))) == ANA
    assert all(seen.headers["Accept"] for seen in ehr.seen(WELL_KNOWN))
