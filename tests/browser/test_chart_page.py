"""What a clinician meets in a real browser: launcher, chart with the app in its frame, errors; narrow and wide."""

import json
import sqlite3
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Frame, Page

from tests.browser.conftest import findings, keep, policy_violations
from tests.flow.people import ANA, BEN, EVA
from tests.flow.published import FEATURES, RELEASE_ID
from tests.flow.world import World
from tests.unit.app.cohorts.cohorts_paper import cohorts

FOCUSED = "[document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]"
WIDTHS = pytest.mark.parametrize("width", [500, 1280])


def app_frame(page: Page, world: World) -> Frame:
    """The app's frame inside the EHR's chart, once its page stands."""
    page.frame_locator("iframe").locator("h1").wait_for()
    (frame,) = [frame for frame in page.frames if frame.url.startswith(world.app_url)]
    return frame


def standalone(page: Page, world: World, patient: str) -> None:
    """Sign in, choose the patient and allow, in a window of the app's own."""
    page.goto(f"{world.app_url}/launch?{urlencode({'iss': world.ehr.fhir_base})}")
    page.get_by_role("button", name="Sign in").click()
    page.locator(f"[value='{patient}']").check()
    page.get_by_role("button", name="Choose").click()
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url("**/s/**")


@WIDTHS
def test_from_the_patient_list_through_the_frame_to_the_risk_group(page: Page, world: World, width: int) -> None:
    page.goto(world.ehr.base_url)
    assert findings(page.main_frame) == []
    page.get_by_role("link", name="Ångström-Núñez").click()
    frame = app_frame(page, world)
    assert frame.locator("h1").inner_text() == "Diabetes with high HbA1c"
    assert frame.locator(".reasons li").count() == 3
    keep(page, f"chart-{width}")
    assert findings(page.main_frame) == []
    assert findings(frame) == []
    assert policy_violations(page) == []


@pytest.fixture
def everyone(world: World) -> Iterator[None]:
    """The release tells what is usual in everyone, so that each reason has it beside the group's."""
    usual = {"age": [35, 60], "condition_count": [0, 3], "hba1c": [5.2, 6.4], "systolic": [112, 138]}
    told = [{"feature": name, "everyone": {"usual": usual.get(name), "share": None if name in usual else 0.25},
             "groups": []} for name in FEATURES]  # fmt: skip
    paper = json.dumps(cohorts() | {"features": told})
    with sqlite3.connect(world.home.parent / "kindred.db") as db:
        db.execute("INSERT INTO release_document VALUES (?, 'cohorts', ?)", (RELEASE_ID, paper))
    yield
    with sqlite3.connect(world.home.parent / "kindred.db") as db:
        db.execute("DELETE FROM release_document")
    db.close()


@WIDTHS
@pytest.mark.usefixtures("everyone")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_window_of_its_own_shows_banner_and_group_above_the_fold(
    page: Page, world: World, width: int, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    standalone(page, world, ANA)
    assert page.locator(".family").inner_text().lower() == "ångström-núñez"
    said = page.locator(".reasons .facts > span:first-child").all_inner_texts()
    assert len(said) == 3 and all("everyone" in one for one in said)
    third = page.locator(".reasons li").nth(2).bounding_box()
    assert third and third["y"] + third["height"] <= 900, "the three reasons stand above the fold"
    made = page.locator(".group .made").bounding_box()
    assert made and made["y"] + made["height"] <= 900 and RELEASE_ID in page.locator(".group .made").inner_text()
    if scheme == "light":
        keep(page, f"window-{width}")
    page.get_by_text("The same as a table").click()
    assert findings(page.main_frame) == []
    assert policy_violations(page) == []


@pytest.mark.parametrize("width", [320, 500, 1280])
@pytest.mark.parametrize("patient", [ANA, BEN, EVA])
def test_nothing_is_cut_off_sideways(page: Page, world: World, width: int, patient: str) -> None:
    page.goto(world.launch_url(patient))
    page.locator("h1").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert findings(page.main_frame) == []


@WIDTHS
@pytest.mark.parametrize(("path", "name"), [("/", "start"), ("/launch?iss=https://elsewhere.example", "error")])
def test_start_and_error_pages_are_plain_and_clean(page: Page, world: World, width: int, path: str, name: str) -> None:
    page.goto(world.app_url + path)
    keep(page, f"{name}-{width}")
    assert findings(page.main_frame) == []
    assert policy_violations(page) == []


def test_an_error_inside_the_frame_is_seen_there(page: Page, world: World) -> None:
    page.goto(f"{world.ehr.base_url}/chart/{ANA}?launch=broken")
    assert app_frame(page, world).locator("code").inner_text() == "ehr_refused"
    assert policy_violations(page) == []


def test_the_page_works_by_keyboard_and_shows_where_the_focus_is(page: Page, world: World) -> None:
    page.goto(world.launch_url(ANA))
    page.locator("h1").wait_for()
    seen = []
    while not seen or seen[-1][0] != "BUTTON":
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
        assert len(seen) < 100, "the button was never reached"
    assert {outline for _, outline in seen} == {"solid"}
    assert {tag for tag, _ in seen} >= {"A", "SUMMARY", "BUTTON"}
    there = "[...document.querySelectorAll('a, button, summary')].filter(one => one.checkVisibility()).length"
    assert page.evaluate(there) <= len(seen)  # what is folded is reached once it is unfolded
    page.keyboard.press("Enter")
    page.wait_for_url("**/closed")
    assert page.locator("h1").inner_text() == "This view is closed"


def test_two_charts_in_one_browser_keep_their_patients(page: Page, world: World) -> None:
    page.goto(f"{world.ehr.base_url}/chart/{ANA}")
    first = app_frame(page, world)
    other = page.context.new_page()
    other.goto(f"{world.ehr.base_url}/chart/{BEN}")
    second = app_frame(other, world)
    first.goto(first.url)
    assert first.locator("main").get_attribute("data-patient") == ANA
    assert second.locator("main").get_attribute("data-patient") == BEN


def test_another_site_cannot_frame_the_page(page: Page, world: World) -> None:
    page.goto(world.launch_url(ANA))
    url = page.url
    page.goto(world.app_url.replace("127.0.0.1", "localhost") + "/")
    page.evaluate("url => { const f = document.createElement('iframe'); f.src = url; document.body.append(f) }", url)
    page.wait_for_timeout(500)
    assert all("data-patient" not in frame.content() for frame in page.frames)
