"""A live sandbox over two small charts, and a client that speaks OAuth to it over real HTTP."""

import base64
import hashlib
import html
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import orjson
import pytest
import requests
from joserfc import jwt

from fhir_fixtures.ehr.live import Live, serve_in_thread
from fhir_fixtures.ehr.store import Store

LOINC = "http://loinc.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
CALLBACK = "http://127.0.0.1:9500/callback"
ALL = "launch openid fhirUser offline_access patient/*.rs"

Line = tuple[str, dict[str, Any]]


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def of(patient: str) -> dict[str, str]:
    return {"reference": f"Patient/{patient}"}


def observation(id_: str, patient: str, code: str, when: str | None, category: str = "laboratory", **more: Any) -> Line:
    dated = {"effectiveDateTime": when} if when else {}
    return "Observation", {
        "id": id_, "status": "final", "category": [concept(CATEGORY, category)], "code": concept(LOINC, code),
        "subject": of(patient), **dated, **more,
    }  # fmt: skip


def chart(patient: str, name: str) -> Iterator[Line]:
    """One patient's small chart; ids begin with the patient's."""
    number = {"type": concept("http://terminology.hl7.org/CodeSystem/v2-0203", "MR"), "value": f"MRN-{patient}"}
    yield "Patient", {
        "id": patient, "name": [{"family": name, "given": ["Ada"]}], "gender": "female", "birthDate": "1950-03-04",
        "identifier": [number],
    }  # fmt: skip
    yield observation(f"{patient}-a1c-1", patient, "4548-4", "2025-01-10T09:00:00Z", status="amended")
    yield observation(f"{patient}-a1c-2", patient, "4548-4", "2026-03-10")
    pressure = [{"code": concept(LOINC, "8480-6")}, {"code": concept(LOINC, "8462-4")}]
    yield observation(f"{patient}-bp", patient, "85354-9", "2026-02", "vital-signs", component=pressure)
    yield observation(f"{patient}-undated", patient, "2160-0", None)
    yield "Condition", {
        "id": f"{patient}-dm", "subject": of(patient), "code": concept("http://snomed.info/sct", "44054006"),
        "clinicalStatus": concept(CLINICAL, "active"), "onsetDateTime": "2019", "recordedDate": "2020-02-02",
    }  # fmt: skip
    yield "Encounter", {
        "id": f"{patient}-visit", "status": "finished", "class": {"system": "v3", "code": "AMB"},
        "subject": of(patient), "period": {"start": "2026-03-10T09:00:00Z", "end": "2026-03-10T09:30:00Z"},
    }  # fmt: skip
    yield "MedicationRequest", {
        "id": f"{patient}-rx", "status": "active", "intent": "order", "subject": of(patient),
        "authoredOn": "2026-01-01", "medicationReference": {"reference": "Medication/metformin"},
    }  # fmt: skip
    yield "Provenance", {"id": f"{patient}-prov", "target": [of(patient)], "recorded": "2026-03-10T10:00:00Z"}


def lines(resources: Iterator[Line] | list[Line]) -> Iterator[tuple[str, bytes]]:
    for kind, resource in resources:
        yield kind, orjson.dumps({"resourceType": kind, **resource})


