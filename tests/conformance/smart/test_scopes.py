"""Scopes: asked as registered and as the EHR can take them; what was granted rules what is read and said."""

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.smart.answers import with_parts
from tests.conformance.smart.browser import Browser, patient_of, problem_of
from tests.conformance.smart.world import TOKEN, Ehr, World
from tests.flow.people import ANA, BEN

WELL_KNOWN = "/fhir/.well-known/smart-configuration"
LABORATORY = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
BASE = "launch openid fhirUser patient/Patient.rs"
LEAST = "launch patient/Patient.rs patient/Condition.rs"
TYPES = ("Condition", "Observation", "Encounter", "MedicationRequest", "Procedure", "Immunization",
         "AllergyIntolerance")  # fmt: skip


def asked(world: World, folder: Path, browser: Browser, scopes: str, **metadata: Any) -> list[str]:
    """What a registration with these scopes asks an EHR that says this of itself."""
    with world.app(folder, scopes=scopes) as ehr:
        ehr.change(WELL_KNOWN, with_parts(**metadata))
        assert browser.open(ehr.launch_url(ANA)).status_code < 500
        return ehr.authorization["scope"].split()


def test_req_132_a_part_of_a_type_is_asked_with_its_parameter(world: World, tmp_path: Path, browser: Browser) -> None:
    part = f"patient/Observation.rs?category={LABORATORY}"
    assert part in asked(world, tmp_path, browser, f"{BASE} {part}", scopes_supported=[part])


def test_req_135_141_scopes_of_the_user_are_asked_as_registered(world: World, tmp_path: Path, browser: Browser) -> None:
    words = asked(world, tmp_path, browser, f"{BASE} user/Condition.rs")
    assert "user/Condition.rs" in words and "patient/Condition.rs" not in words


def test_req_146_a_wildcard_is_asked_only_where_it_is_registered(
    world: World, tmp_path: Path, browser: Browser
) -> None:
    assert "patient/*.rs" in asked(world, tmp_path, browser, "launch patient/*.rs")


def test_req_153_162_an_encounter_is_asked_for_as_a_hint(world: World, tmp_path: Path, browser: Browser) -> None:
    words = asked(world, tmp_path, browser, f"{BASE} launch/encounter")
    assert {"launch", "launch/encounter"} <= set(words)


def test_req_135_an_ehr_with_version_1_alone_is_asked_in_version_1(
    world: World, tmp_path: Path, browser: Browser
) -> None:
    knows = ["launch-ehr", "permission-v1"]
    words = asked(world, tmp_path, browser, f"{BASE} patient/Condition.rs", capabilities=knows)
    assert {"patient/Patient.read", "patient/Condition.read"} <= set(words)
    assert not any(word.endswith(".rs") for word in words)


def test_req_037_131_no_scope_is_asked_twice(world: World, tmp_path: Path, browser: Browser) -> None:
    words = asked(world, tmp_path, browser, f"{BASE} launch patient/Patient.rs patient/Condition.rs openid")
    assert len(words) == len(set(words))


def searched(ehr: Ehr) -> set[str]:
    """Resource types that the EHR was searched for."""
    return {seen.path.removeprefix("/fhir/") for seen in ehr.reads()} & set(TYPES)


def test_req_078_079_145_147_what_was_not_granted_is_not_read_and_is_said(ehr: Ehr, browser: Browser) -> None:
    ehr.change(TOKEN, with_parts(scope=LEAST))
    page = browser.open(ehr.launch_url(ANA))
    assert patient_of(page) == ANA and searched(ehr) == {"Condition"}
    for words in ("Measurements and laboratory results", "Medicines", "Visits"):
        assert words.lower() in page.text.lower(), words
    assert "9.4 %" not in page.text


@pytest.mark.parametrize(
    "scope", ["launch patient/*.cruds", "launch patient/*.rs user/*.cruds", "patient/*.*", "launch patient/*.read __x"]
)
def test_req_145_147_more_than_was_asked_or_version_1_is_read_as_what_it_means(
    ehr: Ehr, browser: Browser, scope: str
) -> None:
    ehr.change(TOKEN, with_parts(scope=scope))
    page = browser.open(ehr.launch_url(ANA))
    assert patient_of(page) == ANA and searched(ehr) == set(TYPES)


def test_req_147_a_type_that_may_be_read_but_not_searched_is_not_searched(ehr: Ehr, browser: Browser) -> None:
    ehr.change(TOKEN, with_parts(scope=f"{LEAST} patient/Observation.r patient/Procedure.c patient/Encounter.write"))
    assert patient_of(browser.open(ehr.launch_url(ANA))) == ANA
    assert searched(ehr) == {"Condition"}


def test_req_145_147_a_part_that_was_granted_is_told_as_a_part(ehr: Ehr, browser: Browser) -> None:
    ehr.change(TOKEN, with_parts(scope=f"{LEAST} patient/Observation.rs?category={LABORATORY}"))
    page = browser.open(ehr.launch_url(ANA))
    assert patient_of(page) == ANA and "Observation" in searched(ehr)
    queries = [dict(seen.query) for seen in ehr.seen("/fhir/Observation")]
    assert all(query.get("category", LABORATORY).endswith("laboratory") for query in queries)
    assert "measurements and laboratory results" in page.text.lower()


def test_req_078_a_reply_without_scope_grants_what_was_asked(ehr: Ehr, browser: Browser) -> None:
    ehr.change(TOKEN, with_parts(scope=None))
    assert patient_of(browser.open(ehr.launch_url(BEN))) == BEN
    assert searched(ehr) == set(TYPES)


@pytest.mark.parametrize(("scope", "shows"), [(None, "token_invalid"), ("launch openid patient/Patient.read", None)])
def test_req_078_what_was_asked_is_not_guessed_where_discovery_has_changed_since(
    ehr: Ehr, browser: Browser, scope: str | None, shows: str | None
) -> None:
    def says_now(version: str) -> Any:
        def change(request: Any, answer: Any) -> Any:
            response = with_parts(capabilities=["launch-ehr", version])(request, answer)
            response.headers["Cache-Control"] = "no-store"
            return response

        return change

    ehr.change(WELL_KNOWN, says_now("permission-v2"))
    url = browser.callback(ehr.launch_url(ANA))
    ehr.change(WELL_KNOWN, says_now("permission-v1"))
    ehr.change(TOKEN, with_parts(scope=scope))
    assert problem_of(browser.open(url)) == shows


@pytest.mark.parametrize("scope", ["launch openid", "", "patient/Condition.rs", "system/*.cruds"])
def test_req_147_without_the_patient_record_no_chart_is_shown(ehr: Ehr, browser: Browser, scope: str) -> None:
    ehr.change(TOKEN, with_parts(scope=scope))
    page = browser.open(ehr.launch_url(ANA))
    assert patient_of(page) is None and "Ångström" not in page.text
    assert page.status_code >= 400
