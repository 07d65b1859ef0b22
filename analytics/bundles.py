"""The resources of a Bundle, with what they refer to inside it resolved (R4 §2.36.4.1).

A reference that is the `fullUrl` of an entry (urn:uuid and absolute ones) means that entry, and becomes `Type/id`. A
relative one is relative to the server of its own entry: where the Bundle does not hold what it names, it becomes
absolute.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from analytics.errors import DataError

Resource = dict[str, Any]
_RESTFUL = re.compile(r"(?P<root>https?://[^?#]*)/(?P<name>[A-Za-z]+/[A-Za-z0-9.\-]{1,64})")
_RELATIVE = re.compile(r"(?P<name>[A-Za-z]+/[A-Za-z0-9.\-]{1,64})(?:/_history/[A-Za-z0-9.\-]{1,64})?")


def resources(bundle: Resource) -> Iterator[Resource]:
    """Each resource of the Bundle. Raises DataError where one id may mean two resources: people could be mixed up."""
    listed = bundle.get("entry")
    entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    entries = [one for one in entries if isinstance(one.get("resource"), dict)]
    urls: dict[str, set[str]] = {}
    for entry in entries:
        if isinstance(entry.get("fullUrl"), str):
            urls.setdefault(_name(entry["resource"]), set()).add(entry["fullUrl"])
    if any(len(found) > 1 for found in urls.values()):
        raise DataError("A Bundle holds two resources of the same type and id, of two servers.",
                        "Give the resources of one server.")
    names = {url: name for name, (url,) in urls.items()}
    for entry in entries:
        yield _resolved(entry["resource"], names, _root(entry))


def _name(resource: Resource) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def _root(entry: dict[str, Any]) -> str | None:
    """The server of an entry, where its fullUrl says so."""
    found = _RESTFUL.fullmatch(str(entry.get("fullUrl")))
    return found["root"] if found and found["name"] == _name(entry["resource"]) else None


def _resolved(value: Any, names: dict[str, str], root: str | None) -> Any:
    if isinstance(value, list):
        return [_resolved(one, names, root) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _meant(one, names, root) if key == "reference" and isinstance(one, str) else _resolved(one, names, root)
        for key, one in value.items()
    }


def _meant(reference: str, names: dict[str, str], root: str | None) -> str:
    if reference in names:
        return names[reference]
    relative = _RELATIVE.fullmatch(reference)
    if relative is None or root is None or f"{root}/{relative['name']}" in names:
        return reference
    return f"{root}/{reference}"
