"""People counted by hand for the paper of the cohorts: what Spark would count, and what else is told of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from analytics import suppression
from analytics.evidence import strata
from analytics.evidence.subgroups import subgroups
from analytics.release import cohort_drill
from analytics.release.cohort_drill import Followed
from tests.unit.analytics.evidence.crowd import crowd, groups_of

CONDITIONS = [feature.name for feature in cohort_drill.conditions()]


def followed_people(n: int, seed: int, **changes: Any) -> dict[str, Any]:
    """A crowd of which each condition has its own frequency, rising with the group."""
    people = crowd(n, seed, **changes)
    rng = np.random.default_rng(seed)
    commons = rng.choice([0.002, 0.02, 0.1, 0.3], len(CONDITIONS))
    people["conditions"] = {name: rng.random(n) < np.minimum(common * people["rank"], 0.97)
                            for name, common in zip(CONDITIONS, commons, strict=True)}  # fmt: skip
    return people


def counted(people: dict[str, Any]) -> Followed:
    """As Spark counts them."""
    kinds = list(zip(people["rank"].tolist(), strata.of("sex", people["female"]), strata.of("age_band", people["age"]),
                     strict=True))  # fmt: skip
    outcome = people["outcome"].astype(int).tolist()
    cells: dict[Any, tuple[int, int]] = {}
    for kind, event in zip(kinds, outcome, strict=True):
        n, events = cells.get(kind, (0, 0))
        cells[kind] = (n + 1, events + event)
    ranks = sorted(set(people["rank"].tolist()))
    conditions = {name: {rank: (int((mine := has & (people["rank"] == rank)).sum()), int(people["outcome"][mine].sum()))
                         for rank in ranks} for name, has in people["conditions"].items()}  # fmt: skip
    return Followed(cells, conditions)


def told(people: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The release's model and evidence, as far as they tell of these people."""
    groups = groups_of(people)
    shares = []
    for group in groups:
        mine = people["rank"] == group["rank"]
        found = {name: int(has[mine].sum()) for name, has in people["conditions"].items()}
        shares.append({name: suppression.share(count, int(mine.sum())) for name, count in found.items()})
    model = {"groups": [group | {"share": share} for group, share in zip(groups, shares, strict=True)]}
    return model, {"groups": groups, "subgroups": subgroups(people, groups)}
