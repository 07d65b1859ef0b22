"""Where secrets are kept and where they never show: files, logs, cookies, addresses and pages."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fhir_fixtures.ehr.clients import SYMMETRIC_SECRET
from tests.conformance.smart.answers import says
from tests.conformance.smart.browser import Browser, parameter, patient_of
from tests.conformance.smart.world import TOKEN, Ehr, World, listening
from tests.flow.people import ANA


@contextmanager
def app_process(world: World, folder: Path, kind: str) -> Iterator[tuple[Ehr, Path, Path]]:
    """The app as `python -m app`, its one EHR, its home and the file of everything that it printed."""
    with listening() as (sock, url):
        port = sock.getsockname()[1]
    ehr, home = world.registered(folder, url, kind)
    log = folder / "printed.log"
    command = [sys.executable, "-u", "-m", "app", "--port", str(port)]
    with log.open("wb") as out:
        environment = {**os.environ, "KINDRED_HOME": str(home)}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=out)
        assert process.stdout
        try:
            assert process.stdout.readline().startswith(b"app ready")
            yield ehr, home, log
        finally:
            process.terminate()
            out.write(process.communicate(timeout=20)[0])


def secrets_of(ehr: Ehr) -> dict[str, str]:
    """Every secret that passed between app and EHR, by what it is."""
    found = {}
    for number, reply in enumerate(ehr.given):
        tokens = ("access_token", "refresh_token", "id_token")
        found |= {f"{name} {number}": reply[name] for name in tokens if reply.get(name)}
    for number, seen in enumerate(ehr.seen(TOKEN)):
        names = ("code", "code_verifier", "client_assertion")
        found |= {f"{name} {number}": dict(seen.form)[name] for name in names if name in dict(seen.form)}
    return found | {"client secret": SYMMETRIC_SECRET}


@pytest.fixture(scope="module", params=["symmetric", "es384"])
def told(
    request: pytest.FixtureRequest, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, object]]:
    """A process that went through launch, refresh, refusals and an end, and what is left of it."""
    folder = tmp_path_factory.mktemp("secrets")
    with app_process(world, folder, request.param) as (ehr, home, log):
        browser = Browser()
        url = browser.callback(ehr.launch_url(ANA))
        page = browser.open(url)
        assert patient_of(page) == ANA
        modes = {path.name: path.stat().st_mode & 0o777 for path in [home, *home.rglob("*")] if path.exists()}
        files = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file() and ".jwk" not in path.name
                         and path.name != "ehrs.toml")  # fmt: skip
        ehr.end_token()
        assert patient_of(browser.open(page.url)) == ANA
        files += b"".join(path.read_bytes() for path in home.glob("app.db*"))
        browser.open(url)
        broken = browser.callback(ehr.launch_url(ANA)).replace("code=", "code=wrong-")
        browser.open(broken)
        ehr.end_token(1)
        ehr.change(TOKEN, says({"error": "invalid_grant", "error_description": ehr.given[1]["access_token"]}, 400))
        browser.open(page.url)
        state = parameter(url, "state")
        cookie = next(iter(browser.http.cookies)).value or ""
    yield {"ehr": ehr, "files": files, "modes": modes, "log": log.read_text(), "browser": browser, "state": state,
           "cookie": cookie, "sid": page.url.split("/")[-2]}  # fmt: skip
    browser.http.close()


def test_req_008_009_090_tokens_lie_encrypted_in_files_of_the_apps_own(told: dict) -> None:
    assert len(told["files"]) > 10_000
    tokens = ("access_token", "refresh_token", "id_token", "code", "code_verifier", "client_assertion")
    held = {name: value for name, value in secrets_of(told["ehr"]).items() if name.startswith(tokens)}
    assert [name for name, value in held.items() if value.encode() in told["files"]] == []
    assert any(name.startswith("code_verifier") for name in held)
    assert [name for name in ("cookie", "sid", "state") if str(told[name]).encode() in told["files"]] == []
    assert not {name for name, mode in told["modes"].items() if mode & 0o077}


def test_req_001_008_nothing_secret_is_in_the_log(told: dict) -> None:
    text = told["log"]
    assert text.count("\n") >= 3
    secret = secrets_of(told["ehr"]) | {name: told[name] for name in ("state", "cookie", "sid")}
    assert [name for name, value in secret.items() if value in text] == []
    assert not any(word in text for word in (ANA, "Ångström", "MRN-0001", "dr-1", "Okafor", "Bearer ", "eyJ"))


def test_req_007_010_nothing_secret_is_in_cookies_pages_or_addresses(told: dict) -> None:
    seen = [page for page in told["browser"].pages if page.url.startswith(told["ehr"].app_url)]
    text = "\n".join(f"{page.headers}\n{page.text}" for page in seen)
    secret = {name: value for name, value in secrets_of(told["ehr"]).items() if not name.startswith("code ")}
    assert len(seen) >= 6 and [name for name, value in secret.items() if value in text] == []
    codes = [value for name, value in secrets_of(told["ehr"]).items() if name.startswith("code ")]
    assert not any(code in f"{page.headers.get('Location')}{page.text}" for code in codes for page in seen)
    assert not any(value in str(list(told["browser"].http.cookies)) for value in secrets_of(told["ehr"]).values())


def test_req_001_pages_hand_no_address_on_and_are_not_kept(ehr: Ehr, browser: Browser) -> None:
    browser.open(ehr.launch_url(ANA))
    own = [page for page in browser.pages if page.url.startswith(ehr.app_url)]
    assert len(own) >= 3
    assert {page.headers["Referrer-Policy"] for page in own} == {"no-referrer"}
    assert {page.headers["Cache-Control"] for page in own} == {"no-store"}
