"""CDS Hooks 2.0, "Calling a CDS Service" and "FHIR Resource Access"; hook patient-view: what a call may say."""

import json
from typing import Any

import pytest

from tests.conformance.hooks.caller import SERVICE, USER, Caller, code_of
from tests.flow.people import ANA, BEN
from tests.flow.world import World


@pytest.mark.parametrize(("changes", "status", "code"), [
    ({"hook": "order-sign"}, 400, "bad_call"),
    ({"hook": None}, 400, "bad_call"),
    ({"hookInstance": None}, 400, "bad_call"),
    ({"hookInstance": "1234"}, 400, "bad_call"),
    ({"hookInstance": ["d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"]}, 400, "bad_call"),
    ({"hookInstance": "{d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"}, 400, "bad_call"),
    ({"context": None}, 400, "bad_call"),
    ({"context": []}, 400, "bad_call"),
    ({"context": {"userId": USER}}, 400, "bad_call"),
    ({"context": {"userId": USER, "patientId": "../Patient/x"}}, 400, "bad_call"),
    ({"context": {"userId": USER, "patientId": 7}}, 400, "bad_call"),
    ({"context": {"userId": USER, "patientId": ".."}}, 400, "bad_call"),
    ({"context": {"patientId": ANA}}, 400, "bad_call"),
    ({"context": {"userId": "dr-who", "patientId": ANA}}, 400, "bad_call"),
    ({"context": {"userId": "Device/1", "patientId": ANA}}, 400, "bad_call"),
    ({"context": {"userId": "https://evil.example/Practitioner/1", "patientId": ANA}}, 400, "bad_call"),
    ({"prefetch": []}, 400, "bad_call"),
    ({"prefetch": "x"}, 400, "bad_call"),
    ({"fhirServer": None}, 400, "bad_call"),  # the right call has fhirAuthorization
    ({"fhirServer": 7}, 400, "bad_call"),
    ({"fhirServer": "https://evil.example/fhir"}, 403, "fhir_server_unknown"),
    ({"fhirAuthorization": "token"}, 400, "bad_call"),
    ({"fhirAuthorization": {}}, 400, "bad_call"),
])  # fmt: skip
def test_a_call_that_breaks_a_rule_is_refused(
    caller: Caller, changes: dict[str, Any], status: int, code: str
) -> None:
    reply = caller.call(caller.body(**changes))
    assert (reply.status_code, code_of(reply)) == (status, code)


@pytest.mark.parametrize(("changes", "status"), [
    ({"token_type": "mac"}, 400), ({"token_type": "bearer"}, 200), ({"access_token": "a b"}, 400),
    ({"access_token": "a\r\nX: y"}, 400), ({"access_token": 7}, 400), ({"expires_in": "soon"}, 400),
    ({"scope": None}, 400), ({"scope": ["patient/*.rs"]}, 400), ({"expires_in": 1}, 412), ({"expires_in": -1}, 412),
    ({"patient": BEN}, 422), ({"scope": "patient/Patient.rs"}, 200), ({"scope": ""}, 412),
])  # fmt: skip
def test_the_terms_of_a_token_are_looked_at(caller: Caller, changes: dict[str, Any], status: int) -> None:
    given = caller.authorization(**changes)
    assert caller.call(caller.body(fhirAuthorization=given)).status_code == status


def test_the_server_of_another_registered_ehr_is_refused(caller: Caller, world: World) -> None:
    """Its patients are others, and its release too."""
    reply = caller.call(caller.body(fhirServer=f"{world.ehr.with_fault('case=bare')}/fhir"))
    assert (reply.status_code, code_of(reply)) == (403, "fhir_server_unknown")


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b'{"a":' * 5000 + b"1" + b"}" * 5000, b"[" * 200_000,
    b'{"hook":"patient-view"' + b" " * 100,
])  # fmt: skip
def test_what_is_no_json_object_is_400(caller: Caller, body: bytes) -> None:
    reply = caller.call(body)
    assert (reply.status_code, code_of(reply)) == (400, "bad_json")


def test_a_body_above_the_limit_is_413_and_one_above_that_of_pages_is_read(caller: Caller) -> None:
    padded = json.dumps(caller.body(extension={"x": "y" * 200_000}))
    assert caller.call(padded).status_code == 200
    assert caller.call(b'{"x":"' + b"y" * (21 * 1024 * 1024) + b'"}').status_code == 413


def test_only_plain_json_is_read(caller: Caller) -> None:
    text = json.dumps(caller.body())
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"},
                    {"Content-Encoding": "gzip"}):  # fmt: skip
        assert caller.call(text, headers=headers).status_code == 415
    assert caller.call(text, headers={"Content-Type": "application/json; charset=utf-8"}).status_code == 200


def test_nothing_is_read_of_a_body_before_the_caller_is_known(caller: Caller) -> None:
    assert caller.call(b"{", token="x").status_code == 401


def test_the_rest_of_the_app_still_takes_small_bodies_only(caller: Caller) -> None:
    headers = {"Origin": caller.app_url, "Sec-Fetch-Site": "same-origin"}
    reply = caller.http.post(f"{caller.app_url}/s/x/close", data={"x": "y" * 100_000}, headers=headers, timeout=30)
    assert reply.status_code in (403, 413)


@pytest.mark.parametrize("user", ["Practitioner/1", "PractitionerRole/2", "{base}/fhir/Practitioner/3"])
def test_cards_are_for_professionals(caller: Caller, user: str) -> None:
    context = {"userId": user.format(base=caller.base), "patientId": ANA}
    assert len(caller.cards(context=context)) == 1


@pytest.mark.parametrize("user", [f"Patient/{ANA}", "RelatedPerson/1"])
def test_patients_and_relatives_get_none(caller: Caller, world: World, user: str) -> None:
    world.ehr.recorder.clear()
    assert caller.cards(context={"userId": user, "patientId": ANA}) == []
    assert world.ehr.recorder.all("/fhir/") == []


def test_a_refusal_repeats_nothing(caller: Caller, caplog: Any) -> None:
    marker = "SECRET-MARKER"
    for changes in ({"hook": marker}, {"hookInstance": marker}, {"context": {"userId": marker, "patientId": ANA}},
                    {"fhirServer": f"https://{marker}.example"}, {"fhirAuthorization": {"access_token": marker}}):
        reply = caller.call(caller.body(**changes))
        assert reply.status_code >= 400
        assert marker not in reply.text + str(dict(reply.headers)) + caplog.text
    assert caller.call(path=SERVICE + marker).status_code == 404
    assert marker not in caplog.text
