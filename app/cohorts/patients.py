"""The list of patients: the clinician's own with their groups, or a group's members as far as the EHR gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, cast

from app import audit
from app.chart.banner import banner_of
from app.chart.reading import serving
from app.chart.words import UNREAD, day
from app.cohorts import cursor
from app.cohorts.opening import Opening
from app.cohorts.people import MOST_OWN, People, Person, of_members, own, sort_keys
from app.cohorts.right import WHY_NOT
from app.problems import Problem
from app.score import as_of
from app.searches import Unreadable
from app.serving import Membership, Order
from app.smart.tokens import Launch

ROWS = 25
RECORD_NUMBER = "Medical record number"  # or, where it is another identifier, that with its type
HEAD = ("Patient", "Born", "Sex", RECORD_NUMBER, "Group", "How firmly", "Second-closest group")
ORDERS = {
    "name": "Name",
    "rank": "Group, most later events first",
    "firmest": "Firmest first",
    "loosest": "Loosest first",
}
MEMBER_ORDERS = {"firmest": "Firmest first", "loosest": "Loosest first"}
OPEN_IN_EHR = "To open a chart, open it in the EHR: this view belongs to one launch and never changes its patient."
NOT_PLACED = "not in a group"
FAILED = "The list could not be read: {}. Nobody is listed."
NO_MEMBERS = "The members of this group cannot be read now. Nobody is listed."


@dataclass(frozen=True)
class Asked:
    """What a list is asked for; `rank` None: the clinician's own patients, else the members of that group."""

    rank: int | None
    order: str
    page: int
    after: str


@dataclass(frozen=True)
class Listing:
    """All that the page prints. `against` or `problem` stand in place of rows; `identities` are those of the rows."""

    against: str | None
    groups: tuple[tuple[int, str], ...]
    asked: Asked
    orders: tuple[tuple[str, str, bool], ...] = ()
    title: str = "My patients"
    problem: str | None = None
    said: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    identities: tuple[str, ...] = ()
    next_page: int | None = None
    next_after: str | None = None


def asked_of(values: Mapping[str, str]) -> Asked:
    """The list that a query or a form asks for. Raises Problem `bad_request` for what no page of ours sends."""
    rank, page = values.get("rank", ""), values.get("page", "1")
    order = values.get("order") or ("firmest" if rank else "name")
    if order not in (MEMBER_ORDERS if rank else ORDERS) or not page.isdecimal() or len(page) > 4 or len(rank) > 3:
        raise Problem("bad_request", "list")
    if rank and not rank.isdecimal():
        raise Problem("bad_request", "list")
    return Asked(int(rank) if rank else None, order, max(int(page), 1), values.get("after", ""))


def listing(opening: Opening, asked: Asked, action: str) -> Listing:
    """One page of a list, read from the EHR now. Whoever is on it is in the audit before it is shown.

    Raises Problem `not_found` for a group that is not there, `session_ended`, and what the audit raises.
    """
    groups = tuple((one["rank"], one["name"]) for one in opening.groups())
    if opening.against is not None:
        return Listing(WHY_NOT[opening.against], groups, asked)
    if asked.rank is None and opening.release is None:
        return Listing(None, groups, asked, problem="Without a release nobody is in a group, so there is no list.")
    title = (
        "My patients" if asked.rank is None else f"Patients of group {asked.rank}, {opening.group(asked.rank)['name']}"
    )
    try:
        found, people = _own(opening, asked) if asked.rank is None else _members(opening, asked)
    except Unreadable as error:
        found, people = {"problem": FAILED.format(UNREAD[error.why])}, People(opening.launch, ())
    identities = tuple(one.identity for one in people.persons)
    _note(opening, action, people.launch, identities)
    return Listing(
        None, groups, asked, orders=_orders(asked), title=title, identities=identities,
        rows=tuple(_row(one, as_of(opening.ehr), dict(groups)) for one in people.persons), **found,
    )  # fmt: skip


def _note(opening: Opening, action: str, launch: Launch, identities: Sequence[str]) -> None:
    """One row of the audit for each patient on the list, as for a chart; one without a patient for an empty list.

    Raises as `audit.record_list` does: unless all of them are noted, none is shown.
    """
    release = opening.release.release_id if opening.release else None
    audit.record_list(opening.smart.engine, action, launch, identities, release)


