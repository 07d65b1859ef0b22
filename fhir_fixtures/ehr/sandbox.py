"""What every part of the running sandbox shares: the store, the registrations, the secrets, and its own address."""

import secrets
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from threading import BoundedSemaphore
from typing import Any

import orjson
from flask import current_app
from joserfc.jwk import Key
from werkzeug.wrappers import Request as AnyRequest

from fhir_fixtures.ehr.clients import Client
from fhir_fixtures.ehr.ingest import display_name
from fhir_fixtures.ehr.keys import new_key
from fhir_fixtures.ehr.resource_types import CLINICAL_TYPES
from fhir_fixtures.ehr.store import Condition, Store
from fhir_fixtures.ehr.vault import Vault

CALLS = 16  # of services at once: charts that wait for cards must leave threads for what the services read


@dataclass(frozen=True)
class Clinician:
    """Somebody who can be signed in: a Practitioner of the store."""

    id: str
    name: str


@dataclass
class Sandbox:
    """One running sandbox. `base_url`: its public address without a path; None takes it from each request.

    `today`: the day on which the data end, for people reading the pages. `token_seconds`: life of an app's access
    token.
    """

    store: Store
    clients: dict[str, Client]
    signing_key: Key
    today: date
    base_url: str | None = None
    token_seconds: int = 3600
    vault: Vault = field(default_factory=Vault)
    foreign_url: str | None = None  # another host that is no part of this EHR, for faults; see `foreign_base`
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    hooks_key: Key = field(default_factory=lambda: new_key("ES384"))  # signs our calls as a CDS client
    services: dict[str, tuple[float, list[dict[str, Any]]]] = field(default_factory=dict)  # of apps, and until when
    calls: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(CALLS))

    @cached_property
    def kinds(self) -> frozenset[str]:
        """Resource types that the store was built with."""
        return frozenset(self.store.types())

    def knows(self, kind: str) -> bool:
        """Can this type be read and searched? Those of the store, and those of which there could be some."""
        return kind in CLINICAL_TYPES or kind in self.kinds

    @cached_property
    def clinicians(self) -> list[Clinician]:
        """The first two Practitioners with a name, in the order of the store."""
        rows = self.store.select("body", Condition("type = 'Practitioner'"), "ORDER BY row LIMIT 50")
        people = [orjson.loads(row[0]) for row in rows]
        named = [Clinician(person["id"], display_name(person)) for person in people if display_name(person)]
        return named[:2]

    def clinician(self, clinician_id: str | None) -> Clinician | None:
        """One of `clinicians` by id; None for anybody else."""
        return next((one for one in self.clinicians if one.id == clinician_id), None)

    def newest_encounter(self, patient: str) -> str | None:
        """The id of the patient's latest Encounter by start; None when there is none."""
        where = Condition("type = 'Encounter' AND patient = ?", (patient,))
        rows = self.store.select("id", where, "ORDER BY date_low DESC, row DESC LIMIT 1")
        return rows[0][0] if rows else None

    def app_origins(self) -> list[str]:
        """Origins of every registered app, for frames and CORS."""
        return sorted({origin for client in self.clients.values() for origin in client.origins})


def sandbox() -> Sandbox:
    """The sandbox that answers the current request."""
    found: Any = current_app.extensions["sandbox"]
    assert isinstance(found, Sandbox)
    return found


def external_base(request: AnyRequest) -> str:
    """The address under which this request sees the sandbox, with a fault prefix if it came in by one; no final slash.

    Every absolute URL that the sandbox gives out starts with it.
    """
    return base_of(request, sandbox().base_url)


def fhir_base(request: AnyRequest) -> str:
    """The FHIR base URL, which is also `iss` and `aud`."""
    return external_base(request) + "/fhir"


def foreign_base(request: AnyRequest) -> str:
    """As `foreign_of`, for the sandbox that answers."""
    return foreign_of(request, sandbox())


def base_of(request: AnyRequest, public: str | None) -> str:
    """`public` (None: the host of the request) and the fault prefix."""
    return (public or request.host_url).rstrip("/") + request.root_path.rstrip("/")


def foreign_of(request: AnyRequest, shared: Sandbox | None) -> str:
    """Another host than this EHR's, without faults and without a final slash. It answers as a sandbox does.

    Without one of its own it is this server under its other name, 127.0.0.1 or localhost.
    """
    if shared is not None and shared.foreign_url:
        return shared.foreign_url
    host = request.host_url.rstrip("/")
    return host.replace("127.0.0.1", "localhost") if "127.0.0.1" in host else host.replace("localhost", "127.0.0.1")
