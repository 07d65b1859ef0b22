"""FHIR search semantics, case by case, on a chart whose ids say what they are."""

from typing import Any

import pytest

SNOMED = "http://snomed.info/sct"

CASES: dict[str, list[str]] = {
    # token
    "Observation?code=4548-4": ["a1c-1", "a1c-2"],
    "Observation?code=http://loinc.org|4548-4": ["a1c-1", "a1c-2"],
    "Observation?code=http://loinc.org|": ["a1c-1", "a1c-2", "bp", "undated"],
    "Observation?code=|4548-4": [],
    "Observation?code=http://other|4548-4": [],
    "Observation?code=4548": [],
    "Observation?code=4548-4,85354-9": ["a1c-1", "a1c-2", "bp"],
    "Observation?code=4548-4&status=amended": ["a1c-1"],
    "Observation?code:not=4548-4": ["bp", "undated"],
    "Observation?code=8480-6": [],
    "Observation?combo-code=http://loinc.org|8480-6": ["bp"],
    "Observation?combo-code=85354-9": ["bp"],
    "Observation?component-code=85354-9": [],
    "Observation?category=vital-signs": ["bp"],
    "Observation?category=laboratory&code=2160-0": ["undated"],
    "Observation?status=final,amended": ["a1c-1", "a1c-2", "bp", "undated"],
    "Observation?status=http://hl7.org/fhir/observation-status|amended": ["a1c-1"],
    "Condition?clinical-status=active": ["dm"],
    "Condition?clinical-status=resolved": [],
    f"Condition?code={SNOMED}|44054006": ["dm"],
    "Encounter?class=AMB": ["visit"],
    "MedicationRequest?status=active": ["rx"],
    "Observation?_id=anna-bp,anna-a1c-1": ["a1c-1", "bp"],
    # reference
    "Observation?patient=anna&code=85354-9": ["bp"],
    "Observation?subject=Patient/anna&code=85354-9": ["bp"],
    "Observation?patient=http://any.example/fhir/Patient/anna&code=85354-9": ["bp"],
    "Observation?subject=Practitioner/anna": [],
    # date: values are ranges (a1c-1 is an instant on 2025-01-10, a1c-2 the day 2026-03-10, bp the month 2026-02)
    "Observation?date=2026-03-10": ["a1c-2"],
    "Observation?date=eq2025": ["a1c-1"],
    "Observation?date=2026-02": ["bp"],
    "Observation?date=2026-02-10": [],
    "Observation?date=ge2026": ["a1c-2", "bp"],
    "Observation?date=gt2026-02-15": ["a1c-2", "bp"],
    "Observation?date=sa2026-02-15": ["a1c-2"],
    "Observation?date=sa2026-02": ["a1c-2"],
    "Observation?date=sa2026-03": [],
    "Observation?date=lt2026-02-15": ["a1c-1", "bp"],
    "Observation?date=eb2026-02-15": ["a1c-1"],
    "Observation?date=le2026-02": ["a1c-1", "bp"],
    "Observation?date=ne2026-02": ["a1c-1", "a1c-2"],
    "Observation?date=ge2025-01-10T09:00:00Z&date=lt2025-01-10T09:00:01Z": ["a1c-1"],
    "Observation?date=gt2025-01-10T04:00:00-05:00": ["a1c-2", "bp"],
    "Observation?date=2025,2026-03": ["a1c-1", "a1c-2"],
    "Condition?onset-date=2019": ["dm"],
    "Condition?recorded-date=ge2020-02-02": ["dm"],
    "Encounter?date=2026-03-10": ["visit"],
    "MedicationRequest?authoredon=2026-01-01": ["rx"],
    # nothing is asked by an empty value
    "Condition?code=": ["dm"],
    # an unknown parameter is passed over
    "Condition?nonsense=1&_revinclude=x": ["dm"],
}  # fmt: skip


@pytest.fixture(scope="module")
def token(live: Any) -> str:
    from fhir_fixtures.ehr.vault import Access, Grant

    scope = ["patient/*.rs"]
    vault = live.app.extensions["sandbox"].vault
    return str(vault.access.put(Access(Grant("kindred", scope, patient="anna"), scope), 600))


