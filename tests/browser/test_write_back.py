"""Write-back in a real browser: by keyboard alone, narrow, dark, once; and what axe and the policy say of the pages."""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import findings, keep, policy_violations
from tests.browser.test_chart_page import standalone
from tests.flow.people import ANA, BEN, EVA
from tests.flow.world import World

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def opened(page: Page, world: World, patient: str) -> None:
    standalone(page, world, patient)
    page.goto(page.url.split("#")[0] + "write-back")


def assert_clean(page: Page) -> None:
    assert findings(page.main_frame) == []
    assert policy_violations(page) == []
    assert page.evaluate(SIDEWAYS) <= 0, "the page scrolls sideways"


@pytest.mark.parametrize("width", [320, 500, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_would_be_written_is_read_at_every_width(page: Page, world: World, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    opened(page, world, BEN)
    assert page.get_by_role("button", name="Write this to the chart").is_visible()
    box = page.get_by_role("button", name="Write this to the chart").bounding_box()
    assert box and box["height"] >= 24
    page.get_by_text("Provenance (FHIR R4)").click()
    if scheme == "light":
        keep(page, f"write-back-{width}")
    assert_clean(page)


def test_it_is_written_once_by_keyboard_alone(page: Page, world: World) -> None:
    opened(page, world, ANA)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Write this to the chart":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Written to the chart").wait_for()
    assert page.get_by_role("button", name="Write this to the chart").count() == 0
    assert_clean(page)
    page.go_back()
    page.reload()
    page.get_by_role("heading", name="It was in the chart already").wait_for()
    assert_clean(page)


def test_why_nothing_can_be_written_is_read_too(page: Page, world: World) -> None:
    opened(page, world, EVA)
    assert page.get_by_role("heading", name="Nothing can be written").is_visible()
    assert_clean(page)


def test_on_paper_the_whole_json_stands_and_no_button(page: Page, world: World) -> None:
    opened(page, world, BEN)
    page.emulate_media(media="print")
    assert not page.get_by_role("button", name="Write this to the chart").is_visible()
    cut = "[...document.querySelectorAll('pre')].filter(one => one.scrollHeight > one.clientHeight + 1).length"
    assert page.evaluate(cut) == 0
