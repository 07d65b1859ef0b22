"""The serving tables as the app reads them (analytics/tables.sql): their columns, what a row means, and the queries."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, column, func, literal_column, select, table, tuple_

SCHEMA = table("serving_schema", column("version"))
RELEASE = table("release", *map(column, ("release_id", "ehr", "created_at", "as_of", "definitions_hash", "model",
                                         "published_at")))  # fmt: skip
CURRENT = table("current_release", column("ehr"), column("release_id"))
MEMBERSHIP = table(
    "membership", column("release_id"), column("subject_id"), column("rank"), column("second_rank"), column("firmness")
)
DOCUMENT = table("release_document", column("release_id"), column("name"), column("body"))

Order = Literal["firmest", "loosest"]
NO_FIRMNESS = -1.0  # below every firmness (0 to 1)
#: Group and firmness in one number; the index has the same expression, as text.
FIRMNESS = func.coalesce(MEMBERSHIP.c.firmness, literal_column(str(NO_FIRMNESS)))
PLACE: ColumnElement[float] = literal_column("4") * MEMBERSHIP.c.rank + FIRMNESS


@dataclass(frozen=True)
class Membership:
    """Where the last population run put one patient."""

    rank: int
    second_rank: int | None
    firmness: float | None


@dataclass(frozen=True)
class Member:
    """One of a group's people. `firmness` is 0 (on the border) to 1 (at the centre), None in a group by rule.

    A patient id: never in an address, a log or a page that the EHR's token does not allow it on.
    """

    subject_id: str = field(repr=False)
    second_rank: int | None
    firmness: float | None


@dataclass(frozen=True)
class Placement:
    """Where the population run of one published release had a patient; rank, name, second and firmness are None where
    it had not.

    `rank` is the place among the `of` groups of that release by the outcomes that were known then: ranks of two
    releases are no common scale, since groups are found anew. Compare by `name`, and where `definitions_hash` differs
    not even so: a name says what stands out in a group by the definitions of its release.
    """

    release_id: str
    as_of: str  # ISO date, as of which its population was seen
    published_at: str  # ISO instant
    definitions_hash: str
    current: bool
    of: int
    rank: int | None
    name: str | None
    second: str | None  # name of the second-closest group
    firmness: float | None


def history(ehr: str, patient: str) -> Select[Any]:
    """The releases of an EHR up to the current one, by date, each with the patient's membership or NULLs.

    Those published after the current one were taken back (`kindred rollback`).
    """
    now = select(RELEASE.c.published_at).join(CURRENT, CURRENT.c.release_id == RELEASE.c.release_id)
    theirs = and_(MEMBERSHIP.c.release_id == RELEASE.c.release_id, MEMBERSHIP.c.subject_id == patient)
    return (
        select(
            RELEASE.c.release_id, RELEASE.c.created_at, RELEASE.c.as_of, RELEASE.c.published_at,
            RELEASE.c.definitions_hash, (CURRENT.c.release_id.is_not(None)).label("current"),
            MEMBERSHIP.c.rank, MEMBERSHIP.c.second_rank, MEMBERSHIP.c.firmness,
        )
        .outerjoin(CURRENT, CURRENT.c.release_id == RELEASE.c.release_id)
        .outerjoin(MEMBERSHIP, theirs)
        .where(RELEASE.c.ehr == ehr, RELEASE.c.published_at <= now.where(CURRENT.c.ehr == ehr).scalar_subquery())
        .order_by(RELEASE.c.as_of, RELEASE.c.published_at)
    )  # fmt: skip


def models(release_ids: Collection[str]) -> Select[Any]:
    """The models of these releases."""
    return select(RELEASE.c.release_id, RELEASE.c.model).where(RELEASE.c.release_id.in_(release_ids))


def memberships(release_id: str, patients: Collection[str]) -> Select[Any]:
    """The memberships of these patients."""
    return select(MEMBERSHIP).where(MEMBERSHIP.c.release_id == release_id, MEMBERSHIP.c.subject_id.in_(patients))


def members(
    release_id: str, rank: int, order: Order, after: Member | None, limit: int, *, is_sqlite: bool
) -> Select[Any]:
    """A page of a group, each read off an index from where the page before ended."""
    place, ids, down = PLACE, MEMBERSHIP.c.subject_id, order == "firmest"
    query = select(ids, MEMBERSHIP.c.second_rank, MEMBERSHIP.c.firmness).where(MEMBERSHIP.c.release_id == release_id)
    begin, end = place >= _place(rank, None), place <= _place(rank, 1.0)
    if down:
        begin, end = end, begin
    if after is not None:
        reached = _place(rank, after.firmness)
        pair, last = tuple_(place, ids), tuple_(reached, after.subject_id)
        query = query.where(pair < last if down else pair > last)
        begin = place <= reached if down else place >= reached
    # SQLite does not look a pair up in an index on an expression; PostgreSQL, given both, would take the same people
    # off twice, expect next to nobody, and sort what it finds.
    query = query.where(begin, end) if is_sqlite or after is None else query.where(end)
    return query.order_by(*(key.desc() if down else key.asc() for key in (place, ids))).limit(limit)


def _place(rank: int, firmness: float | None) -> float:
    """The number that PLACE has in the database: the same sum of the same doubles."""
    return 4 * rank + (NO_FIRMNESS if firmness is None else firmness)
