"""Small cells: the one place that decides whether numbers about a group may be seen (CMS cell suppression policy)."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

SMALLEST_SHOWN = 11
COUNTED = ("n", "followed", "events", "rate", "low", "high")
PEOPLE = ("n", "followed", "events")  # of these, counts of people


def may_show(group: Mapping[str, Any]) -> bool:
    """False where people, events, or people without the event number 1 to 10, or a number is not known.

    The release hides such cells already; the page checks again, since a rate with its n gives the count away.
    """
    cells = [group.get(name) for name in ("n", "followed", "events")]
    n, followed, events = (cell if isinstance(cell, int) else -1 for cell in cells)
    if min(n, followed, events) < 0 or group.get("rate") is None:
        return False
    return followed > 0 and not _any_small(n, followed, n - followed, events, followed - events)


def shown_bound(group: Mapping[str, Any]) -> str | None:
    """`fewer than 3` or `more than 97` (percent) where the release hides the rate but gives a bound; else None."""
    n, followed = group.get("n"), group.get("followed")
    if not isinstance(n, int) or not isinstance(followed, int) or _any_small(n, followed, n - followed):
        return None
    if group.get("rate_below") is not None:
        return f"fewer than {math.ceil(group['rate_below'] * 100)}"
    return f"more than {math.floor(group['rate_above'] * 100)}" if group.get("rate_above") is not None else None


def may_show_share(n: object, share: object) -> bool:
    """False where n people, those with it, or those without it number 1 to 10, or a number is not known."""
    if not isinstance(n, int) or isinstance(n, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        return False
    with_it = round(n * share)
    return n > 0 and not _any_small(n, with_it, n - with_it)


def shown_numbers(group: Mapping[str, Any]) -> dict[str, Any]:
    """A group's numbers as they may leave: all of them, or only the bound that the page tells in words (`bound`)."""
    shown = {name: group.get(name) for name in ("rank", "of", "name", "description", "second", "firmness", "rule")}
    if may_show(group):
        return shown | {name: group[name] for name in COUNTED} | {"bound": None}
    bound = shown_bound(group)
    followed = group["followed"] if bound else None
    return shown | dict.fromkeys(COUNTED) | {"followed": followed, "bound": f"{bound} %" if bound else None}


def screened(document: Any) -> Any:
    """A published document, checked once more: no part of it counts 1 to 10 people, nor leaves them between two counts.

    A number that would follow from several parts is the release's own matter (analytics/suppression/).
    """
    if isinstance(document, list):
        return [screened(part) for part in document]
    if not isinstance(document, dict):
        return document
    kept = {name: screened(part) for name, part in document.items()}
    people = [kept[name] for name in PEOPLE if isinstance(kept.get(name), int)]
    if _any_small(*people, *(whole - part for whole, part in pairwise(people))):
        kept |= {name: None for name in kept if name in COUNTED}
    if isinstance(kept.get("applicable"), int) and _any_small(kept["applicable"]):
        kept |= {"applicable": None, "met": None}
    return kept


def _any_small(*cells: int) -> bool:
    return any(0 < cell < SMALLEST_SHOWN for cell in cells)
