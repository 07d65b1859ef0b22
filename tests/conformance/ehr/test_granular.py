"""Granular scopes as US Core 9 has them: listed, granted, and each search held to the granted categories."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from fhir_fixtures.ehr.discovery import GRANULAR
from fhir_fixtures.ehr.live import Live, serve_in_thread
from fhir_fixtures.ehr.store import Store

LAB, VITAL, SURVEY, SOCIAL, SDOH = "laboratory", "vital-signs", "survey", "social-history", "sdoh"
EVERY = {kind: [category.rpartition("|")[2] for category in categories] for kind, categories in GRANULAR.items()}


def resources() -> Iterator[tuple[str, bytes]]:
    """For two patients one resource of each category, one of two categories, one of none."""
    for patient in ("anna", "bert"):
        yield "Patient", orjson.dumps({"resourceType": "Patient", "id": patient, "name": [{"family": patient}]})
        for kind, categories in GRANULAR.items():
            several = [[one] for one in categories] + [[categories[0], categories[-1]], []]
            for listed in several:
                coded = [{"coding": [dict(zip(("system", "code"), one.split("|"), strict=True))]} for one in listed]
                name = "+".join(one.rpartition("|")[2] for one in listed) or "none"
                yield kind, orjson.dumps({
                    "resourceType": kind, "id": f"{patient}-{name}", "subject": {"reference": f"Patient/{patient}"},
                    "category": coded, "code": {"coding": [{"system": "urn:x", "code": "c"}]}})  # fmt: skip


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with serve_in_thread(Store.build(tmp_path_factory.mktemp("granular"), resources())) as running:
        yield running


def scope(kind: str, code: str, level: str = "patient") -> str:
    category = next(one for one in GRANULAR[kind] if one.endswith(f"|{code}"))
    return f"{level}/{kind}.rs?category={category}"


def test_the_forms_are_listed_and_each_is_granted_as_asked(client: Any, live: Any) -> None:
    listed = client.http.get(f"{live.fhir_base}/.well-known/smart-configuration").json()["scopes_supported"]
    forms = [word for word in listed if "?category=" in word]
    assert sorted(forms) == sorted(scope(kind, code, level) for kind in EVERY for code in EVERY[kind]
                                   for level in ("patient", "user"))  # fmt: skip
    assert len(forms) == 16
    assert client.exchange(scope=f"launch {' '.join(forms)}")["scope"] == f"launch {' '.join(forms)}"


SEARCHES: list[tuple[list[str], str, set[str]]] = [
    ([LAB], "Observation", {LAB, "laboratory+sdoh"}),
    ([SDOH], "Observation", {SDOH, "laboratory+sdoh"}),
    ([VITAL], "Observation", {VITAL}),
    ([VITAL, SURVEY], "Observation", {VITAL, SURVEY}),
    ([VITAL], "Observation?category=vital-signs", {VITAL}),
    ([VITAL], "Observation?category=laboratory", set()),
    ([VITAL], "Observation?category=laboratory,vital-signs", {VITAL}),
    ([VITAL], "Observation?category:not=vital-signs", set()),
    ([VITAL], "Observation?code=c", {VITAL}),
    ([VITAL], "Observation?_id=anna-laboratory,anna-vital-signs,bert-vital-signs", {VITAL}),
    ([SOCIAL], "Observation?patient=bert", set()),
]


@pytest.mark.parametrize(("granted", "query", "found"), SEARCHES)
def test_a_search_brings_the_granted_categories_only(
    client: Any, granted: list[str], query: str, found: set[str]
) -> None:
    words = " ".join(scope("Observation", code) for code in granted)
    token = client.exchange(scope=f"launch {words}")["access_token"]
    assert set(client.ids(query, token)) == {f"anna-{name}" for name in found}
    assert client.fhir(query, token).json()["total"] == len(found)


@pytest.mark.parametrize("code", EVERY["Condition"])
def test_conditions_too(client: Any, code: str) -> None:
    token = client.exchange(scope=f"launch {scope('Condition', code)}")["access_token"]
    both = set() if code == "problem-list-item" else {"anna-encounter-diagnosis+health-concern"}
    assert set(client.ids("Condition", token)) == {f"anna-{code}"} | both
    assert client.fhir("Condition/anna-none", token).status_code == 404
    assert client.fhir("Observation", token).status_code == 403


def test_a_whole_scope_beside_a_granular_one_is_the_whole(client: Any) -> None:
    words = f"launch patient/Observation.rs {scope('Observation', LAB)}"
    assert len(client.ids("Observation", client.exchange(scope=words)["access_token"])) == 7


def test_a_granular_scope_at_user_level_reaches_every_patient_in_that_category(client: Any) -> None:
    token = client.exchange(scope=f"launch {scope('Observation', VITAL, 'user')}")["access_token"]
    assert set(client.ids("Observation", token)) == {"anna-vital-signs", "bert-vital-signs"}


@pytest.mark.parametrize("words", ["patient/Observation.rs?code=c", "patient/Observation.rs?category=a&status=final"])
def test_a_scope_that_cannot_be_enforced_is_not_granted(client: Any, words: str) -> None:
    assert client.exchange(scope=f"launch patient/Patient.r {words}")["scope"] == "launch patient/Patient.r"


def test_pages_of_a_search_stay_within_the_category(client: Any) -> None:
    words = f"launch {scope('Observation', VITAL)} {scope('Observation', LAB)}"
    token = client.exchange(scope=words)["access_token"]
    url, seen = "Observation?_count=1", []
    while url:
        bundle = client.fhir(url, token).json()
        seen += [entry["resource"]["id"] for entry in bundle["entry"]]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    assert sorted(seen) == ["anna-laboratory", "anna-laboratory+sdoh", "anna-vital-signs"]
