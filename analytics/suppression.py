"""The one place where small numbers of people are hidden (CMS cell suppression policy: no cell of 1 to 10, nor a figure
from which one can be derived)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from analytics.definitions import catalogue

Z = 1.959963984540054  # standard normal quantile for a 95 % interval


def largest_hidden() -> int:
    """The largest number of people that is hidden (10)."""
    return int(catalogue.group_rules()["small_cells"]["largest_hidden"])


def small(count: int) -> bool:
    """Whether a number of people must not be shown. 0 may be shown."""
    return 1 <= count <= largest_hidden()


def rate(n: int, followed: int, events: int) -> dict[str, Any]:
    """What may be said of a group: n, followed, events, rate with its 95 % Wilson interval.

    Where events (or those without) are 1 to 10, events and rate are None, and "rate_below" or "rate_above" gives a
    bound, if so many are followed that the bound does not reveal the number; where people are, everything is None.
    """
    hidden: dict[str, Any] = dict.fromkeys(
        ("n", "followed", "events", "rate", "low", "high", "rate_below", "rate_above")
    )
    if small(n) or small(followed) or small(n - followed):
        return hidden if small(n) else hidden | {"n": n}
    shown = hidden | {"n": n, "followed": followed}
    if followed == 0:
        return shown
    if small(events) or small(followed - events):
        few = largest_hidden() + 1
        if followed < 2 * few:  # both sides may be small: of 12 followed, "more than 11 events" would say how many
            return shown
        return shown | ({"rate_below": few / followed} if small(events) else {"rate_above": 1 - few / followed})
    low, high = wilson(events, followed)
    return shown | {"events": events, "rate": events / followed, "low": low, "high": high}


def order(said: dict[str, Any], usual: float) -> float:
    """Where a group stands among the others by its rate, from what `rate` says of it alone.

    By the true rate, a hidden one would be told by its neighbours. A bound counts as its half; without a rate and a
    bound the group stands at `usual`, the rate of everyone.
    """
    if said["rate"] is not None:
        return float(said["rate"])
    if said["rate_below"] is not None:
        return float(said["rate_below"]) / 2
    return (1 + float(said["rate_above"])) / 2 if said["rate_above"] is not None else usual


def share(count: int, of: int) -> float | None:
    """A share of people in whole percents (exactly, it would tell `of` as its denominator), None where it would reveal
    a small cell on either side."""
    return None if of == 0 or small(of) or small(count) or small(of - count) else round(count / of, 2)


def hidden(counts: Sequence[int]) -> set[int]:
    """Places of the parts of a known total that must not be told: the small ones and, where their sum would tell them
    or is small itself, the smallest others (complementary suppression)."""
    places = {place for place, count in enumerate(counts) if small(count)}
    others = sorted((place for place, count in enumerate(counts) if count and place not in places),
                    key=lambda place: counts[place])
    while places and others and _told_by_sum([counts[place] for place in places]):
        places.add(others.pop(0))
    return places


def _told_by_sum(parts: list[int]) -> bool:
    """One alone, a sum that is small itself, or the largest sum that small parts can have."""
    return len(parts) < 2 or small(sum(parts)) or sum(parts) == len(parts) * largest_hidden()


def shares(counts: Sequence[int]) -> list[float | None]:
    """Shares of all, in whole percents; None where one would reveal a small cell, itself or less the others."""
    kept, total = hidden(counts), sum(counts)
    told = [None if place in kept else share(count, total) for place, count in enumerate(counts)]
    return [0.0 if count == 0 and total and not small(total) else one for count, one in zip(counts, told, strict=True)]


def wilson(events: int, n: int) -> tuple[float, float]:
    """95 % Wilson score interval of a proportion, 0..1."""
    p = events / n
    middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
