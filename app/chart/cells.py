"""Small cells: the one place that decides whether numbers about a group may be seen (CMS cell suppression policy)."""

from collections.abc import Mapping
from typing import Any

SMALLEST_SHOWN = 11


def may_show(group: Mapping[str, Any]) -> bool:
    """False where people, events, or people without the event number 1 to 10, or a number is not known.

    The release hides such cells already; the page checks again, since a rate with its n gives the count away.
    """
    cells = [group.get(name) for name in ("n", "followed", "events")]
    n, followed, events = (cell if isinstance(cell, int) else -1 for cell in cells)
    if min(n, followed, events) < 0 or group.get("rate") is None:
        return False
    return followed > 0 and not any(0 < cell < SMALLEST_SHOWN for cell in (n, followed, events, followed - events))
