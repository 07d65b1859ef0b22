"""How the app is registered at an EHR, on both sides: the EHR's entry and the app's `[NAME.app]` table."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import Key

from fhir_fixtures.ehr.clients import APP_SCOPES, SYMMETRIC_SECRET, Client
from fhir_fixtures.ehr.keys import public_jwk
from fhir_fixtures.ehr.live import test_key

KINDS = ("public", "symmetric", "rs384", "es384", "jwks")


@dataclass(frozen=True)
class Registration:
    """One way of being a client. `jwks`: a key that the EHR reads from the app's own JWKS address."""

    kind: str
    auth: str
    algorithm: str | None = None

    @classmethod
    def of(cls, kind: str) -> "Registration":
        """By name: public, symmetric, rs384, es384, jwks."""
        if kind == "public":
            return cls(kind, "public")
        if kind == "symmetric":
            return cls(kind, "client_secret_basic")
        return cls(kind, "private_key_jwt", "RS384" if kind == "rs384" else "ES384")

    @property
    def client_id(self) -> str:
        """As the EHR gave it out."""
        return f"kindred-{self.kind}"

    @property
    def key(self) -> Key:
        """The key pair; one for each algorithm in the whole process."""
        assert self.algorithm
        return test_key("smart", self.algorithm)

    def client(self, client_id: str, redirect_uri: str, launch_uri: str) -> Client:
        """The EHR's entry."""
        inline = (public_jwk(self.key),) if self.algorithm and self.kind != "jwks" else ()
        return Client(
            client_id, f"Kindred ({self.kind})", self.auth, redirect_uris=(redirect_uri,), launch_uri=launch_uri,
            secret=SYMMETRIC_SECRET if self.kind == "symmetric" else None, jwks=inline,
            jwks_uri=launch_uri.replace("/launch", "/.well-known/jwks.json") if self.kind == "jwks" else None,
        )  # fmt: skip

    def written(self, folder: Path) -> dict[str, Any]:
        """The app's table, but for its addresses; a private key goes to a file beside it."""
        table: dict[str, Any] = {"client_id": self.client_id, "client_auth": self.auth, "scopes": APP_SCOPES}
        if self.kind == "symmetric":
            table["client_secret"] = SYMMETRIC_SECRET
        if self.algorithm:
            path = folder / f"{self.algorithm}.jwk.json"
            path.touch(mode=0o600)
            private = {**self.key.as_dict(private=True), "alg": self.algorithm, "kid": self.key.kid}
            path.write_text(json.dumps(private))
            table["private_key"] = path.name
        return table


def registry(entries: dict[str, tuple[str, dict[str, Any]]]) -> str:
    """The registry file: name to issuer and the keys of `[NAME.app]`; a key that is None is left out."""
    parts = []
    for name, (issuer, keys) in entries.items():
        parts.append(f'[{name}]\nissuer = "{issuer}"\n\n[{name}.app]\n')
        parts += [f"{key} = {json.dumps(value)}\n" for key, value in keys.items() if value is not None]
        parts.append("today = 2026-06-30\n\n")
    return "".join(parts)
