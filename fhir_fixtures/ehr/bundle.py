"""Runs a search for one token and makes the searchset Bundle: matches, includes, and an opaque link to the next
page.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson

from fhir_fixtures.ehr import search
from fhir_fixtures.ehr.guard import Rights
from fhir_fixtures.ehr.index import reference_id
from fhir_fixtures.ehr.outcome import FhirError
from fhir_fixtures.ehr.sandbox import Sandbox
from fhir_fixtures.ehr.store import Condition, Store, all_of, in_list
from fhir_fixtures.ehr.vault import PAGE_SECONDS

DEFAULT_COUNT = 50
MAX_COUNT = 500
ENTRIES = b',"entry":['
PLAIN = frozenset(("_format", "_pretty", "_total"))  # known, and without effect on which resources come


@dataclass(frozen=True)
class Query:
    """One search as understood; `self_pairs` are the parameters that were used, `unknown` the names that were not."""

    kind: str
    conditions: tuple[Condition, ...] = ()
    order: search.Order = field(default_factory=search.Order)
    count: int = DEFAULT_COUNT
    only_total: bool = False
    includes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    self_pairs: tuple[tuple[str, str], ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """What lies behind a next link: the search, where it stopped, and whose it is."""

    query: Query
    total: int
    after: tuple[int, int]
    owner: tuple[str, str | None]


def understand(kind: str, pairs: Iterable[tuple[str, str]]) -> Query:
    """Read search parameters. Raises a 400 FhirError for a known parameter whose value cannot be used."""
    query, filters = Query(kind), []
    used: list[tuple[str, str]] = []
    unknown: list[str] = []
    for name, value in pairs:
        result = _result_parameter(query, name, value)
        if result is not None:
            query = result
            used.append((name, value))
        elif name.startswith("_") and name.partition(":")[0] not in search.parameters(kind):
            unknown.append(name)
        else:
            filters.append((name, value))
    try:
        found, not_known = search.conditions(kind, filters)
    except search.BadValue as error:
        raise FhirError(400, str(error), code="value") from error
    used += [(name, value) for name, value in filters if name not in not_known]
    return replace(query, conditions=tuple(found), self_pairs=tuple(used), unknown=(*unknown, *not_known))


def _result_parameter(query: Query, name: str, value: str) -> Query | None:
    """The query with a parameter that shapes the answer; None when it is none that is understood here."""
    if name in PLAIN:
        return query
    if name == "_count":
        if not value.isdecimal() or len(value) > 9:
            raise FhirError(400, "_count must be a whole number, 0 or more.", code="value")
        return replace(query, count=min(int(value), MAX_COUNT), only_total=query.only_total or int(value) == 0)
    if name == "_summary" and value in ("count", "false"):
        return replace(query, only_total=query.only_total or value == "count")
    if name == "_sort":
        wanted = search.order(query.kind, value)
        return replace(query, order=wanted) if wanted else None
    if name == "_include":
        known = search.includes(query.kind)
        return replace(query, includes=(*query.includes, known[value])) if value in known else None
    return None


@lru_cache(256)  # long lists of codes come with each chart, and are slow to write
def _quoted(value: str, *given: Any) -> str:
    return quote_plus(value, *given)


def first_page(sandbox: Sandbox, rights: Rights, query: Query, base: str) -> dict[str, Any] | bytes:
    """The searchset of a fresh search; 403 when the token may not search this type."""
    link = f"{base}/{query.kind}" + (f"?{urlencode(query.self_pairs, quote_via=_quoted)}" if query.self_pairs else "")
    if query.only_total:
        total = _total(sandbox, rights, query)
        links = [{"relation": "self", "url": link}]
        return {"resourceType": "Bundle", "type": "searchset", "total": total, "link": links}
    return _page(sandbox, rights, query, None, None, link, base)


def _matches(rights: Rights, query: Query) -> list[Condition]:
    # The token's own rule is applied anew on each page: a link carries no right of its own.
    return [Condition("type = ?", (query.kind,)), rights.must(query.kind, "s"), *query.conditions]


def _total(sandbox: Sandbox, rights: Rights, query: Query) -> int:
    return int(sandbox.store.select("count(*)", all_of(_matches(rights, query)))[0][0])


def next_page(sandbox: Sandbox, rights: Rights, key: str, base: str) -> bytes:
    """The page behind a link: 410 when the link is too old, 404 for a token of another app or patient."""
    page = sandbox.vault.pages.get(key)
    if page is None:
        raise FhirError(410, "This page link has expired; repeat the search.", code="expired")
    if page.owner != (rights.client_id, rights.patient):
        raise FhirError(404, "There is no such page.")
    return _page(sandbox, rights, page.query, page.total, page.after, f"{base}?_page={key}", base)


def _page(
    sandbox: Sandbox,
    rights: Rights,
    query: Query,
    total: int | None,
    after: tuple[int, int] | None,
    link: str,
    base: str,
) -> bytes:
    """`total` is None on the first page: what fits in one need not be counted again."""
    parts = _matches(rights, query)
    if after:
        parts.append(query.order.after(*after))
    columns = f"row, {query.order.expression}, id, body"
    rows = sandbox.store.select(columns, all_of(parts), query.order.sql + " LIMIT ?", (query.count + 1,))
    shown = rows[: query.count]
    links = [{"relation": "self", "url": link}]
    if total is None:
        total = len(rows) if len(rows) <= query.count else _total(sandbox, rights, query)
    if len(rows) > query.count:
        last = shown[-1]
        page = Page(query, total, (last[1], last[0]), (rights.client_id, rights.patient))
        links.append({"relation": "next", "url": f"{base}?_page={sandbox.vault.pages.put(page, PAGE_SECONDS)}"})
    entries = [_entry(base, query.kind, row[2], row[3], "match") for row in shown]
    entries += _included(sandbox.store, rights, query, [row[3] for row in shown], base)
    return _bundle(total, links, entries)


def _included(store: Store, rights: Rights, query: Query, bodies: Iterable[bytes], base: str) -> list[bytes]:
    """The resources that the matches point at, each once, as far as this token may read their type."""
    if not query.includes:
        return []
    resources = [orjson.loads(body) for body in bodies]
    entries: dict[tuple[str, str], bytes] = {}
    for kind, fields in query.includes:
        rule = rights.rule(kind, "r")
        ids = {reference_id(resource.get(name), kind) for resource in resources for name in fields} - {None}
        if rule is None or not ids:
            continue
        where = all_of([Condition("type = ?", (kind,)), rule, in_list("id", [one for one in ids if one])])
        for found, body in store.select("id, body", where, "ORDER BY row"):
            entries[kind, found] = _entry(base, kind, found, body, "include")
    return list(entries.values())


def _entry(base: str, kind: str, resource_id: str, body: bytes, mode: str) -> bytes:
    """An entry with the resource's bytes as they lie in the store."""
    url = orjson.dumps(f"{base}/{kind}/{resource_id}")
    return b'{"fullUrl":%b,"resource":%b,"search":{"mode":"%b"}}' % (url, body, mode.encode())


def _bundle(total: int, links: list[dict[str, str]], entries: list[bytes]) -> bytes:
    head = orjson.dumps({"resourceType": "Bundle", "type": "searchset", "total": total, "link": links})
    if not entries:
        return head  # FHIR forbids empty arrays
    return head[:-1] + ENTRIES + b",".join(entries) + b"]}"


def has_entries(bundle: bytes) -> bool:
    """Did this search find anything? No text of a JSON document holds these bytes: its quotes are escaped there."""
    return ENTRIES in bundle
