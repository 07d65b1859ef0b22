"""The sandbox's memory: every resource as the bytes it came in, in one SQLite file, beside what search needs to know
of it.

First call: `Store.build(folder, lines)` once, then `Store(folder)` anywhere; connections are opened per thread.
Bulk export reads `types`, `chunks`, `oddities`, `deletions` and `has_group` within a `snapshot`; FHIR reads and
searches `read` and `select`; `change` writes.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from fhir_fixtures.ehr import ingest, revise
from fhir_fixtures.ehr.dates import millis
from fhir_fixtures.ehr.index import Keys
from fhir_fixtures.ehr.ingest import FILE_NAME

MAPPED_BYTES = 2**31  # of the file, at most: a sandbox of 10,000 people has 1.5 GB


@dataclass(frozen=True)
class Condition:
    """A piece of SQL over the columns of `resource`, with its values. Made by search.py, never from request text."""

    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Selection:
    """Which rows an export takes.

    `patients`: ids of the patients whose compartments are taken; None takes everyone. `group`: the members of this
    Group
    only. `compartment`: only what belongs to some patient (Patient- and Group-level exports), not shared resources.
    `since` and `until`: `meta.lastUpdated` later than / not later than this instant. `newcomers`: with `group`
    and `since`, whoever joined the group since then is taken whole. `conditions`: further filters, e.g.
    `search.conditions(kind, params)` for `_typeFilter`; all must hold.
    """

    patients: frozenset[str] | None = None
    group: str | None = None
    compartment: bool = False
    since: datetime | None = None
    until: datetime | None = None
    newcomers: bool = False
    conditions: tuple[Condition, ...] = ()

    def condition(self) -> Condition:
        """This selection as one SQL condition."""
        parts: list[Condition] = list(self.conditions)
        if self.patients is not None:
            parts.append(in_list("patient", self.patients))
        if self.group is not None:
            parts.append(Condition("patient IN (SELECT patient FROM member WHERE group_id = ?)", (self.group,)))
        if self.compartment:
            parts.append(Condition("patient IS NOT NULL"))
        if self.since is not None:
            parts.append(self._changed(millis(self.since)))
        if self.until is not None:
            parts.append(Condition("updated <= ?", (millis(self.until),)))
        return all_of(parts)

    def _changed(self, since: int) -> Condition:
        changed = Condition("updated > ?", (since,))
        if not self.newcomers or self.group is None:
            return changed
        joined = "patient IN (SELECT patient FROM member WHERE group_id = ? AND joined > ?)"
        return any_of([changed, Condition(joined, (self.group, since))])


EVERYTHING = Selection()


def all_of(conditions: Iterable[Condition]) -> Condition:
    """All must hold; none given always holds."""
    return _joined(conditions, " AND ", "1")


def any_of(conditions: Iterable[Condition]) -> Condition:
    """At least one must hold; none given never holds."""
    return _joined(conditions, " OR ", "0")


def _joined(conditions: Iterable[Condition], word: str, empty: str) -> Condition:
    parts = list(conditions)
    sql = word.join(f"({part.sql})" for part in parts) or empty
    return Condition(sql, tuple(chain.from_iterable(part.values for part in parts)))


def in_list(column: str, values: Iterable[str]) -> Condition:
    """`column` is one of `values`, however many there are."""
    wanted = sorted(values)
    if len(wanted) == 1:  # the planner finds one patient by index; a list it would look for in the whole type
        return Condition(f"{column} = ?", (wanted[0],))
    return Condition(f"{column} IN (SELECT value FROM json_each(?))", (orjson.dumps(wanted).decode(),))  # noqa: S608


class Store:
    """One built store, open for reading and for the few resources that clients create.

    Raises FileNotFoundError when the folder holds no finished store.
    """

    def __init__(self, folder: Path | str) -> None:
        self.path = Path(folder) / FILE_NAME
        if not self.path.is_file():
            raise FileNotFoundError(f"no store at {self.path}; build one with Store.build")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._ticked = 0

    @staticmethod
    def build(folder: Path | str, lines: Iterable[tuple[str, bytes]], **options: Any) -> "Store":
        """Stream `(type, line)` pairs into a new store and open it; see `ingest.build` for the options."""
        ingest.build(Path(folder), lines, **options)
        return Store(folder)

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, opened at its first use."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(self.path, isolation_level=None, timeout=30, check_same_thread=False)
            found.execute("PRAGMA journal_mode = WAL")
            found.execute("PRAGMA synchronous = NORMAL")
            found.execute("PRAGMA cache_size = -8000")
            # A patient's resources lie all over the file, and each thread has a cache of its own: half of a search's
            # time were reads of single pages.
            found.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")
            self._local.connection = found
        return found

    def close(self) -> None:
        """Close this thread's connection. Those of other threads end with their threads: closing one that is being
        read would end the process.
        """
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
        self._local = threading.local()

    # -- bulk export ----------------------------------------------------------------------------------------------

    def types(self) -> list[str]:
        """Resource types that the store has, or had, lines for, odd ones included, by name."""
        tables = ("SELECT DISTINCT type FROM resource", "SELECT type FROM oddity", "SELECT type FROM deletion")
        rows = self.connection().execute(" UNION ".join(tables) + " ORDER BY 1")
        return [row[0] for row in rows]

    def counts(self, kinds: Iterable[str] | None = None, selection: Selection = EVERYTHING) -> dict[str, int]:
        """Rows per type under a selection, without oddities; a type without rows is left out."""
        where = all_of([selection.condition(), *([in_list("type", kinds)] if kinds is not None else [])])
        sql = f"SELECT type, count(*) FROM resource WHERE {where.sql} GROUP BY type"  # noqa: S608 -- our own SQL
        return dict(self.connection().execute(sql, where.values))

    def chunks(
        self, kind: str, selection: Selection = EVERYTHING, *, after: int = 0, size: int = 500
    ) -> Iterator[list[tuple[int, bytes]]]:
        """All lines of a type in the order they were loaded, as lists of at most `size` pairs (row number, line).

        Repeated resources come repeatedly, as careless servers send them. `after` resumes behind a row number. Lines
        have
        no line feed. Each list is read when asked for, so memory stays at one list.
        """
        where = selection.condition()
        sql = f"SELECT row, body FROM resource WHERE type = ? AND row > ? AND ({where.sql}) ORDER BY row LIMIT ?"  # noqa: S608
        while True:
            found = self.connection().execute(sql, (kind, after, *where.values, size)).fetchall()
            if not found:
                return
            yield found
            after = found[-1][0]

    def oddities(self, kind: str) -> Iterator[bytes]:
        """Lines that came in this type's file and are not usable resources (broken JSON, no id, another type), raw."""
        for row in self.connection().execute("SELECT line FROM oddity WHERE type = ? ORDER BY row", (kind,)):
            yield row[0]

    def oddity_counts(self) -> dict[str, int]:
        """Unusable lines by reason."""
        return dict(self.connection().execute("SELECT reason, count(*) FROM oddity GROUP BY reason ORDER BY reason"))

    def has_group(self, group_id: str) -> bool:
        """Is there a Group of this id to export?"""
        return self.read("Group", group_id) is not None

    # -- read and search ------------------------------------------------------------------------------------------

    def read(self, kind: str, resource_id: str, where: Condition | None = None) -> bytes | None:
        """The newest version of a resource; None when there is none, or when it does not meet `where`."""
        rule = where or Condition("1")
        sql = f"SELECT body FROM resource WHERE id = ? AND type = ? AND current AND ({rule.sql})"  # noqa: S608
        row = self.connection().execute(sql, (resource_id, kind, *rule.values)).fetchone()
        return row[0] if row else None

    def select(
        self, columns: str, where: Condition, tail: str = "", values: tuple[Any, ...] = ()
    ) -> list[tuple[Any, ...]]:
        """Current resources that meet `where`; `columns` and `tail` are SQL written by the caller, never request
        text.
        """
        sql = f"SELECT {columns} FROM resource WHERE current AND ({where.sql}) {tail}"  # noqa: S608
        return self.connection().execute(sql, (*where.values, *values)).fetchall()

    # -- changes ------------------------------------------------------------------------------------------------------

    def change(
        self, puts: Iterable[dict[str, Any]] = (), deletes: Iterable[tuple[str, str]] = ()
    ) -> tuple[list[bool], list[bool]]:
        """Store resources as they are now and delete others (type, id), all at one instant and in one transaction.

        Gives for each resource whether it is new, and for each deletion whether there was anything. The resources'
        `meta` gets versionId and lastUpdated in place; a Group's members are those it names, no others.
        """
        with self._writing() as (db, instant):
            return [revise.put(db, one, instant) for one in puts], [
                revise.delete(db, kind, resource_id, instant) for kind, resource_id in deletes
            ]

    def add(self, resource: dict[str, Any], found: Keys) -> None:
        """Store a resource that a client created, with its search keys; a Group becomes exportable at once."""
        with self._writing() as (db, instant):
            revise.put(db, resource, instant, found)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[tuple[sqlite3.Connection, int]]:
        with self._lock:
            db = self.connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db, self._tick()
                db.execute("COMMIT")
            except BaseException:
                db.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[int]:
        """Within the block this thread reads the store as it is at the instant given: every change up to it, and none
        that comes later has its time or an earlier one (Bulk Data, `transactionTime`).
        """
        db = self.connection()
        with self._lock:
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM meta").fetchone()  # the first read fixes what is seen
            instant = self._tick()
        try:
            yield instant
        finally:
            db.execute("COMMIT")

    def _tick(self) -> int:
        """Now in ms, and later than every tick before."""
        self._ticked = max(millis(datetime.now(UTC)), self._ticked + 1)
        return self._ticked

    def deletions(self, kind: str, selection: Condition) -> Iterator[str]:
        """Ids of the type's deleted resources; `selection` is asked of what they were, with `updated` = deleted at."""
        sql = f"SELECT id FROM deletion WHERE type = ? AND ({selection.sql}) ORDER BY updated, id"  # noqa: S608 -- ours
        for row in self.connection().execute(sql, (kind, *selection.values)):
            yield row[0]

    def is_deleted(self, kind: str, resource_id: str) -> bool:
        """Was there such a resource, and is there none now?"""
        sql = "SELECT 1 FROM deletion WHERE id = ? AND type = ?"
        return self.connection().execute(sql, (resource_id, kind)).fetchone() is not None

    # -- the launcher's list --------------------------------------------------------------------------------------

    def people(self, name: str = "", *, offset: int = 0, limit: int = 25) -> list[sqlite3.Row]:
        """Rows of the patient list, named stories first, then by name; `name` matches any part of the name or the
        MRN.
        """
        cursor = self.connection().cursor()
        cursor.row_factory = sqlite3.Row
        sql = (
            "SELECT * FROM person WHERE instr(lower(name), ?) OR instr(lower(mrn), ?)"
            " ORDER BY story IS NULL, name, id LIMIT ? OFFSET ?"
        )
        return cursor.execute(sql, (name.lower(), name.lower(), limit, offset)).fetchall()

    def count_people(self, name: str = "") -> int:
        """How many rows `people` has in all."""
        sql = "SELECT count(*) FROM person WHERE instr(lower(name), ?) OR instr(lower(mrn), ?)"
        return int(self.connection().execute(sql, (name.lower(), name.lower())).fetchone()[0])

    def person(self, patient: str) -> sqlite3.Row | None:
        """One row of the patient list, or None for an unknown patient."""
        cursor = self.connection().cursor()
        cursor.row_factory = sqlite3.Row
        found: sqlite3.Row | None = cursor.execute("SELECT * FROM person WHERE id = ?", (patient,)).fetchone()
        return found

    def meta(self) -> dict[str, str]:
        """What the builder noted: parameters, counts, the newest clinical day."""
        return dict(self.connection().execute("SELECT key, value FROM meta"))
