"""Reads the parameters of `$export` and says what they select (Bulk Data Access IG 3.0, "query parameters")."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qsl

import orjson
from flask import Request

from fhir_fixtures.ehr import search
from fhir_fixtures.ehr.guard import SHARED_TYPES, Rights
from fhir_fixtures.ehr.outcome import FhirError
from fhir_fixtures.ehr.store import EVERYTHING, Condition, Selection, Store, any_of

FORMATS = {"application/fhir+ndjson", "application/ndjson", "ndjson"}
ASSOCIATED = {"LatestProvenanceResources", "RelevantProvenanceResources"}
KNOWN = {"_type", "_since", "_until", "_typeFilter", "_elements", "patient", "_outputFormat", "includeAssociatedData",
         "allowPartialManifests", "organizeOutputBy"}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")
NEXT_FILTER = re.compile(r",(?=[A-Z][A-Za-z]+\?)")  # other commas are values of a search
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}

Parameters = dict[str, list[str]]


@dataclass(frozen=True)
class Wanted:
    """One type's part of an export. `elements`: top-level elements to keep, empty for all."""

    type: str
    selections: tuple[Selection, ...]  # one per _typeFilter of the type, joined by OR; else exactly one
    elements: frozenset[str] = frozenset()
    oddities: bool = False  # unusable lines of the data folder too, as careless servers send them
    latest_only: bool = False  # of the Provenances of a resource

    def line(self, line: bytes) -> bytes:
        """`_elements`: what was asked, with id, and marked SUBSETTED (FHIR R4 search, "elements")."""
        if not self.elements:
            return line
        resource = orjson.loads(line)
        kept = {key: resource[key] for key in resource if key in self.elements or key in ("resourceType", "id", "meta")}
        meta = dict(kept.get("meta") or {})
        kept["meta"] = {**meta, "tag": [*meta.get("tag", []), SUBSETTED]}
        return orjson.dumps(kept)


def where(wanted: Wanted) -> Condition:
    """The rows of this type that are wanted."""
    return any_of(selection.condition() for selection in wanted.selections)


def preferences(request: Request) -> set[str]:
    """The values of `Prefer` (RFC 7240), without spaces."""
    values = ",".join(request.headers.getlist("Prefer")).replace(";", ",").split(",")
    return {value.replace(" ", "") for value in values}


def read_parameters(request: Request, compartment: bool) -> tuple[Parameters, list[str]]:
    """Values by name, comma lists split, and the names that `handling=lenient` lets the server pass over.

    Raises FhirError 400 for what cannot be honoured.
    """
    found: Parameters = {}
    for name, value in pairs(request):
        found.setdefault(name, []).extend(NEXT_FILTER.split(value) if name == "_typeFilter" else value.split(","))
    if "patient" in found and (request.method == "GET" or not compartment):
        raise FhirError(400, "patient is for POST on Patient and Group level only.")
    unknown = sorted(set(found) - KNOWN)
    if set(found.get("organizeOutputBy", ())) - {"Patient"}:
        unknown.append("organizeOutputBy")
        del found["organizeOutputBy"]
    if unknown and "handling=lenient" not in preferences(request):
        raise FhirError(400, "A parameter is not supported; handling=lenient passes it over.", code="not-supported")
    for name, values in (("_outputFormat", FORMATS), ("includeAssociatedData", ASSOCIATED)):
        if not set(found.get(name, ())) <= values:
            raise FhirError(400, f"{name} has a value that is not supported.", code="not-supported")
    return found, unknown


def pairs(request: Request) -> list[tuple[str, str]]:
    """Names and values as they came, from the query string or a POSTed Parameters resource."""
    if request.method != "POST":
        return parse_qsl(request.query_string.decode())
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict) or body.get("resourceType") != "Parameters":
        body = {"parameter": None}
    parts = body.get("parameter", [])
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise FhirError(400, "The body must be a Parameters resource.", code="structure")
    return [(str(part.get("name")), _value(part)) for part in parts]


def _value(part: dict[str, object]) -> str:
    value = next((value for key, value in part.items() if key.startswith("value")), "")
    if isinstance(value, dict):
        value = value.get("reference", "")
    return str(value).lower() if isinstance(value, bool) else str(value)


def select(store: Store, parameters: Parameters, rights: Rights, group: str | None, compartment: bool,
           newcomers: bool = False) -> list[Wanted]:  # fmt: skip
    """What to export, type by type. Raises FhirError: 403 for types outside the scopes, 400 for bad values.

    `newcomers`: a group export with `_since` takes new members whole.
    """
    patients = frozenset(value.rpartition("/")[2] for value in parameters.get("patient", ())) or None
    whole = Selection(patients=patients, group=group, compartment=compartment, newcomers=newcomers,
                      since=_instant(parameters, "_since"), until=_instant(parameters, "_until"))
    asked = parameters.get("_type", [])
    associated = parameters.get("includeAssociatedData", [])
    wanted = []
    for kind in _types(store, asked, rights, bool(associated)):
        selection = whole
        if compartment and kind in SHARED_TYPES:
            if kind not in asked:
                continue
            selection = Selection(since=whole.since, until=whole.until)  # they belong to nobody
        reach = (rights.must(kind, "r"), rights.must(kind, "s"))
        filters = _filtered(kind, replace(selection, conditions=reach), parameters.get("_typeFilter", []))
        elements = _elements(kind, parameters.get("_elements", []))
        untouched = replace(whole, newcomers=False) == EVERYTHING and len(filters) == 1 and not elements
        latest = kind == "Provenance" and "LatestProvenanceResources" in associated
        wanted.append(Wanted(kind, filters, elements, oddities=untouched and not latest, latest_only=latest))
    return wanted


def _types(store: Store, asked: list[str], rights: Rights, associated: bool) -> list[str]:
    """Types to export: those asked for (403 when the token does not reach one), else all that the token reaches."""
    system = replace(rights, scopes=tuple(scope for scope in rights.scopes if scope.level == "system"))
    for kind in asked:
        system.must(kind, "r")
        system.must(kind, "s")
    known = store.types()
    if not asked:
        return [kind for kind in known if system.rule(kind, "r") and system.rule(kind, "s")]
    more = ["Provenance"] if associated and system.rule("Provenance", "r") else []
    return [kind for kind in dict.fromkeys([*asked, *more]) if kind in known]


def _filtered(kind: str, selection: Selection, filters: list[str]) -> tuple[Selection, ...]:
    """`_typeFilter=Type?query`; repeated ones for a type are joined by OR."""
    queries = [text.partition("?")[2] for text in filters if text.partition("?")[0] == kind]
    found = []
    for query in queries:
        try:
            conditions, unknown = search.conditions(kind, parse_qsl(query))
        except search.BadValue as error:
            raise FhirError(400, f"_typeFilter for {kind}: {error}") from None
        if unknown:
            raise FhirError(400, f"_typeFilter for {kind} has an unknown search parameter.", code="not-supported")
        found.append(replace(selection, conditions=(*selection.conditions, *conditions)))
    return tuple(found) or (selection,)


def _elements(kind: str, elements: list[str]) -> frozenset[str]:
    parts = [element.rpartition(".") for element in elements]
    return frozenset(name for owner, _, name in parts if owner in ("", kind))


def _instant(parameters: Parameters, name: str) -> datetime | None:
    values = parameters.get(name)
    if not values:
        return None
    try:
        if len(values) == 1 and INSTANT.fullmatch(values[0]):
            return datetime.fromisoformat(values[0])
    except ValueError:
        pass
    raise FhirError(400, f"{name} must be one FHIR instant.", code="value")