@pytest.mark.parametrize("query", CASES)
def test_a_search_finds(client: Any, token: str, query: str) -> None:
    assert sorted(client.ids(query, token)) == [f"anna-{name}" for name in CASES[query]]


def test_patients_are_found_by_name_birthdate_and_identifier(client: Any, token: str) -> None:
    for query in ("name=ahl", "birthdate=1950-03-04", "birthdate=lt1951", "identifier=MRN-anna", "_id=anna"):
        assert client.ids(f"Patient?{query}", token) == ["anna"]


def test_post_search_takes_its_form_and_its_query(client: Any, token: str) -> None:
    form = {"code": "4548-4,85354-9"}
    found = client.fhir("Observation/_search?status=amended", token, "POST", data=form).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["anna-a1c-1"]


@pytest.mark.parametrize(("sort", "order"), [
    ("date", ["undated", "a1c-1", "bp", "a1c-2"]),
    ("-date", ["a1c-2", "bp", "a1c-1", "undated"]),
])  # fmt: skip
def test_sort_by_date(client: Any, token: str, sort: str, order: list[str]) -> None:
    assert client.ids(f"Observation?_sort={sort}", token) == [f"anna-{name}" for name in order]


@pytest.mark.parametrize("sort", ["", "&_sort=date", "&_sort=-date", "&_sort=-_lastUpdated"])
def test_paging_brings_everything_once(client: Any, token: str, sort: str) -> None:
    url, found, pages = f"Observation?_count=1{sort}", [], 0
    while url:
        bundle = client.fhir(url, token).json()
        assert bundle["total"] == 4
        found += [entry["resource"]["id"] for entry in bundle["entry"]]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
        pages += 1
    assert pages == 4
    assert sorted(found) == ["anna-a1c-1", "anna-a1c-2", "anna-bp", "anna-undated"]


def test_a_next_link_tells_nothing_of_the_search(client: Any, token: str) -> None:
    bundle = client.fhir("Observation?patient=anna&code=4548-4&_count=1", token).json()
    link = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
    assert link.startswith(f"{client.live.fhir_base}?_page=")
    assert "anna" not in link


def test_an_old_next_link_is_410(client: Any, token: str) -> None:
    assert client.fhir("?_page=long-gone", token).status_code == 410


def test_count_zero_and_summary_count_give_the_total_alone(client: Any, token: str) -> None:
    for query in ("_count=0", "_summary=count"):
        bundle = client.fhir(f"Observation?{query}", token).json()
        assert bundle["total"] == 4
        assert "entry" not in bundle


def test_the_self_link_holds_what_was_understood(client: Any, token: str) -> None:
    bundle = client.fhir("Observation?code=4548-4&nonsense=1&_sort=banana", token).json()
    assert bundle["link"][0]["url"] == f"{client.live.fhir_base}/Observation?code=4548-4"


def test_an_include_comes_once_beside_the_matches(client: Any, token: str) -> None:
    bundle = client.fhir("MedicationRequest?_include=MedicationRequest:medication", token).json()
    assert [(e["resource"]["id"], e["search"]["mode"]) for e in bundle["entry"]] == [
        ("anna-rx", "match"), ("metformin", "include"),
    ]  # fmt: skip
    assert bundle["total"] == 1


@pytest.mark.parametrize("query", [
    "Observation?nonsense=1", "Observation?code:below=4548-4", "Observation?_include=Observation:x",
    "Observation?_sort=banana", "Observation?subject.name=x", "Observation?_has:Provenance=1",
])  # fmt: skip
def test_strict_handling_refuses_what_it_does_not_know(client: Any, token: str, query: str) -> None:
    assert client.fhir(query, token).status_code == 200
    response = client.fhir(query, token, headers={"Prefer": "handling=strict"})
    assert response.status_code == 400
    assert response.json()["issue"][0]["code"] == "not-supported"


@pytest.mark.parametrize(
    "query", ["date=tomorrow", "date=xx2020", "date=2020-13", "_count=-1", "_count=ten", "date:not=2020"]
)
def test_a_value_that_cannot_be_read_is_400_and_not_repeated(client: Any, token: str, query: str) -> None:
    response = client.fhir(f"Observation?{query}", token)
    assert response.status_code == 400
    assert query.split("=")[1] not in response.text
