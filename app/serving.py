"""Reads the serving tables that `publish` writes (docs/architecture.md). Reads only, and only the launch's own EHR."""

import json
import logging
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine, column, create_engine, select, table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

LOG = logging.getLogger(__name__)
RELEASE = table("release", column("release_id"), column("ehr"), column("as_of"), column("model"))
CURRENT = table("current_release", column("ehr"), column("release_id"))
MEMBERSHIP = table(
    "membership", column("release_id"), column("subject_id"), column("rank"), column("second_rank"), column("firmness")
)


@dataclass(frozen=True)
class Release:
    """A release that is current for an EHR: its id, the date its population was seen as of, and its numbers."""

    release_id: str
    as_of: str
    model: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Membership:
    """Where the last population run put one patient."""

    rank: int
    second_rank: int | None
    firmness: float | None


class Serving:
    """The serving database. Every method answers None where it cannot be read, so that the page can still be shown."""

    def __init__(self, url: str) -> None:
        self._engine = _read_only(url)

    def current(self, ehr: str) -> Release | None:
        """The release that is current for this EHR, or None: none published yet, or the database cannot be read."""
        query = (
            select(RELEASE.c.release_id, RELEASE.c.as_of, RELEASE.c.model)
            .join(CURRENT, CURRENT.c.release_id == RELEASE.c.release_id)
            .where(CURRENT.c.ehr == ehr, RELEASE.c.ehr == ehr)
        )
        row = self._first(query)
        try:
            return Release(str(row.release_id), str(row.as_of)[:10], _model(row.model)) if row else None
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

    def is_readable(self) -> bool:
        """Can the serving tables be read now?"""
        try:
            with self._engine.connect() as connection:
                connection.execute(select(CURRENT.c.ehr).limit(1))
        except SQLAlchemyError:
            return False
        return True

    def _first(self, query: Any) -> Any:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).first()
        except SQLAlchemyError as error:
            LOG.warning("serving: cannot be read (%s)", type(error).__name__)
            return None


@lru_cache(maxsize=4)
def _model(text: str) -> dict[str, Any]:
    """release.json as published; parsed once, since a release never changes."""
    model = json.loads(text)
    if not isinstance(model, dict):
        raise ValueError("not an object")
    return model


def _read_only(url: str) -> Engine:
    """An engine that cannot write: SQLite is opened read-only, so a missing file stays missing."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        parsed = parsed.set(database=f"file:{parsed.database}", query={"mode": "ro", "uri": "true"})
        return create_engine(parsed, poolclass=NullPool)  # a file may be replaced by another
    return create_engine(
        parsed, pool_pre_ping=True, connect_args={"connect_timeout": 3}, execution_options={"postgresql_readonly": True}
    )
