"""TLS of both clients: how it is begun, and what is said to a server whose certificate nobody vouches for."""

from pathlib import Path

from tests.conformance.smart.backend import export
from tests.conformance.smart.browser import Browser, problem_of
from tests.conformance.smart.tls import TLS_1_2, hellos, unknown
from tests.conformance.smart.world import World


def test_req_001_318_the_app_begins_tls_with_version_1_2_or_later(
    world: World, tmp_path: Path, browser: Browser
) -> None:
    with hellos() as (url, offered), world.app(tmp_path, issuer=f"{url}/fhir") as ehr:
        page = browser.get(f"{ehr.app_url}/launch?iss={url}/fhir&launch=x")
    assert problem_of(page) == "discovery_failed"
    assert offered and all(min(one) >= TLS_1_2 for one in offered)


def test_req_001_318_the_app_says_nothing_to_a_server_that_is_not_who_it_should_be(
    world: World, tmp_path: Path, browser: Browser
) -> None:
    with unknown(tmp_path) as (url, told), world.app(tmp_path, issuer=f"{url}/fhir") as ehr:
        page = browser.get(f"{ehr.app_url}/launch?iss={url}/fhir&launch=x")
    assert problem_of(page) == "discovery_failed"
    assert [text for text in told if text] == []


def test_req_230_232_the_export_begins_tls_with_version_1_2_or_later(world: World, tmp_path: Path) -> None:
    with hellos() as (url, offered):
        run = export(world, tmp_path, issuer=f"{url}/fhir")
    assert run.ended.returncode != 0
    assert offered and all(min(one) >= TLS_1_2 for one in offered)


def test_req_230_232_the_export_says_nothing_to_a_server_that_is_not_who_it_should_be(
    world: World, tmp_path: Path
) -> None:
    with unknown(tmp_path) as (url, told):
        run = export(world, tmp_path, issuer=f"{url}/fhir")
    assert run.ended.returncode != 0 and "Traceback" not in run.printed
    assert [text for text in told if text] == []


def test_req_230_232_the_export_wants_https(world: World, tmp_path: Path) -> None:
    run = export(world, tmp_path, issuer="http://ehr.example/fhir")
    assert run.ended.returncode != 0 and "https" in run.printed
