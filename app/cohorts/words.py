"""Numbers as the cohort pages say them. What is hidden is said to be so; a small number is hidden once more."""

from collections.abc import Mapping
from typing import Any

from app.chart.cells import SMALLEST_SHOWN, may_show, shown_bound

HIDDEN = "hidden"
FEW = "too few to tell"
WHY_HIDDEN = (
    "“Hidden” stands for a number of 1 to 10 people, or one from which such a number would follow; “too few to tell” "
    "for a figure that so few people or events do not support."
)
MODELS = {
    "rank": "Rank of the group", "age_sex": "Age and sex", "charlson": "Charlson index",
    "prior_admissions": "Admissions in the year before", "rank_with_age_sex": "Rank with age and sex",
}  # fmt: skip
STRATA = {"sex": "Sex", "age_band": "Age", "race": "Race", "ethnicity": "Ethnicity"}


def people(n: int | None) -> str:
    """`1,204`; hidden where it is not told, or 1 to 10."""
    return HIDDEN if _large(n) is None else f"{n:,}"


def told(group: Mapping[str, Any]) -> dict[str, Any]:
    """A group without what must not be told: a number of 1 to 10, and where that is left between two numbers."""
    n, followed, events = (_large(group.get(key)) for key in ("n", "followed", "events"))
    followed = None if _few(n, followed) else followed
    events = None if _few(followed, events) else events
    hidden = {} if may_show(group) else dict.fromkeys(("rate", "low", "high"))
    bounds = {} if shown_bound(group) else dict.fromkeys(("rate_below", "rate_above"))
    return {**group, "n": n, "followed": followed, "events": events, **hidden, **bounds}


def _large(n: int | None) -> int | None:
    return None if n is None or 0 < n < SMALLEST_SHOWN else n


def counts(group: Mapping[str, Any]) -> tuple[str, str, str]:
    """People, followed and with the outcome, as far as they may be told."""
    found = told(group)
    return people(found["n"]), people(found["followed"]), people(found["events"])


def _few(whole: int | None, part: int | None) -> bool:
    return whole is None or part is None or 0 < whole - part < SMALLEST_SHOWN


def share(value: float | None, places: int = 0, otherwise: str = HIDDEN) -> str:
    """0.311 as `31 %`."""
    return otherwise if value is None else f"{value * 100:.{places}f}\u00a0%"


def number(value: float | None, places: int = 2) -> str:
    """0.7549 as `0.75`."""
    return FEW if value is None else f"{value:.{places}f}"


def interval(found: Mapping[str, Any] | None, key: str, places: int = 2) -> str:
    """A figure with its 95 % interval: `0.75 (0.72 to 0.79)`."""
    if not found or found.get(key) is None:
        return FEW
    if found.get("low") is None or found.get("high") is None:
        return number(found[key], places)
    return f"{found[key]:.{places}f} ({found['low']:.{places}f} to {found['high']:.{places}f})"


def outcome(group: Mapping[str, Any]) -> str:
    """`9.4 % (6.2 to 12.6 %)`, a bound where the rate is hidden, or that it is."""
    if may_show(group):
        return f"{share(group['rate'], 1)} ({group['low'] * 100:.1f} to {share(group['high'], 1)})"
    bound = shown_bound(group)
    return f"{bound}\u00a0%" if bound else HIDDEN


def drawn(group: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a group that may be drawn: value, low, high, and below or above where only a bound is told."""
    found = told(group)
    names = {"value": "rate", "low": "low", "high": "high", "below": "rate_below", "above": "rate_above"}
    return {name: found.get(key) for name, key in names.items()}


def short(text: str, length: int = 34) -> str:
    """At most so many letters, cut at a word, so that a label fits on a narrow page."""
    return text if len(text) <= length else text[: length - 1].rsplit(" ", 1)[0].rstrip(",;") + "…"
