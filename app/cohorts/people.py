"""Patients by name, read from the EHR for one list: only those whom it gives to this launch's token, and no others."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from app.chart.reading import serving
from app.cohorts.opening import Opening
from app.cohorts.right import against_list
from app.names import preferred
from app.problems import Problem
from app.searches import ChartServer, Unreadable, dicts, people
from app.serving import Member, Membership
from app.smart.tokens import Launch
from app.turns import turns

SECONDS = 20.0  # for one list
MOST_OWN = 500  # patients of one clinician; more are said to be there
PAGE_SIZE = 100  # of the EHR's own pages
ELEMENTS = "identifier,name,birthDate,gender,deceased,link,generalPractitioner"  # what a row needs, and no more
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")  # FHIR R4, datatype id


@dataclass(frozen=True)
class Person:
    """A patient whom the EHR gave, and where the release placed them: None where it did not."""

    identity: str = field(repr=False)
    record: dict[str, Any] = field(repr=False)
    placed: Membership | None


@dataclass(frozen=True)
class People:
    """The patients of one list; `more`: the EHR has further ones. `launch` has the scopes they were read under."""

    launch: Launch
    persons: tuple[Person, ...]
    more: bool = False


def of_members(opening: Opening, members: Sequence[Member]) -> People:
    """The members whom the EHR gives to this launch, in the members' order."""
    asked = {one.subject_id: one for one in members if _ID.fullmatch(one.subject_id)}
    if not asked:
        return People(opening.launch, ())
    query = f"Patient?_id={quote(','.join(asked), safe=',')}&_count={len(asked)}"
    launch, found, _ = _read(opening, query, len(asked))
    given = {record["id"]: record for record in found}
    return People(launch, tuple(Person(one, given[one], None) for one in asked if one in given))


def own(opening: Opening) -> People:
    """The patients whose general practitioner is signed in, with their groups.

    An EHR that does not know the search may answer with everyone, so each record must name the clinician itself.
    """
    user = opening.launch.context.fhir_user or ""
    query = f"Patient?general-practitioner={quote(user, safe='/')}&_count={PAGE_SIZE}"
    launch, found, more = _read(opening, query, MOST_OWN)
    mine = [record for record in found if names(record, user, opening.ehr.issuer)]
    if found and not mine:
        raise Unreadable("not_offered")
    placed = serving().memberships(opening.release, [one["id"] for one in mine]) if opening.release else {}
    return People(launch, tuple(Person(one["id"], one, (placed or {}).get(one["id"])) for one in mine), more)


def names(record: Mapping[str, Any], user: str, issuer: str) -> bool:
    """Does this Patient name the user as a general practitioner, relative or at this very EHR?"""
    mine = (user, f"{issuer.rstrip('/')}/{user}")
    return any(one.get("reference") in mine for one in dicts(dict(record), "generalPractitioner"))


def _read(opening: Opening, query: str, most: int) -> tuple[Launch, list[dict[str, Any]], bool]:
    """What the EHR gives, under a grant that still holds when it has come.

    Raises Unreadable; Problem `session_ended`, and `not_found` where the newest token may not list any more.
    """
    bearer = opening.smart.bearer(opening.launch)
    turns().take(opening.ehr)
    bearer.renew_if_ending()
    _check(against_list(bearer.context))
    deadline = time.monotonic() + SECONDS
    server = ChartServer(opening.ehr, bearer)
    asked = turns().readers(opening.ehr).submit(people, server, f"{query}&_elements={ELEMENTS}", most, deadline)
    try:
        found, more = asked.result(SECONDS)
    except FutureTimeout as error:
        asked.cancel()
        raise Unreadable("too_slow") from error
    _check(against_list(bearer.context))
    return replace(opening.launch, context=bearer.context), [one for one in found if not _is_merged(one)], more


def _check(against: str | None) -> None:
    if against is not None:
        raise Problem("not_found", against)


def _is_merged(record: Mapping[str, Any]) -> bool:
    """Was it merged into another record (R4 Patient.link)? That one is listed by itself."""
    return any(one.get("type") == "replaced-by" for one in dicts(dict(record), "link"))


def sort_keys() -> dict[str, Callable[[Person], Any]]:
    """Orders of a list that is known as a whole; what is not known comes last."""

    def last(value: Any) -> tuple[bool, Any]:
        return value is None, 0 if value is None else value

    def name(one: Person) -> Any:
        said = preferred(one.record.get("name"))
        family, given = said.get("family") or said.get("text"), said.get("given")
        first = " ".join(map(str, given)) if isinstance(given, list) else ""
        return not family, str(family).casefold(), first.casefold(), one.identity

    def firm(one: Person) -> float | None:
        return one.placed.firmness if one.placed else None

    def minus(value: float | None) -> float | None:
        return None if value is None else -value

    return {
        "name": name,
        "rank": lambda one: (last(minus(one.placed.rank if one.placed else None)), name(one)),
        "firmest": lambda one: (last(minus(firm(one))), name(one)),
        "loosest": lambda one: (last(firm(one)), name(one)),
    }
