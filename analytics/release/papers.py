"""The papers of a release as they lie in the lake: read, and looked through for numbers that must not leave it."""

from __future__ import annotations

from typing import Any

from analytics import suppression
from analytics.definitions import small_cells
from analytics.errors import ReleaseError
from analytics.lake import Lake

#: Those that go into the serving database with the release.
PUBLISHED = ("evidence", "cohorts", "map", "drift", "funnel", "model-card")
OF_PEOPLE = {"n", "people", "followed", "events", "applicable"}  # keys whose numbers are people, in every paper
OF_STEPS = {"read", "kept"}  # those of a funnel's step; its unit says whether they are people


def read(lake: Lake, folder: str) -> dict[str, Any]:
    """The papers by name. Raises ReleaseError where one is missing."""
    if missing := [name for name in PUBLISHED if not lake.exists(f"{folder}/{name}.json")]:
        raise ReleaseError(f"{lake.url(folder)} has no {missing[0]}.json.", "Delete the release, then fit again.")
    return {name: lake.read_json(f"{folder}/{name}.json") for name in PUBLISHED}


def refuse_small_cells(model: dict[str, Any], documents: dict[str, Any]) -> None:
    """What fit should have hidden never leaves the lake. Raises ReleaseError."""
    for name, one in {"release": {"groups": model["groups"]}, **documents}.items():
        if shows_small_cell(one):
            raise ReleaseError(f"Release {model['release_id']} shows a number of 1 to {suppression.largest_hidden()} "
                               f"people in {name}.json; it stays in the lake.", "Delete the release, then fit again.")


def shows_small_cell(paper: Any) -> bool:
    """Whether a number of 1 to 10 people stands in a paper under one of the names that numbers of people have."""
    if isinstance(paper, list):
        return any(map(shows_small_cell, paper))
    if not isinstance(paper, dict):
        return False
    if paper.get("unit") == "people":
        numbers = [paper.get(key) for key in OF_STEPS] + list(paper.get("dropped", {}).values())
    else:
        numbers = [paper.get(key) for key in OF_PEOPLE]
    return any(type(one) is int and suppression.small(one) for one in numbers) or _tells(paper) or _rest_tells(
        paper) or any(map(shows_small_cell, paper.values()))  # fmt: skip


def _rest_tells(paper: dict[str, Any]) -> bool:
    """Whether a total, less the groups that are told, gives away a hidden one."""
    groups, everyone = paper.get("groups"), paper.get("everyone")
    whole = everyone if isinstance(everyone, dict) else paper
    if not isinstance(groups, list) or not all(isinstance(one, dict) for one in groups):
        return False
    return any(small_cells.rest_tells(whole.get(key), [one[key] for one in groups])
               for key in OF_PEOPLE if groups and all(key in one for one in groups))  # fmt: skip


def _tells(paper: dict[str, Any]) -> bool:
    """Whether a share and the number that it is a share of can only be those of 1 to 10 people, or of all but them."""
    of, share = paper.get("applicable"), paper.get("met")
    if type(of) is not int or share is None:
        return False
    possible = [count for count in range(of + 1) if round(count / of, 2) == share] if of else []
    return any(all(suppression.small(of - one if without else one) for one in possible) for without in (False, True))
