"""Who is registered with the sandbox, as an EHR's administrator would have entered it, and the registry file for the
app.
"""

import secrets
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from joserfc.jwk import Key

from fhir_fixtures.ehr.keys import load_or_make, public_jwk

APP_SCOPES = (
    "launch openid fhirUser offline_access user/Patient.rs"
    " patient/Patient.rs patient/Condition.rs patient/Observation.rs"
    " patient/Encounter.rs patient/MedicationRequest.rs patient/Medication.rs patient/Procedure.rs"
    " patient/Immunization.rs patient/AllergyIntolerance.rs patient/RiskAssessment.cs patient/Provenance.c"
)
REGISTERED_APP_SCOPES = (
    "launch launch/patient launch/encounter openid fhirUser profile offline_access online_access"
    " patient/*.cruds user/*.cruds"
)
SYMMETRIC_SECRET = "sandbox-secret-of-no-worth"  # noqa: S105 -- printed in the README: it guards synthetic patients only
KEY_FILE = "kindred-bulk.jwk.json"


@dataclass(frozen=True)
class Client:
    """One registration. `auth`: public, client_secret_basic or private_key_jwt. Keys come inline or from `jwks_uri`."""

    client_id: str
    name: str
    auth: str = "public"
    redirect_uris: tuple[str, ...] = ()
    launch_uri: str | None = None
    scopes: str = REGISTERED_APP_SCOPES
    secret: str | None = field(default=None, repr=False)
    jwks: tuple[dict[str, Any], ...] = ()
    jwks_uri: str | None = None

    @property
    def backend(self) -> bool:
        """May it use client_credentials (SMART Backend Services)? Then it has no user and no redirect."""
        return self.auth == "private_key_jwt" and not self.redirect_uris

    @property
    def origins(self) -> list[str]:
        """Origins of its launch and redirect addresses."""
        return sorted({origin(uri) for uri in (*self.redirect_uris, self.launch_uri) if uri})


def origin(uri: str) -> str:
    """scheme://host:port of an address."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def default_clients(
    app_url: str, *, bulk_keys: Iterable[Key] = (), asymmetric_keys: Iterable[Key] = ()
) -> dict[str, Client]:
    """The four registrations of the README. Without `asymmetric_keys` that client's keys are read from the app's own
    JWKS.
    """
    app: dict[str, Any] = {"redirect_uris": (f"{app_url}/callback",), "launch_uri": f"{app_url}/launch"}
    published = tuple(public_jwk(key) for key in asymmetric_keys)
    clients = (
        Client("kindred", "Kindred", **app),
        Client("kindred-symmetric", "Kindred (secret)", "client_secret_basic", secret=SYMMETRIC_SECRET, **app),
        Client(
            "kindred-asymmetric",
            "Kindred (key)",
            "private_key_jwt",
            jwks=published,
            jwks_uri=None if published else f"{app_url}/.well-known/jwks.json",
            **app,
        ),
        Client(
            "kindred-bulk",
            "Kindred population export",
            "private_key_jwt",
            scopes="system/*.cruds",
            jwks=tuple(public_jwk(key) for key in bulk_keys),
        ),
    )
    return {client.client_id: client for client in clients}


def write_registry(path: Path, *, issuer: str, app_url: str, today: date) -> Key:
    """Register Kindred: write the registry and the bulk client's private key beside it; gives that key.

    What is there already and says the same is left as it is. Other EHRs' tables in an existing file are kept.
    Raises ValueError when the file or the key is there and cannot be read.
    """
    key = load_or_make(path.parent / KEY_FILE, "ES384")
    wanted = _registry_text(issuer, app_url, today)
    present = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        tables = tomllib.loads(present)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not TOML") from error
    if tables.get("sandbox") == tomllib.loads(wanted)["sandbox"]:
        return key
    others = _without_sandbox(present)
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    unfinished.write_text(f"{others}{wanted}", encoding="utf-8")
    unfinished.replace(path)
    return key


def _without_sandbox(text: str) -> str:
    """The registry without the `[sandbox]` tables, everything else as it was."""
    kept, ours = [], False
    for line in text.splitlines(keepends=True):
        if line.startswith("["):
            ours = line.strip().startswith(("[sandbox]", "[sandbox."))
        if not ours:
            kept.append(line)
    body = "".join(kept).strip()
    return body + "\n\n" if body else ""


def _registry_text(issuer: str, app_url: str, today: date) -> str:
    base = issuer.removesuffix("/fhir")
    return f"""[sandbox]
issuer = "{issuer}"

[sandbox.app]
client_id = "kindred"
client_auth = "public"
redirect_uri = "{app_url}/callback"
scopes = "{APP_SCOPES}"
hosts = []
frame_ancestors = ["{origin(issuer)}"]
today = {today.isoformat()}

[sandbox.bulk]
client_id = "kindred-bulk"
private_key = "{KEY_FILE}"
scopes = "system/*.rs"

[sandbox.hooks]
issuer = "{base}"
jwks_url = "{base}/cds-hooks/jwks.json"
"""
