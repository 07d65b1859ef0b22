"""The rule of small cells, for everything that tells numbers of people: no count of 1 to 10, nor one that follows.

CMS cell suppression policy; groups.toml has the largest number that is hidden. What a release hides of its tables is
worked out in ``analytics/suppression.py``; pages, files and replies look once more by ``app/chart/cells.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

from analytics.definitions import catalogue

OLDEST = 90.0  # years; ages above 89 are one category, told as this (HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(C))


def largest_hidden() -> int:
    """The largest number of people that is hidden (10)."""
    return int(catalogue.group_rules()["small_cells"]["largest_hidden"])


def small(count: int) -> bool:
    """Whether a number of people must not be shown. 0 may be shown."""
    return 1 <= count <= largest_hidden()


def rest_tells(total: int | None, parts: Sequence[int | None]) -> bool:
    """Whether a told total, less the told parts, gives away a small number that hidden parts (None) hide: one that is
    small itself, for it counts the people of these parts, or is the most that small ones can add up to."""
    shown = [part for part in parts if part is not None]
    lacking = len(parts) - len(shown)
    if total is None or not lacking:
        return False
    rest = total - sum(shown)
    return small(rest) or rest == lacking * largest_hidden()


def pooled(feature: catalogue.Feature, value: float) -> float:
    """A value of a feature as it may be told of others: every age above 89 is 90."""
    return min(value, OLDEST) if feature.kind == "age" else value


def parting(feature: catalogue.Feature, bound: float) -> float:
    """A value above which people are told apart: no age above 89 is, for those above it are one category."""
    return min(bound, OLDEST - 1) if feature.kind == "age" else bound
