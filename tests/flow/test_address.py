"""The app's own address over real HTTP: what a forged Host or a proxy's headers can change, which is nothing."""

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
import requests

from tests.flow.people import ANA
from tests.flow.world import SECONDS, World, parameter, running

FORGED = {
    "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/evil",
    "Forwarded": "host=evil.example;proto=https", "X-Original-URL": "/s/x/", "X-Rewrite-URL": "/s/x/",
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("address")) as both:
        yield both


@pytest.mark.parametrize("path", ["/", "/launch", "/callback?state=x&code=y", "/s/x/", "/.well-known/jwks.json"])
def test_under_a_name_that_is_not_its_own_it_does_nothing(world: World, path: str) -> None:
    world.requests_seen.clear()
    page = requests.get(world.app_url + path, headers={"Host": "evil.example"}, timeout=SECONDS)
    assert page.status_code == 421 and "<code>misdirected</code>" in page.text
    assert "evil" not in page.text + str(page.headers) and "Set-Cookie" not in page.headers
    assert world.requests_seen == []


def test_a_launch_goes_on_to_what_was_registered_whatever_a_proxy_says(world: World) -> None:
    sent = requests.get(world.launch_url(ANA), headers=FORGED, allow_redirects=False, timeout=SECONDS)
    assert parameter(sent.headers["Location"], "redirect_uri") == f"{world.app_url}/callback"
    assert "evil" not in sent.headers["Location"] + sent.text


def test_a_form_that_a_proxy_calls_our_own_is_looked_at_all_the_same(world: World) -> None:
    with requests.Session() as browser:
        page = browser.get(world.launch_url(ANA), timeout=SECONDS)
        assert page.status_code == 200
        form = dict(re.findall(r'name="(form_token)" value="([0-9a-f]{64})"', page.text))
        for origin in ("https://evil.example", "http://evil.example", "null"):
            sent = {**FORGED, "Origin": origin}
            refused = browser.post(f"{page.url}close", data=form, headers=sent, timeout=SECONDS)
            assert "<code>cross_site</code>" in refused.text
        assert f'data-patient="{ANA}"' in browser.get(page.url, timeout=SECONDS).text


def test_an_issuer_is_never_looked_up_before_it_is_known(world: World) -> None:
    """Neither this machine, nor a private range, nor a name: only what the registry holds is ever asked."""
    world.requests_seen.clear()
    base = world.ehr.base_url
    elsewhere = ("169.254.169.254/latest", "10.0.0.1/fhir", "[::1]/fhir", "evil.example/fhir")
    here = (f"{base}/other", f"{base}/fhir/../fhir", f"{base}/fhir/", "file:///etc/passwd")
    for issuer in (*here, *(f"http://{one}" for one in elsewhere)):
        page = requests.get(f"{world.app_url}/launch?{urlencode({'iss': issuer})}", timeout=SECONDS)
        assert "<code>iss_unknown</code>" in page.text and page.status_code == 403
    assert world.requests_seen == []
