"""FHIR R4 over HTTP: metadata, read, search, pages, create. Rules live in guard.py, search.py, bundle.py, create.py."""

from functools import lru_cache
from urllib.parse import parse_qsl

from flask import Blueprint, Response, request

from fhir_fixtures.ehr import users
from fhir_fixtures.ehr.bundle import first_page, next_page, understand
from fhir_fixtures.ehr.capability import statement
from fhir_fixtures.ehr.create import CREATABLE, create
from fhir_fixtures.ehr.dates import isoformat
from fhir_fixtures.ehr.guard import rights
from fhir_fixtures.ehr.outcome import FHIR_JSON, FhirError, fhir_response
from fhir_fixtures.ehr.revise import version_of
from fhir_fixtures.ehr.sandbox import external_base, fhir_base, sandbox

blueprint = Blueprint("fhir", __name__, url_prefix="/fhir")

READABLE = ("application/*", "*/*", FHIR_JSON, "application/json", "text/json", "json")


@blueprint.before_request
def _speak_json() -> None:
    """406 for a client that takes no JSON; `_format` goes before Accept (FHIR R4 3.1.0.1.11)."""
    wanted = next((value for name, value in _query() if name == "_format"), "") or request.headers.get("Accept", "*/*")
    asked = [part.partition(";")[0].strip().lower() for part in wanted.replace(" json", "+json").split(",")]
    if not set(asked) & set(READABLE):
        raise FhirError(406, "This server speaks application/fhir+json.")


@blueprint.get("/metadata")
def metadata() -> Response:
    """The CapabilityStatement, open to everyone."""
    kinds = sandbox().kinds | frozenset(CREATABLE)
    built = isoformat(int(sandbox().store.meta().get("built", "0")))
    return fhir_response(statement(fhir_base(request), external_base(request) + "/auth", kinds, built))


@blueprint.get("")
@blueprint.get("/")
def page() -> Response:
    """A further page of an earlier search."""
    token = rights(sandbox(), request)
    key = request.args.get("_page")
    if not key:
        raise FhirError(400, "A search needs a resource type.", code="not-supported")
    return fhir_response(next_page(sandbox(), token, key, fhir_base(request)))


@blueprint.get("/<kind>/<resource_id>")
@blueprint.get("/<kind>/<resource_id>/_history/<int:version>")
def read(kind: str, resource_id: str, version: int | None = None) -> Response:
    """One resource, of which only the newest version is kept. What the token may not see is not there: 404, as for an
    id that never was; 410 for what was deleted (only to tokens that are bound to no patient).
    """
    _known(kind)
    token = rights(sandbox(), request)
    if version is None and token.is_user(f"{kind}/{resource_id}"):
        return fhir_response(users.resource(sandbox().store, f"{kind}/{resource_id}") or {})
    body = sandbox().store.read(kind, resource_id, token.must(kind, "r"))
    if body is None and token.patient is None and sandbox().store.is_deleted(kind, resource_id):
        raise FhirError(410, f"This {kind} was deleted.")
    if body is None or version not in (None, version_of(body)):
        raise FhirError(404, f"There is no such {kind}, or this token may not see it.")
    return fhir_response(body)


@blueprint.get("/<kind>")
def search_by_get(kind: str) -> Response:
    """Search by query string."""
    return _search(kind, _query())


@blueprint.post("/<kind>/_search")
def search_by_post(kind: str) -> Response:
    """Search by form, together with the query string."""
    if request.mimetype != "application/x-www-form-urlencoded":
        raise FhirError(415, "The body of _search must be a form.")
    return _search(kind, [*_query(), *request.form.items(multi=True)])


def _query() -> list[tuple[str, str]]:
    """Names and values of the query string."""
    parts = request.query_string.decode(errors="replace").split("&")
    return [pair for part in parts for pair in _opened(part)]


@lru_cache(256)  # long lists of codes come with each chart, and are slow to unquote
def _opened(part: str) -> tuple[tuple[str, str], ...]:
    """`name=value` as a pair; none for an empty part."""
    return tuple(parse_qsl(part, keep_blank_values=True))


def _search(kind: str, pairs: list[tuple[str, str]]) -> Response:
    _known(kind)
    token = rights(sandbox(), request)
    token.must(kind, "s")
    query = understand(kind, pairs)
    if query.unknown and "handling=strict" in request.headers.get("Prefer", "").replace(" ", ""):
        raise FhirError(400, "A search parameter is not supported for this type.", code="not-supported")
    return fhir_response(first_page(sandbox(), token, query, fhir_base(request)))


@blueprint.post("/<kind>")
def create_one(kind: str) -> Response:
    """Create a resource; 200 instead of 201 when If-None-Exist found it."""
    _known(kind)
    resource, new = create(sandbox(), rights(sandbox(), request), kind, request)
    minimal = "return=minimal" in request.headers.get("Prefer", "").replace(" ", "")
    response = fhir_response(b"" if minimal else resource, 201 if new else 200)
    response.headers["Location"] = f"{fhir_base(request)}/{kind}/{resource['id']}/_history/1"
    response.headers["ETag"] = 'W/"1"'
    return response


def _known(kind: str) -> None:
    if not sandbox().knows(kind):
        raise FhirError(404, "This server has no such resource type.", code="not-supported")
