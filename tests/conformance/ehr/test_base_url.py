"""Behind another public address, such as a TLS proxy's, every absolute URL is the public one."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from fhir_fixtures.ehr.live import Live, serve_in_thread
from fhir_fixtures.ehr.store import Store
from fhir_fixtures.ehr.vault import Access, Grant

PUBLIC = "https://ehr.example:8443"
LINE = b'{"resourceType":"%s","id":"%s","subject":{"reference":"Patient/a"}}'


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, str]]:
    """A sandbox with a public address, and its address behind the proxy."""
    lines = [("Patient", b'{"resourceType":"Patient","id":"a"}')]
    lines += [("Observation", LINE % (b"Observation", str(number).encode())) for number in range(3)]
    with serve_in_thread(Store.build(tmp_path_factory.mktemp("base"), lines), base_url=PUBLIC) as live:
        yield live, live.local_url


def bearer_of(live: Live) -> dict[str, str]:
    words = ["system/*.rs"]
    token = live.app.extensions["sandbox"].vault.access.put(Access(Grant("kindred-bulk", words), words), 600)
    return {"Authorization": f"Bearer {token}", "Prefer": "respond-async"}


def urls(answer: requests.Response) -> set[str]:
    """Hosts of all absolute URLs in body and headers, those of vocabularies left out."""
    text = f"{answer.text} {answer.headers.get('Location', '')} {answer.headers.get('Content-Location', '')}"
    found = re.findall(r"https?://[^/\"\s?&#]+", text.replace("%3A", ":").replace("%2F", "/"))
    return {url for url in found if not re.search(r"hl7\.org|smarthealthit\.org|loinc\.org|127\.0\.0\.1:9500", url)}


@pytest.mark.parametrize("prefix", ["", "/~case=tls"])
def test_every_address_is_the_public_one(behind: Any, client_of: Any, prefix: str) -> None:
    live, local = behind
    client, bearer = client_of(live), bearer_of(live)
    for path in ("fhir/.well-known/smart-configuration", "fhir/.well-known/openid-configuration", "fhir/metadata",
                 "fhir/Observation?_count=1", "chart/a", "standalone", "fhir/$export"):  # fmt: skip
        answer = client.http.get(f"{local}{prefix}/{path}", headers=bearer)
        assert answer.ok, path
        assert urls(answer) == {PUBLIC}, path
        if prefix and path != "standalone":
            assert f"{PUBLIC}{prefix}/" in f"{answer.text}{answer.headers}".replace("%3A", ":").replace("%2F", "/"
                ).replace("%7E", "~").replace("%3D", "=")  # fmt: skip


def test_launch_and_token_name_the_public_address_and_take_it_as_aud(behind: Any, client_of: Any, pages: Any) -> None:
    live, local = behind
    client = client_of(live)
    launch = client.http.post(f"{local}/launches", json={"patient": "a"}).json()
    assert launch["iss"] == f"{PUBLIC}/fhir"
    asked = client.request(launch=launch["launch"])
    answer = client.http.get(f"{local}/auth/authorize", params=asked, allow_redirects=False)
    form = {"grant_type": "authorization_code", "code": pages.answer(answer)["code"], "client_id": "kindred",
            "redirect_uri": "http://127.0.0.1:9500/callback", "code_verifier": client.verifier}  # fmt: skip
    token = client.http.post(f"{local}/auth/token", data=form).json()
    assert token["smart_style_url"] == f"{PUBLIC}/styles/default.json"
    data = {"client_id": "kindred", "token": token["access_token"]}
    told = client.http.post(f"{local}/auth/introspect", data=data).json()
    assert (told["iss"], told["fhirUser"].startswith(f"{PUBLIC}/fhir/Practitioner/")) == (f"{PUBLIC}/fhir", True)
    signed = {"grant_type": "client_credentials", "scope": "system/*.rs"} | client.assertion("kindred-bulk")
    assert client.http.post(f"{local}/auth/token", data=signed).status_code == 200


def test_the_sign_in_cookie_is_secure_behind_tls(behind: Any, client_of: Any) -> None:
    live, local = behind
    asked = client_of(live).request(scope="launch/patient patient/*.rs")
    answer = requests.get(f"{local}/auth/authorize", params=asked, allow_redirects=False, timeout=5)
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Location"].startswith("/auth/sign-in")


def test_the_manifest_of_an_export_has_public_addresses(behind: Any) -> None:
    live, local = behind
    bearer = bearer_of(live)
    status = requests.get(f"{local}/fhir/$export", headers=bearer, timeout=5).headers["Content-Location"]
    for _ in range(50):
        manifest = requests.get(status.replace(PUBLIC, local), headers=bearer, timeout=5)
        if manifest.status_code == 200:
            break
        time.sleep(0.1)
    assert manifest.json()["output"]
    assert urls(manifest) == {PUBLIC}
