"""Observed to expected: what a group's number of events is beside that of people of the same age and sex."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from analytics import suppression
from analytics.evidence import strata

METHOD = (
    "Indirect standardisation: observed events over those expected at the rates of everyone of the same sex and age "
    "band; the ratio of a group's to that of the lowest group whose numbers are shown, its interval on the log scale."
)


def byar(observed: int) -> tuple[float, float]:
    """95 % limits of a Poisson count by Byar's approximation (Breslow and Day 1987, volume II, page 69)."""
    high = observed + 1
    upper = high * (1 - 1 / (9 * high) + suppression.Z / (3 * math.sqrt(high))) ** 3
    if observed == 0:
        return 0.0, upper
    return observed * (1 - 1 / (9 * observed) - suppression.Z / (3 * math.sqrt(observed))) ** 3, upper


def observed_to_expected(observed: int, expected: float) -> dict[str, float] | None:
    """A standardised ratio with its interval; None where nothing is expected."""
    if expected <= 0:
        return None
    low, high = byar(observed)
    return {
        "ratio": round(observed / expected, 2), "low": round(low / expected, 2), "high": round(high / expected, 2)
    }  # fmt: skip


def expected_events(people: dict[str, Any]) -> np.ndarray[Any, Any]:
    """For each person the rate of everyone of the same sex and age band."""
    kinds = [f"{sex} {band}" for sex, band in
             zip(strata.of("sex", people["female"]), strata.of("age_band", people["age"]), strict=True)]  # fmt: skip
    _, place = np.unique(kinds, return_inverse=True)
    events = np.bincount(place, weights=people["outcome"])
    return np.asarray((events / np.bincount(place))[place])


def ratios(people: dict[str, Any], groups: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any] | None]:
    """For each rank the standardised ratio to the lowest group; None where a number is hidden or nobody had one.

    "to" is the rank of that group. Two indirectly standardised ratios are compared: what differs beyond age and sex
    within a band is not adjusted for.
    """
    expected = expected_events(people)
    sums = {group["rank"]: float(expected[people["rank"] == group["rank"]].sum()) for group in groups}
    usable = [group for group in groups if group["events"] and sums[group["rank"]] > 0]
    if not usable:
        return dict.fromkeys(sums)
    lowest = usable[0]
    told = {group["rank"]: _ratio(group, lowest, sums) for group in usable}
    return {rank: told.get(rank) for rank in sums}


def _ratio(group: dict[str, Any], lowest: dict[str, Any], sums: dict[int, float]) -> dict[str, Any]:
    if group is lowest:
        return {"ratio": 1.0, "low": 1.0, "high": 1.0, "to": lowest["rank"]}
    smr, base = (one["events"] / sums[one["rank"]] for one in (group, lowest))
    spread = math.exp(suppression.Z * math.sqrt(1 / group["events"] + 1 / lowest["events"]))
    ratio = smr / base
    told = {"ratio": ratio, "low": ratio / spread, "high": ratio * spread}
    return {key: round(value, 2) for key, value in told.items()} | {"to": lowest["rank"]}
