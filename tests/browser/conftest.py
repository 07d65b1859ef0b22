"""One Chromium for all browser tests; each page watches its own Content-Security-Policy."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Frame, Page, Playwright, sync_playwright

from tests.flow.published import model, publish
from tests.flow.world import World, running

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
AXE = (Path(__file__).parent / "axe.min.js").read_text("utf-8")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation',
    event => window.violations.push(event.violatedDirective + ' ' + event.blockedURI));
"""


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """One for all: a process may have but one."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no browser at {CHROMIUM}: run `apt-get install chromium`")
    with sync_playwright() as running_playwright:
        yield running_playwright


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("browser")
    publish(folder / "kindred.db", "sandbox", model())
    with running(folder, {"no_observations": "search-500=Observation"}) as both:
        yield both


@pytest.fixture
def page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page in a browser profile of its own, as wide as the test's `width` (pixels)."""
    width = request.node.callspec.params.get("width", 1280) if hasattr(request.node, "callspec") else 1280
    context = chromium.new_context(viewport={"width": width, "height": 900})
    context.add_init_script(WATCH)
    page = context.new_page()
    page.console = []  # type: ignore[attr-defined]
    page.on("console", lambda message: page.console.append(message.text))  # type: ignore[attr-defined]
    yield page
    context.close()


def findings(frame: Frame) -> list[str]:
    """Rules of WCAG A and AA that axe finds broken in this frame, with the first place of each.

    The source goes in by evaluate, which a strict policy does not stop, so the policy stays on.
    """
    frame.evaluate(AXE)
    ask = "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, iframes: false})"
    result: dict[str, Any] = frame.evaluate(ask, WCAG)
    assert len(result["passes"]) > 5, "axe looked at nothing"
    return [f"{broken['id']}: {broken['nodes'][0]['html'][:160]}" for broken in result["violations"]]


def policy_violations(page: Page) -> list[str]:
    """What the policies of this page and its frames stopped, by event and by console."""
    events = [one for frame in page.frames for one in frame.evaluate("window.violations")]
    return events + [line for line in page.console if "Content Security Policy" in line]  # type: ignore[attr-defined]


def keep(page: Page, name: str) -> None:
    """Keep a picture of the page where KINDRED_SCREENSHOTS names a folder."""
    folder = os.environ.get("KINDRED_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=False)