def _orders(asked: Asked) -> tuple[tuple[str, str, bool], ...]:
    every = ORDERS if asked.rank is None else MEMBER_ORDERS
    return tuple((key, words, key == asked.order) for key, words in every.items())


def _own(opening: Opening, asked: Asked) -> tuple[dict[str, Any], People]:
    """All of them are known, so they can be put in any order; then one page of these."""
    people = own(opening)
    ordered = sorted(people.persons, key=sort_keys()[asked.order])
    first = (asked.page - 1) * ROWS
    shown = ordered[first : first + ROWS]
    few = f"The EHR has more than {MOST_OWN}; these are the first that it gave, and the order is within them."
    said = [
        f"{len(ordered):,} patients have you as their general practitioner, by the EHR’s own record."
        if ordered else "The EHR has no patient with you as the general practitioner.",
        few if people.more else "",
    ]  # fmt: skip
    more = asked.page + 1 if first + ROWS < len(ordered) else None
    return {"said": tuple(filter(None, said)), "next_page": more}, People(people.launch, tuple(shown))


def _members(opening: Opening, asked: Asked) -> tuple[dict[str, Any], People]:
    """One page of the group by the release's order; whoever the EHR does not give is left out."""
    assert opening.release is not None and asked.rank is not None
    bound = f"{opening.launch.sid}:{opening.release.release_id}:{asked.rank}:{asked.order}"
    after = cursor.opened(asked.after, bound) if asked.after else None
    if asked.after and after is None:
        raise Problem("bad_request", "cursor")
    order = cast(Order, asked.order)  # asked_of() has checked it
    members = serving().members(opening.release, asked.rank, order, after, ROWS)
    if members is None:
        return {"problem": NO_MEMBERS}, People(opening.launch, ())
    people = of_members(opening, members)
    last = members[-1] if len(members) == ROWS else None
    said = (
        f"The release goes through the group {ROWS} people at a time. Of these, whoever the EHR does not give to you "
        "is not listed, so a page may hold fewer, or nobody.",
        "Names are known to the EHR alone, so this list cannot be ordered by name.",
    )
    placed = _with_places(people, members, asked.rank)
    return {"said": said, "next_after": cursor.sealed(last.place, bound) if last else None}, placed


def _with_places(people: People, members: Sequence[Any], rank: int) -> People:
    places = {one.subject_id: Membership(rank, one.second_rank, one.firmness) for one in members}
    persons = tuple(replace(one, placed=places[one.identity]) for one in people.persons)
    return People(people.launch, persons, people.more)


def _row(person: Person, on: date, names: Mapping[int, str]) -> tuple[str, ...]:
    banner, placed = banner_of(person.record, on), person.placed
    name = f"{banner.family}, {banner.given}" if banner.given else banner.family
    is_usual = banner.identifier_type == RECORD_NUMBER
    identifier = banner.identifier if is_usual else f"{banner.identifier} ({banner.identifier_type})"
    born = f"{banner.born}. {banner.died}" if banner.died else banner.born
    if placed is None:
        return name, born, banner.sex, identifier, NOT_PLACED, "", ""
    return (
        name,
        born,
        banner.sex,
        identifier,
        _group(placed.rank, names),
        _firmness(placed.firmness),
        _group(placed.second_rank, names),
    )


def _group(rank: int | None, names: Mapping[int, str]) -> str:
    return f"{rank}. {names.get(rank, 'no longer known')}" if rank is not None else "none"


def _firmness(value: float | None) -> str:
    """The chart page's words (`app.chart.words.firmness`), short: 0 on the border to another group, 1 at the centre."""
    if value is None:
        return "by rule"
    word = "clearly" if value >= 0.3 else "fairly firmly" if value >= 0.1 else "only just"
    return f"{word} ({value:.2f})"


def placed_as_of(opening: Opening) -> str:
    """When the groups in the list were seen."""
    return f"Groups are those of the population run as of {day(opening.release.as_of)}." if opening.release else ""
