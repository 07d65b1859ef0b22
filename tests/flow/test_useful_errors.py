"""What fails leaves the rest on the page, and the page says what is not there: one test for each way to fail."""

import re
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from fhir_fixtures.ehr.clients import APP_SCOPES
from tests.flow.people import ANA
from tests.flow.published import RELEASE_ID, model, publish
from tests.flow.test_launch import assert_problem, faulty, get
from tests.flow.world import World, running

FAULTS = {"no_observations": "search-500=Observation", "slow": "fhir-slow=0.4"}
PAGES = ("", "sheet", "note")


def sections(page: requests.Response) -> set[str]:
    """The sections that are on a page, by their titles' ids."""
    return {name.removesuffix("-title") for name in re.findall(r'<section[^>]* aria-labelledby="([a-z-]+)"', page.text)}


@pytest.fixture(scope="module", autouse=True)
def all_published(world: World) -> None:
    """The EHRs with a fault have the release too."""
    for name in FAULTS:
        with_release(Path(world.config.database.removeprefix("sqlite:///")), name)


def with_release(path: Path, ehr: str) -> None:
    """Publish the release of the database for one EHR more."""
    with sqlite3.connect(path) as db:
        row = db.execute("SELECT * FROM release LIMIT 1").fetchone()
        made = [f"{RELEASE_ID}-{ehr}", ehr, *row[2:]]
        db.execute(f"INSERT INTO release VALUES ({', '.join('?' * len(made))})", made)
        db.execute("INSERT INTO current_release VALUES (?, ?)", (ehr, made[0]))
    db.close()


def test_everything_is_there_where_nothing_fails(world, browser) -> None:
    page = get(browser, world.launch_url(ANA))
    assert sections(page) >= {"group", "reasons", "profile", "who", "opened"}
    assert sections(page) & {"unread", "found"} == set()
    for name in PAGES:
        assert f'data-patient="{ANA}"' in get(browser, page.url + name).text


def test_a_type_that_fails_leaves_what_rests_on_the_others_and_is_named(world, browser) -> None:
    page = get(browser, faulty(world, "no_observations"))
    assert sections(page) >= {"group", "found", "missing", "unread"} and "trends" not in sections(page)
    assert "could not be read completely (measurements and laboratory results)" in page.text
    assert "Measurements and laboratory results: the EHR reported an error." in get(browser, page.url + "note").text
    assert "Part of your record could not be read today" in get(browser, page.url + "sheet").text


@pytest.mark.parametrize(("left_out", "group", "why"), [
    ("Procedure", True, "<strong>Procedures</strong>: the EHR did not grant it."),
    ("MedicationRequest", False, "<strong>Medicines</strong>: the EHR did not grant it."),
])  # fmt: skip
def test_a_type_that_was_not_granted_counts_as_none_nowhere(tmp_path, browser, left_out, group, why) -> None:
    publish(tmp_path / "kindred.db", "sandbox", model())
    scopes = tuple(one for one in APP_SCOPES.split() if not one.startswith(f"patient/{left_out}."))
    with running(tmp_path, scopes=scopes) as world:
        page = get(browser, world.launch_url(ANA))
        note = get(browser, page.url + "note").text
        assert why in page.text and ("reasons" in sections(page)) is group
        name = model()["groups"][1]["name"]
        assert (name in page.text, name in note, name in get(browser, page.url + "sheet").text) == (group, group, False)
        if not group:
            assert "Statin" not in re.findall(r"Assumed not to be there[^<]*", page.text)
            assert "The chart could not be read completely (medicines)" in page.text
            assert "Whether a statin is in use is not known: not all" in get(browser, page.url + "what-if").text


def test_a_slow_ehr_leaves_what_came_in_time(world, browser, monkeypatch) -> None:
    monkeypatch.setattr("app.fhir.PAGE_SIZE", 1)  # what has more than one entry takes several turns
    monkeypatch.setattr("app.fhir.CHART_SECONDS", 1.0)
    page = get(browser, faulty(world, "slow"))
    assert page.status_code == 200 and sections(page) >= {"group", "unread", "found"}
    assert "<strong>Visits and stays</strong>: the EHR took too long." in page.text
    assert "No risk group is shown" in page.text and "The chart could not be read completely" in page.text


def test_an_ehr_too_slow_for_the_patient_record_gets_a_page_that_says_so(world, browser, monkeypatch) -> None:
    page = get(browser, faulty(world, "slow"))
    monkeypatch.setattr("app.fhir.CHART_SECONDS", 0.1)
    for name in PAGES:
        again = get(browser, page.url + name)
        assert again.status_code == 504 and ANA not in again.text
        assert_problem(again, "ehr_unreachable")


def test_an_ehr_that_has_gone_leaves_a_way_to_try_again(tmp_path, browser) -> None:
    with running(tmp_path) as world:
        page = get(browser, world.launch_url(ANA))
        there = world.config.ehrs["sandbox"]
        world.config.ehrs["sandbox"] = replace(there, issuer="http://127.0.0.1:1/fhir")  # where nobody listens
        gone = get(browser, page.url)
        assert_problem(gone, "ehr_unreachable")
        assert ANA not in gone.text and "Ångström" not in gone.text
        (again,) = re.findall(r'<a href="([^"]+)">Try again</a>', gone.text)
        world.config.ehrs["sandbox"] = there
        assert get(browser, world.app_url + again).status_code == 200


def test_without_a_release_the_chart_is_shown_and_the_group_is_not(tmp_path, browser) -> None:
    publish(tmp_path / "kindred.db", "another", model())
    with running(tmp_path) as world:
        page = get(browser, world.launch_url(ANA))
        assert "No release yet: no risk groups have been published for this EHR." in page.text
        assert sections(page) >= {"group", "found", "missing"}
        assert sections(page) & {"reasons", "profile", "who"} == set()
        assert "could not place you in a group" in get(browser, page.url + "sheet").text
        assert "No risk group is shown." in get(browser, page.url + "note").text


def test_other_definitions_hide_the_group_and_its_numbers_everywhere(tmp_path, browser) -> None:
    publish(tmp_path / "kindred.db", "sandbox", model("other definitions"))
    with running(tmp_path) as world:
        page = get(browser, world.launch_url(ANA))
        assert "The published risk groups were made with other definitions than this app uses" in page.text
        assert sections(page) >= {"group", "found"} and sections(page) & {"reasons", "profile", "who"} == set()
        for name in PAGES:
            text = get(browser, page.url + name).text
            assert "Diabetes with high HbA1c" not in text and "of 412 people" not in text


def test_without_the_serving_database_the_chart_is_shown_and_why_there_is_no_group(tmp_path, browser) -> None:
    publish(tmp_path / "kindred.db", "sandbox", model())
    with running(tmp_path) as world:
        page = get(browser, world.launch_url(ANA))
        assert "reasons" in sections(page)
        (tmp_path / "kindred.db").write_bytes(b"no database " * 100)
        page = get(browser, page.url)
        assert page.status_code == 200
        assert "The risk groups cannot be read: their database does not answer" in page.text
        assert sections(page) >= {"group", "found"} and "No release can be read." in page.text
        for name in PAGES:
            assert get(browser, page.url + name).status_code == 200
