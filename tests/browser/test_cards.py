"""Cards in the embedded EHR's chart, in a browser: seen beside the app, followed, turned down by keyboard."""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import findings, keep, policy_violations
from tests.flow.people import ANA, FAY
from tests.flow.world import World

WIDTHS = pytest.mark.parametrize("width", [320, 500, 1280])
GROUP = "Risk group 2 of 2: Diabetes with high HbA1c"


def chart(world: World, clinician: int = 1) -> str:
    return f"{world.ehr.base_url}/chart/{ANA}?clinician=sandbox-clinician-{clinician}"


def open_with_card(page: Page, world: World, clinician: int = 1) -> None:
    """Open the chart; again where the EHR gave the service up (after two seconds, as on a busy machine it may)."""
    for _ in range(10):
        page.goto(chart(world, clinician))
        if page.get_by_role("article").filter(has_text=GROUP).count():
            return
    raise AssertionError("the card never came in time")


@WIDTHS
def test_the_chart_shows_the_card_in_words(page: Page, world: World, width: int) -> None:
    open_with_card(page, world)
    card = page.get_by_role("complementary", name="Decision support").get_by_role("article").filter(has_text=GROUP)
    assert card.get_by_role("heading").inner_text() == GROUP
    assert "For information · Kindred" in card.inner_text()
    card.get_by_text("More").click()
    assert "Latest HbA1c 9.4 %" in card.inner_text() and "**" not in card.inner_text()
    page.frame_locator("iframe.app").locator("h1").wait_for()
    keep(page, f"cards-{width}")
    assert findings(page.main_frame) == []
    assert policy_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_its_link_opens_the_app_where_the_card_speaks_of_it(page: Page, world: World) -> None:
    open_with_card(page, world)
    page.get_by_role("link", name="Why this group, and how others fared").click()
    frame = page.frame_locator("iframe.app")
    frame.locator("#group-title").wait_for()
    opened = next(one for one in page.frames if "/s/" in one.url)
    assert opened.url.endswith("/#group-title")


def test_it_is_turned_down_by_keyboard_and_stays_away(page: Page, world: World) -> None:
    open_with_card(page, world, 2)
    page.get_by_role("article").filter(has_text=GROUP).get_by_label("Reason").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/chart/**")
    page.frame_locator("iframe.app").locator("h1").wait_for()
    assert page.get_by_text(GROUP).count() == 0
    open_with_card(page, world)
    assert page.get_by_text(GROUP).count() == 1


STATIN = "Atorvastatin: 10-year cardiovascular risk 11.2\u00a0% by PREVENT, 7.2\u00a0% with a statin by trials"


@WIDTHS
def test_a_medicine_is_selected_in_the_chart_and_its_card_is_shown(page: Page, world: World, width: int) -> None:
    page.goto(f"{world.ehr.base_url}/chart/{FAY}?clinician=sandbox-clinician-1")
    page.get_by_label("New order").focus()
    for _ in range(10):  # again where the EHR gave the service up, as on a busy machine it may
        page.get_by_label("New order").select_option(label="atorvastatin 80 MG Oral Tablet")
        with page.expect_navigation():  # the cards come at the end of the page
            page.get_by_role("button", name="Select").press("Enter")
        assert page.get_by_text("It is not signed, and nothing of it is stored.").count()
        if page.get_by_role("article").filter(has_text=STATIN).count():
            break
    card = page.get_by_role("complementary", name="Decision support").get_by_role("article")
    assert card.get_by_role("heading").all_inner_texts() == [STATIN]  # the cards of the open chart have gone
    card.get_by_text("More", exact=True).click()
    assert "Number needed to treat for ten years" in card.inner_text() and "**" not in card.inner_text()
    page.frame_locator("iframe.app").locator("h1").wait_for()
    keep(page, f"order-{width}")
    assert findings(page.main_frame) == [] and policy_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="Discard the draft").click()
    page.wait_for_url(lambda url: "order" not in url)
