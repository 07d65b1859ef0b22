"""What an EHR hands over with a launch is kept and shown; what it leaves out is said, never guessed."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from app.chart.opened import FOR_PROFESSIONALS, NO_NAME, NO_USER, NO_VISIT, UNREAD_VISIT
from fhir_fixtures.ehr.clients import APP_SCOPES
from tests.flow.people import ANA, BEN, SCRIPT
from tests.flow.world import SECONDS, World, callback_of, parameter, running

FAULTS = {
    "nobody": "token-no-id-token",
    "no_visit": "token-no-encounter",
    "patient_lost": "token-no-patient",
    "no_name": "fhir-403=Practitioner",
    "elsewhere": "fhir-user=foreign",
}


def get(browser: requests.Session, url: str) -> requests.Response:
    return browser.get(url, timeout=SECONDS)


def faulty(world: World, name: str, patient: str | None = ANA, **context: Any) -> str:
    """The launch address of an EHR with a fault: the same handle, another issuer."""
    handle = parameter(world.launch_url(patient, **context), "launch")
    return f"{world.app_url}/launch?" + urlencode({"iss": world.config.ehrs[name].issuer, "launch": handle})


def opened(page: requests.Response) -> str:
    """The words of the section that says how the page was opened."""
    assert page.status_code == 200
    section = page.text.split('<section class="opened"')[1].split("</section>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", section.split(">", 1)[1]).split())


class TestWhoIsSignedIn:
    @pytest.mark.parametrize(
        ("user", "form", "name"),
        [
            ("Practitioner/{clinician}", "absolute", "Dr. Amara Okafor"),
            ("Practitioner/{clinician}", "relative", "Dr. Amara Okafor"),
            ("PractitionerRole/role-{clinician}", "absolute", "Dr. Amara Okafor"),
            ("Patient/ana-1", "relative", "Ana Ångström-Núñez"),
            ("RelatedPerson/relative-ana-1", "absolute", "Robin Ångström-Núñez"),
            ("Person/person-ana-1", "absolute", "Ana Ångström-Núñez"),
        ],
    )
    def test_is_shown_by_name(self, world, browser, user, form, name) -> None:
        user = user.format(clinician=world.ehr.app.extensions["sandbox"].clinicians[0].id)
        page = get(browser, world.launch_url(ANA, user=user, fhir_user=form))
        assert f"Signed in as {name}." in opened(page)
        assert (FOR_PROFESSIONALS in page.text) is user.startswith(("Patient/", "RelatedPerson/"))

    @pytest.mark.parametrize(
        ("ehr", "words"), [("nobody", NO_USER), ("elsewhere", NO_USER), ("no_name", NO_NAME)]
    )
    def test_is_said_to_be_unknown_rather_than_shown_by_an_id(self, world, browser, ehr, words) -> None:
        page = get(browser, faulty(world, ehr))
        assert words in opened(page)
        assert "Practitioner" not in page.text

    def test_leaves_no_name_in_the_log_nor_in_the_file(self, world, browser, caplog) -> None:
        with caplog.at_level("DEBUG", "app"):
            get(browser, world.launch_url(ANA, user="RelatedPerson/relative-ana-1"))
        assert "Robin" not in caplog.text
        assert b"Robin" not in b"".join(path.read_bytes() for path in world.home.iterdir())


class TestTheVisit:
    def test_is_named_where_the_chart_has_it(self, world, browser) -> None:
        said = opened(get(browser, world.launch_url(ANA)))
        assert re.search(r"Visit [A-Z][a-z ]+, from \d\d-[A-Z][a-z]{2}-\d{4}\.", said)

    def test_that_the_ehr_leaves_out_is_said(self, world, browser) -> None:
        assert NO_VISIT in opened(get(browser, faulty(world, "no_visit")))

    def test_that_the_chart_does_not_have_is_said_too_and_its_id_is_not_shown(self, world, browser) -> None:
        page = get(browser, world.launch_url(ANA, encounter="visit-of-nobody"))
        assert UNREAD_VISIT in opened(page) and "visit-of-nobody" not in page.text


class TestNoPatient:
    @pytest.mark.parametrize("launch", ["without", "lost"])
    def test_is_said_on_a_page_that_can_be_closed_and_offers_to_choose_one(self, world, browser, launch) -> None:
        page = get(browser, world.launch_url(None) if launch == "without" else faulty(world, "patient_lost"))
        assert page.status_code == 200 and "<h1>No patient was chosen</h1>" in page.text
        assert "Signed in as " in opened(page) and "Visit" not in opened(page)
        assert "data-patient" not in page.text and ANA not in page.text
        assert re.search(r'href="/launch\?iss=http[^"&]+">choose a patient', page.text)
        form = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([0-9a-f]+)"', page.text))
        closed = browser.post(page.url + "close", data=form, headers={"Origin": world.app_url}, timeout=SECONDS)
        assert "This view is closed" in closed.text

    def test_of_fhir_context_takes_its_place(self, world, browser) -> None:
        listed = [{"reference": f"Patient/{BEN}"}]
        assert "<h1>No patient was chosen</h1>" in get(browser, world.launch_url(None, fhirContext=listed)).text


class TestOtherContext:
    def test_is_shown_by_kind_and_role_and_what_is_broken_is_counted(self, world, browser) -> None:
        listed = [
            {"reference": "ImagingStudy/i1"},
            {"reference": "ImagingStudy/i2", "role": "launch"},
            {"identifier": {"system": "urn:s", "value": "secret-7"}, "type": "ServiceRequest", "role": "urn:x:<b>"},
            {"reference": "https://elsewhere.example/Patient/1"},
            "nonsense",
        ]
        page = get(browser, world.launch_url(ANA, fhirContext=listed, tenant="clinic <7>"))
        said = opened(page)
        assert "Together with Imaging study (2); Service request, as “urn:x:&lt;b&gt;”." in said
        assert "2 further entries of the EHR’s context could not be used." in said
        assert "Tenant clinic &lt;7&gt;" in said
        assert "secret-7" not in page.text

    @pytest.mark.parametrize(
        ("intent", "place"), [("risk-reasons", "#reasons-title"), ("order-review", ""), (None, ""), ("../x", "")]
    )
    def test_an_intent_that_we_know_opens_its_part_of_the_page(self, world, browser, intent, place) -> None:
        callback = callback_of(browser, world.launch_url(ANA, intent=intent))
        sent = browser.get(callback, allow_redirects=False, timeout=SECONDS).headers["Location"]
        assert re.fullmatch(r"/s/[A-Za-z0-9_-]{43}/" + re.escape(place), sent)

    def test_members_that_we_do_not_know_change_nothing(self, world, browser) -> None:
        odd = {"__private": [1], "https://ehr.example/extra": {"patient": BEN}, "authorization_details": SCRIPT}
        page = get(browser, world.launch_url(ANA, extra=odd))
        assert f'data-patient="{ANA}"' in page.text and BEN not in page.text and SCRIPT not in page.text


class TestTheStyle:
    def sheet(self, browser: requests.Session, page: requests.Response) -> requests.Response | None:
        found = re.search(r'href="(/s/[^"]+/style\.css\?patient=[0-9a-f]{32})"', page.text)
        return get(browser, urlsplit(page.url)._replace(path="", query="").geturl() + found[1]) if found else None

    def test_of_the_ehr_is_a_stylesheet_of_this_launch(self, world, browser) -> None:
        page = get(browser, world.launch_url(ANA))
        sheet = self.sheet(browser, page)
        assert sheet is not None and sheet.headers["Content-Type"] == "text/css; charset=utf-8"
        assert all(one in sheet.text for one in ("--paper: #f5f7f8;", "--ink: #1d2b33;", "--radius: 0.25rem;"))
        assert sheet.headers["Kindred-Patient"] == page.headers["Kindred-Patient"]
        assert "style=" not in page.text and "<style" not in page.text

    @pytest.mark.parametrize("name", ["hostile", "huge", "list", "html", "redirect", "foreign", "https://x.example/s"])
    def test_that_cannot_be_believed_leaves_ours(self, world, browser, name) -> None:
        page = get(browser, world.launch_url(ANA, smart_style_url=name))
        assert page.status_code == 200 and self.sheet(browser, page) is None

    def test_is_asked_for_once_and_without_the_token(self, world, browser) -> None:
        world.requests_seen.clear()
        for _ in range(2):
            page = get(browser, world.launch_url(ANA, smart_style_url="dark"))
            assert "color-scheme: dark" in self.sheet(browser, page).text
        assert world.requests_seen.count("/styles/dark.json") == 1

    def test_is_not_given_to_a_page_of_another_patient(self, world, browser) -> None:
        ana, ben = (get(browser, world.launch_url(patient)) for patient in (ANA, BEN))
        for mark in (ben.headers["Kindred-Patient"], "", "x"):
            refused = get(browser, f"{ana.url}style.css?patient={mark}")
            assert refused.status_code == 502 and "patient_mismatch" in refused.text


class TestEachReply:
    def test_repeats_the_patient_of_its_launch(self, world, browser) -> None:
        pages = [get(browser, world.launch_url(patient)) for patient in (ANA, BEN, ANA)]
        marks = [page.headers["Kindred-Patient"] for page in pages]
        assert len(set(marks)) == 3 and all(re.fullmatch("[0-9a-f]{32}", mark) for mark in marks)
        for page, mark in zip(pages, marks, strict=True):
            assert f'data-mark="{mark}"' in page.text
            assert get(browser, page.url).headers["Kindred-Patient"] == mark


class TestTheSignInByForm:
    def test_sends_everything_in_one_form_to_the_registered_origin_alone(self, tmp_path) -> None:
        with running(tmp_path, authorize_method="POST") as world, requests.Session() as browser:
            page = get(browser, world.launch_url(ANA))
            policy = page.headers["Content-Security-Policy"]
            assert f"form-action 'self' {world.ehr.base_url};" in policy and "script-src 'self';" in policy
            assert page.text.count("<form") == page.text.count("<button") == 1
            action = re.search(r'<form method="post" action="([^"]+)"', page.text)
            fields = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', page.text))
            assert action and action[1] == f"{world.ehr.base_url}/auth/authorize"
            assert {"response_type", "client_id", "redirect_uri", "scope", "state", "aud", "code_challenge",
                    "code_challenge_method", "launch", "nonce"} == set(fields)  # fmt: skip
            chart = browser.post(action[1], data=fields, timeout=SECONDS)
            assert f'data-patient="{ANA}"' in chart.text

    def test_is_used_for_an_address_too_long_where_the_ehr_takes_forms(self, tmp_path) -> None:
        whole = [scope for scope in APP_SCOPES.split() if scope != "patient/Observation.rs"]
        many = (*whole, *(f"patient/Observation.rs?category={number:03}" for number in range(60)))
        with running(tmp_path, scopes=many) as world, requests.Session() as browser:
            page = get(browser, world.launch_url(ANA))
            assert f'<form method="post" action="{world.ehr.base_url}/auth/authorize">' in page.text

    def test_is_a_redirect_elsewhere(self, world, browser) -> None:
        sent = browser.get(world.launch_url(ANA), allow_redirects=False, timeout=SECONDS)
        assert sent.status_code == 302 and "launch" in dict(parse_qsl(urlsplit(sent.headers["Location"]).query))


def test_a_frame_that_keeps_no_cookie_is_offered_a_window_of_its_own(world, browser) -> None:
    url = callback_of(browser, world.launch_url(ANA))
    with requests.Session() as forgetful:
        page = get(forgetful, url + "&next=https://evil.example")
        assert "<code>other_browser</code>" in page.text and "evil.example" not in page.text
        link = re.search(r'<a href="([^"]+)" target="_blank" rel="noopener">Open Kindred in a new window', page.text)
        assert link and link[1] == "/launch?" + urlencode({"iss": world.ehr.fhir_base}, safe=":/")
        sent = forgetful.get(world.app_url + link[1], allow_redirects=False, timeout=SECONDS)
        assert sent.headers["Location"].startswith(f"{world.ehr.base_url}/auth/authorize?")
    page = get(browser, world.app_url + "/callback?state=x")
    assert "new window" not in page.text
