"""The pages that look like an EHR: list, chart, launches; their headers; what they do with odd requests."""

import html
import re
from typing import Any

import pytest


def frame_of(page: Any) -> str:
    found = re.search(r'<iframe[^>]*src="([^"]+)"', page.text)
    assert found
    return html.unescape(found[1])


def test_the_list_names_patients_by_name_birth_sex_and_record_number(client: Any, live: Any) -> None:
    page = client.http.get(f"{live.base_url}/").text
    for text in ("Ahlberg, Ada", "1950-03-04", "female", "MRN-anna", "Okafor, Amara", "Brandt, Lukas"):
        assert text in page


@pytest.mark.parametrize(("name", "found"), [("ahl", True), ("mrn-ANNA", True), ("xyz", False), ("%", False)])
def test_the_list_can_be_searched(client: Any, live: Any, name: str, found: bool) -> None:
    page = client.http.get(f"{live.base_url}/", params={"name": name}).text
    assert ("Ahlberg, Ada" in page) is found
    assert "Brook, Ada" not in page


def test_the_chart_frames_the_app_with_a_launch_that_works(client: Any, live: Any, pages: Any) -> None:
    page = client.http.get(f"{live.base_url}/chart/anna?clinician=sandbox-clinician-2")
    assert "Ahlberg, Ada" in page.text and "(76 years)" in page.text
    url = frame_of(page)
    assert url.startswith("http://127.0.0.1:9500/launch?")
    query = pages.query(url)
    assert query["iss"] == [live.fhir_base]
    token = client.token(code=pages.answer(client.authorize(launch=query["launch"][0]))["code"]).json()
    assert token["patient"] == "anna"


def test_each_chart_has_a_launch_of_its_own(client: Any, live: Any) -> None:
    charts = [frame_of(client.http.get(f"{live.base_url}/chart/{patient}")) for patient in ("anna", "anna", "bert")]
    assert len(set(charts)) == 3


def test_the_chosen_clinician_is_the_one_in_the_id_token(client: Any, live: Any, pages: Any) -> None:
    page = client.http.get(f"{live.base_url}/chart/anna?clinician=sandbox-clinician-2")
    launch = pages.query(frame_of(page))["launch"][0]
    token = client.token(code=pages.answer(client.authorize(launch=launch))["code"]).json()["access_token"]
    data = {"client_id": "kindred", "token": token}
    found = client.http.post(f"{live.base_url}/auth/introspect", data=data).json()
    assert found["fhirUser"].endswith("/Practitioner/sandbox-clinician-2")


def test_a_broken_launch_is_refused_to_the_app(client: Any, live: Any, pages: Any) -> None:
    launch = pages.query(frame_of(client.http.get(f"{live.base_url}/chart/anna?launch=broken")))["launch"][0]
    assert pages.answer(client.authorize(launch=launch))["error"] == "invalid_request"


def test_a_standalone_start_hands_over_the_issuer_alone(client: Any, live: Any) -> None:
    page = client.http.get(f"{live.base_url}/standalone").text
    assert f"launch?iss={live.fhir_base}".replace(":", "%3A").replace("/", "%2F")[-30:] in page
    assert "launch=" not in page


@pytest.mark.parametrize("path", ["/", "/chart/anna", "/standalone", "/chart/nobody", "/auth/authorize"])
def test_every_page_has_a_policy_without_scripts_and_no_inline_style(client: Any, live: Any, path: str) -> None:
    page = client.http.get(f"{live.base_url}{path}")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "script" not in policy and "unsafe" not in policy
    assert "frame-src 'self' http://127.0.0.1:9500;" in policy
    assert not re.search(r"<script|<style|style=|onclick=", page.text)
    assert page.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path", ["/chart/nobody", "/chart/anna?app=stranger", "/chart/anna?app=kindred-bulk", "/nowhere"]
)
def test_what_is_not_there_is_a_404_page(client: Any, live: Any, path: str) -> None:
    page = client.http.get(f"{live.base_url}{path}")
    assert page.status_code == 404
    assert page.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("body", [None, [], {"patient": "nobody"}, {"patient": "anna", "client_id": "kindred-bulk"}])
def test_a_launch_for_nobody_is_400(client: Any, live: Any, body: Any) -> None:
    assert client.http.post(f"{live.base_url}/launches", json=body).status_code == 400


def test_a_page_number_beyond_the_end_is_an_empty_page(client: Any, live: Any) -> None:
    assert client.http.get(f"{live.base_url}/?page=99").status_code == 200
    assert client.http.get(f"{live.base_url}/?page=banana").status_code == 200


def test_registered_apps_may_call_from_a_browser_and_others_may_not(client: Any, live: Any) -> None:
    url = f"{live.fhir_base}/metadata"
    own = client.http.get(url, headers={"Origin": "http://127.0.0.1:9500"})
    other = client.http.get(url, headers={"Origin": "https://evil.example"})
    assert own.headers["Access-Control-Allow-Origin"] == "http://127.0.0.1:9500"
    assert "Access-Control-Allow-Origin" not in other.headers
