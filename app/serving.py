"""Reads the serving tables that `publish` writes (docs/architecture.md). Reads only, and only the launch's own EHR."""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from app import serving_tables
from app.serving_tables import CURRENT_RELEASE, MEMBERSHIP, MODEL, PAPER, Member, Membership, Order, Placement

__all__ = ["Member", "Membership", "Order", "Placement", "Release", "Serving"]

LOG = logging.getLogger(__name__)
VERSION = 6  # of the tables (analytics/tables.sql)
PATIENCE = 3  # seconds for a connection, for one from the pool, and for a statement: a person waits for the page
MOST = 1000  # members in one answer
PAPERS = 16  # of releases, kept in this process
CONNECTIONS = 10  # to PostgreSQL at once from this process, at most
SESSION = f"SET statement_timeout = '{PATIENCE}s'; SET default_transaction_read_only = on"


@dataclass(frozen=True)
class Release:
    """A release that is current for an EHR: its id, the date its population was seen as of, and its numbers."""

    release_id: str
    as_of: str
    model: dict[str, Any] = field(repr=False)
    created_at: str | None = None  # with the id, what tells it from every other; None: it was not read from the tables


class Serving:
    """The serving database. Every method answers None where it cannot be read, so that the page can still be shown."""

    def __init__(self, url: str) -> None:
        self._engine = _read_only(url)
        self._names: dict[tuple[str, str], dict[int, str]] = {}  # of a release that was made at that instant
        self._papers: dict[tuple[str, str | None, str], dict[str, Any]] = {}  # the same, and the name of the paper

    def current(self, ehr: str) -> Release | None:
        """The release that is current for this EHR, or None: none published yet, or the tables cannot be used.

        The log says why they cannot be used.
        """
        rows = self._all(CURRENT_RELEASE, {"ehr": ehr})
        if not rows:
            return None
        release_id, created_at, as_of = rows[0]
        try:
            model = self._paper(MODEL, release_id, created_at, "release")
            return Release(str(release_id), str(as_of)[:10], model, created_at) if model is not None else None
        except ValueError:
            LOG.error("serving: the current release of %s is not JSON; publish again", ehr)
            return None

    def membership(self, release: Release, patient: str) -> Membership | None:
        """The patient's group in that release's population run, or None."""
        found = select(MEMBERSHIP).where(
            MEMBERSHIP.c.release_id == release.release_id, MEMBERSHIP.c.subject_id == patient
        )
        row = self._first(found)
        return Membership(row.rank, row.second_rank, row.firmness) if row else None

    def memberships(self, release: Release, patients: Collection[str]) -> dict[str, Membership] | None:
        """The groups of these patients (at most 1,000) in that release's population run, by patient id; those whom it
        did not have are left out."""
        rows = self._all(serving_tables.memberships(release.release_id, patients)) if patients else []
        if rows is None:
            return None
        return {row.subject_id: Membership(row.rank, row.second_rank, row.firmness) for row in rows}

    def history(self, ehr: str, patient: str) -> list[Placement] | None:
        """Where each published release up to the current one had the patient, by as-of date, the oldest first.

        [] where nothing is published. What may be compared across releases: see `Placement`.
        """
        rows = self._all(serving_tables.history(ehr, patient))
        names = None if rows is None else self._group_names(rows)
        if rows is None or names is None:
            return None
        return [_placement(row, names[row.release_id, row.created_at]) for row in rows]

    def members(
        self, release: Release, rank: int, order: Order = "firmest", after: int | None = None, limit: int = 50
    ) -> list[Member] | None:
        """One page of a group's people as that release placed them (at its as-of date).

        order: "firmest" or "loosest" first (people without a firmness are the loosest; ties as the release has them).
        after: the place of the last member of the page before; the page begins behind it.
        limit: 1 to 1,000. Fewer than `limit` came back: this was the last page.

        These are patients: only those may be shown whom the EHR lets the launch's token read. A place is one person's,
        so it travels neither in an address nor unsealed in a page.
        """
        most = max(1, min(limit, MOST))
        rows = self._all(serving_tables.members(release.release_id, rank, order, after, most))
        if rows is None:
            return None
        return [Member(row.subject_id, row.second_rank, row.firmness, row.place) for row in rows]

    def document(self, release: Release, name: str) -> dict[str, Any] | None:
        """A paper of a release: "evidence", "map", "drift", "funnel", "model-card" or "cohorts" (docs/release.md).

        None where it was published by an earlier Kindred, which had no documents.
        """
        try:
            return self._paper(PAPER, release.release_id, release.created_at, name)
        except ValueError:
            LOG.error("serving: the %s of a release is not JSON; publish it again", name)
            return None

    def trouble(self) -> str | None:
        """Why the serving tables cannot be used now, in one sentence for the operator; None where they can."""
        try:
            with self._engine.connect() as connection:
                return _other_version(connection)
        except SQLAlchemyError as error:
            return _reason(error)

    def is_readable(self) -> bool:
        """Can the serving tables be used now?"""
        return self.trouble() is None

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def _group_names(self, rows: Sequence[Any]) -> dict[tuple[str, str], dict[int, str]] | None:
        """Names of the groups of these releases by rank. A model is read once in this process: it never changes."""
        wanted = {row.release_id: row.created_at for row in rows if (row.release_id, row.created_at) not in self._names}
        found = self._all(serving_tables.models(list(wanted))) if wanted else []
        if found is None:
            return None
        read = {(row.release_id, wanted[row.release_id]): _names(row.model) for row in found}
        self._names |= read
        return {key: self._names.get(key, {}) for key in ((row.release_id, row.created_at) for row in rows)}

    def _paper(self, query: Any, release_id: str, created_at: str | None, name: str) -> dict[str, Any] | None:
        """A paper of a release, read once in this process: a release never changes. Raises ValueError for no JSON."""
        key = (release_id, created_at, name)
        known = self._papers.get(key) if created_at is not None else None  # threads may put a new dict in its place
        if known is not None:
            return known
        rows = self._all(query, {"release_id": release_id, "name": name})
        if not rows:
            return None
        paper = json.loads(rows[0][0])
        if not isinstance(paper, dict):
            raise ValueError("not an object")
        if created_at is not None:
            kept = list(self._papers.items())[-PAPERS + 1 :]
            self._papers = dict([*kept, (key, paper)])
        return paper

    def _first(self, query: Any) -> Any:
        """The first row, None where there is none or the tables cannot be used."""
        rows = self._all(query.limit(1))
        return rows[0] if rows else None

    def _all(self, query: Any, given: Mapping[str, Any] | None = None) -> Sequence[Any] | None:
        """All rows; None, and the reason in the log, where the tables cannot be used."""
        try:
            with self._engine.connect() as connection:
                trouble = _other_version(connection)
                if trouble is None:
                    return connection.execute(query, given).all()
        except SQLAlchemyError as error:
            trouble = _reason(error)
        LOG.warning("serving: %s", trouble)
        return None


