"""Where the access token goes: to the FHIR base, and to nobody else, whatever a resource or a reply points at."""

import json
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from tests.conformance.smart.answers import says
from tests.conformance.smart.browser import Browser, patient_of, problem_of
from tests.conformance.smart.world import Answer, Ehr, World
from tests.flow.people import ANA, BEN

FHIR = "application/fhir+json"


def bundle(*resources: dict[str, Any], next_url: str | None = None) -> dict[str, Any]:
    """A page of search results."""
    link = [{"relation": "next", "url": next_url}] if next_url else []
    return {"resourceType": "Bundle", "type": "searchset", "link": link,
            "entry": [{"resource": one, "search": {"mode": "match"}} for one in resources]}  # fmt: skip


def request_of(patient: str, **parts: Any) -> dict[str, Any]:
    """A MedicationRequest."""
    return {"resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order",
            "subject": {"reference": f"Patient/{patient}"}, "authoredOn": "2026-04-01", **parts}  # fmt: skip


def test_req_093_each_request_for_data_carries_the_token_in_its_header_alone(ehr: Ehr, browser: Browser) -> None:
    assert patient_of(browser.open(ehr.launch_url(ANA))) == ANA
    token = ehr.given[0]["access_token"]
    assert len(ehr.reads()) >= 8 and {seen.bearer for seen in ehr.reads()} == {token}
    assert not any(token in seen.path + str(seen.query) + str(seen.form) for seen in ehr.seen())
    others = [seen for seen in ehr.seen() if seen not in ehr.reads()]
    assert others and not any(token in str(seen.headers) for seen in others)


@pytest.mark.parametrize("where", ["{foreign}/fhir/Condition?page=2", "//127.0.0.1:1/x", "http://[", "file:///etc/x"])
def test_req_097_098_a_next_page_elsewhere_is_not_asked_for(
    ehr: Ehr, browser: Browser, world: World, where: str
) -> None:
    ehr.change("/fhir/Condition", says(bundle(next_url=where.format(foreign=world.foreign_url)), kind=FHIR))
    page = browser.open(ehr.launch_url(ANA))
    assert world.foreign_seen == []
    assert patient_of(page) == ANA and "No risk group is shown" in page.text


def test_req_097_a_next_page_of_the_same_server_is_read(ehr: Ehr, browser: Browser) -> None:
    ehr.change("/fhir/Condition", says(bundle(next_url=f"{ehr.fhir}/Condition/_page"), kind=FHIR))
    ehr.change("/fhir/Condition/_page", says(bundle(), kind=FHIR))
    assert patient_of(browser.open(ehr.launch_url(BEN))) == BEN
    assert [seen.bearer for seen in ehr.seen("/fhir/Condition/_page")] == [ehr.given[0]["access_token"]]


@pytest.mark.parametrize(
    "parts",
    [
        {"medicationReference": {"reference": "{foreign}/fhir/Medication/1"}},
        {"subject": {"reference": "{foreign}/fhir/Patient/ben-2"}},
        {"encounter": {"reference": "{foreign}/fhir/Encounter/1"}},
        {"supportingInformation": [{"reference": "{foreign}/fhir/Binary/1"}]},
        {"extension": [{"url": "{foreign}/x", "valueAttachment": {"url": "{foreign}/Binary/1"}}]},
    ],
)
def test_req_097_098_references_and_attachments_elsewhere_are_left_alone(
    ehr: Ehr, browser: Browser, world: World, parts: dict[str, Any]
) -> None:
    told = json.loads(json.dumps(parts).replace("{foreign}", world.foreign_url))
    ehr.change("/fhir/MedicationRequest", says(bundle(request_of(BEN, **told)), kind=FHIR))
    browser.open(ehr.launch_url(BEN))
    assert ehr.seen("/fhir/MedicationRequest") and world.foreign_seen == []


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("path", [f"/fhir/Patient/{ANA}", "/fhir/Observation"])
def test_req_097_a_redirect_of_the_fhir_server_is_not_followed(
    ehr: Ehr, browser: Browser, world: World, path: str, status: int
) -> None:
    ehr.change(path, says("", status, FHIR, Location=f"{world.foreign_url}{path}"))
    page = browser.open(ehr.launch_url(ANA))
    assert world.foreign_seen == []
    assert (problem_of(page) is not None) == path.endswith(ANA)


@pytest.mark.parametrize(
    "base", ["{foreign}/fhir", "http://localhost:{port}/fhir", "http://127.0.0.1:{port}.elsewhere.example/fhir"]
)
def test_req_097_links_of_a_bundle_never_move_the_base(
    ehr: Ehr, browser: Browser, world: World, base: str
) -> None:
    moved = base.format(foreign=world.foreign_url, port=ehr.base.split(":")[2].split("/")[0])

    def change(_: Request, answer: Answer) -> Response:
        response = answer()
        body = json.loads(response.get_data())
        body["link"] = [{"relation": relation, "url": f"{moved}/Observation"} for relation in ("self", "first", "next")]
        return Response(json.dumps(body), content_type=FHIR)

    ehr.change("/fhir/Observation", change)
    assert patient_of(browser.open(ehr.launch_url(ANA))) == ANA
    assert world.foreign_seen == [] and len(ehr.seen("/fhir/Observation")) == 1
