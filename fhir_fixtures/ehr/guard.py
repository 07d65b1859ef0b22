"""What a bearer token may do here. Every FHIR route asks it; every SQL of a read or search carries its condition.

A patient/ scope reaches the patient of the launch and the shared resources that belong to nobody (Medication, ...).
"""

from dataclasses import dataclass

from flask import Request

from fhir_fixtures.ehr.index import Keys
from fhir_fixtures.ehr.outcome import FhirError
from fhir_fixtures.ehr.sandbox import Sandbox
from fhir_fixtures.ehr.scopes import Scope, resource_scopes
from fhir_fixtures.ehr.store import Condition, all_of, any_of
from fhir_fixtures.ehr.users import own, patient_behind

SHARED_TYPES = frozenset(
    ("Medication", "Practitioner", "PractitionerRole", "Organization", "Location", "HealthcareService", "Substance")
)
ACTION_WORDS = {"c": "create", "r": "read", "s": "search"}


@dataclass(frozen=True)
class Rights:
    """The resource scopes of one token and the patient they are bound to (None without a patient in context)."""

    client_id: str
    scopes: tuple[Scope, ...]
    patient: str | None
    user: str | None = None  # who is signed in, when the token may know it (scope fhirUser)
    reach: str | None = None  # the one patient whom the signed-in user may see; None for clinicians, who see everyone

    def is_user(self, reference: str) -> bool:
        """May it read this as the signed-in user's own entry? That needs no resource scope (SMART, fhirUser)."""
        return self.user is not None and reference in own(self.user)

    def rule(self, kind: str, action: str) -> Condition | None:
        """The rows of type `kind` that `action` ("r", "s", ...) may touch; None when the token has no such scope at
        all.
        """
        usable = self._usable(kind, action)
        return any_of([self._rows(scope, kind) for scope in usable]) if usable else None

    def must(self, kind: str, action: str) -> Condition:
        """As `rule`, but raises the 403 that a missing scope gives (RFC 6750 3.1)."""
        found = self.rule(kind, action)
        if found is None:
            raise insufficient(f"This token has no scope to {ACTION_WORDS.get(action, action)} {kind}.")
        return found

    def may_create(self, keys: Keys) -> bool:
        """Does some scope allow creating this very resource?"""
        return any(self._owns(scope, keys) and _in_category(scope, keys) for scope in self._usable(keys.type, "c"))

    def _usable(self, kind: str, action: str) -> list[Scope]:
        return [
            scope
            for scope in self.scopes
            if scope.permits(kind, action) and (scope.level != "patient" or self.patient is not None)
        ]

    def _rows(self, scope: Scope, kind: str) -> Condition:
        parts = []
        bound = self.patient if scope.level == "patient" else self.reach
        if bound is not None:
            parts.append(Condition("patient IS NULL") if kind in SHARED_TYPES else Condition("patient = ?", (bound,)))
        if scope.category is not None:
            parts.append(token_condition("category", scope.category))
        return all_of(parts)

    def _owns(self, scope: Scope, keys: Keys) -> bool:
        bound = self.patient if scope.level == "patient" else self.reach
        return bound is None or keys.patient == bound


def token_condition(column: str, wanted: str) -> Condition:
    """A FHIR token (`code`, `system|code`, `|code`, `system|`) against a column written by `index.tokens`."""
    system, bar, code = wanted.rpartition("|")
    if not bar:
        return Condition(f"instr({column}, ?) > 0", (f"|{code}\n",))
    part = f"\n{system}|{code}\n" if code else f"\n{system}|"
    return Condition(f"instr({column}, ?) > 0", (part,))


def _in_category(scope: Scope, keys: Keys) -> bool:
    if scope.category is None:
        return True
    return str(token_condition("category", scope.category).values[0]) in (keys.category or "")


def rights(sandbox: Sandbox, request: Request) -> Rights:
    """The rights of the request's bearer token; raises 401 with the challenge of RFC 6750 when there is no valid
    one.
    """
    scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
    if not presented:
        raise FhirError(401, "An access token is needed.", headers={"WWW-Authenticate": 'Bearer realm="sandbox"'})
    access = sandbox.vault.access_for(presented.strip()) if scheme.lower() == "bearer" else None
    if access is None:
        challenge = 'Bearer realm="sandbox", error="invalid_token"'
        raise FhirError(
            401, "The access token is unknown, expired or revoked.", headers={"WWW-Authenticate": challenge}
        )
    grant = access.grant
    user = grant.user if {"openid", "fhirUser"} <= set(access.scope) else None
    return Rights(grant.client_id, resource_scopes(access.scope), grant.patient, user, patient_behind(grant.user))


def insufficient(message: str) -> FhirError:
    """403 for a token that is valid and does not reach so far."""
    challenge = 'Bearer realm="sandbox", error="insufficient_scope"'
    return FhirError(403, message, headers={"WWW-Authenticate": challenge})
