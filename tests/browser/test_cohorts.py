"""The cohort pages in a real browser: access at all widths, dark mode, print, the way from an EHR without a chart."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import findings, keep, policy_violations
from tests.browser.test_chart_page import app_frame
from tests.flow import members
from tests.flow.people import ANA, BEN
from tests.flow.published import model, publish
from tests.flow.world import World, running
from tests.unit.analytics import papers
from tests.unit.app.cohorts.cohorts_paper import cohorts

PAGES = ("", "profile", "drill", "evidence", "run", "card", "patients", "patients?rank=2")
WIDTHS = pytest.mark.parametrize("width", [320, 500, 1280])


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("population")
    publish(folder / "kindred.db", "sandbox", model())
    found = papers.of() | {"cohorts": cohorts()}
    members.documents(folder / "kindred.db", {name: json.dumps(one) for name, one in found.items()})
    members.place(folder / "kindred.db", [(ANA, 2, 1, 0.4), (BEN, 1, 2, 0.05)])
    with running(folder) as both:
        yield both


def addresses(page: Page, world: World, patient: str | None, **context: Any) -> list[str]:
    """Those of all cohort pages of a new launch."""
    page.goto(world.launch_url(patient, **context))
    mark = page.locator("[data-mark]").first.get_attribute("data-mark")
    base = re.sub(r"(/s/[^/]+/).*", r"\1cohorts/", page.url)
    return [f"{base}{path}{'&' if '?' in path else '?'}patient={mark}" for path in PAGES]


@WIDTHS
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_cut_off(page: Page, population: World, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    own_looks = {"smart_style_url": None} if scheme == "dark" else {}  # else the EHR's colours, in both schemes
    for address, path in zip(addresses(page, population, ANA, **own_looks), PAGES, strict=True):
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        assert findings(page.main_frame) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        keep(page, f"cohorts-{path.partition('?')[0] or 'overview'}-{width}-{scheme}")
    assert policy_violations(page) == []


def test_from_an_ehr_without_a_chart_to_a_group_and_its_patients(page: Page, population: World) -> None:
    page.goto(population.ehr.base_url)
    page.get_by_role("link", name="open Kindred without a chart").click()
    frame = app_frame(page, population)
    frame.get_by_role("link", name="groups of this population").click()
    frame.get_by_role("heading", name="Groups of this population").wait_for()
    frame.get_by_role("link", name="Patients").click()
    frame.get_by_role("link", name="Group 2: Diabetes with high HbA1c").click()
    frame.locator("tbody th").first.wait_for()
    assert frame.locator("tbody th").all_inner_texts() == ["Ångström-Núñez, Ana"]
    assert policy_violations(page) == []


def test_every_figure_has_a_name_a_description_and_its_numbers_in_a_table(page: Page, population: World) -> None:
    seen = 0
    for address in addresses(page, population, None):
        page.goto(address)
        for figure in page.locator("svg").all():
            named = (figure.get_attribute("aria-labelledby") or "").split()
            assert figure.get_attribute("role") == "img" and len(named) == 2
            assert all(page.locator(f"#{one}").text_content() for one in named)
            seen += 1
        assert page.locator("svg").count() == 0 or page.locator("table").count() > 0
    assert seen >= 7


def test_the_choice_of_people_works_by_keyboard_alone(page: Page, population: World) -> None:
    page.goto(addresses(page, population, None)[2])
    page.locator("#sex").focus()
    page.keyboard.type("F")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Female").wait_for()
    assert page.locator("tbody tr").first.inner_text().split("\t")[1] == "470"


def test_print_keeps_the_figures_and_drops_the_way_around(page: Page, population: World) -> None:
    page.goto(addresses(page, population, None)[0])
    page.emulate_media(media="print")
    assert not page.locator(".tabs").first.is_visible() and page.locator("svg.map").is_visible()
    assert len(page.pdf(format="A4")) > 10_000


def test_forced_colours_keep_every_mark(page: Page, population: World) -> None:
    page.emulate_media(forced_colors="active")
    page.goto(addresses(page, population, ANA)[0])
    fill = "getComputedStyle(document.querySelector('{}')).fill"
    assert page.evaluate(fill.format("svg .dot")) != page.evaluate(fill.format(".bin rect"))
    assert findings(page.main_frame) == []
