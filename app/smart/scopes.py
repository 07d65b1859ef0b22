"""SMART scopes, version 1 (`patient/Condition.read`) and 2 (`patient/Condition.rs?category=...`): asked and granted."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

_SCOPE = re.compile(r"(?P<level>patient|user)/(?P<type>\*|[A-Za-z]+)\.(?P<may>[a-z]+|\*)(?:\?(?P<query>.+))?")
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}  # SMART App Launch 2.2, "Scopes for requesting FHIR Resources"
_ORDER = "cruds"
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z-]*(:[a-z-]+)?")
_OURS = {"patient", "subject"}  # what a search asks for itself: a granted scope never changes whose data are meant


@dataclass(frozen=True)
class Scope:
    """One resource scope: `actions` out of "cruds" on `type` ("*": all types), narrowed by `query` if it has one."""

    level: str
    type: str
    actions: frozenset[str]
    query: str
    version: int

    def covers(self, resource_type: str, action: str) -> bool:
        """Does it allow this action on this type, or on a part of it?"""
        return self.type in ("*", resource_type) and action in self.actions

    def written(self, version: int) -> str:
        """The scope in version 1 or 2. Version 1 has no narrowing, and only read, write or both."""
        if version == 2:
            letters = "".join(letter for letter in _ORDER if letter in self.actions)
            return f"{self.level}/{self.type}.{letters}" + (f"?{self.query}" if self.query else "")
        reads, writes = bool(self.actions & set("rs")), bool(self.actions & set("cud"))
        return f"{self.level}/{self.type}." + ("*" if reads and writes else "read" if reads else "write")


def parse(word: str) -> Scope | None:
    """The resource scope in one word of a scope string; None for a context scope, `system/`, or what is no scope.

    Letters must be of "cruds", each once; other orders than that one are read too (2.2 asks servers to send it).
    """
    found = _SCOPE.fullmatch(word)
    if not found:
        return None
    may, query = found["may"], found["query"] or ""
    letters = _V1.get(may, may)
    if not set(letters) <= set(_ORDER) or len(set(letters)) != len(letters) or (may in _V1 and query):
        return None
    return Scope(found["level"], found["type"], frozenset(letters), query, 1 if may in _V1 else 2)


@dataclass(frozen=True)
class Granted:
    """What the EHR granted, which may be less, more or other than what was asked (2.2, conformance 147)."""

    scopes: tuple[str, ...]

    def may_search(self, resource_type: str) -> bool:
        """May this type, or a part of it, be searched for?"""
        return self._whole(resource_type) or bool(self.narrowings(resource_type))

    def may_read(self, resource_type: str) -> bool:
        """May a resource of this type be read by its id?"""
        return any(scope.covers(resource_type, "r") for scope in self._parsed())

    def may_create(self, resource_type: str) -> bool:
        """May a resource of this type be created, or one of some part of it? The EHR has the last word."""
        return any(scope.covers(resource_type, "c") for scope in self._parsed())

    def is_narrowed(self, resource_type: str) -> bool:
        """Is the type granted in part only, such as `?category=laboratory`? Then what is not there may still exist."""
        return bool(self.narrowings(resource_type))

    def narrowings(self, resource_type: str) -> tuple[str, ...]:
        """The queries of the granted parts (`category=laboratory`) as granted; empty where the whole is."""
        if self._whole(resource_type):
            return ()
        mine = (scope.query for scope in self._parsed() if scope.covers(resource_type, "s"))
        return tuple(dict.fromkeys(query for query in map(_as_search, mine) if query))

    def parts(self, resource_type: str) -> tuple[str, ...]:
        """Codes of the granted categories (`laboratory`); empty where the type is narrowed by anything else."""
        pairs = [parse_qsl(query) for query in self.narrowings(resource_type)]
        if not all(len(pair) == 1 and pair[0][0] == "category" for pair in pairs):
            return ()
        return tuple(dict.fromkeys(pair[0][1].rpartition("|")[2] for pair in pairs))

    def may_search_for_user(self, resource_type: str) -> bool:
        """May the whole type be searched for whatever the signed-in user may see (`user/`), beyond the open chart?"""
        return any(one.level == "user" and not one.query and one.covers(resource_type, "s") for one in self._parsed())

    @property
    def has_user_level(self) -> bool:
        """Is anything granted at the level of the user, so that a launch without a patient is of use?"""
        return any(one.level == "user" for one in self._parsed())

    def _whole(self, resource_type: str) -> bool:
        return any(not scope.query and scope.covers(resource_type, "s") for scope in self._parsed())

    def _parsed(self) -> list[Scope]:
        return [scope for scope in map(parse, self.scopes) if scope]


def _as_search(query: str) -> str | None:
    """A scope's query as parameters that may stand in a search; None where it could change whose data are asked for."""
    pairs = parse_qsl(query, keep_blank_values=True)
    usable = [name for name, value in pairs if value and _PARAMETER.fullmatch(name) and name.split(":")[0] not in _OURS]
    return urlencode(pairs) if pairs and len(usable) == len(pairs) else None


def to_request(
    registered: Iterable[str], ehr_launch: bool, capabilities: Collection[str] = (), supported: Collection[str] = ()
) -> str:
    """Scopes to ask: `launch` for an EHR launch, `launch/patient` for a standalone one (2.2, 35-36 and 152).

    The registered resource scopes are asked in the version that discovery says the server knows.
    """
    version = _version(capabilities, supported)
    words = ["launch" if ehr_launch else "launch/patient"]
    for word in registered:
        scope = parse(word)
        if scope is None and word not in ("launch", "launch/patient"):
            words.append(word)
        elif scope is not None:
            words.append(_offered(word, scope, version, supported))
    return " ".join(_without_covered(words))


def _version(capabilities: Collection[str], supported: Collection[str]) -> int | None:
    """The one version that the server knows; None where it knows both, or does not say: then as registered."""
    versions = {number for number in (1, 2) if f"permission-v{number}" in capabilities}
    if not versions:
        versions = {scope.version for scope in map(parse, supported) if scope}
    return versions.pop() if len(versions) == 1 else None


def _offered(word: str, scope: Scope, version: int | None, supported: Collection[str]) -> str:
    """A narrowed scope is asked whole where the server lists its type, but not this part of it."""
    if version == 1 or (version == 2 and scope.version == 1):
        return scope.written(version)
    if scope.query and word not in supported and any(_is_whole(one, scope) for one in supported):
        return scope.written(2).partition("?")[0]
    return word


def _is_whole(word: str, scope: Scope) -> bool:
    one = parse(word)
    return one is not None and not one.query and (one.level, one.type) == (scope.level, scope.type)


def _without_covered(words: list[str]) -> list[str]:
    """Each word once, and no part of what is asked whole."""
    return [word for word in dict.fromkeys(words) if "?" not in word or word.partition("?")[0] not in words]
