"""The embedded EHR as a CDS client, against a service that keeps what it is sent: right calls, and each fault."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from fhir_fixtures.ehr import hooks
from fhir_fixtures.ehr.live import Live, serve_in_thread
from fhir_fixtures.ehr.store import Store
from tests.conformance.ehr.conftest import everything, lines

TEMPLATES = {
    "patient": "Patient/{{context.patientId}}", "conditions": "Condition?patient={{context.patientId}}",
    "observations": "Observation?patient={{context.patientId}}&date=ge2026-01-01",
    "procedures": "Procedure?patient={{context.patientId}}", "wrong": "Nonsense/{{context.patientId}}",
}  # fmt: skip
DETAIL = "**Bold** \\*x\\* <script>\n\n- one\n- two"
CARD = {"uuid": "u-1", "summary": "A <b>card</b>", "indicator": "warning", "detail": DETAIL,
        "source": {"label": "S"}, "overrideReasons": [{"code": "known", "display": "Known"}]}  # fmt: skip


class Service:
    """A CDS service that answers one card, and keeps each call: path, header, claims, body."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.reply: tuple[int, bytes] = (200, json.dumps({"cards": [CARD]}).encode())
        kept = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                one = {"hook": "patient-view", "id": "one", "prefetch": TEMPLATES}
                more = [{"hook": "other", "id": "two"}, {"hook": "order-select", "id": "three", "prefetch": TEMPLATES}]
                self.send(200, json.dumps({"services": [one, *more]}).encode())

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                kept.calls.append({"path": self.path, "token": self.headers["Authorization"].split()[1], "raw": raw})
                self.send(*kept.reply)

            def send(self, status: int, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def body(self) -> dict[str, Any]:
        """The body of the newest call."""
        return dict(json.loads(self.calls[-1]["raw"]))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Service]]:
    service = Service()
    everyone = Store.build(tmp_path_factory.mktemp("hooks"), lines(everything()))
    with serve_in_thread(everyone, app_url=service.url) as live:
        yield live, service
    service.server.shutdown()
    service.server.server_close()


@pytest.fixture
def ehr(both: tuple[Live, Service]) -> Live:
    return both[0]


@pytest.fixture
def service(both: tuple[Live, Service]) -> Iterator[Service]:
    both[1].calls.clear()
    usual = both[1].reply
    yield both[1]
    both[1].reply = usual


def call(live: Live, fault: str = "") -> list[dict[str, Any]]:
    """What the services answered for Anna's chart."""
    base = live.with_fault(fault) if fault else live.base_url
    reply = requests.post(f"{base}/cds-hooks/patient-view", json={"patient": "anna"}, timeout=30)
    assert reply.status_code == 200
    return list(reply.json())


def part(token: str, number: int) -> dict[str, Any]:
    """Header (0) or claims (1), unchecked."""
    text = token.split(".")[number]
    return dict(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))


def verified(live: Live, token: str, base: str = "") -> bool:
    keys = KeySet.import_key_set(requests.get(f"{base or live.base_url}/cds-hooks/jwks.json", timeout=30).json())
    try:
        jwt.decode(token, keys, algorithms=["ES384"])
    except Exception:
        return False
    return True


def test_a_call_is_whole_and_signed(ehr: Live, service: Service) -> None:
    (answer,) = call(ehr)
    assert (answer["status"], answer["service"]) == (200, f"{service.url}/cds-services/one")
    sent, token = service.body, service.calls[-1]["token"]
    assert (sent["hook"], sent["fhirServer"]) == ("patient-view", ehr.fhir_base)
    who = {"userId": "Practitioner/sandbox-clinician-1", "patientId": "anna"}
    assert sent["context"] == {**who, "encounterId": "anna-visit"}
    header, claims = part(token, 0), part(token, 1)
    assert verified(ehr, token)
    assert header == {"alg": "ES384", "kid": header["kid"], "typ": "JWT", "jku": f"{ehr.base_url}/cds-hooks/jwks.json"}
    assert (claims["iss"], claims["aud"]) == (ehr.base_url, f"{service.url}/cds-services/one")
    assert claims["exp"] - claims["iat"] <= 300


def test_prefetch_is_filled_null_without_data_and_left_out_where_it_fails(ehr: Live, service: Service) -> None:
    call(ehr)
    prefetch = service.body["prefetch"]
    assert prefetch["patient"]["id"] == "anna" and prefetch["procedures"] is None and "wrong" not in prefetch
    ids = {name: [one["resource"]["id"] for one in prefetch[name]["entry"]] for name in ("conditions", "observations")}
    assert ids["conditions"] == ["anna-dm"] and set(ids["observations"]) == {"anna-a1c-2", "anna-bp"}


def test_the_token_reads_this_patient_alone(ehr: Live, service: Service) -> None:
    call(ehr)
    given = service.body["fhirAuthorization"]
    assert given["patient"] == "anna" and given["token_type"] == "Bearer"
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    for one, status in (("anna", 200), ("bert", 404)):
        assert requests.get(f"{ehr.fhir_base}/Patient/{one}", headers=headers, timeout=30).status_code == status


