"""A CDS client that can do each step wrongly: it signs with the sandbox's key, and each part can be changed."""

import json
import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import requests
from joserfc import jwt

from fhir_fixtures.ehr.vault import Access, Grant
from tests.flow.people import ANA
from tests.flow.world import World

SECONDS = 30
SERVICE = "/cds-services/kindred-patient-view"
FEEDBACK = f"{SERVICE}/feedback"
USER = "Practitioner/sandbox-clinician-1"
SCOPES = "patient/*.rs"
LEAVE_OUT = object()


@dataclass
class Caller:
    """The CDS client of one EHR of a world; `ehr` is the address that it signs as."""

    world: World
    base: str
    http: requests.Session = field(default_factory=requests.Session)

    @property
    def app_url(self) -> str:
        return self.world.app_url

    def jwt(self, path: str = SERVICE, *, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A right JWT with changes; a claim or header that is LEAVE_OUT is left out."""
        signing = key or self.world.ehr.keys["hooks"][0]
        now = int(time.time())
        right = {"iss": self.base, "aud": f"{self.app_url}{path}", "iat": now, "exp": now + 120,
                 "jti": secrets.token_urlsafe(16)}  # fmt: skip
        head = {"alg": "ES384", "kid": self.world.ehr.keys["hooks"][0].kid, "typ": "JWT",
                "jku": f"{self.base}/cds-hooks/jwks.json"}  # fmt: skip
        said = {name: value for name, value in (right | claims).items() if value is not LEAVE_OUT}
        top = {name: value for name, value in (head | (header or {})).items() if value is not LEAVE_OUT}
        return jwt.encode(top, said, signing, algorithms=[top["alg"]])

    def body(self, patient: str = ANA, **changes: Any) -> dict[str, Any]:
        """A right call without prefetch and with a token; None leaves a member out."""
        right: dict[str, Any] = {
            "hook": "patient-view", "hookInstance": str(uuid.uuid4()), "fhirServer": f"{self.base}/fhir",
            "fhirAuthorization": self.authorization(patient), "context": {"userId": USER, "patientId": patient},
        }  # fmt: skip
        return {name: value for name, value in (right | changes).items() if value is not None}

    def authorization(self, patient: str = ANA, scopes: str = SCOPES, **changes: Any) -> dict[str, Any]:
        """A token for this patient, as the EHR would give it."""
        grant = Grant("kindred", scopes.split(), user=USER, patient=patient)
        access = self.world.ehr.app.extensions["sandbox"].vault.access.put(Access(grant, scopes.split()), 120)
        return {"access_token": access, "token_type": "Bearer", "expires_in": 120, "scope": scopes,
                "subject": "kindred", "patient": patient} | changes  # fmt: skip

    def prefetch(self, patient: str = ANA) -> dict[str, Any]:
        """What the sandbox would bring: each template of discovery, run."""
        headers = {"Authorization": f"Bearer {self.authorization(patient)['access_token']}"}
        found = {}
        for key, template in self.services()[0]["prefetch"].items():
            path = template.replace("{{context.patientId}}", patient)
            reply = self.http.get(f"{self.world.ehr.fhir_base}/{path}", headers=headers, timeout=SECONDS)
            found[key] = reply.json() if reply.status_code == 200 else None
        return found

    def services(self) -> list[dict[str, Any]]:
        """What discovery lists."""
        reply = self.http.get(f"{self.app_url}/cds-services", timeout=SECONDS)
        return list(reply.json()["services"])

    def call(self, body: Any = None, token: str | None = None, path: str = SERVICE, **more: Any) -> requests.Response:
        """One call; `body` as text or bytes goes out as it is."""
        raw = body if isinstance(body, bytes | str) else json.dumps(self.body() if body is None else body)
        headers = {"Authorization": f"Bearer {self.jwt(path) if token is None else token}",
                   "Content-Type": "application/json"} | more.pop("headers", {})  # fmt: skip
        return self.http.post(f"{self.app_url}{path}", raw, headers=headers, timeout=SECONDS, **more)

    def cards(self, **changes: Any) -> list[dict[str, Any]]:
        """The cards of a call that must be answered, those of care gaps apart: their rules change more often."""
        reply = self.call(self.body(**changes))
        assert reply.status_code == 200, reply.text
        return but_gaps(reply.json()["cards"])

    def feedback(self, *entries: dict[str, Any]) -> requests.Response:
        return self.call({"feedback": list(entries)}, path=FEEDBACK)


def but_gaps(cards: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All cards but that of care gaps."""
    return [card for card in cards if card["source"]["topic"]["code"] != "gaps"]


def code_of(reply: requests.Response) -> str:
    """The code of a refusal; a reply that repeats anything else fails the test."""
    assert set(reply.json()) == {"error", "message"}
    return str(reply.json()["error"])


def overridden(card: str, at: str = "2026-06-30T10:00:00Z", **more: Any) -> dict[str, Any]:
    """A feedback entry."""
    return {"card": card, "outcome": "overridden", "outcomeTimestamp": at, **more}
