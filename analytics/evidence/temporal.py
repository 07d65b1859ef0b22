"""The same method at earlier dates: fitted there, tested a year later on the people of then and what happened next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics import suppression
from analytics.errors import DataError
from analytics.evidence import calibration
from analytics.evidence.discrimination import age_and_sex, c_statistic, logistic
from analytics.evidence.people import ages_of_care, people
from analytics.release.drift import adjusted_rand_index
from analytics.risk_groups import fitting

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

WANTED = 2  # tests, where the history reaches back so far
REACH = 0.5  # the older year of the look-back holds at least this part of the care of the newer one
LEAST_EVENTS = 50  # in each of both years; below, an order of groups by their rates is chance
EMPTY: dict[str, Any] = {
    "people": None, "groups": [], "c": None, "age_sex": None, "adjusted_rand_index": None, "calibration": []
}  # fmt: skip


def temporal(
    rows_at: Callable[[date], DataFrame], model: dict[str, Any], days: list[date], seed: int
) -> list[dict[str, Any]]:
    """One entry for each test: fitted a year before tested_at, family and number of groups those of the release.

    days: the index date and the dates before it that were built, the newest first. A test that cannot be made is told
    with its reason in "why_not".
    """
    found = []
    for tested, fitted in pairwise(days[: WANTED + 1]):
        entry: dict[str, Any] = {"fitted_at": fitted.isoformat(), "tested_at": tested.isoformat()}
        why_not, hide = _why_not(rows_at(fitted), rows_at(tested)), tested == days[0] and _hides(model)
        try:
            told = EMPTY if why_not else _tested(rows_at(fitted), rows_at(tested), model, seed, hide)
        except DataError as error:
            told, why_not = EMPTY, str(error)
        found.append(entry | told | {"why_not": why_not})
    missing = WANTED - len(found)
    reason = "The features of this date were not built (KINDRED_EARLIER_DATES)."
    return found + [{"fitted_at": None, "tested_at": None} | EMPTY | {"why_not": reason} for _ in range(missing)]


def _hides(model: dict[str, Any]) -> bool:
    return any(group["events"] is None for group in model["groups"])  # as it is where its people are hidden


def _why_not(*both: DataFrame) -> str | None:
    """Why two dates support no test, or None."""
    newer, older = ages_of_care(both[0])
    if older < REACH * newer or newer == 0:
        return "The history does not reach back to two years before this date."
    for rows in both:
        counted = rows.where("outcome IS NOT NULL").selectExpr("count(*) AS n", "sum(outcome) AS events").first()
        events = int(counted.events or 0) if counted is not None else 0
        if counted is None or min(events, counted.n - events) < LEAST_EVENTS:
            return f"Fewer than {LEAST_EVENTS} people had the outcome, or had it not, in one of the two years."
    return None


def _tested(
    then: DataFrame, now: DataFrame, model: dict[str, Any], seed: int, hide_sum: bool
) -> dict[str, Any]:
    earlier = fitting.fitted(then, (model["choice"]["family"], model["choice"]["k"]), seed)
    past, present = people(then, earlier), people(now, earlier, model)
    rates, usual = ranked(past["rank"], past["outcome"])
    names = {old: new for new, (old, _) in enumerate(rates, start=1)}
    rank = np.array([names.get(one, 0) for one in present["rank"]])
    ranks = list(range(1, len(rates) + 1))
    counted = calibration.counted(rank, present["outcome"], ranks)
    rows = calibration.calibration({names[old]: rate for old, rate in rates}, *counted, hide_sum)
    hidden = any(row["n"] is None for row in rows)
    pairs = Counter(zip(present["rank"].tolist(), present["rank_1"].tolist(), strict=True))
    return {
        "people": None if hidden else len(rank),
        "groups": [{"rank": row["rank"], "n": row["n"]} for row in rows],
        "c": calibration.c_of(rows, usual),
        "age_sex": c_statistic(_by_age_and_sex(past, present), present["outcome"]),
        "adjusted_rand_index": round(adjusted_rand_index(pairs), 3),
        "calibration": rows,
    }


def ranked(rank: Any, outcome: Any) -> tuple[list[tuple[int, float | None]], float]:
    """Groups from the lowest rate to the highest, each with its rate as far as it may be told, and that of everyone."""
    places = [int(one) for one in np.unique(rank)]
    n, events = calibration.counted(rank, outcome, places)
    usual = sum(events) / max(sum(n), 1)
    said = {place: suppression.rate(*numbers) for place, *numbers in zip(places, n, n, events, strict=True)}
    order = sorted(places, key=lambda place: (suppression.order(said[place], usual), place))
    return [(place, _rate(said[place])) for place in order], usual


def _rate(said: dict[str, Any]) -> float | None:
    """What is expected of a group: its rate, or the middle of what a hidden one may be."""
    if said["rate"] is not None or said["n"] is None:
        return said["rate"]  # type: ignore[no-any-return]
    bounded = said["rate_below"] is not None or said["rate_above"] is not None
    return suppression.order(said, 0.0) if bounded else None


def _by_age_and_sex(past: dict[str, Any], present: dict[str, Any]) -> Any:
    """The baseline out of period: a logistic model of the earlier year, read at the later one."""
    beta = logistic(age_and_sex(past["age"], past["female"]), past["outcome"])
    return age_and_sex(present["age"], present["female"]) @ beta

