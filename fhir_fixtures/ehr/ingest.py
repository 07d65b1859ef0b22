"""Streams resources into a new store: one pass, one transaction, indexes last, and the file appears only when it is
whole.
"""

import contextlib
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from fhir_fixtures.ehr.dates import millis, to_date
from fhir_fixtures.ehr.index import Keys, keys, reference_id

FILE_NAME = "ehr.db"
BATCH = 2000
VERSION = "4"  # raise it when the columns or keys change: older stores are then built anew

SCHEMA = """
CREATE TABLE resource(row INTEGER PRIMARY KEY, type TEXT, id TEXT, patient TEXT, updated INTEGER, status TEXT,
  clinical TEXT, date_low INTEGER, date_high INTEGER, recorded_low INTEGER, recorded_high INTEGER, code TEXT,
  component TEXT, category TEXT, class TEXT, identifier TEXT, body BLOB, current INTEGER DEFAULT 1);
CREATE TABLE deletion AS SELECT * FROM resource LIMIT 0;
CREATE TABLE oddity(row INTEGER PRIMARY KEY, type TEXT, reason TEXT, place TEXT, line BLOB);
CREATE TABLE member(group_id TEXT, patient TEXT, joined INTEGER, PRIMARY KEY(group_id, patient)) WITHOUT ROWID;
CREATE TABLE person(id TEXT PRIMARY KEY, name TEXT, born TEXT, sex TEXT, mrn TEXT, died TEXT, story TEXT);
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT);
"""
INDEXES = """
CREATE INDEX by_type ON resource(type);
CREATE INDEX by_id ON resource(id, type);
CREATE INDEX by_patient ON resource(patient, type);
CREATE INDEX deletion_by_id ON deletion(id, type);
PRAGMA analysis_limit = 400;
ANALYZE;
"""  # by_patient ends in the row, as every index does: a patient's resources of one type come by it in stored order,
# whatever the statistics say. With a date behind the type they were looked for among everybody's.
# Of several rows with one type and id the newest stands (then the last); the others stay for bulk export only.
SUPERSEDE = """
UPDATE resource SET current = 0 WHERE row IN (
  SELECT row FROM (
    SELECT row, row_number() OVER (PARTITION BY type, id ORDER BY updated DESC, row DESC) AS n FROM resource
    WHERE (id, type) IN (SELECT id, type FROM resource GROUP BY id, type HAVING count(*) > 1)) WHERE n > 1);
"""
COLUMNS = (*(field.rstrip("_") for field in Keys._fields), "body")
INSERT = f"INSERT INTO resource({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 -- constants


