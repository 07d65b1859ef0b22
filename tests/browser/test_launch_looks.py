"""A launch as its EHR opens it, in a browser: in the EHR's colours, without a patient, by form, without cookies."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Page

from tests.browser.conftest import findings, keep, policy_violations
from tests.flow.people import ANA
from tests.flow.world import World, callback_of, running

WIDTHS = pytest.mark.parametrize("width", [500, 1280])
LOOKS = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"


@pytest.fixture(scope="module")
def by_form(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An EHR that takes the authorization request as a form."""
    with running(tmp_path_factory.mktemp("form"), authorize_method="POST") as both:
        yield both


@WIDTHS
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("style", "looks"),
    [
        ("default", ["rgb(245, 247, 248)", "rgb(29, 43, 51)"]),
        ("dark", ["rgb(18, 24, 28)", "rgb(238, 242, 244)"]),
        ("hostile", {"light": ["rgb(255, 255, 255)", "rgb(22, 34, 43)"],
                     "dark": ["rgb(18, 25, 31)", "rgb(232, 238, 242)"]}),
    ],
)  # fmt: skip
def test_the_page_wears_the_ehrs_colours_or_its_own(page: Page, world: World, width, scheme, style, looks) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(world.launch_url(ANA, smart_style_url=style))
    page.locator("h1").wait_for()
    assert page.evaluate(LOOKS) == (looks[scheme] if isinstance(looks, dict) else looks)
    keep(page, f"style-{style}-{scheme}-{width}")
    page.get_by_text("The same as a table").click()
    assert findings(page.main_frame) == []
    assert policy_violations(page) == []


@WIDTHS
@pytest.mark.parametrize("user", ["Practitioner", "Patient"])
def test_how_the_page_was_opened_stands_at_its_end(page: Page, world: World, width: int, user: str) -> None:
    who = {"user": f"Patient/{ANA}"} if user == "Patient" else {}
    listed = [{"reference": "ImagingStudy/1"}, {"canonical": "https://x.example/q", "role": "urn:x"}, 7]
    page.goto(world.launch_url(ANA, fhirContext=listed, **who))
    section = page.locator(".opened")
    section.scroll_into_view_if_needed()
    assert "Signed in as" in section.inner_text()
    keep(page, f"opened-{user}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert findings(page.main_frame) == []


@WIDTHS
def test_without_a_patient_the_page_says_so_and_leads_on(page: Page, world: World, width: int) -> None:
    page.goto(world.launch_url(None))
    assert page.locator("h1").inner_text() == "No patient was chosen"
    keep(page, f"no-patient-{width}")
    assert findings(page.main_frame) == []
    assert policy_violations(page) == []
    page.get_by_role("link", name="choose a patient").click()
    page.get_by_role("button", name="Sign in").wait_for()


@WIDTHS
def test_a_form_takes_the_launch_on_by_itself(page: Page, by_form: World, width: int) -> None:
    page.goto(by_form.launch_url(ANA))
    page.wait_for_url("**/s/**")
    assert page.locator("main").get_attribute("data-patient") == ANA
    assert policy_violations(page) == []


@WIDTHS
def test_a_form_has_a_button_where_scripts_are_off(chromium, by_form: World, width: int) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(by_form.launch_url(ANA))
    keep(page, f"continue-{width}")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/s/**")
    assert page.locator("main").get_attribute("data-patient") == ANA
    context.close()


@WIDTHS
def test_a_browser_that_kept_no_cookie_is_led_to_a_window_of_its_own(page: Page, world: World, width: int) -> None:
    with requests.Session() as elsewhere:
        callback = callback_of(elsewhere, world.launch_url(ANA))
    page.goto(callback)
    keep(page, f"no-cookie-{width}")
    assert findings(page.main_frame) == []
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open Kindred in a new window").click()
    window = opened.value
    window.get_by_role("button", name="Sign in").click()
    window.locator(f"[value='{ANA}']").check()
    window.get_by_role("button", name="Choose").click()
    window.get_by_role("button", name="Allow").click()
    window.wait_for_url("**/s/**")
    assert window.locator(".family").inner_text().lower() == "ångström-núñez"
