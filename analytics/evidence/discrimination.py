"""How well a number tells those with the later outcome from those without: c-statistics, and simple baselines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics import suppression

Numbers = npt.NDArray[np.float64]
FOLDS = 10
ROUNDS = 30  # of Newton's method; it settles within ten


def c_statistic(scores: Numbers, outcome: Numbers) -> dict[str, float] | None:
    """The c-statistic (area under the ROC curve) of scores for a 0/1 outcome, with its 95 % interval by DeLong.

    None where ten people or fewer had the outcome, or ten or fewer had not.
    """
    levels, place = np.unique(scores, return_inverse=True)
    events = np.bincount(place, weights=outcome, minlength=len(levels))
    return of_levels(np.bincount(place, minlength=len(levels)), events)


def of_levels(
    people: Sequence[float] | npt.NDArray[Any], events: Sequence[float] | npt.NDArray[Any]
) -> dict[str, float] | None:
    """The same from the people and events of each level, in ascending order of the score; ties count as one half.

    DeLong ER, Biometrics 1988;44:837: the variance from the placement of each person among those of the other kind.
    """
    ill = np.asarray(events, dtype=float)
    well = np.asarray(people, dtype=float) - ill
    m, n = ill.sum(), well.sum()
    if min(m, n) <= suppression.largest_hidden():
        return None
    beaten = (np.cumsum(well) - well / 2) / n  # share of those without the outcome whom someone of this level exceeds
    exceeded = (m - np.cumsum(ill) + ill / 2) / m
    c = float((ill * beaten).sum() / m)
    spread = (ill * (beaten - c) ** 2).sum() / (m - 1) / m + (well * (exceeded - c) ** 2).sum() / (n - 1) / n
    half = suppression.Z * math.sqrt(spread)
    told = {"c": c, "low": max(0.0, c - half), "high": min(1.0, c + half)}
    return {key: round(value, 3) for key, value in told.items()}


def events_told(group: dict[str, Any]) -> float:
    """The events of a group as far as they are told: a hidden number counts as the middle of what it may be.

    A c-statistic of the true numbers could be solved for the only one that is hidden.
    """
    if group["events"] is not None:
        return float(group["events"])
    followed, middle = group["followed"] or 0, (suppression.largest_hidden() + 1) / 2
    if group["rate_below"] is not None:
        return middle
    return float(followed - middle) if group["rate_above"] is not None else followed / 2


def of_groups(groups: Sequence[dict[str, Any]]) -> dict[str, float] | None:
    """The c-statistic of the rank of a group, from what is told of the groups (by rank).

    None also where hardly any events are shown: it would rest on the middles of what hidden numbers may be.
    """
    told = [group for group in groups if group["followed"] is not None]
    shown = sum(group["events"] or 0 for group in told)
    if shown <= sum(events_told(group) for group in told) / 2:
        return None
    return of_levels([group["followed"] for group in told], [events_told(group) for group in told])


def age_and_sex(age: Numbers, female: Numbers) -> Numbers:
    """Columns of a logistic model: one, age and its square (in decades from 60), female; unknown is the mean."""
    known = [np.where(np.isnan(column), _mean(column), column) for column in (age, female)]
    decades = (known[0] - 60) / 10
    return np.column_stack([np.ones(len(age)), decades, decades**2, known[1]])


def _mean(column: Numbers) -> float:
    known = column[~np.isnan(column)]
    return float(known.mean()) if known.size else 0.0


def with_ranks(columns: Numbers, ranks: npt.NDArray[np.int64]) -> Numbers:
    """A column more for each rank but the first."""
    return np.column_stack([columns, *((ranks == rank).astype(float) for rank in np.unique(ranks)[1:])])


def logistic(columns: Numbers, outcome: Numbers) -> Numbers:
    """Coefficients of a logistic regression (Newton's method; a ridge of 0.001 keeps separated people finite)."""
    beta, ridge = np.zeros(columns.shape[1]), 1e-3 * np.eye(columns.shape[1])
    for _ in range(ROUNDS):
        risk = 1 / (1 + np.exp(-np.clip(columns @ beta, -30, 30)))
        slope = columns.T @ (outcome - risk) - ridge @ beta
        step = np.linalg.solve((columns * (risk * (1 - risk))[:, None]).T @ columns + ridge, slope)
        beta = beta + step
        if float(np.abs(step).max()) < 1e-10:
            break
    return np.asarray(beta)


def cross_fitted(columns: Numbers, outcome: Numbers) -> Numbers:
    """For each person the linear predictor of a model fitted on the nine tenths to which they do not belong."""
    part = np.arange(len(outcome)) % FOLDS
    found = np.zeros(len(outcome))
    for fold in range(FOLDS):
        mine = part == fold
        found[mine] = columns[mine] @ logistic(columns[~mine], outcome[~mine])
    return found


def discrimination(people: dict[str, Any], groups: Sequence[dict[str, Any]]) -> dict[str, dict[str, float] | None]:
    """The rank of the group beside the baselines, in the people followed from the index date on.

    Age and sex are a logistic model, with and without the group, each person judged by a fit without their tenth of
    the people; the Charlson index (2011) and the admissions of the 12 months before stand for themselves.
    """
    outcome, base = people["outcome"], age_and_sex(people["age"], people["female"])
    with_rank = with_ranks(base, people["rank"])
    few = suppression.few(int(outcome.sum()), len(outcome)) or outcome.sum() in (0, len(outcome))
    return {
        "rank": None if few else of_groups(groups),
        "age_sex": None if few else c_statistic(cross_fitted(base, outcome), outcome),
        "charlson": c_statistic(people["charlson_2011"], outcome),
        "prior_admissions": c_statistic(people["stays_12m"], outcome),
        "rank_with_age_sex": None if few else c_statistic(cross_fitted(with_rank, outcome), outcome),
    }
