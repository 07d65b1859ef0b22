"""FHIR's manners beside search: content type, errors as OperationOutcome, create."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fhir_fixtures.ehr.keys import new_key
from fhir_fixtures.ehr.server import create_app
from fhir_fixtures.ehr.store import Store
from fhir_fixtures.ehr.vault import Access, Grant

ASSESSMENT: dict[str, Any] = {
    "resourceType": "RiskAssessment",
    "status": "final",
    "subject": {"reference": "Patient/anna"},
    "identifier": [{"system": "urn:kindred", "value": "first"}],
}


def token_for(client: Any, scope: str, patient: str = "anna") -> str:
    return str(client.exchange(patient, f"launch {scope}")["access_token"])


def post(client: Any, token: str, resource: dict[str, Any], **headers: str) -> Any:
    content = {"Content-Type": "application/fhir+json"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return client.fhir(resource["resourceType"], token, "POST", json=resource, headers=content)


def test_metadata_is_open_and_names_fhir_r4_and_smart(client: Any, live: Any) -> None:
    found = client.http.get(f"{live.fhir_base}/metadata").json()
    assert (found["resourceType"], found["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    types = {resource["type"]: resource for resource in found["rest"][0]["resource"]}
    assert {"code": "create"} in types["RiskAssessment"]["interaction"]
    assert {"name": "combo-code", "type": "token"} in types["Observation"]["searchParam"]


def test_a_read_gives_the_resource_as_fhir_json(client: Any) -> None:
    response = client.fhir("Patient/anna", token_for(client, "patient/*.rs"))
    assert response.headers["Content-Type"].startswith("application/fhir+json")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json()["name"][0]["family"] == "Ahlberg"


@pytest.mark.parametrize(("path", "method", "status"), [
    ("Patient/nobody", "GET", 404),
    ("Banana", "GET", 404),
    ("Banana/1", "GET", 404),
    ("", "GET", 400),
    ("Patient/anna", "PUT", 403), ("Patient/anna", "PATCH", 405),
    ("Patient/anna", "DELETE", 403),
    ("", "POST", 405),
    ("Patient/anna/_history/1/2/3", "GET", 404),
])  # fmt: skip
def test_every_error_is_an_operation_outcome(client: Any, path: str, method: str, status: int) -> None:
    response = client.fhir(path, token_for(client, "patient/*.rs"), method)
    assert response.status_code == status
    assert response.json()["resourceType"] == "OperationOutcome"
    assert response.headers["Content-Type"].startswith("application/fhir+json")


@pytest.mark.parametrize(("accept", "status"), [
    ("application/fhir+json", 200), ("*/*", 200), ("application/json;q=0.9, text/html", 200),
    ("application/fhir+xml", 406), ("text/turtle", 406),
])  # fmt: skip
def test_it_speaks_json_only(client: Any, accept: str, status: int) -> None:
    response = client.fhir("Patient/anna", token_for(client, "patient/*.rs"), headers={"Accept": accept})
    assert response.status_code == status


def test_format_goes_before_accept(client: Any) -> None:
    token = token_for(client, "patient/*.rs")
    assert client.fhir("Patient/anna?_format=json", token, headers={"Accept": "text/turtle"}).status_code == 200
    assert client.fhir("Patient/anna?_format=xml", token).status_code == 406


def test_a_created_resource_can_be_read_and_found(client: Any) -> None:
    token = token_for(client, "patient/RiskAssessment.crs")
    response = post(client, token, ASSESSMENT)
    assert response.status_code == 201
    created = response.json()
    assert response.headers["Location"].endswith(f"/fhir/RiskAssessment/{created['id']}/_history/1")
    assert created["meta"]["versionId"] == "1"
    assert client.fhir(response.headers["Location"], token).json() == created
    assert created["id"] in client.ids("RiskAssessment?patient=anna", token)


def test_a_second_create_with_the_same_identifier_finds_the_first(client: Any) -> None:
    token = token_for(client, "patient/RiskAssessment.crs")
    resource = ASSESSMENT | {"identifier": [{"system": "urn:kindred", "value": "twice"}]}
    first = post(client, token, resource, If_None_Exist="identifier=urn:kindred|twice")
    second = post(client, token, resource, If_None_Exist="identifier=urn:kindred|twice")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]


@pytest.mark.parametrize(("scope", "change", "status"), [
    ("patient/RiskAssessment.rs", {}, 403),
    ("patient/Observation.c", {}, 403),
    ("patient/RiskAssessment.write", {}, 201),
    ("patient/RiskAssessment.c", {"subject": {"reference": "Patient/bert"}}, 403),
    ("patient/RiskAssessment.c", {"subject": {"display": "nobody"}}, 403),
    ("patient/RiskAssessment.c", {"basis": [{"reference": "Patient/bert"}]}, 403),
    ("user/RiskAssessment.c", {"subject": {"reference": "Patient/bert"}}, 201),
    ("user/RiskAssessment.c", {"subject": {"reference": "Patient/nobody"}}, 422),
    ("patient/RiskAssessment.c", {"status": None}, 422),
    ("patient/RiskAssessment.c", {"banana": 1}, 422),
])  # fmt: skip
def test_a_create_is_checked_for_scope_patient_and_shape(
    client: Any, scope: str, change: dict[str, Any], status: int
) -> None:
    resource = {key: value for key, value in (ASSESSMENT | change).items() if value is not None}
    response = post(client, token_for(client, scope), resource)
    assert response.status_code == status


def test_a_granular_scope_creates_in_its_category_only(client: Any) -> None:
    token = token_for(client, "patient/Observation.c?category=survey")
    survey = {
        "resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/anna"},
        "code": {"text": "x"}, "category": [{"coding": [{"code": "survey"}]}],
    }  # fmt: skip
    assert post(client, token, survey).status_code == 201
    assert post(client, token, survey | {"category": [{"coding": [{"code": "laboratory"}]}]}).status_code == 403


def test_a_provenance_about_another_patient_is_refused(client: Any) -> None:
    agent = [{"who": {"reference": "Practitioner/sandbox-clinician-1"}}]
    provenance = {"resourceType": "Provenance", "recorded": "2026-06-30T10:00:00Z", "agent": agent}
    token = token_for(client, "patient/Provenance.c")
    anna, bert = {"reference": "Patient/anna"}, {"reference": "Patient/bert"}
    assert post(client, token, provenance | {"target": [anna]}).status_code == 201
    assert post(client, token, provenance | {"target": [anna, bert]}).status_code == 403


def test_a_provenance_lies_with_the_patient_of_its_target(client: Any) -> None:
    agent = [{"who": {"reference": "Practitioner/sandbox-clinician-1"}}]
    provenance = {"resourceType": "Provenance", "recorded": "2026-06-30T10:00:00Z", "agent": agent}
    token = token_for(client, "patient/Provenance.cr")
    created = post(client, token, provenance | {"target": [{"reference": "Observation/anna-bp"}]})
    assert created.status_code == 201
    path = f"Provenance/{created.json()['id']}"
    assert client.fhir(path, token).status_code == 200
    assert client.fhir(path, token_for(client, "patient/Provenance.r", "bert")).status_code == 404
    for target in ("Observation/bert-bp", "Observation/nothing", "nonsense"):
        both = [{"reference": "Patient/anna"}, {"reference": target}]
        assert post(client, token, provenance | {"target": both[1:]}).status_code == 403
        assert post(client, token, provenance | {"target": both}).status_code == 403


def test_a_second_provenance_of_one_target_finds_the_first(client: Any) -> None:
    agent = [{"who": {"reference": "Practitioner/sandbox-clinician-1"}}]
    provenance = {"resourceType": "Provenance", "recorded": "2026-06-30T10:00:00Z", "agent": agent}
    token, about = token_for(client, "patient/Provenance.crs"), "Observation/anna-a1c-1"
    of_it = provenance | {"target": [{"reference": about}]}
    first, second = (post(client, token, of_it, If_None_Exist=f"target={about}") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert client.ids(f"Provenance?patient=anna&target={about}", token) == [first.json()["id"]]
    assert client.ids("Provenance?patient=anna&target=Observation/anna-a1c-2", token) == []


@pytest.mark.parametrize("query", ["target=Observation/a", "subject=anna", "identifier=a&identifier=b", "identifier="])
def test_another_condition_than_one_identifier_is_refused(client: Any, query: str) -> None:
    token = token_for(client, "patient/RiskAssessment.c")
    assert post(client, token, ASSESSMENT, If_None_Exist=query).status_code == 400


def test_a_created_group_holds_its_members(client: Any, live: Any) -> None:
    from fhir_fixtures.ehr.store import Selection

    member = [{"entity": {"reference": "Patient/bert"}}]
    group = {"resourceType": "Group", "type": "person", "actual": True, "member": member}
    created = post(client, token_for(client, "user/Group.crs"), group).json()
    store = live.app.extensions["sandbox"].store
    assert store.counts(["Patient"], Selection(group=created["id"])) == {"Patient": 1}


@pytest.mark.parametrize(("body", "content_type", "status"), [
    ("{", "application/fhir+json", 400),
    ("[]", "application/fhir+json", 400),
    ('{"resourceType":"Observation"}', "application/fhir+json", 400),
    ("{}", "application/xml", 415),
])  # fmt: skip
def test_a_body_that_is_no_resource_of_the_type_is_refused(
    client: Any, body: str, content_type: str, status: int
) -> None:
    token = token_for(client, "patient/*.cruds")
    response = client.fhir("RiskAssessment", token, "POST", data=body, headers={"Content-Type": content_type})
    assert response.status_code == status


def test_other_types_cannot_be_created(client: Any) -> None:
    condition = {"resourceType": "Condition", "subject": {"reference": "Patient/anna"}}
    assert post(client, token_for(client, "patient/*.cruds"), condition).status_code == 405


def test_a_message_never_repeats_what_was_sent(client: Any) -> None:
    token = token_for(client, "patient/RiskAssessment.c")
    assert "Secretname" not in post(client, token, ASSESSMENT | {"status": {"Secretname": "Secretname"}}).text


def test_a_failure_of_the_server_tells_nothing_of_the_patient(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store.build(tmp_path, [("Patient", b'{"resourceType":"Patient","id":"secret-id"}')])
    key = new_key("ES384")
    app = create_app(store, clients={}, today=date(2026, 6, 30), signing_key=key)
    granted = Access(Grant("kindred", ["user/*.rs"]), ["user/*.rs"])
    token = app.extensions["sandbox"].vault.access.put(granted, 60)
    store.connection().execute("DROP TABLE resource")
    header = {"Authorization": f"Bearer {token}"}
    for path in ("Patient/secret-id", "Observation?patient=secret-id"):
        response = app.test_client().get(f"/fhir/{path}", headers=header)
        assert (response.status_code, response.get_json()["resourceType"]) == (500, "OperationOutcome")
        assert "sandbox failed: OperationalError" in caplog.text
        said = response.text + caplog.text
        assert "secret-id" not in said and token not in said


@pytest.mark.parametrize(("path", "status"), [
    ("ImagingStudy?patient=anna", 200), ("Coverage", 200), ("RelatedPerson", 200), ("Coverage/1", 404),
    ("Nonsense", 404), ("patient", 404), ("StructureDefinition", 404),
])  # fmt: skip
def test_a_clinical_type_without_resources_is_an_empty_bundle_and_an_unknown_one_is_404(
    client: Any, path: str, status: int
) -> None:
    answer = client.fhir(path, client.exchange()["access_token"])
    assert answer.status_code == status
    if status == 200:
        assert (answer.json()["type"], answer.json()["total"]) == ("searchset", 0)
        assert "entry" not in answer.json()
