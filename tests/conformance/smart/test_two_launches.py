"""Two charts open in one browser, and who may see which: the wrong patient is never shown."""

import json
import re

import pytest
import requests

from tests.conformance.smart.answers import says
from tests.conformance.smart.browser import Browser, Form, patient_of, problem_of, tells_of_diabetes
from tests.conformance.smart.world import Ehr, World
from tests.flow.people import ANA, BEN


def test_req_061_093_two_charts_in_one_browser_never_mix(ehr: Ehr, browser: Browser) -> None:
    a, b = browser.open(ehr.launch_url(ANA)), browser.open(ehr.launch_url(BEN))
    tokens = {reply["patient"]: reply["access_token"] for reply in ehr.given}
    for page, patient in ((a, ANA), (b, BEN), (a, ANA)):
        seen = len(ehr.reads())
        again = browser.open(page.url)
        assert patient_of(again) == patient and ("Baker" in again.text) == (patient == BEN)
        assert {one.bearer for one in ehr.reads()[seen:]} == {tokens[patient]}


def test_req_093_105_a_refresh_of_one_chart_leaves_the_other_as_it_is(ehr: Ehr, browser: Browser) -> None:
    a, b = browser.open(ehr.launch_url(ANA)), browser.open(ehr.launch_url(BEN))
    ehr.end_token(0)
    assert (patient_of(browser.open(a.url)), patient_of(browser.open(b.url))) == (ANA, BEN)
    assert [seen.parameters["refresh_token"] for seen in ehr.refreshes()] == [ehr.given[0]["refresh_token"]]


def test_req_093_two_ehrs_in_one_browser_get_each_its_own_token(ehr: Ehr, world: World, browser: Browser) -> None:
    other = world.ehr()
    pages = [browser.open(ehr.launch_url(ANA)), browser.open(other.launch_url(BEN))]
    for one, page, patient in zip((ehr, other), pages, (ANA, BEN), strict=True):
        assert patient_of(browser.open(page.url)) == patient
        assert {seen.bearer for seen in one.reads()} == {one.given[0]["access_token"]}


def test_req_061_a_chart_opens_in_the_browser_of_its_launch_alone(
    ehr: Ehr, browser: Browser, other_browser: Browser
) -> None:
    page = browser.open(ehr.launch_url(ANA))
    other_browser.open(ehr.launch_url(BEN))
    reads = len(ehr.reads())
    refused = other_browser.open(page.url)
    assert problem_of(refused) == "session_unknown" and ANA not in refused.text
    assert len(ehr.reads()) == reads


def test_req_170_a_patient_record_of_somebody_else_is_refused(ehr: Ehr, browser: Browser) -> None:
    other = {"resourceType": "Patient", "id": BEN, "name": [{"family": "Baker"}]}
    ehr.change(f"/fhir/Patient/{ANA}", says(other, kind="application/fhir+json"))
    page = browser.open(ehr.launch_url(ANA))
    assert problem_of(page) == "patient_mismatch" and "Baker" not in page.text


def test_req_170_resources_of_somebody_else_are_not_taken_for_the_patients(ehr: Ehr, browser: Browser) -> None:
    diabetes = {"coding": [{"system": "http://snomed.info/sct", "code": "44054006"}]}
    foreign = {"resourceType": "Condition", "id": "x", "subject": {"reference": f"Patient/{ANA}"}, "code": diabetes,
               "onsetDateTime": "2015-02-01T00:00:00Z", "recordedDate": "2015-02-01T00:00:00Z",
               "clinicalStatus": {"coding": [{"code": "active"}]}}  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": foreign}]}
    ehr.change("/fhir/Condition", says(bundle, kind="application/fhir+json"))
    page = browser.open(ehr.launch_url(BEN))
    assert not tells_of_diabetes(page) and ANA not in page.text


def test_req_170_each_request_names_the_patient_of_its_launch(ehr: Ehr, browser: Browser) -> None:
    browser.open(ehr.launch_url(BEN))
    for seen in ehr.reads():
        told = seen.path.rpartition("/")[2] if "/Patient/" in seen.path else dict(seen.query).get("patient", "")
        assert "Practitioner" in seen.path or told.removeprefix("Patient/") == BEN