def everything() -> Iterator[Line]:
    yield "Medication", {"id": "metformin", "code": concept("http://www.nlm.nih.gov/research/umls/rxnorm", "6809")}
    yield from chart("anna", "Ahlberg")
    yield from chart("bert", "Brook")
    yield "Observation", {"id": "nobodys", "status": "final", "code": concept(LOINC, "4548-4")}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A running sandbox with the patients anna and bert."""
    folder: Path = tmp_path_factory.mktemp("sandbox")
    with serve_in_thread(Store.build(folder, lines(everything()))) as running:
        yield running


class Client:
    """What an app does, step by step, so that a test can do a step wrongly."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.http = requests.Session()
        self.verifier = secrets.token_urlsafe(48)

    def launch(self, patient: str = "anna") -> str:
        answer = self.http.post(f"{self.live.base_url}/launches", json={"patient": patient})
        return str(answer.json()["launch"])

    def request(self, **changes: str | None) -> dict[str, str]:
        """A correct authorization request with changes; None leaves a parameter out."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        right: dict[str, str | None] = {
            "response_type": "code", "client_id": "kindred", "redirect_uri": CALLBACK, "scope": ALL, "state": "s" * 22,
            "aud": self.live.fhir_base, "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }  # fmt: skip
        return {name: value for name, value in (right | changes).items() if value is not None}

    def authorize(self, *, post: bool = False, **changes: str | None) -> requests.Response:
        url, wanted = f"{self.live.base_url}/auth/authorize", self.request(**changes)
        if post:
            return self.http.post(url, data=wanted, allow_redirects=False)
        return self.http.get(f"{url}?{urlencode(wanted)}", allow_redirects=False)

    def code(self, patient: str = "anna", **changes: str | None) -> str:
        return answer_of(self.authorize(launch=self.launch(patient), **changes))["code"]

    def token(self, *, auth: tuple[str, str] | None = None, **form: str | None) -> requests.Response:
        right: dict[str, str | None] = {
            "grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": self.verifier,
            "client_id": None if auth or "client_assertion" in form else "kindred",
        }  # fmt: skip
        data = {name: value for name, value in (right | form).items() if value is not None}
        return self.http.post(f"{self.live.base_url}/auth/token", data=data, auth=auth)

    def exchange(self, patient: str = "anna", scope: str = ALL) -> dict[str, Any]:
        """A whole EHR launch; gives the token response."""
        return dict(self.token(code=self.code(patient, scope=scope)).json())

    def refresh(self, token: str, **form: str) -> requests.Response:
        return self.token(
            grant_type="refresh_token", refresh_token=token, redirect_uri=None, code_verifier=None, **form
        )

    def assertion(self, client_id: str, alg: str = "ES384", header: Any = None, **claims: Any) -> dict[str, str]:
        key = next(key for key in self.live.keys[client_id] if key.get("alg") == alg)
        now = int(time.time())
        right = {
            "iss": client_id, "sub": client_id, "aud": f"{self.live.base_url}/auth/token", "iat": now, "exp": now + 240,
            "jti": secrets.token_urlsafe(16),
        }  # fmt: skip
        said = {"alg": alg, "kid": key.kid, "typ": "JWT", **(header or {})}
        text = jwt.encode(said, right | claims, key, algorithms=[alg])
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        return {"client_assertion_type": kind, "client_assertion": text}

    def backend(self, scope: str = "system/*.rs", **form: str) -> requests.Response:
        signed = self.assertion("kindred-bulk") | form
        data = {"grant_type": "client_credentials", "scope": scope, **signed}
        return self.http.post(f"{self.live.base_url}/auth/token", data=data)

    def fhir(self, path: str, token: str, method: str = "GET", **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        url = path if path.startswith("http") else f"{self.live.fhir_base}/{path}"
        return self.http.request(method, url, headers=headers, **more)

    def ids(self, path: str, token: str) -> list[str]:
        """Ids of a search's matches, first page."""
        bundle = self.fhir(path, token).json()
        return [entry["resource"]["id"] for entry in bundle.get("entry", ()) if entry["search"]["mode"] == "match"]


def answer_of(response: requests.Response) -> dict[str, str]:
    """The parameters of a redirect to the app."""
    assert response.headers["Location"].startswith(f"{CALLBACK}?"), response.status_code
    return dict(parse_qsl(urlsplit(response.headers["Location"]).query))


def form_of(page: requests.Response, method: str = "post") -> tuple[str, dict[str, list[str]]]:
    """Where a page's form of this method goes, and its fields."""
    text = re.search(rf'<form[^>]*method="{method}"[^>]*action="([^"]+)"(.*?)</form>', page.text, re.S)
    assert text, page.text
    fields: dict[str, list[str]] = {}
    for tag in re.findall(r"<(?:input|button)[^>]*>", text[2]):
        found = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if "name" in found:
            fields.setdefault(found["name"], []).append(html.unescape(found.get("value", "")))
    return html.unescape(text[1]), fields


def query_of(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


@pytest.fixture
def client(live: Live) -> Iterator[Client]:
    """An app's HTTP client with cookies of its own."""
    made = Client(live)
    yield made
    made.http.close()


@pytest.fixture
def client_of() -> Iterator[Callable[[Live], Client]]:
    """Makes clients of other sandboxes than `live`."""
    made: list[Client] = []

    def make(live: Live) -> Client:
        made.append(Client(live))
        return made[-1]

    yield make
    for one in made:
        one.http.close()


@pytest.fixture
def under(client: Client, live: Live) -> Callable[[str], Client]:
    """The client that uses the sandbox by an address with this fault."""

    def made(fault: str) -> Client:
        client.live = replace(live, base_url=live.with_fault(fault))
        return client

    return made


@pytest.fixture(scope="session")
def pages() -> Any:
    """Helpers that read redirects and forms: `.answer`, `.form`, `.query`."""

    class Pages:
        answer = staticmethod(answer_of)
        form = staticmethod(form_of)
        query = staticmethod(query_of)

    return Pages
