"""The EHR at one https site, the app in its frame from another, third-party cookies blocked: as an EHR embeds it.

`localhost` and `127.0.0.1` are two sites to a browser, so the app's cookie is a third party's in that frame.
"""

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import BrowserContext, Frame, Page, Playwright

from app import create_app
from app.config import Config
from fhir_fixtures.ehr.live import serve_in_thread
from fhir_fixtures.ehr.store import Store
from tests.browser.conftest import CHROMIUM, FLAGS, WATCH, findings, keep, policy_violations
from tests.browser.tls import Front, certificate
from tests.flow.people import ANA, BEN, lines
from tests.flow.published import model, publish
from tests.flow.world import SECONDS, TODAY, World, registered
from tests.serving import serving

NO_THIRD_PARTY_COOKIES = {"profile": {"block_third_party_cookies": True, "cookie_controls_mode": 1}}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("https")
    public, both = certificate(folder)
    publish(folder / "kindred.db", "sandbox", model())
    ehr_front, app_front = Front(both), Front(both)
    app_url, ehr_url = f"https://127.0.0.1:{app_front.port}", f"https://localhost:{ehr_front.port}"
    listening = socket.create_server(("127.0.0.1", 0))
    with contextlib.ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("REQUESTS_CA_BUNDLE", str(public))
        store = Store.build(folder / "ehr", lines())
        behind = free_port()
        ehr = stack.enter_context(serve_in_thread(store, app_url=app_url, today=TODAY, port=behind, base_url=ehr_url))
        stack.enter_context(ehr_front.before(behind))
        registration = registered("sandbox", f"{ehr_url}/fhir", app_url)
        (folder / "home").mkdir()
        config = Config(folder / "home", f"sqlite:///{folder / 'kindred.db'}", b"0" * 32, {"sandbox": registration})
        stack.enter_context(serving(create_app(config), listening))
        stack.enter_context(app_front.before(listening.getsockname()[1]))
        yield World(ehr, app_url, folder / "home", config)


@pytest.fixture
def browser(playwright: Playwright, tmp_path: Path) -> Iterator[BrowserContext]:
    """A profile in which third-party cookies are blocked, as browsers do by default or on the way to it."""
    (tmp_path / "Default").mkdir()
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(NO_THIRD_PARTY_COOKIES))
    context = playwright.chromium.launch_persistent_context(
        str(tmp_path), executable_path=CHROMIUM, args=FLAGS, ignore_https_errors=True,
        viewport={"width": 1280, "height": 900},
    )  # fmt: skip
    context.add_init_script(WATCH)
    yield context
    context.close()


def opened(browser: BrowserContext, world: World, patient: str) -> tuple[Page, Frame]:
    """The EHR's chart of a patient, and the app's frame in it once its page stands."""
    page = browser.new_page()
    page.console = []  # type: ignore[attr-defined]
    page.on("console", lambda message: page.console.append(message.text))  # type: ignore[attr-defined]
    page.goto(f"{world.ehr.base_url}/chart/{patient}")
    page.frame_locator("iframe").locator("h1").wait_for()
    (frame,) = [frame for frame in page.frames if frame.url.startswith(world.app_url)]
    return page, frame


def test_the_launch_holds_in_a_frame_from_another_site(browser: BrowserContext, world: World) -> None:
    page, frame = opened(browser, world, ANA)
    assert urlsplit(page.url).hostname != urlsplit(frame.url).hostname
    assert frame.locator("h1").inner_text() == "Diabetes with high HbA1c"
    keep(page, "second-origin")
    (cookie,) = [cookie for cookie in browser.cookies(world.app_url) if "kindred" in cookie["name"]]
    expected = {"name": "__Host-kindred", "secure": True, "httpOnly": True, "sameSite": "None", "path": "/"}
    assert {key: cookie[key] for key in expected} == expected  # type: ignore[literal-required]
    assert urlsplit(str(cookie.get("partitionKey"))).hostname == "localhost"
    assert findings(frame) == []
    assert policy_violations(page) == []


def test_two_charts_in_one_browser_stay_apart_when_the_first_is_reloaded(
    browser: BrowserContext, world: World
) -> None:
    first_page, first = opened(browser, world, ANA)
    _, second = opened(browser, world, BEN)
    before = first.locator("h1").inner_text(), second.locator("h1").inner_text()
    assert before == ("Diabetes with high HbA1c", "Few conditions, younger")
    first.evaluate("location.reload()")
    first_page.frame_locator("iframe").locator("h1").wait_for()
    assert (first.locator("h1").inner_text(), second.locator("h1").inner_text()) == before


def test_closing_from_within_the_frame_passes_the_guard_against_foreign_forms(
    browser: BrowserContext, world: World
) -> None:
    page, frame = opened(browser, world, ANA)
    view = frame.url
    frame.get_by_role("button", name="Close").click()
    page.frame_locator("iframe").get_by_text("closed").first.wait_for()
    assert page.frames[1].goto(view).status == 403  # type: ignore[union-attr]


def test_a_form_of_another_site_ends_nothing(browser: BrowserContext, world: World) -> None:
    page, frame = opened(browser, world, ANA)
    page.evaluate(
        """address => { const form = document.createElement('form'); form.method = 'post'; form.action = address;
        form.target = 'elsewhere'; document.body.append(form); form.submit(); }""",
        frame.url + "close",
    )
    page.wait_for_timeout(300)
    assert frame.evaluate("location.reload(), 1") == 1
    page.frame_locator("iframe").locator(".reasons li").first.wait_for()


def test_a_site_that_is_not_registered_cannot_frame_a_launch(browser: BrowserContext, world: World) -> None:
    _, frame = opened(browser, world, ANA)
    answer = requests.get(frame.url, timeout=SECONDS)
    allowed = [part for part in answer.headers["Content-Security-Policy"].split("; ") if part.startswith("frame-anc")]
    assert allowed == [f"frame-ancestors {world.ehr.base_url}"]
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    stranger = browser.new_page()
    stranger.goto(f"{world.app_url}/healthz")  # any page that is not the EHR
    stranger.set_content(f'<iframe src="{frame.url}"></iframe>')
    stranger.wait_for_timeout(500)
    assert not [one for one in stranger.frames if one.url == frame.url and one.locator("h1").count()]
