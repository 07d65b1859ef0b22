"""One create at servers that err, mislead or say nothing: what each answer means, and what is never believed."""

import json
from typing import Any

import pytest

from app.outgoing import OutgoingRefused
from app.problems import Problem
from app.searches import ChartServer
from app.write_back.create import Answer, Once, create, find
from tests.unit.app.test_fhir import NoToken, bundle

ONCE = Once("RiskAssessment", "identifier", "urn:uuid:1|r1.2026-06-30")
MINE = {"resourceType": "RiskAssessment", "id": "a1", "subject": {"reference": "Patient/p1"},
        "meta": {"versionId": "3"}, "identifier": [{"system": "urn:uuid:1", "value": "r1.2026-06-30"}]}  # fmt: skip
ERROR = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing"}]}
HERE = "{url}/fhir/RiskAssessment/a1/_history/1"


@pytest.fixture
def send(serve, ehr_at):
    """Create at a server that answers so; gives the answer and what the server saw."""

    def run(status: int, body: Any = None, headers: dict[str, str] | None = None, ehr: Any = None) -> Any:
        def answer(_: str) -> Any:
            filled = {name: value.replace("{url}", here.url) for name, value in (headers or {}).items()}
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return status, filled, b"" if body is None else content

        here = serve(answer)
        return create(ChartServer(ehr_at(here.url, **(ehr or {})), NoToken()), ONCE, b"{}", "p1"), here

    return run


@pytest.mark.parametrize(("status", "body", "headers", "meant"), [
    (201, MINE, {"Location": HERE}, Answer("written", "RiskAssessment/a1", "1")),
    (201, None, {"Location": HERE}, Answer("written", "RiskAssessment/a1", "1")),
    (201, None, {"Location": "RiskAssessment/a1"}, Answer("written", "RiskAssessment/a1")),
    (201, None, {"Location": "/fhir/RiskAssessment/a1", "ETag": 'W/"7"'}, Answer("written", "RiskAssessment/a1", "7")),
    (201, MINE, {}, Answer("written", "RiskAssessment/a1", "3")),
    (201, b"<html>", {"Location": HERE}, Answer("written", "RiskAssessment/a1", "1")),
    (200, MINE, {}, Answer("existing", "RiskAssessment/a1", "3")),
    (200, None, {"Location": HERE}, Answer("existing", "RiskAssessment/a1", "1")),
    (412, ERROR, {}, Answer("several")),
    (400, ERROR, {}, Answer("invalid")),
    (400, {"issue": [{"code": "not-supported"}]}, {}, Answer("not_accepted")),
    (403, ERROR, {}, Answer("forbidden")), (404, b"", {}, Answer("not_accepted")),
    (405, b"", {}, Answer("not_accepted")), (422, ERROR, {}, Answer("invalid")),
    (429, b"", {}, Answer("busy")), (501, b"", {}, Answer("not_accepted")),
    # nobody knows:
    (500, ERROR, {}, Answer("unclear")), (502, b"", {}, Answer("unclear")), (503, b"", {}, Answer("unclear")),
    (202, b"", {}, Answer("unclear")), (204, b"", {}, Answer("unclear")), (409, ERROR, {}, Answer("unclear")),
    (302, b"", {"Location": "{url}/fhir/RiskAssessment/a1"}, Answer("unclear")),
    (201, None, {}, Answer("unclear")), (201, b"<html>", {}, Answer("unclear")),
    (201, ERROR, {"Location": HERE}, Answer("unclear")), (201, {"resourceType": "Bundle"}, {}, Answer("unclear")),
    (200, MINE | {"identifier": []}, {}, Answer("unclear")),
    (201, MINE | {"id": "../x"}, {}, Answer("unclear")),
])  # fmt: skip
def test_an_answer_means_what_it_shows(send, status: int, body: Any, headers: dict[str, str], meant: Answer) -> None:
    answer, here = send(status, body, headers)
    assert answer == meant
    assert [request[0] for request in here.requests] == ["POST"]  # once, whatever came


@pytest.mark.parametrize("place", [
    "https://evil.example/fhir/RiskAssessment/a1", "//evil.example/fhir/RiskAssessment/a1",
    "{url}/other/RiskAssessment/a1", "{url}/fhir/tenant/RiskAssessment/a1", "{url}/fhir/Patient/p1", "{url}/fhir/../x",
    "{url}@evil.example/fhir/RiskAssessment/a1", "http://[", "javascript:alert(1)", "{url}/fhir/RiskAssessment/a1?x=1",
    "{url}/fhir/RiskAssessment/" + "a" * 65,
])  # fmt: skip
def test_a_place_that_is_not_its_own_is_no_success(send, place: str) -> None:
    answer, here = send(201, MINE, {"Location": place})
    assert answer == Answer("unclear") and len(here.requests) == 1


@pytest.mark.parametrize("subject", ["Patient/p2", "https://evil.example/fhir/Patient/p1", "Patient/p1/x"])
@pytest.mark.parametrize("status", [200, 201])
def test_an_answer_about_another_patient_ends_everything(send, status: int, subject: str) -> None:
    with pytest.raises(Problem) as raised:
        send(status, MINE | {"subject": {"reference": subject}}, {"Location": HERE})
    assert (raised.value.code, raised.value.cause) == ("patient_mismatch", "create")


def test_it_goes_out_once_with_its_condition_and_the_launchs_token(send) -> None:
    _, here = send(201, MINE, {"Location": HERE}, ehr={"headers": {"X-Tenant": "t1"}})
    ((method, path, headers, body),) = here.requests
    assert (method, path, body) == ("POST", "/fhir/RiskAssessment", "{}")
    assert headers["If-None-Exist"] == "identifier=urn:uuid:1%7Cr1.2026-06-30"
    assert (headers["Authorization"], headers["X-Tenant"]) == ("Bearer word", "t1")
    assert headers["Content-Type"] == "application/fhir+json"


def test_a_401_without_a_new_token_ends_the_session(send) -> None:
    with pytest.raises(Problem) as raised:
        send(401, b"")
    assert raised.value.code == "session_ended"


def test_a_server_that_hangs_up_leaves_it_open_and_one_that_is_not_there_does_not(send, ehr_at) -> None:
    assert send(201, b"", {"X-Hang-Up": "1"})[0] == Answer("unclear")
    assert send(201, b"x" * 10, {"Content-Length": "900"})[0] == Answer("unclear")
    with pytest.raises(OutgoingRefused):
        ChartServer(ehr_at("http://127.0.0.1:9"), NoToken()).create("../other/RiskAssessment", b"{}", "x=1")


def found(serve, ehr_at, *resources: Any) -> Answer | None:
    here = serve(lambda _: (200, {}, json.dumps(bundle(*resources)).encode()))
    return find(ChartServer(ehr_at(here.url), NoToken()), ONCE, "p1", float("inf"))


def test_what_is_found_is_looked_at_since_a_server_may_ignore_the_parameter(serve, ehr_at) -> None:
    another = MINE | {"id": "a2", "identifier": [{"system": "urn:uuid:1", "value": "other"}]}
    assert found(serve, ehr_at) is None
    assert found(serve, ehr_at, another) is None
    assert found(serve, ehr_at, another, MINE) == Answer("existing", "RiskAssessment/a1", "3")
    assert found(serve, ehr_at, MINE, MINE | {"id": "a3"}) == Answer("several", "RiskAssessment/a1", "3")
