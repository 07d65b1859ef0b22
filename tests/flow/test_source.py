"""The record behind a value: the launch's own patient's alone, read now, in words and as JSON."""

import re
import sqlite3

import pytest
import requests

from tests.flow.people import ANA, BEN, EVA
from tests.flow.test_launch import assert_problem, get
from tests.flow.world import World, running

FAULTS: dict[str, str] = {}
HBA1C = f"source/Observation/{ANA}-o-hba1c"


@pytest.fixture
def chart(world, browser) -> requests.Response:
    return get(browser, world.launch_url(ANA))


def opened(
    browser: requests.Session, chart: requests.Response, path: str, mark: str | None = None
) -> requests.Response:
    """The page at a path below the chart's, asked for from a page with this mark."""
    mark = re.search(r'data-mark="([0-9a-f]{32})"', chart.text)[1] if mark is None else mark
    return get(browser, f"{chart.url}{path}?patient={mark}")


def test_each_reason_links_to_its_record(world, browser, chart) -> None:
    links = re.findall(r'<a class="source" href="([^"]+)">', chart.text)
    assert any(HBA1C in link for link in links)
    page = get(browser, world.app_url + links[0])
    assert page.status_code == 200 and "The whole record as FHIR JSON" in page.text


def test_the_record_is_told_in_words_and_as_json(world, browser, chart) -> None:
    page = opened(browser, chart, HBA1C)
    assert "<h1>Measurement or laboratory result</h1>" in page.text
    assert "<tr><th scope=\"row\">Value</th><td>9.4 %</td></tr>" in page.text
    assert "<tr><th scope=\"row\">Date</th><td>04-May-2026</td></tr>" in page.text
    assert f"&#34;id&#34;: &#34;{ANA}-o-hba1c&#34;" in page.text
    assert f'data-patient="{ANA}"' in page.text and "Ångström-Núñez" in page.text
    assert page.headers["Kindred-Patient"] == chart.headers["Kindred-Patient"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"source/Patient/{BEN}", "patient_mismatch"),
        (f"source/Patient/{EVA}", "patient_mismatch"),
        ("source/Practitioner/1", "not_found"),
        ("source/Observation/a%20b", "not_found"),
        ("source/Observation/..", "not_found"),
        ("source/Observation/" + "x" * 65, "not_found"),
    ],
)
def test_nobody_else_and_no_other_type_is_asked_for(world, browser, chart, path, code) -> None:
    world.requests_seen.clear()
    page = opened(browser, chart, path)
    assert not [one for one in world.requests_seen if "/fhir/" in one and one.split("/")[-1] != ANA]
    assert_problem(page, code)


def test_another_patients_record_is_not_shown_where_the_ehr_gives_it(tmp_path, browser) -> None:
    scopes = ("launch", "openid", "fhirUser", "user/Patient.rs", "user/Observation.rs")
    with running(tmp_path, scopes=scopes) as wide:
        chart = get(browser, wide.launch_url(ANA))
        page = opened(browser, chart, f"source/Observation/{BEN}-o-hba1c")
        assert f"/fhir/Observation/{BEN}-o-hba1c" in wide.requests_seen
        assert_problem(page, "patient_mismatch")
        assert "5.2" not in page.text
        assert opened(browser, chart, HBA1C).status_code == 200


def test_a_page_of_another_chart_opens_nothing(world, browser, chart) -> None:
    ben = get(browser, world.launch_url(BEN))
    mark = re.search(r'data-mark="([0-9a-f]{32})"', ben.text)[1]
    for wrong in (mark, "", "0" * 32):
        assert_problem(opened(browser, chart, HBA1C, wrong), "patient_mismatch")
    assert_problem(requests.get(chart.url + HBA1C, timeout=30), "session_unknown")


def test_a_record_that_is_not_there_leaves_a_page_that_says_so(world, browser, chart) -> None:
    page = opened(browser, chart, "source/Observation/none")
    assert page.status_code == 404
    assert "This record could not be read: the EHR does not have it, or not any more." in page.text
    assert "Close this view" in page.text


def test_what_was_not_granted_is_not_asked_for(tmp_path, browser) -> None:
    scopes = ("launch", "openid", "fhirUser", "patient/Patient.rs", "patient/Condition.rs")
    with running(tmp_path, scopes=scopes) as narrow:
        chart = get(browser, narrow.launch_url(ANA))
        narrow.requests_seen.clear()
        page = opened(browser, chart, HBA1C)
        assert page.status_code == 403 and "the EHR did not grant it" in page.text
        assert not [one for one in narrow.requests_seen if "Observation" in one]


def test_is_audited(world: World, browser, chart) -> None:
    opened(browser, chart, HBA1C)
    with sqlite3.connect(world.home / "app.db") as db:
        row = db.execute("SELECT action, patient FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    db.close()
    assert row == ("source", ANA)
