"""What a token reaches: scopes v1 and v2 on every FHIR call, and attacks on the wall around one patient."""

from typing import Any

import pytest


def token_for(client: Any, scope: str, patient: str = "anna") -> str:
    return str(client.exchange(patient, f"launch {scope}")["access_token"])


@pytest.mark.parametrize(("scope", "read", "search"), [
    ("patient/Observation.rs", 200, 200),
    ("patient/Observation.r", 200, 403),
    ("patient/Observation.s", 403, 200),
    ("patient/Observation.read", 200, 200),
    ("patient/Observation.*", 200, 200),
    ("patient/Observation.write", 403, 403),
    ("patient/Observation.cud", 403, 403),
    ("patient/*.read", 200, 200),
    ("patient/*.cruds", 200, 200),
    ("user/Observation.rs", 200, 200),
    ("patient/Condition.rs", 403, 403),
    ("openid", 403, 403),
])  # fmt: skip
def test_a_scope_allows_what_it_says_and_no_more(client: Any, scope: str, read: int, search: int) -> None:
    token = token_for(client, scope)
    assert client.fhir("Observation/anna-bp", token).status_code == read
    assert client.fhir("Observation?patient=anna", token).status_code == search


@pytest.mark.parametrize(
    "category", ["vital-signs", "http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"]
)
def test_a_granular_scope_reaches_its_category_only(client: Any, category: str) -> None:
    token = token_for(client, f"patient/Observation.rs?category={category}")
    assert client.ids("Observation", token) == ["anna-bp"]
    assert client.fhir("Observation/anna-bp", token).status_code == 200
    assert client.fhir("Observation/anna-a1c-1", token).status_code == 404


def test_a_user_scope_reaches_every_patient(client: Any) -> None:
    assert set(client.ids("Patient", token_for(client, "user/Patient.rs"))) == {"anna", "bert"}


@pytest.mark.parametrize("path", [
    "Patient/bert",
    "Observation/bert-bp",
    "Observation/bert-bp/_history/1",
    "Provenance/bert-prov",
    "Observation/nobodys",
    "Group/all",
])  # fmt: skip
def test_reading_another_patients_resource_is_404(client: Any, path: str) -> None:
    response = client.fhir(path, token_for(client, "patient/*.rs"))
    assert response.status_code == 404
    assert response.json()["resourceType"] == "OperationOutcome"
    assert "Brook" not in response.text


@pytest.mark.parametrize("query", [
    "Patient",
    "Patient?_id=bert",
    "Patient?_id=anna,bert",
    "Patient?name=Brook",
    "Patient?identifier=MRN-bert",
    "Observation",
    "Observation?patient=bert",
    "Observation?patient=Patient/bert",
    "Observation?patient=anna,bert",
    "Observation?subject=bert&patient=bert",
    "Observation?_id=bert-bp",
    "Observation?code:not=4548-4",
    "Observation?status:not=final",
    "Observation?code=4548-4&_sort=-date",
    "Observation?_lastUpdated=gt1900",
    "Observation?patient=anna') OR (1",
    "Encounter?date=ge2000",
    "Provenance",
    "Group",
    "MedicationRequest?_include=MedicationRequest:patient&patient=bert",
    "MedicationRequest?_include=MedicationRequest:medication",
])  # fmt: skip
def test_no_search_brings_another_patients_resource(client: Any, query: str) -> None:
    response = client.fhir(query, token_for(client, "patient/*.rs"))
    assert response.status_code == 200
    for entry in response.json().get("entry", ()):
        assert entry["resource"]["id"].startswith(("anna", "metformin"))
        assert "bert" not in str(entry)


def test_a_total_does_not_count_other_patients(client: Any) -> None:
    token = token_for(client, "patient/*.rs")
    assert client.fhir("Observation?_summary=count", token).json()["total"] == 4
    assert client.fhir("Patient?_summary=count&name=Brook", token).json()["total"] == 0


def test_a_search_by_post_is_held_to_the_same_wall(client: Any) -> None:
    token = token_for(client, "patient/*.rs")
    found = client.fhir("Observation/_search", token, "POST", data={"patient": "bert"}).json()
    assert found["total"] == 0


def test_a_next_link_is_of_no_use_to_another_patients_token(client: Any) -> None:
    bundle = client.fhir("Observation?_count=1", token_for(client, "patient/*.rs", "bert")).json()
    link = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
    stolen = client.fhir(link, token_for(client, "patient/*.rs", "anna"))
    assert stolen.status_code == 404
    assert "bert" not in stolen.text


def test_a_next_link_gives_nothing_to_a_token_with_fewer_scopes(client: Any) -> None:
    bundle = client.fhir("Observation?_count=1", token_for(client, "patient/*.rs")).json()
    link = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
    assert client.fhir(link, token_for(client, "patient/Condition.rs")).status_code == 403


def test_an_include_needs_a_scope_of_its_own(client: Any) -> None:
    query = "MedicationRequest?_include=MedicationRequest:medication"
    both = client.fhir(query, token_for(client, "patient/MedicationRequest.rs patient/Medication.rs")).json()
    assert [entry["search"]["mode"] for entry in both["entry"]] == ["match", "include"]
    one = client.fhir(query, token_for(client, "patient/MedicationRequest.rs")).json()
    assert [entry["search"]["mode"] for entry in one["entry"]] == ["match"]


def test_a_patient_scope_without_a_patient_reaches_nothing(client: Any, live: Any) -> None:
    from fhir_fixtures.ehr.vault import Access, Grant

    vault = live.app.extensions["sandbox"].vault
    token = vault.access.put(Access(Grant("kindred", ["patient/*.rs"]), ["patient/*.rs"]), 60)
    assert client.fhir("Observation", token).status_code == 403


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic a2luZHJlZDo="])
def test_without_a_valid_token_it_is_401_with_a_challenge(client: Any, live: Any, header: str) -> None:
    response = client.http.get(f"{live.fhir_base}/Patient/anna", headers={"Authorization": header} if header else {})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert response.json()["issue"][0]["code"] == "login"


def test_an_expired_token_is_401(client: Any, live: Any) -> None:
    from fhir_fixtures.ehr.vault import Access, Grant

    vault = live.app.extensions["sandbox"].vault
    token = vault.access.put(Access(Grant("kindred", ["user/*.rs"]), ["user/*.rs"]), -1)
    assert client.fhir("Patient/anna", token).status_code == 401
