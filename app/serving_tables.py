"""The serving tables as the app reads them (analytics/tables.sql): their columns, what a row means, and the queries."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Select, and_, bindparam, column, func, select, table

SCHEMA = table("serving_schema", column("version"))
RELEASE = table("release", *map(column, ("release_id", "ehr", "created_at", "as_of", "definitions_hash", "model",
                                         "published_at")))  # fmt: skip
CURRENT = table("current_release", column("ehr"), column("release_id"))
MEMBERSHIP = table("membership", *map(column, ("release_id", "subject_id", "rank", "second_rank", "firmness", "place")))
DOCUMENT = table("release_document", column("release_id"), column("name"), column("body"))

Order = Literal["firmest", "loosest"]
GROUP = 2**56  # places of a group: from rank * GROUP on (analytics/tables.sql)


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
    place: int = field(repr=False)  # nobody else's in the release; in a group, the greater the firmer


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


# What each call for cards asks is written once: to put a statement together costs more than to run it.
CURRENT_RELEASE = (
    select(RELEASE.c.release_id, RELEASE.c.created_at, RELEASE.c.as_of)
    .join(CURRENT, CURRENT.c.release_id == RELEASE.c.release_id)
    .where(CURRENT.c.ehr == bindparam("ehr"), RELEASE.c.ehr == bindparam("ehr"))
    .limit(1)
)
MODEL = select(RELEASE.c.model).where(RELEASE.c.release_id == bindparam("release_id")).limit(1)
PAPER = select(DOCUMENT.c.body).where(
    DOCUMENT.c.release_id == bindparam("release_id"), DOCUMENT.c.name == bindparam("name")
).limit(1)
VERSION = select(func.max(SCHEMA.c.version))


def models(release_ids: Collection[str]) -> Select[Any]:
    """The models of these releases."""
    return select(RELEASE.c.release_id, RELEASE.c.model).where(RELEASE.c.release_id.in_(release_ids))


def memberships(release_id: str, patients: Collection[str]) -> Select[Any]:
    """The memberships of these patients."""
    return select(MEMBERSHIP).where(MEMBERSHIP.c.release_id == release_id, MEMBERSHIP.c.subject_id.in_(patients))


def members(release_id: str, rank: int, order: Order, after: int | None, limit: int) -> Select[Any]:
    """A page of a group, read off the index of places from where the page before ended."""
    place, down = MEMBERSHIP.c.place, order == "firmest"
    first, last = rank * GROUP, (rank + 1) * GROUP - 1
    if after is not None and down:
        last = after - 1
    elif after is not None:
        first = after + 1
    return (
        select(MEMBERSHIP.c.subject_id, MEMBERSHIP.c.second_rank, MEMBERSHIP.c.firmness, place)
        .where(MEMBERSHIP.c.release_id == release_id, place.between(first, last))
        .order_by(place.desc() if down else place.asc())
        .limit(limit)
    )