def test_each_jwt_is_new(ehr: Live, service: Service) -> None:
    call(ehr), call(ehr)
    assert len({part(one["token"], 1)["jti"] for one in service.calls}) == 2


@pytest.mark.parametrize(
    ("fault", "member"), [("hook-no-prefetch", "prefetch"), ("hook-no-token", "fhirAuthorization")]
)
def test_a_member_is_left_out(ehr: Live, service: Service, fault: str, member: str) -> None:
    call(ehr, fault)
    assert member not in service.body


def test_a_prefetch_that_is_left_out_is_not_searched_for(
    ehr: Live, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    searched = hooks.first_page
    monkeypatch.setattr(hooks, "first_page", lambda *given: asked.append(given[2].kind) or searched(*given))
    call(ehr, "hook-no-prefetch")
    assert asked == []
    call(ehr)
    assert "Condition" in asked


def test_prefetch_is_of_its_moment_and_of_its_patient(ehr: Live, service: Service) -> None:
    asthma = {"resourceType": "Condition", "id": "asthma", "subject": {"reference": "Patient/anna"}}
    removal = {"resourceType": "Bundle", "entry": [{"request": {"method": "DELETE", "url": "Condition/asthma"}}]}
    for change, there in ((asthma, True), (removal, False)):
        headers = {"Content-Type": "application/fhir+ndjson"}
        reply = requests.post(f"{ehr.base_url}/changes", json.dumps(change), headers=headers, timeout=30)
        assert reply.status_code == 200
        for patient in ("bert", "anna"):
            requests.post(f"{ehr.base_url}/cds-hooks/patient-view", json={"patient": patient}, timeout=30)
            ids = {entry["resource"]["id"] for entry in service.body["prefetch"]["conditions"]["entry"]}
            assert ids == {f"{patient}-dm", *(["asthma"] if there and patient == "anna" else [])}


@pytest.mark.parametrize(("fault", "name", "shown"), [
    ("hook-drop", "conditions", "absent"), ("hook-drop=observations", "observations", "absent"),
    ("hook-null", "conditions", "null"), ("hook-outcome", "conditions", "OperationOutcome"),
    ("hook-next", "conditions", "next"), ("hook-other-patient", "conditions", "stray"),
])  # fmt: skip
def test_a_part_is_spoilt(ehr: Live, service: Service, fault: str, name: str, shown: str) -> None:
    call(ehr, fault)
    value = service.body["prefetch"].get(name, "absent")
    assert shown in json.dumps(value)


@pytest.mark.parametrize("fault", ["hook-alg-none", "hook-hs256", "hook-other-key"])
def test_a_signature_is_worth_nothing(ehr: Live, service: Service, fault: str) -> None:
    call(ehr, fault)
    assert not verified(ehr, service.calls[-1]["token"], ehr.with_fault(fault))


def test_claims_and_header_are_wrong(ehr: Live, service: Service) -> None:
    call(ehr, "hook-wrong-aud")
    assert part(service.calls[-1]["token"], 1)["aud"].startswith("https://elsewhere.example/")
    call(ehr, "hook-expired")
    claims = part(service.calls[-1]["token"], 1)
    assert claims["exp"] < claims["iat"] + 3600 and not verified(ehr, "x" + service.calls[-1]["token"])
    call(ehr, "hook-foreign-jku")
    assert part(service.calls[-1]["token"], 0)["jku"].startswith(ehr.foreign_url)
    call(ehr, "hook-replay"), call(ehr, "hook-replay")
    assert len({part(one["token"], 1)["jti"] for one in service.calls[-2:]}) == 1


def test_the_body_is_deep(ehr: Live, service: Service) -> None:
    call(ehr, "hook-deep")
    assert service.calls[-1]["raw"].startswith(b'{"prefetch":[[[[[[')


def test_the_key_set_fails(ehr: Live, service: Service) -> None:
    failing = ehr.with_fault("hook-jwks-500")
    assert requests.get(f"{failing}/cds-hooks/jwks.json", timeout=30).status_code == 500


def test_the_chart_shows_cards_as_text_and_sends_an_override(ehr: Live, service: Service) -> None:
    page = requests.get(f"{ehr.base_url}/chart/anna", timeout=30).text
    assert "A &lt;b&gt;card&lt;/b&gt;" in page and "<b>" not in page and "<script>" not in page
    assert "<p><strong>Bold</strong> *x* &lt;script&gt;</p>\n<ul><li>one</li><li>two</li></ul>" in page
    action = page.partition('action="/cards/')[2].partition('"')[0]
    reply = requests.post(f"{ehr.base_url}/cards/{action}", data={"reason": "known"}, allow_redirects=False, timeout=30)
    assert (reply.status_code, reply.headers["Location"].partition("?")[0]) == (303, "/chart/anna")
    assert service.calls[-1]["path"] == "/cds-services/one/feedback"
    (entry,) = service.body["feedback"]
    assert (entry["card"], entry["outcome"]) == ("u-1", "overridden")
    assert entry["overrideReason"] == {"reason": {"code": "known", "display": "Known"}}
    assert requests.post(f"{ehr.base_url}/cards/{action}", timeout=30).status_code == 404  # once


def test_a_chosen_medicine_is_told_as_the_one_draft_and_stored_nowhere(ehr: Live, service: Service) -> None:
    asked = {"patient": "anna", "medicine": "314076"}
    (answer,) = requests.post(f"{ehr.base_url}/cds-hooks/order-select", json=asked, timeout=30).json()
    assert (answer["status"], answer["service"]) == (200, f"{service.url}/cds-services/three")
    context = service.body["context"]
    assert service.body["hook"] == "order-select" and context["encounterId"] == "anna-visit"
    ((draft,),) = [[entry["resource"] for entry in context["draftOrders"]["entry"]]]
    assert context["selections"] == [f"MedicationRequest/{draft['id']}"] and draft["status"] == "draft"
    assert draft["subject"] == {"reference": "Patient/anna"}
    assert draft["medicationCodeableConcept"]["coding"][0]["code"] == "314076"
    assert set(service.body["prefetch"]) == {"patient", "conditions", "observations", "procedures"}
    headers = {"Authorization": f"Bearer {service.body['fhirAuthorization']['access_token']}"}
    found = requests.get(f"{ehr.fhir_base}/MedicationRequest?patient=anna", headers=headers, timeout=30).json()
    assert draft["id"] not in json.dumps(found)


def test_the_chart_takes_an_order_from_its_list_shows_the_cards_and_keeps_it_after_a_no(
    ehr: Live, service: Service
) -> None:
    page = requests.get(f"{ehr.base_url}/chart/anna?order=314076", timeout=30).text
    assert "Draft: lisinopril 10 MG Oral Tablet. It is not signed" in page and "A &lt;b&gt;card&lt;/b&gt;" in page
    assert [one["path"] for one in service.calls] == ["/cds-services/three"]  # patient-view was asked when it opened
    action = page.partition('action="/cards/')[2].partition('"')[0]
    told = {"reason": "known", "order": "314076"}
    reply = requests.post(f"{ehr.base_url}/cards/{action}", data=told, allow_redirects=False, timeout=30)
    assert reply.headers["Location"] == "/chart/anna?order=314076"
    assert service.calls[-1]["path"] == "/cds-services/three/feedback"
    assert requests.get(f"{ehr.base_url}/chart/anna?order=1", timeout=30).status_code == 404


@pytest.mark.parametrize("medicine", [None, "1", 7, ["314076"]])
def test_a_medicine_that_is_not_in_the_list_is_400(ehr: Live, medicine: Any) -> None:
    asked = {"patient": "anna", "medicine": medicine}
    assert requests.post(f"{ehr.base_url}/cds-hooks/order-select", json=asked, timeout=30).status_code == 400


@pytest.mark.parametrize("reply", [(500, b"x"), (200, b"<html>"), (200, b"[]"), (200, b'{"cards": 7}'), (401, b"{}"),
                                   (200, b'{"cards": [7, {}, {"summary": 8}]}')])  # fmt: skip
def test_whatever_a_service_answers_the_chart_stands(ehr: Live, service: Service, reply: tuple[int, bytes]) -> None:
    service.reply = reply
    page = requests.get(f"{ehr.base_url}/chart/anna", timeout=30)
    assert page.status_code == 200 and "<iframe" in page.text and 'class="cards"' not in page.text


def test_a_link_of_no_registered_app_is_not_followed(ehr: Live, service: Service) -> None:
    links = [{"type": "smart", "url": f"{service.url}/launch", "label": "Ours", "appContext": "ctx"},
             {"type": "smart", "url": "https://evil.example/launch", "label": "Evil"},
             {"type": "absolute", "url": "https://evil.example", "label": "Evil"}]  # fmt: skip
    service.reply = (200, json.dumps({"cards": [{**CARD, "links": links}]}).encode())
    page = requests.get(f"{ehr.base_url}/chart/anna", timeout=30).text
    assert "Ours" in page and "Evil" not in page
    handle = page.partition("card=")[2].partition("&")[0]
    assert requests.get(f"{ehr.base_url}/chart/anna?card={handle}&link=0", timeout=30).status_code == 200
    for wrong in (f"/chart/anna?card={handle}&link=1", f"/chart/bert?card={handle}&link=0", "/chart/anna?card=x"):
        assert requests.get(f"{ehr.base_url}{wrong}", timeout=30).status_code == 404


@pytest.mark.parametrize("body", [None, [], {}, {"patient": "nobody"}])
def test_a_call_for_nobody_is_400(ehr: Live, body: Any) -> None:
    assert requests.post(f"{ehr.base_url}/cds-hooks/patient-view", json=body, timeout=30).status_code == 400
