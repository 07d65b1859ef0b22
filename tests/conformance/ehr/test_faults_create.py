"""Faults of creates: each does what its line in faults/README.md says, over real HTTP, and reads stay well."""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests


@pytest.fixture(scope="module")
def token(live: Any) -> str:
    from fhir_fixtures.ehr.vault import Access, Grant

    words = ["patient/RiskAssessment.crs", "patient/Provenance.crs", "patient/Patient.rs"]
    granted = Access(Grant("kindred", words, patient="anna"), words)
    return str(live.app.extensions["sandbox"].vault.access.put(granted, 600))


def create(client: Any, token: str, value: str) -> requests.Response:
    identifier = {"system": "urn:example", "value": value}
    resource = {"resourceType": "RiskAssessment", "status": "final", "subject": {"reference": "Patient/anna"},
                "identifier": [identifier]}  # fmt: skip
    headers = {"Content-Type": "application/fhir+json", "If-None-Exist": f"identifier=urn:example|{value}"}
    body = json.dumps(resource)
    return client.fhir("RiskAssessment", token, "POST", data=body, headers=headers, allow_redirects=False)


def count(client: Any, token: str, value: str) -> int:
    return len(client.ids(f"RiskAssessment?patient=anna&identifier=urn:example|{value}", token))


@pytest.mark.parametrize(("fault", "status", "code", "found"), [
    ("create-400", 400, "not-supported", 0),
    ("create-403", 403, "forbidden", 0),
    ("create-404=RiskAssessment", 404, "not-supported", 0),
    ("create-405", 405, "not-supported", 0),
    ("create-412", 412, "multiple-matches", 0),
    ("create-422", 422, "processing", 0),
    ("create-429", 429, "throttled", 0),
    ("create-500", 500, "exception", 0),
    ("create-500-stored", 500, "exception", 1),
    ("create-outcome-201", 201, "processing", 1),
])  # fmt: skip
def test_a_create_is_answered_so_and_stores_so_many(
    under: Any, token: str, fault: str, status: int, code: str, found: int
) -> None:
    client, value = under(fault), uuid.uuid4().hex
    answer = create(client, token, value)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (status, code)
    assert "Location" not in answer.headers
    assert count(client, token, value) == found
    assert client.fhir("Patient/anna", token).status_code == 200


def test_a_fault_of_another_type_leaves_it_alone(under: Any, token: str) -> None:
    assert create(under("create-403=Provenance"), token, uuid.uuid4().hex).status_code == 201


def test_a_fault_of_once_is_over_the_second_time(under: Any, token: str) -> None:
    client = under("case=create,create-401-once")
    assert [create(client, token, uuid.uuid4().hex).status_code for _ in range(2)] == [401, 201]


def test_a_slow_create_is_stored_before_it_is_said(under: Any, token: str) -> None:
    began = time.monotonic()
    assert create(under("create-slow=0.3"), token, uuid.uuid4().hex).status_code == 201
    assert time.monotonic() - began > 0.3


def test_a_late_create_is_not_there_before(under: Any, token: str) -> None:
    client, value = under("create-late=0.5"), uuid.uuid4().hex
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(create, client, token, value)
        time.sleep(0.2)
        assert count(client, token, value) == 0
        assert sent.result().status_code == 201
    assert count(client, token, value) == 1


def test_a_cut_answer_to_a_create_leaves_it_stored(under: Any, token: str) -> None:
    client, value = under("create-cut"), uuid.uuid4().hex
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        create(client, token, value)
    assert count(client, token, value) == 1


def test_a_location_may_be_foreign_or_missing(under: Any, live: Any, token: str) -> None:
    foreign = create(under("create-foreign-location"), token, uuid.uuid4().hex).headers["Location"]
    assert foreign.startswith(f"{live.foreign_url}/")
    missing = create(under("create-no-location"), token, uuid.uuid4().hex)
    assert (missing.status_code, missing.content, missing.headers.get("Location")) == (201, b"", None)


def test_a_create_may_answer_with_somebody_else(under: Any, token: str) -> None:
    body = create(under("create-other-patient"), token, uuid.uuid4().hex).json()
    assert body["subject"]["reference"] == "Patient/somebody-else"


def test_a_create_may_lead_away(under: Any, live: Any, token: str) -> None:
    client, value = under("create-redirect"), uuid.uuid4().hex
    answer = create(client, token, value)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{live.foreign_url}/fhir/RiskAssessment")
    assert count(client, token, value) == 0


def test_a_server_may_not_know_conditional_creates(under: Any, token: str) -> None:
    client, value = under("create-unconditional"), uuid.uuid4().hex
    assert [create(client, token, value).status_code for _ in range(2)] == [201, 201]
    assert count(client, token, value) == 2
