"""How well the groups of a candidate come back in resamples: clusterwise bootstrap Jaccard (Hennig 2007)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analytics.definitions.groups import Matrix
from analytics.risk_groups import families

STABLE, DOUBTFUL = 0.75, 0.60
SCREEN, HOPELESS = 5, 0.50  # after so many resamples, a candidate with a cluster below this is given up


def jaccard(inputs: Matrix, family: str, k: int, bootstraps: int, seed: int) -> tuple[list[float], int]:
    """Mean Jaccard overlap of each cluster, in the order of the candidate's centres, with its best match in each
    resample (everyone of the sample assigned to the centres of the resample), and in how many resamples."""
    whole = families.nearest(inputs, families.centres_of(inputs, family, k, seed))
    random = np.random.default_rng([seed, k])
    overlaps = np.zeros(k)
    done = 0
    while done < bootstraps:
        resample = inputs[random.integers(0, len(inputs), len(inputs))]
        again = families.nearest(inputs, families.centres_of(resample, family, k, seed + done))
        overlaps += best_overlaps(whole, again, k)
        done += 1
        if done == SCREEN and overlaps.min() < HOPELESS * done:
            break
    return [float(overlap) for overlap in overlaps / max(done, 1)], done


def best_overlaps(whole: Any, again: Any, k: int) -> Any:
    """Each cluster's Jaccard overlap with the cluster that matches it best."""
    both = np.zeros((k, k))
    np.add.at(both, (whole, again), 1)
    union = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    return (both / np.maximum(union, 1)).max(axis=1)


def word(overlap: float) -> str:
    """ "stable", "doubtful" or "unstable"."""
    return "stable" if overlap >= STABLE else "doubtful" if overlap >= DOUBTFUL else "unstable"


def weakest_word(overlaps: Sequence[float]) -> str:
    """The word for all clusters of a candidate together: that of the one that comes back worst."""
    return word(min(overlaps))
