"""The governance report in a real browser, opened from a file: narrow, wide, dark, in forced colours and on paper."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from analytics.report.page import page as rendered
from tests.browser.conftest import findings, keep, policy_violations
from tests.unit.analytics import papers

HASHES = {"release": "ab" * 32, "files": {"release.json": "cd" * 32}}
OPEN = "document.querySelectorAll('details').forEach(one => { one.open = true })"
TOO_WIDE = "document.documentElement.scrollWidth - window.innerWidth"
# Texts of a figure that lie outside of it, or have no size.
CUT_OFF = """[...document.querySelectorAll('svg text')].filter(text => {
    const one = text.getBoundingClientRect(), all = text.closest('svg').getBoundingClientRect();
    return one.width && (one.left < all.left - 2 || one.right > all.right + 2 || one.bottom > all.bottom + 2);
}).map(text => text.textContent)"""


@pytest.fixture
def report(tmp_path: Path) -> str:
    file = tmp_path / "report.html"
    file.write_text(rendered(papers.release(), papers.of(), HASHES), encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 500, 1280])
def test_axe_finds_nothing_and_nothing_is_cut_off(page: Page, report: str, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(report)
    keep(page, f"report-{width}-{scheme}")
    page.evaluate(OPEN)
    assert findings(page.main_frame) == []
    assert page.evaluate(TOO_WIDE) <= 0
    assert page.evaluate(CUT_OFF) == []
    assert policy_violations(page) == []


def test_its_policy_stops_a_script_and_a_foreign_picture(page: Page, report: str) -> None:
    page.goto(report)
    page.evaluate("""document.body.insertAdjacentHTML('beforeend',
        '<img src="http://127.0.0.1:1/x.png" alt=""><p style="color: red" id="styled">x</p>')""")
    page.wait_for_function("window.violations.length >= 2")
    assert page.evaluate("getComputedStyle(document.getElementById('styled')).color") != "rgb(255, 0, 0)"


def test_every_region_that_scrolls_is_reached_by_the_keyboard(page: Page, report: str) -> None:
    page.goto(report)
    page.evaluate(OPEN)
    wide = "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth)"
    assert page.evaluate(f"{wide}.filter(one => one.tabIndex !== 0 || !one.getAttribute('aria-label')).length") == 0


def test_on_paper_and_in_forced_colours_it_still_reads(page: Page, report: str) -> None:
    page.goto(report)
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden() and page.locator("#card").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.emulate_media(media="screen", forced_colors="active")
    assert findings(page.main_frame) == []
