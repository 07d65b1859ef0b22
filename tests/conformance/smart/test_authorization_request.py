"""What the EHR receives when the app asks for authorization, and what the app asks beforehand."""

import base64
import hashlib
import math
import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.conformance.smart.browser import Browser, parameter, patient_of
from tests.conformance.smart.world import Ehr, World
from tests.flow.people import ANA, BEN

CONTEXT = {"launch", "launch/patient", "launch/encounter"}


def test_req_029_discovery_is_asked_under_the_fhir_base_as_json(ehr: Ehr, browser: Browser) -> None:
    assert patient_of(browser.open(ehr.launch_url(ANA))) == ANA
    asked = [seen for seen in ehr.seen() if "/.well-known/" in seen.path and "openid" not in seen.path]
    assert {(seen.method, seen.path) for seen in asked} == {("GET", "/fhir/.well-known/smart-configuration")}
    assert all("application/json" in seen.headers["Accept"] for seen in asked)
    assert asked[0] in ehr.seen()[:2]  # before anything else of the app's


def test_req_032_033_034_041_the_request_names_code_client_redirect_and_fhir_base(ehr: Ehr, browser: Browser) -> None:
    launch_url = ehr.launch_url(ANA)
    browser.open(launch_url)
    sent = ehr.authorization
    assert sent["response_type"] == "code"
    assert sent["client_id"] == "kindred-public"
    assert sent["redirect_uri"] == f"{ehr.app_url}/callback"
    assert sent["aud"] == ehr.fhir == parameter(launch_url, "iss")


@pytest.mark.parametrize("value", ["A b+C/d=E&f%20Ü", "x" * 900, "0"])
def test_req_035_161_launch_is_echoed_exactly(ehr: Ehr, browser: Browser, value: str) -> None:
    browser.open(f"{ehr.app_url}/launch?{urlencode({'iss': ehr.fhir, 'launch': value})}")
    assert ehr.authorization["launch"] == value


def test_req_036_152_166_a_standalone_launch_has_no_launch_and_asks_for_a_patient(ehr: Ehr, browser: Browser) -> None:
    page = browser.standalone(f"{ehr.app_url}/launch?{urlencode({'iss': ehr.fhir})}", BEN)
    sent = ehr.seen("/auth/authorize")[0].parameters
    assert "launch" not in sent
    assert "launch/patient" in sent["scope"].split() and "launch" not in sent["scope"].split()
    assert patient_of(page) == BEN


def test_req_037_150_151_an_ehr_launch_asks_for_its_context_and_for_what_is_read(ehr: Ehr, browser: Browser) -> None:
    browser.open(ehr.launch_url(ANA))
    asked = ehr.authorization["scope"].split()
    assert "launch" in asked
    assert all(word.startswith("launch") for word in asked if word in CONTEXT)
    read = {seen.path.split("/")[2] for seen in ehr.reads()} - {"Practitioner"}
    assert read and read <= {word.split("/")[1].split(".")[0] for word in asked if "/" in word and "." in word}


def test_req_047_195_196_openid_and_fhir_user_are_asked_together(ehr: Ehr, browser: Browser) -> None:
    browser.open(ehr.launch_url(ANA))
    assert {"openid", "fhirUser"} <= set(ehr.authorization["scope"].split())


def test_req_046_120_122_124_148_nothing_is_asked_that_could_change_or_exceed(ehr: Ehr, browser: Browser) -> None:
    browser.open(ehr.launch_url(ANA))
    resources = [word for word in ehr.authorization["scope"].split() if "/" in word and word not in CONTEXT]
    assert resources and not any("*" in word for word in resources)
    beyond = [word for word in resources if not re.fullmatch(r"patient/[A-Za-z]+\.(r|s|rs)(\?.*)?", word)]
    # What a click adds (it changes nothing), and lists of the user's own patients; nothing else.
    assert sorted(beyond) == ["patient/Provenance.c", "patient/RiskAssessment.cs", "user/Patient.rs"]