def test_req_170_a_page_of_one_patient_changes_nothing_for_another(ehr: Ehr, browser: Browser) -> None:
    a, b = browser.open(ehr.launch_url(ANA)), browser.open(ehr.launch_url(BEN))
    mark = dict(Form(b.text).fields)["patient"]
    assert mark != dict(Form(a.text).fields)["patient"] and BEN not in mark
    assert problem_of(browser.post(a, patient=mark)) == "patient_mismatch"
    assert ehr.seen("/auth/revoke") == [] and patient_of(browser.open(a.url)) == ANA


def test_req_170_each_reply_of_a_chart_repeats_whose_it_is(ehr: Ehr, browser: Browser) -> None:
    pages = [browser.open(ehr.launch_url(patient)) for patient in (ANA, BEN)]
    marks = [dict(Form(page.text).fields)["patient"] for page in pages]
    assert [page.headers["Kindred-Patient"] for page in pages] == marks and len(set(marks)) == 2
    style = browser.get(f"{pages[0].url}style.css?patient={marks[0]}")
    assert style.headers["Kindred-Patient"] == marks[0]
    assert problem_of(browser.get(f"{pages[0].url}style.css?patient={marks[1]}")) == "patient_mismatch"


@pytest.mark.parametrize("name", ["kindred", "session"])
def test_req_061_a_cookie_of_ones_own_making_opens_nothing(ehr: Ehr, browser: Browser, name: str) -> None:
    page = browser.open(ehr.launch_url(ANA))
    for value in ("", "0" * 43, page.url.split("/")[-2], json.dumps({"patient": ANA})):
        answer = requests.get(page.url, cookies={name: value}, timeout=30)
        assert problem_of(answer) == "session_unknown"


def test_req_007_061_the_cookie_is_a_random_number_that_scripts_cannot_read(ehr: Ehr, browser: Browser) -> None:
    said = browser.get(ehr.launch_url(ANA)).headers["Set-Cookie"]
    value, *attributes = [part.strip() for part in said.split(";")]
    assert re.fullmatch(r"[^=]+=[A-Za-z0-9_-]{22,64}", value)
    assert "HttpOnly" in attributes and "Path=/" in attributes
    assert not any(part.startswith(("Domain", "Expires", "Max-Age")) for part in attributes)


def test_req_007_061_on_https_the_cookie_is_bound_to_host_frame_and_tls(
    world: World, tmp_path_factory: pytest.TempPathFactory, browser: Browser
) -> None:
    folder = tmp_path_factory.mktemp("https")
    with world.app(folder, redirect_uri="https://kindred.example/callback") as ehr:
        page = browser.get(f"{ehr.app_url}/launch?iss={ehr.fhir}&launch=x")
    said = page.headers["Set-Cookie"]
    assert said.startswith("__Host-")
    attributes = {part.strip() for part in said.split(";")[1:]}
    assert attributes == {"Secure", "HttpOnly", "Path=/", "SameSite=None", "Partitioned"}


def test_req_392_closing_a_chart_revokes_its_token_and_ends_it_alone(ehr: Ehr, browser: Browser) -> None:
    a, b = browser.open(ehr.launch_url(ANA)), browser.open(ehr.launch_url(BEN))
    browser.follow(browser.close(a))
    revoked = {seen.parameters["token"] for seen in ehr.seen("/auth/revoke")}
    assert ehr.given[0]["refresh_token"] in revoked
    assert revoked <= {ehr.given[0]["refresh_token"], ehr.given[0]["access_token"]}
    assert problem_of(browser.open(a.url)) == "session_unknown"
    assert patient_of(browser.open(b.url)) == BEN


@pytest.mark.parametrize("answer", [says("no", 500, "text/plain")])
def test_req_392_a_chart_closes_whatever_the_ehr_says_to_it(ehr: Ehr, browser: Browser, answer: object) -> None:
    page = browser.open(ehr.launch_url(ANA))
    ehr.change("/auth/revoke", answer)  # type: ignore[arg-type]
    closed = browser.follow(browser.close(page))
    assert closed.status_code == 200 and "closed" in closed.text
    assert problem_of(browser.open(page.url)) == "session_unknown"
