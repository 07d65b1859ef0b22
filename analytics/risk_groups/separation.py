"""How far apart the later outcomes of a candidate's groups lie, and how well its groups are parted in the inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from analytics import suppression
from analytics.definitions.groups import Matrix

SILHOUETTE_PEOPLE = 2_000  # its cost grows with their square


def c_statistic(places: Any, outcome: Matrix, k: int) -> float | None:
    """The chance that of two people with different outcomes the one with it is in the group with the higher rate.

    The rates are those of one half of the people and judge the other half, both ways; so more groups are no advantage
    in themselves. None where a half has not both outcomes, or where ten people or fewer had it, or had it not: of so
    few it says nothing, and something of them.
    """
    from sklearn.metrics import roc_auc_score

    known = ~np.isnan(outcome)
    places, outcome = places[known], outcome[known]
    if min(outcome.sum(), len(outcome) - outcome.sum()) <= suppression.largest_hidden():
        return None
    halves = np.arange(len(outcome)) % 2 == 0
    found = []
    for half in (halves, ~halves):
        if len(set(outcome[half].tolist())) < 2 or len(set(outcome[~half].tolist())) < 2:
            return None
        found.append(roc_auc_score(outcome[half], _rates(places[~half], outcome[~half], k)[places[half]]))
    return float(np.mean(found))


def standard_error(c: float, outcome: Matrix) -> float:
    """Of a c-statistic among people with these outcomes (Hanley and McNeil, Radiology 1982;143:29)."""
    with_it, without = float(np.nansum(outcome == 1)), float(np.nansum(outcome == 0))
    if not 0.0 < c < 1.0 or not with_it or not without:
        return 0.0
    both_with, both_without = c / (2 - c), 2 * c * c / (1 + c)
    variance = c * (1 - c) + (with_it - 1) * (both_with - c * c) + (without - 1) * (both_without - c * c)
    return float(np.sqrt(variance / (with_it * without)))


def _rates(places: Any, outcome: Matrix, k: int) -> Any:
    """The rate of each group, drawn towards everyone's as by ten people more."""
    people, events = np.bincount(places, minlength=k), np.bincount(places, weights=outcome, minlength=k)
    return (events + 10 * outcome.mean()) / (people + 10)


def silhouette(inputs: Matrix, places: Any) -> float | None:
    """Mean silhouette by Euclidean distance of the first SILHOUETTE_PEOPLE; None where they are all in one group."""
    from sklearn.metrics import silhouette_score

    inputs, places = inputs[:SILHOUETTE_PEOPLE], places[:SILHOUETTE_PEOPLE]
    return float(silhouette_score(inputs, places)) if 1 < len(set(places.tolist())) < len(inputs) else None