def test_req_121_125_131_135_137_scopes_follow_the_grammar_in_their_shortest_form(ehr: Ehr, browser: Browser) -> None:
    browser.open(ehr.launch_url(ANA))
    asked = ehr.authorization["scope"].split()
    resources = [word for word in asked if "/" in word and word not in CONTEXT]
    grammar = re.compile(r"(patient|user)/([A-Z][A-Za-z]+|\*)\.c?r?u?d?s?(\?[^ ]+=[^ ]+)?")
    assert all(grammar.fullmatch(word) for word in resources)
    assert len(asked) == len(set(asked))
    whole = Counter(word.split(".")[0] for word in resources if "?" not in word)
    assert set(whole.values()) == {1}  # not .r beside .s
    assert "patient/Patient.rs" in asked or "patient/Patient.r" in asked


def test_req_002_003_039_040_state_is_sent_each_time_anew_and_cannot_be_guessed(ehr: Ehr, browser: Browser) -> None:
    for _ in range(12):
        browser.open(ehr.launch_url(ANA), until="/callback")
    states = [seen.parameters["state"] for seen in ehr.seen("/auth/authorize")]
    assert len(states) == len(set(states)) == 12
    random = [at for at in range(min(map(len, states))) if len({state[at] for state in states}) > 4]
    assert len(random) * math.log2(len(set("".join(states)))) >= 122  # places that stay or count do not add to it


def test_req_013_044_045_070_pkce_is_s256_with_a_verifier_of_this_launch(ehr: Ehr, browser: Browser) -> None:
    for _ in range(2):
        assert patient_of(browser.open(ehr.launch_url(ANA))) == ANA
    asked = [seen.parameters for seen in ehr.seen("/auth/authorize")]
    verifiers = [seen.parameters["code_verifier"] for seen in ehr.seen("/auth/token")]
    assert all(re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier) for verifier in verifiers)
    digests = [hashlib.sha256(verifier.encode()).digest() for verifier in verifiers]
    made = [base64.urlsafe_b64encode(digest).rstrip(b"=").decode() for digest in digests]
    assert made == [sent["code_challenge"] for sent in asked] and len(set(made)) == 2
    assert {sent["code_challenge_method"] for sent in asked} == {"S256"}
    assert all("code_verifier" not in sent for sent in asked)


def test_req_050_051_the_request_goes_by_get_with_a_query(ehr: Ehr, browser: Browser) -> None:
    browser.open(ehr.launch_url(ANA))
    [seen] = ehr.seen("/auth/authorize")
    assert seen.method == "GET" and seen.query and not seen.form


def test_req_052_133_an_ehr_that_wants_a_form_gets_the_same_by_post(
    world: World, tmp_path: Path, browser: Browser
) -> None:
    with world.app(tmp_path, authorize_method="POST") as ehr:
        assert patient_of(browser.open(ehr.launch_url(ANA))) == ANA
    [seen] = ehr.seen("/auth/authorize")
    assert seen.method == "POST" and not seen.query
    assert seen.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    names = {"response_type", "client_id", "redirect_uri", "launch", "scope", "state", "aud", "code_challenge"}
    assert names <= set(seen.parameters) and seen.parameters["aud"] == ehr.fhir


def test_req_211_no_max_age_auth_time_or_claims_are_sent(ehr: Ehr, browser: Browser) -> None:
    browser.open(ehr.launch_url(ANA))
    known = {"response_type", "client_id", "redirect_uri", "launch", "scope", "state", "aud", "code_challenge",
             "code_challenge_method", "nonce", "response_mode"}
    assert set(ehr.authorization) <= known


def test_req_020_021_launch_and_redirect_addresses_are_fixed(ehr: Ehr, world: World, browser: Browser) -> None:
    second = world.ehr()
    for one, patient in ((ehr, ANA), (second, BEN), (ehr, BEN)):
        browser.open(one.launch_url(patient))
    sent = [seen.parameters["redirect_uri"] for one in (ehr, second) for seen in one.seen("/auth/authorize")]
    assert set(sent) == {f"{world.app_url}/callback"} and len(sent) == 3
    for path in ("/Launch", "/launch/x", "/callback/x"):
        assert browser.get(f"{world.app_url}{path}?iss={ehr.fhir}").status_code == 404
