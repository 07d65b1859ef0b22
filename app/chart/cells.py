"""Small cells: the one place of the app that decides whether numbers about people may be seen.

The rule is that of `analytics/definitions/small_cells.py` (CMS cell suppression policy). A release hides what it must;
every page, file and reply looks once more, on its own way, before a number leaves.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

from analytics.definitions import small_cells

SMALLEST_SHOWN = small_cells.largest_hidden() + 1
COUNTED = ("n", "followed", "events", "rate", "low", "high")
PEOPLE = ("n", "people", "followed", "events")  # counts of people in any paper, each a part of the one before
#: What is worked out of counts, in any paper: with a number of people it gives another away.
WORKED_OUT = ("rate", "observed", "low", "high", "ppv", "sensitivity", "number_needed_to_review", "tied",
              "rate_below", "rate_above")  # fmt: skip
SHARES = (("followed", "rate"), ("n", "rate"), ("n", "observed"), ("people", "ppv"), ("applicable", "met"))


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


class _ByIdentity:
    """A document as a key: the very object, which the key keeps alive."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def __hash__(self) -> int:
        return id(self.document)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.document is other.document


def screened_paper(document: dict[str, Any]) -> dict[str, Any]:
    """`screened` of a release's paper, which `Serving.document` parses once: once for each, and not to be changed."""
    return _screened_paper(_ByIdentity(document))


@lru_cache(maxsize=16)
def _screened_paper(paper: _ByIdentity) -> dict[str, Any]:
    whole: dict[str, Any] = screened(paper.document)
    return whole


def screened(document: Any) -> Any:
    """A published document, checked once more: no part of it counts 1 to 10 people, leaves them between two counts or
    between a total and its groups, or tells them by a share.

    A number that would follow from several tables is the release's own matter (analytics/suppression/).
    """
    if isinstance(document, list):
        return [screened(part) for part in document]
    if not isinstance(document, dict):
        return document
    kept = {name: screened(part) for name, part in document.items()}
    if kept.get("unit") == "people":
        return _step(kept)
    people = [kept[name] for name in PEOPLE if isinstance(kept.get(name), int)]
    if _any_small(*people, *(whole - part for whole, part in pairwise(people))):
        kept |= {name: None for name in kept if name in (*PEOPLE, *WORKED_OUT)}
    if isinstance(kept.get("applicable"), int) and _any_small(kept["applicable"]):
        kept |= {"applicable": None, "met": None}
    if any(_tells(kept, of, share) for of, share in SHARES):
        kept |= {name: None for name in kept if name in (*WORKED_OUT, "events", "met")}
    return kept | _totals(kept)


def _step(step: dict[str, Any]) -> dict[str, Any]:
    """A funnel's step that counts people; with a part that is hidden, what was read would tell it."""
    dropped = {why: None if isinstance(n, int) and _any_small(n) else n for why, n in step["dropped"].items()}
    kept = None if isinstance(step["kept"], int) and _any_small(step["kept"]) else step["kept"]
    is_whole = kept is not None and None not in dropped.values()
    return step | {"read": step["read"] if is_whole else None, "kept": kept, "dropped": dropped}


def _tells(kept: Mapping[str, Any], of: str, share: str) -> bool:
    """Whether a share of told people is that of 1 to 10. A map's numbers are rounded, and tell of nobody."""
    n, value = kept.get(of), kept.get(share)
    return "x" not in kept and isinstance(n, int) and n > 0 and value is not None and not may_show_share(n, value)


def _totals(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The totals that must go: less the groups that are told, each would give away a hidden one."""
    groups, everyone = kept.get("groups"), kept.get("everyone")
    if not isinstance(groups, list) or not groups or not all(isinstance(one, dict) for one in groups):
        return {}
    whole: Mapping[str, Any] = everyone if isinstance(everyone, dict) else kept
    keys = [key for key in (*PEOPLE, "applicable") if all(key in one for one in groups)]
    gone = {key: None for key in keys if small_cells.rest_tells(_count(whole.get(key)), [one[key] for one in groups])}
    gone |= {key: None for key in ("rate", "met") if gone and key in whole}
    return {"everyone": {**everyone, **gone}} if isinstance(everyone, dict) else gone


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _any_small(*cells: int) -> bool:
    return any(0 < cell < SMALLEST_SHOWN for cell in cells)
