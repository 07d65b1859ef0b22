"""The export as a command against the sandbox: its registration, its run, and what the EHR received from it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fhir_fixtures.ehr.clients import Client
from fhir_fixtures.ehr.keys import public_jwk
from fhir_fixtures.ehr.live import test_key
from tests.conformance.smart.world import Ehr, World, keep

SECONDS = 120
TYPES = ("Patient", "Condition", "Observation", "Encounter", "MedicationRequest", "Medication", "Procedure",
         "Immunization", "AllergyIntolerance")  # fmt: skip
SCOPES = " ".join(f"system/{kind}.rs" for kind in TYPES)


@dataclass
class Run:
    """One export that ended."""

    ehr: Ehr
    home: Path
    ended: subprocess.CompletedProcess[str]

    @property
    def printed(self) -> str:
        return self.ended.stdout + self.ended.stderr


def export(world: World, folder: Path, algorithm: str = "ES384", fault: str = "", issuer: str | None = None) -> Run:
    """Run `kindred export` against an address of its own; `issuer` names another server."""
    client_id = f"kindred-backend-{algorithm}"
    key = test_key("backend", algorithm)
    world.live.clients[client_id] = Client(
        client_id, "Export", "private_key_jwt", scopes="system/*.cruds", jwks=(public_jwk(key),)
    )
    ehr = world.backend(client_id, fault)
    home = folder / f"{algorithm}-{ehr.name}"
    home.mkdir(mode=0o700)
    private = home / "bulk.jwk.json"
    private.touch(mode=0o600)
    private.write_text(json.dumps({**key.as_dict(private=True), "alg": algorithm, "kid": key.kid}))
    keep(home, f'[backend]\nissuer = "{issuer or ehr.fhir}"\n\n[backend.bulk]\nclient_id = "{client_id}"\n'
               f'private_key = "bulk.jwk.json"\nscopes = "{SCOPES}"\n')  # fmt: skip
    command = [sys.executable, "-m", "analytics.cli", "export", "backend"]
    environment = {**os.environ, "KINDRED_HOME": str(home)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    return Run(ehr, home, ended)
