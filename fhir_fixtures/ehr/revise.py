"""Changes of single resources in a store that is being served. One row per resource is left, the newest version."""

import sqlite3
from typing import Any

import orjson

from fhir_fixtures.ehr import ingest
from fhir_fixtures.ehr.dates import isoformat
from fhir_fixtures.ehr.index import Keys, keys, reference_id

_KEPT = [name for name in ingest.COLUMNS if name not in ("updated", "body")]
BURY = (
    f"INSERT INTO deletion({', '.join(_KEPT)}, updated, body) SELECT {', '.join(_KEPT)}, ?, ? FROM resource"  # noqa: S608
    " WHERE id = ? AND type = ? AND current"
)


def put(db: sqlite3.Connection, resource: dict[str, Any], instant: int, found: Keys | None = None) -> bool:
    """Store a resource as its newest version, and give whether there was none before. Its `meta` changes in place."""
    kind, resource_id = resource["resourceType"], resource["id"]
    before, stands = _version(db, kind, resource_id)
    meta = resource.get("meta")
    stamp = {"versionId": str(before + 1), "lastUpdated": isoformat(instant)}
    resource["meta"] = {**(meta if isinstance(meta, dict) else {}), **stamp}
    for table in ("resource", "deletion"):
        db.execute(f"DELETE FROM {table} WHERE id = ? AND type = ?", (resource_id, kind))  # noqa: S608 -- the two above
    if kind == "Group":
        _drop_members(db, resource)
    ingest.add(db, resource, (found or keys(resource, kind, resource_id))._replace(updated=instant), joined=instant)
    return not stands


def delete(db: sqlite3.Connection, kind: str, resource_id: str, instant: int) -> bool:
    """Take a resource away and remember what it was; False when there is none. A Patient's membership of Groups stays,
    so that an export of the Group can tell that the Patient is gone.
    """
    before, stands = _version(db, kind, resource_id)
    if not stands:
        return False
    db.execute(BURY, (instant, str(before + 1), resource_id, kind))
    db.execute("DELETE FROM resource WHERE id = ? AND type = ?", (resource_id, kind))
    if kind == "Patient":
        db.execute("DELETE FROM person WHERE id = ?", (resource_id,))
    elif kind == "Group":
        db.execute("DELETE FROM member WHERE group_id = ?", (resource_id,))
    return True


def _version(db: sqlite3.Connection, kind: str, resource_id: str) -> tuple[int, bool]:
    """The number of the newest version (0 for none; data without numbers are at 1), and whether it still stands."""
    row = db.execute("SELECT body FROM resource WHERE id = ? AND type = ? AND current", (resource_id, kind)).fetchone()
    if row:
        return version_of(row[0]), True
    gone = db.execute("SELECT body FROM deletion WHERE id = ? AND type = ?", (resource_id, kind)).fetchone()
    return (int(gone[0]) if gone else 0), False


def version_of(body: bytes) -> int:
    """The number of a stored resource's version; 1 where the data have none, or no number."""
    meta = orjson.loads(body).get("meta")
    text = str(meta.get("versionId")) if isinstance(meta, dict) else ""
    return int(text) if text.isdecimal() else 1


def _drop_members(db: sqlite3.Connection, group: dict[str, Any]) -> None:
    """Those who are no longer named leave; who stays has joined when they joined."""
    listed = group.get("member")
    entities = [one.get("entity") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    named = [patient for entity in entities if (patient := reference_id(entity, "Patient"))]
    sql = "DELETE FROM member WHERE group_id = ? AND patient NOT IN (SELECT value FROM json_each(?))"
    db.execute(sql, (group["id"], orjson.dumps(named).decode()))
