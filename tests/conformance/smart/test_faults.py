"""Launches at EHRs in every kind of trouble: the page that comes, and that nothing went where it should not."""

import time

import pytest

from tests.conformance.smart import faults
from tests.conformance.smart.browser import Browser, patient_of, problem_of, tells_of_diabetes
from tests.conformance.smart.world import Ehr, World
from tests.flow.people import ANA, BEN


def outcome(ehr: Ehr, browser: Browser) -> str | None:
    """What a launch for Ana ends in: the chart, or the problem's code."""
    page = browser.open(ehr.launch_url(ANA))
    return faults.CHART if patient_of(page) == ANA else problem_of(page)


@pytest.mark.parametrize("fault", faults.CALLBACK)
def test_req_004_054_060_a_callback_of_every_kind_has_its_page(world: World, browser: Browser, fault: str) -> None:
    ehr = world.faulty(fault)
    assert browser.launch(ehr.launch_url(ANA)) == faults.CALLBACK[fault]
    assert ehr.reads() == [] or faults.CALLBACK[fault] == faults.CHART
    assert "alert(" not in browser.pages[-1].text and "javascript:" not in browser.pages[-1].text


@pytest.mark.parametrize("fault", faults.KEYS)
def test_req_201_218_394_metadata_and_keys_of_every_kind_have_their_page(
    world: World, browser: Browser, fault: str
) -> None:
    ehr = world.faulty(fault)
    assert browser.launch(ehr.launch_url(ANA)) == faults.KEYS[fault]
    assert ehr.reads() == [] or faults.KEYS[fault] == faults.CHART


@pytest.mark.parametrize("fault", faults.PATIENT)
def test_req_093_a_patient_who_cannot_be_read_has_a_page_that_says_so(
    world: World, browser: Browser, fault: str
) -> None:
    ehr = world.faulty(fault)
    assert outcome(ehr, browser) == faults.PATIENT[fault]
    assert bool(ehr.refreshes()) == ("401" in fault) and len(ehr.refreshes()) <= 2  # one for each page at most


@pytest.mark.parametrize("fault", faults.PARTS)
def test_req_093_098_147_what_could_not_be_read_is_said(world: World, browser: Browser, fault: str) -> None:
    page = browser.open(world.faulty(fault).launch_url(ANA))
    assert patient_of(page) == ANA and tells_of_diabetes(page)
    assert "<strong>Measurements and laboratory results</strong>" in page.text
    assert world.sent_elsewhere() == []


@pytest.mark.parametrize("fault", faults.BUSY)
def test_req_093_a_clinician_does_not_wait_as_long_as_the_ehr_likes(
    world: World, browser: Browser, fault: str
) -> None:
    begun = time.monotonic()
    assert outcome(world.faulty(fault), browser) in ("patient_unreadable", "ehr_unreachable")
    assert time.monotonic() - begun < 25


@pytest.mark.parametrize("fault", faults.OTHERS)
def test_req_001_097_098_nothing_goes_to_another_address(world: World, browser: Browser, fault: str) -> None:
    page = browser.open(world.faulty(fault).launch_url(BEN))
    assert patient_of(page) in (BEN, None) and not tells_of_diabetes(page)
    assert world.sent_elsewhere() == []


def test_req_135_147_an_ehr_of_version_1_is_asked_and_understood(world: World, browser: Browser) -> None:
    ehr = world.faulty("permission-v1")
    assert outcome(ehr, browser) == faults.CHART
    assert "patient/Observation.read" in ehr.authorization["scope"].split()
    assert ehr.seen("/fhir/Observation")


@pytest.mark.parametrize("fault", ["scopes-v1-for-v2", "token-scope-list", "token-more-scopes"])
def test_req_079_145_147_scopes_in_another_form_than_asked_are_understood(
    world: World, browser: Browser, fault: str
) -> None:
    ehr = world.faulty(fault)
    assert outcome(ehr, browser) == faults.CHART and ehr.seen("/fhir/Condition")


def test_req_079_147_a_type_that_was_not_granted_is_not_searched(world: World, browser: Browser) -> None:
    ehr = world.faulty("scopes-fewer=Observation")
    page = browser.open(ehr.launch_url(ANA))
    assert patient_of(page) == ANA and ehr.seen("/fhir/Observation") == []
    assert "<strong>Measurements and laboratory results</strong>" in page.text
