"""SMART scopes, version 1 (`patient/Condition.read`) and 2 (`patient/Condition.rs?category=...`)."""

import re
from dataclasses import dataclass

_SCOPE = re.compile(r"(?P<level>patient|user|system)/(?P<type>\*|[A-Za-z]+)\.(?P<may>[a-z*]+)(?P<query>\?.*)?")
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}  # SMART App Launch 2.2, "Scopes for requesting FHIR Resources"


@dataclass(frozen=True)
class Granted:
    """What the EHR granted, which may be less, more or other than what was asked (2.2, conformance 147)."""

    scopes: tuple[str, ...]

    def may_search(self, resource_type: str) -> bool:
        """May resources of this type be read and searched for?"""
        return any(self._allows(scope, resource_type, {"r", "s"}) for scope in self.scopes)

    def may_read(self, resource_type: str) -> bool:
        """May a resource of this type be read by its id?"""
        return any(self._allows(scope, resource_type, {"r"}) for scope in self.scopes)

    def is_narrowed(self, resource_type: str) -> bool:
        """Is the type granted in part only, such as `?category=laboratory`? Then what is not there may still exist."""
        mine = [m for m in map(_SCOPE.fullmatch, self.scopes) if m and m["type"] in ("*", resource_type)]
        return bool(mine) and all(m["query"] for m in mine)

    @staticmethod
    def _allows(scope: str, resource_type: str, need: set[str]) -> bool:
        match = _SCOPE.fullmatch(scope)
        return bool(
            match and match["type"] in ("*", resource_type) and need <= set(_V1.get(match["may"], match["may"]))
        )


def to_request(registered: tuple[str, ...], ehr_launch: bool) -> str:
    """Scopes to ask: `launch` for an EHR launch, `launch/patient` for a standalone one (2.2, 35-36 and 152)."""
    context = "launch" if ehr_launch else "launch/patient"
    rest = [scope for scope in registered if scope not in ("launch", "launch/patient")]
    return " ".join([context, *rest])