def build(
    folder: Path,
    lines: Iterable[tuple[str, bytes]],
    *,
    parameters: str = "",
    places: Callable[[], str] | None = None,
    stories: Callable[[], dict[str, str]] | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write `folder/ehr.db` from `(type, line)` pairs; an unfinished build leaves no store behind.

    `parameters`: what this store was built from, to recognise it later. `places`: gives file and line of the pair
    just read,
    for counting unusable lines. `stories`: patient id -> its story in a few words, asked for after the last line.
    `progress`: called with the number of lines read now and then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / (FILE_NAME + ".building")
    unfinished.unlink(missing_ok=True)
    try:
        with contextlib.closing(sqlite3.connect(unfinished, isolation_level=None)) as db:
            _fill(db, lines, places or (lambda: ""), progress or (lambda read: None))
            _name_people(db, stories() if stories else {})
            _note(db, parameters)
        for stale in (FILE_NAME + "-wal", FILE_NAME + "-shm"):
            (folder / stale).unlink(missing_ok=True)
        unfinished.replace(folder / FILE_NAME)
    finally:
        unfinished.unlink(missing_ok=True)


def _fill(
    db: sqlite3.Connection,
    lines: Iterable[tuple[str, bytes]],
    places: Callable[[], str],
    progress: Callable[[int], None],
) -> None:
    db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -64000;" + SCHEMA)
    db.execute("BEGIN")
    for read, batch in enumerate(_batches(db, lines, places), start=1):
        db.executemany(INSERT, batch)
        progress(read * BATCH)
    db.execute("COMMIT")
    db.executescript(INDEXES + SUPERSEDE)
    _add_default_groups(db)
    _add_default_clinicians(db)


def _batches(
    db: sqlite3.Connection, lines: Iterable[tuple[str, bytes]], places: Callable[[], str]
) -> Iterator[list[tuple[Any, ...]]]:
    batch: list[tuple[Any, ...]] = []
    for kind, line in lines:
        row = parse(kind, line)
        if isinstance(row, str):
            db.execute("INSERT INTO oddity(type, reason, place, line) VALUES (?, ?, ?, ?)", (kind, row, places(), line))
            continue
        found, resource = row
        batch.append((*found, line))
        if kind == "Patient":
            db.execute("INSERT OR REPLACE INTO person VALUES (?, ?, ?, ?, ?, ?, NULL)", _person(resource))
        elif kind == "Group":
            _add_members(db, resource)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    yield batch


def parse(kind: str, line: bytes) -> tuple[Keys, dict[str, Any]] | str:
    """Search keys and parsed resource of a line from the file of type `kind`, or the reason why it is not usable."""
    try:
        resource = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "broken_json"
    if not isinstance(resource, dict):
        return "not_an_object"
    if resource.get("resourceType") != kind:
        return "wrong_type"
    resource_id = resource.get("id")
    if not isinstance(resource_id, str) or not resource_id:
        return "no_id"
    return keys(resource, kind, resource_id), resource


def _person(patient: dict[str, Any]) -> tuple[Any, ...]:
    """The row of the patient list; a Patient resource of odd shape gives empty cells."""
    return (
        patient["id"],
        display_name(patient),
        _text(patient.get("birthDate")),
        _text(patient.get("gender")),
        _record_number(patient),
        _text(patient.get("deceasedDateTime"))[:10],
    )


def display_name(person: dict[str, Any]) -> str:
    """`Family, Given` of the first usable HumanName; empty when there is none."""
    names = person.get("name")
    for name in names if isinstance(names, list) else ():
        if isinstance(name, dict):
            given = name.get("given")
            first = " ".join(part for part in given if isinstance(part, str)) if isinstance(given, list) else ""
            parts = [part for part in (_text(name.get("family")), first) if part]
            if parts:
                return ", ".join(parts)
    return ""


def _record_number(patient: dict[str, Any]) -> str:
    """The identifier of type MR (v2-0203), else the first identifier."""
    listed = patient.get("identifier")
    known = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    for one in known:
        if b'"MR"' in orjson.dumps(one.get("type")):
            return _text(one.get("value"))
    return _text(known[0].get("value")) if known else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _name_people(db: sqlite3.Connection, stories: dict[str, str]) -> None:
    db.executemany("UPDATE person SET story = ? WHERE id = ?", [(story, patient) for patient, story in stories.items()])


def _add_default_groups(db: sqlite3.Connection) -> None:
    everyone = [row[0] for row in db.execute("SELECT id FROM person ORDER BY id")]
    north = [patient for patient in everyone if zlib.crc32(patient.encode()) % 2 == 0]
    for group_id, name, members in (("all", "All patients", everyone), ("clinic-north", "Clinic North", north)):
        if not db.execute("SELECT 1 FROM resource WHERE type = 'Group' AND id = ?", (group_id,)).fetchone():
            add(db, _group(group_id, name, members))


def _add_default_clinicians(db: sqlite3.Connection) -> None:
    """Somebody must be able to sign in: two Practitioners, where the data bring fewer."""
    if db.execute("SELECT count(*) FROM resource WHERE type = 'Practitioner'").fetchone()[0] >= 2:
        return
    for number, family, given in ((1, "Okafor", "Amara"), (2, "Brandt", "Lukas")):
        name = [{"family": family, "given": [given], "prefix": ["Dr."]}]
        meta = {"lastUpdated": "2020-01-01T00:00:00Z"}
        person = {"resourceType": "Practitioner", "id": f"sandbox-clinician-{number}", "meta": meta, "name": name}
        add(db, {**person, "active": True})


def _group(group_id: str, name: str, members: list[str]) -> dict[str, Any]:
    return {
        "resourceType": "Group",
        "id": group_id,
        "meta": {"lastUpdated": "2020-01-01T00:00:00Z"},
        "active": True,
        "type": "person",
        "actual": True,
        "name": name,
        "quantity": len(members),
        "member": [{"entity": {"reference": f"Patient/{patient}"}} for patient in members],
    }


def add(db: sqlite3.Connection, resource: dict[str, Any], found: Keys | None = None, joined: int = 0) -> None:
    """Store one resource that has `resourceType` and `id`, and the membership of a Group; the caller has a
    transaction.

    `joined`: when members that are new to the Group became so, in ms.
    """
    found = found or keys(resource, resource["resourceType"], resource["id"])
    db.execute(INSERT, (*found, orjson.dumps(resource)))
    if found.type == "Patient":
        story = db.execute("SELECT story FROM person WHERE id = ?", (found.id,)).fetchone()
        row = (*_person(resource), story[0] if story else None)
        db.execute("INSERT OR REPLACE INTO person VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    elif found.type == "Group":
        _add_members(db, resource, joined)


def _add_members(db: sqlite3.Connection, group: dict[str, Any], joined: int = 0) -> None:
    members = group.get("member")
    for member in members if isinstance(members, list) else ():
        patient = reference_id(member.get("entity"), "Patient") if isinstance(member, dict) else None
        if patient:
            db.execute("INSERT OR IGNORE INTO member VALUES (?, ?, ?)", (group["id"], patient, joined))


def _note(db: sqlite3.Connection, parameters: str) -> None:
    """Note what the store was made from and the day of its newest Encounter that does not lie in the future."""
    now = millis(datetime.now(UTC))
    sql = "SELECT max(date_low) FROM resource WHERE type = 'Encounter' AND date_low <= ?"
    newest = db.execute(sql, (now,)).fetchone()[0]
    notes = {"version": VERSION, "parameters": parameters, "built": str(now)}
    if newest is not None:
        notes["newest_encounter"] = to_date(newest).isoformat()
    db.executemany("INSERT INTO meta VALUES (?, ?)", notes.items())
