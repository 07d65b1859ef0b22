"""SMART scopes, v1 and v2, as what they permit (SMART App Launch 2.2, "Scopes for requesting FHIR Resources")."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

CONTEXT_SCOPES = frozenset(
    ("launch", "launch/patient", "launch/encounter", "openid", "fhirUser", "profile", "offline_access", "online_access")
)
_PATTERN = re.compile(
    r"(?P<level>patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]+)\.(?P<actions>read|write|\*|c?r?u?d?s?)(?:\?(?P<query>.+))?"
)
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}


@dataclass(frozen=True)
class Scope:
    """One resource scope: at `level` (patient, user, system), `actions` out of "cruds" on `type` ("*" for every type).

    `category`: `system|code` or `code` to which a granular scope is narrowed, None for no narrowing.
    """

    text: str
    level: str
    type: str
    actions: str
    category: str | None = None
    version_1: bool = False

    def permits(self, kind: str, action: str) -> bool:
        """Does it allow this action on this type (of whatever patient and category)?"""
        return self.type in ("*", kind) and action in self.actions


@lru_cache(1024)  # each request asks what its token's words mean
def parse(text: str) -> Scope | None:
    """The resource scope in one word; None when it is none, is out of order, or narrows by anything but `category`."""
    found = _PATTERN.fullmatch(text)
    if not found or not found["actions"]:
        return None
    category = None
    if found["query"]:
        name, _, category = found["query"].partition("=")
        if name != "category" or not category or "&" in category or found["actions"] in _VERSION_1:
            return None
    actions = _VERSION_1.get(found["actions"], found["actions"])
    return Scope(text, found["level"], found["type"], actions, category, found["actions"] in _VERSION_1)


def resource_scopes(words: Iterable[str]) -> tuple[Scope, ...]:
    """The resource scopes among the words of a scope string; context scopes and unknown words are left out."""
    return tuple(scope for scope in map(parse, words) if scope)


def granted(requested: str, allowed: str, levels: Iterable[str]) -> list[str]:
    """The words of `requested` that a client registered for `allowed` gets, each once, in the order asked.

    A resource scope that is wholly allowed stays as it was written. One that is partly allowed is narrowed to the
    actions
    allowed and comes back in v2 form. Anything else is dropped: an app must expect fewer scopes than it asked for.
    """
    levels = frozenset(levels)
    registered = resource_scopes(allowed.split())
    words: dict[str, None] = {}
    for word in requested.split():
        scope = parse(word)
        if scope and scope.level in levels:
            narrowed = _narrowed(scope, registered)
            if narrowed:
                words[narrowed] = None
        elif word in CONTEXT_SCOPES and word in allowed.split():
            words[word] = None
    return list(words)


def _narrowed(scope: Scope, registered: Iterable[Scope]) -> str | None:
    covering = [
        other
        for other in registered
        if other.level == scope.level and other.type in ("*", scope.type) and other.category in (None, scope.category)
    ]
    actions = "".join(action for action in scope.actions if any(action in other.actions for other in covering))
    if actions == scope.actions:
        return scope.text
    category = f"?category={scope.category}" if scope.category else ""
    return f"{scope.level}/{scope.type}.{actions}{category}" if actions else None
