"""People and groups for the tests of evidence, without Spark."""

from __future__ import annotations

from typing import Any

import numpy as np

from analytics import suppression

RACES = ("White", "Black or African American", "Asian", None)


def crowd(n: int = 2000, seed: int = 3, risks: tuple[float, ...] = (0.02, 0.1, 0.35)) -> dict[str, Any]:
    """n people: the outcome follows the group, and age a little."""
    rng = np.random.default_rng(seed)
    rank = rng.integers(1, len(risks) + 1, n)
    age = np.clip(rng.normal(40 + 10 * rank, 15, n), 0, 100).round()
    outcome = (rng.random(n) < np.array(risks)[rank - 1]).astype(float)
    firmness = rng.random(n).round(3)
    return {
        "outcome": outcome, "age": age, "female": rng.integers(0, 2, n).astype(float),
        "charlson_2011": rng.poisson(rank).astype(float), "stays_12m": rng.poisson(rank / 4).astype(float),
        "race": list(rng.choice(np.array(RACES, dtype=object), n, p=(0.7, 0.2, 0.08, 0.02))),
        "ethnicity": list(rng.choice(["Hispanic or Latino", "Not Hispanic or Latino"], n, p=(0.15, 0.85))),
        "rank": rank, "second": np.where(rank == 1, 2, rank - 1).astype(float), "firmness": firmness,
    }  # fmt: skip


def groups_of(people: dict[str, Any]) -> list[dict[str, Any]]:
    """What the release tells of the groups."""
    found = []
    for rank in np.unique(people["rank"]):
        outcome = people["outcome"][people["rank"] == rank]
        said = suppression.rate(len(outcome), len(outcome), int(outcome.sum()))
        found.append({"rank": int(rank), "name": f"group {rank}"} | said)
    return found


def group(rank: int, followed: int, events: int) -> dict[str, Any]:
    return {"rank": rank, "name": f"group {rank}"} | suppression.rate(followed, followed, events)
