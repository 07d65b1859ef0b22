"""The what-if page in a real browser: by keyboard alone, live, announced, for one patient, and clean."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import findings, keep, policy_violations
from tests.flow.people import FAY
from tests.flow.world import World

RISK = re.compile(r"10-year risk of cardiovascular disease (\d+\.\d) %")


def opened(page: Page, world: World) -> None:
    """Fay's what-if page, in a window of its own."""
    page.goto(world.launch_url(FAY))
    page.locator("h1").wait_for()
    page.goto(page.url + "what-if")
    expect(page.locator("h1")).to_have_text("What if a value or a treatment changed?")


def said(page: Page) -> str:
    return page.locator("#said").inner_text().replace("\u00a0", " ")


def risk(page: Page) -> float:
    found = RISK.search(said(page))
    assert found, said(page)
    return float(found[1])


def after(page: Page, act: Callable[[], object]) -> str:
    """What is announced after this, once the server has answered."""
    before = said(page)
    act()
    expect(page.locator("#said")).not_to_have_text(before)
    return said(page)


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is there; every stop on the way shows that it has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never came to {selector}")


@pytest.mark.parametrize("width", [1280, 500, 320])
def test_axe_finds_nothing_and_nothing_is_cut_off(page: Page, world: World, width: int) -> None:
    opened(page, world)
    keep(page, f"what-if-{width}")
    assert findings(page.main_frame) == []
    page.locator("#l-statin").select_option("moderate")
    page.locator("#l-stop_smoking").select_option("yes")
    page.locator("#answer figure").first.wait_for()
    page.locator("#f-sbp").fill("many")
    expect(page.locator("#e-sbp")).to_have_text("Enter a number, such as 90.")
    assert findings(page.main_frame) == []
    page.locator("#f-sbp").fill("150")
    page.locator("#answer figure").first.wait_for()
    for summary in page.locator("summary").all():
        summary.click()
    assert findings(page.main_frame) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert policy_violations(page) == []


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_on_the_scores_of_the_chart_page(page: Page, world: World, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(world.launch_url(FAY))
    for summary in page.locator(".scores summary").all():
        summary.click()
    assert page.locator(".score").count() >= 4
    assert findings(page.main_frame) == []


def test_by_keyboard_alone(page: Page, world: World) -> None:
    opened(page, world)
    start = risk(page)
    tab_to(page, "#f-sbp")
    page.keyboard.press("Control+A")
    after(page, lambda: page.keyboard.type("132"))
    lower = risk(page)
    assert lower < start and page.evaluate("document.activeElement.id") == "f-sbp"
    tab_to(page, "[data-field=sbp] [data-nudge='5']")
    after(page, lambda: page.keyboard.press("Enter"))
    assert page.locator("#f-sbp").input_value() == "137" and lower < risk(page) < start
    tab_to(page, "[data-field=sbp] .slider")
    after(page, lambda: page.keyboard.press("End"))
    assert page.locator("#f-sbp").input_value() == "180" and risk(page) > start
    tab_to(page, "#l-statin")
    assert "with treatment" in after(page, lambda: page.keyboard.press("ArrowDown"))
    assert page.evaluate("document.activeElement.id") == "l-statin", "the focus is never taken away"
    tab_to(page, "[value=reset]")
    after(page, lambda: page.keyboard.press("Enter"))
    assert risk(page) == start and page.locator("#f-sbp").input_value() == "152"
    assert policy_violations(page) == []


def test_the_result_is_announced_and_marks_follow(page: Page, world: World) -> None:
    opened(page, world)
    live = page.locator("#said")
    assert live.get_attribute("aria-live") == "polite"
    after(page, lambda: page.locator("#f-smoking").select_option("no"))
    assert "with the chart’s values" in said(page)
    expect(page.locator("[data-field=smoking] .mark")).to_have_text("changed by you")
    expect(page.locator("#w-stop_smoking")).to_have_text("Not a smoker now.")
    assert page.locator("#l-stop_smoking").is_disabled()
    page.locator("#f-hdl").fill("2")
    expect(page.locator("#e-hdl")).to_have_text("Enter a value from 20 to 100 mg/dL.")
    assert page.locator("#f-hdl").get_attribute("aria-invalid") == "true"


def test_the_last_reply_wins(page: Page, world: World) -> None:
    """The first question is answered after the second: its answer is dropped."""
    opened(page, world)
    late: list[Route] = []

    def hold_first(route: Route) -> None:
        late.append(route) if not late else route.continue_()

    page.route("**/what-if", hold_first)
    page.locator("#f-sbp").fill("95")
    page.wait_for_timeout(600)
    after(page, lambda: page.locator("#f-sbp").fill("178"))
    high = risk(page)
    late[0].abort()
    page.wait_for_timeout(400)
    assert risk(page) == high and page.locator("#answer").is_visible()


def test_many_changes_in_a_row_ask_once(page: Page, world: World) -> None:
    opened(page, world)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    more = page.locator("[data-field=hdl] [data-nudge='5']")
    more.evaluate("button => { for (let i = 0; i < 4; i++) button.click() }")
    expect(page.locator("#said")).to_contain_text("with the chart’s values")
    assert page.locator("#f-hdl").input_value() == "65" and len(asked) == 1


@pytest.mark.parametrize("mark", ["0" * 32, None], ids=["of another patient", "of nobody"])
def test_a_reply_without_this_patients_mark_is_not_shown(page: Page, world: World, mark: str | None) -> None:
    opened(page, world)

    def other(route: Route) -> None:
        reply = route.fetch()
        headers = {name: value for name, value in reply.headers.items() if name != "kindred-patient"}
        route.fulfill(response=reply, headers=headers | ({"Kindred-Patient": mark} if mark else {}))

    page.route("**/what-if", other)
    told = after(page, lambda: page.locator("#f-sbp").fill("120"))
    assert told.startswith("No result: the reply was not about this patient")
    assert page.locator("#answer").is_hidden()


def test_a_view_that_was_closed_elsewhere_says_so_and_shows_no_old_result(page: Page, world: World) -> None:
    opened(page, world)
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Close this view").click()
    other.wait_for_url("**/closed")
    assert after(page, lambda: page.locator("#f-sbp").fill("120")).startswith("No result: the server")
    assert page.locator("#answer").is_hidden()


def test_the_other_unit_keeps_the_values_and_the_focus(page: Page, world: World) -> None:
    opened(page, world)
    start = risk(page)
    page.get_by_role("button", name="Show in mmol/L").click()
    expect(page.locator("#f-tc")).to_have_value("5.69")
    assert page.evaluate("document.activeElement.value") == "unit" and risk(page) == start
    after(page, lambda: page.locator("#f-tc").fill("4.5"))
    page.get_by_role("button", name="Show in mg/dL").click()
    expect(page.locator("#f-tc")).to_have_value("174")


def test_what_is_replaced_holds_nothing_that_could_have_the_focus(page: Page, world: World) -> None:
    opened(page, world)
    for lever in ("statin", "blood_pressure", "stop_smoking"):
        page.locator(f"#l-{lever}").select_option(index=1)
    page.locator("#answer figure").first.wait_for()
    assert page.locator("#answer :is(a, button, input, select, summary, [tabindex])").count() == 0


def test_targets_are_large_enough(page: Page, world: World) -> None:
    opened(page, world)
    small = page.evaluate(
        "() => [...document.querySelectorAll('main button:not(.for-ear), main input:not([type=hidden]), main select, "
        "main summary')].map(e => [e.outerHTML.slice(0, 60), e.getBoundingClientRect()])"
        ".filter(([, box]) => box.width < 24 || box.height < 24).map(([html]) => html)"
    )
    assert small == []