def _placement(row: Any, names: dict[int, str]) -> Placement:
    return Placement(
        release_id=row.release_id, as_of=str(row.as_of)[:10], published_at=row.published_at,
        definitions_hash=row.definitions_hash, current=bool(row.current), of=len(names), rank=row.rank,
        name=names.get(row.rank), second=names.get(row.second_rank), firmness=row.firmness,
    )  # fmt: skip


def _names(model: str) -> dict[int, str]:
    """The groups of a model by rank; {} where it is none."""
    try:
        return {int(group["rank"]): str(group["name"]) for group in json.loads(model)["groups"]}
    except (ValueError, KeyError, TypeError):
        LOG.error("serving: the model of a release is not one; publish it again")
        return {}


def _other_version(connection: Connection) -> str | None:
    found = connection.execute(serving_tables.VERSION).scalar()
    if found == VERSION:
        return None
    return f"the tables are of version {found}, this app reads version {VERSION}: publish with the Kindred of this app"


def _reason(error: SQLAlchemyError) -> str:
    """By the code of the driver's error alone: its text may quote an address or a row."""
    cause = getattr(error, "orig", None)
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None) or type(error).__name__
    if code in ("42P01", "SQLITE_ERROR"):  # no such table
        return "there are no tables of this version: publish a release"
    if code == "SQLITE_CANTOPEN":
        return "there is no database file, or this user may not read it: publish a release"
    if code == "42501":
        return "this user may not read the tables: grant it SELECT"
    if code == "57014":
        return f"it did not answer within {PATIENCE} s"
    return f"it cannot be read ({code})"


def _read_only(url: str) -> Engine:
    """An engine that cannot write: SQLite is opened read-only, so a missing file stays missing.

    PostgreSQL: a pool whose sessions read only, and end a statement that takes too long.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and not parsed.database.startswith("file:"):
            parsed = parsed.set(database=f"file:{parsed.database}", query={"mode": "ro", "uri": "true"})
        # A file may be replaced by another, so nothing is pooled: opening it costs a fraction of a millisecond.
        return create_engine(parsed, poolclass=NullPool, connect_args={"timeout": PATIENCE})
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=CONNECTIONS, max_overflow=0,
        pool_timeout=PATIENCE, connect_args={"connect_timeout": PATIENCE},
    )  # fmt: skip
    event.listen(engine, "connect", _begin_session)
    return engine


def _begin_session(connection: Any, _record: Any) -> None:
    connection.execute(SESSION)
    connection.commit()
