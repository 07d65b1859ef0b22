"""Every page of a launch, by its own navigation: access at all widths and in both schemes, reflow, zoom, print."""

import re
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import findings, keep, policy_violations
from tests.flow.people import ANA
from tests.flow.world import World

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PAPER = "getComputedStyle(document.body).backgroundColor"
A4, LETTER = "A4", "Letter"


def pages_of(page: Page, world: World, patient: str = ANA) -> list[str]:
    """The addresses of all pages of a new launch, of one record behind a value, and of one rule of a care gap."""
    page.goto(world.launch_url(patient))
    page.locator("h1").wait_for()
    links = page.locator("nav.pages a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    source = page.locator("a.source").first.get_attribute("href")
    rule = page.locator(".rule a").first.get_attribute("href")
    assert len(links) >= 3 and source and rule
    return [urljoin(page.url, one) for one in (*links, source, rule)]


def name_of(address: str) -> str:
    return re.sub(r"^.*/s/[^/]+/", "", address.partition("?")[0]).strip("/").replace("/", "-") or "chart"


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


@pytest.mark.parametrize("width", [320, 500, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_cut_off(page: Page, world: World, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    if scheme == "dark":  # the EHR's own colours are one scheme: without them, ours are seen
        page.route(re.compile(r"/s/[^/]+/style\.css"), lambda route: route.fulfill(content_type="text/css", body=""))
    for address in pages_of(page, world):
        page.goto(address)
        unfold(page)
        assert page.locator("main").get_attribute("data-patient") in (ANA, None)  # pages of groups have no patient
        assert findings(page.main_frame) == [], address
        assert page.evaluate(SIDEWAYS) <= 0, f"{name_of(address)} is wider than {width}"
        assert page.evaluate(PAPER) == {"light": "rgb(245, 247, 248)", "dark": "rgb(18, 25, 31)"}[scheme]
        keep(page, f"{name_of(address)}-{width}-{scheme}")
    assert policy_violations(page) == []


@pytest.mark.parametrize("width", [1280])
def test_text_twice_as_large_still_fits(page: Page, world: World, width: int) -> None:
    for address in pages_of(page, world):
        page.goto(address)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        unfold(page)
        assert page.evaluate(SIDEWAYS) <= 0, name_of(address)


def test_forced_colours_keep_every_mark(page: Page, world: World) -> None:
    page.emulate_media(forced_colors="active")
    page.goto(world.launch_url(ANA))
    page.locator(".profile .mark").first.wait_for()
    seen = page.evaluate(
        "['.profile .mark', '.profile .usual', '.bar .mark', '.bar .usual'].map(one => "
        "{ const s = getComputedStyle(document.querySelector(one)); return [s.fill, s.stroke] })"
    )
    assert all(fill != stroke for fill, stroke in seen), seen
    keep(page, "chart-forced-colours")


def test_motion_is_left_out_where_the_reader_asks_for_it(page: Page, world: World) -> None:
    page.goto(world.launch_url(ANA))
    spent = "getComputedStyle(document.querySelector('button')).transitionDuration"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(spent) == "0s"
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(spent) != "0s"


@pytest.mark.parametrize("paper", [A4, LETTER])
def test_the_patient_sheet_is_two_pages_on_paper(page: Page, world: World, paper: str) -> None:
    page.goto(urljoin(pages_of(page, world)[0], "sheet"))
    pdf = page.pdf(format=paper, margin=dict.fromkeys(("top", "bottom", "left", "right"), "15mm"))
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 2
    heads = page.locator(".leaf-head").all_inner_texts()
    assert [re.sub(r"\s+", " ", head) for head in heads] == [
        f"Ana Ångström-Núñez, born 09-Mar-1954 (72 years) 30 Jun 2026 Page {number} of 2" for number in (1, 2)
    ]


def test_paper_has_the_patient_and_no_controls(page: Page, world: World) -> None:
    addresses = pages_of(page, world)
    page.emulate_media(media="print")
    for address in addresses:
        page.goto(address)
        for control in ("nav", "button", "a.source", ".screen-only"):
            assert not any(one.is_visible() for one in page.locator(control).all()), (control, name_of(address))
    page.goto(addresses[0])
    assert page.locator(".banner .family").is_visible()
    colours = page.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]


@pytest.mark.parametrize("width", [500])
def test_an_ended_session_shows_a_page_that_says_so(page: Page, world: World, width: int) -> None:
    addresses = pages_of(page, world)
    page.get_by_role("button", name="Close this view").click()
    page.wait_for_url("**/closed")
    for address in addresses:
        page.goto(address)
        assert page.locator("code").inner_text() == "session_unknown"
        assert ANA not in page.content() and "ngstr" not in page.content()
        assert findings(page.main_frame) == []
    assert policy_violations(page) == []
