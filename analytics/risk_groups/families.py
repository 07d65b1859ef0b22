"""Families of candidates: ways to find centres in a sample (scikit-learn).

Whatever the family, people belong to the nearest centre, among the candidates, on everyone and in the chart alike: one
arithmetic, and groups that can be explained.

- ``k_means``: the best of ten starts.
- ``bisecting``: bisecting k-means, then k-means from its centres until they rest.
- ``mixture``: the means of a Gaussian mixture with diagonal covariances, then one round of means of those nearest.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from analytics.definitions.groups import Matrix

STARTS = 10  # of k-means in each resample; with fewer, poor local optima pass for instability
ROUNDS = {"k_means": 50, "bisecting": 50, "mixture": 1}  # of means of those nearest, on everyone


def centres_of(inputs: Matrix, family: str, k: int, seed: int) -> list[list[float]]:
    """The centres that a family finds, k of them, in the scaled space of `inputs` (people by inputs)."""
    with one_thread():
        return _found(inputs, family, k, seed).cluster_centers_.tolist()  # type: ignore[no-any-return]


def nearest(inputs: Matrix, centres: list[list[float]]) -> Any:
    """The place of each person's nearest centre."""
    from sklearn.metrics import pairwise_distances_argmin

    with one_thread():
        return pairwise_distances_argmin(inputs, centres)


def one_thread() -> Any:
    """A task has one core; and sums in one order give the same numbers on every machine."""
    return _threads().limit(limits=1)


@cache
def _threads() -> Any:
    import sklearn.cluster  # noqa: F401 - its libraries are there to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _found(inputs: Matrix, family: str, k: int, seed: int) -> Any:
    from sklearn.cluster import KMeans

    if family == "k_means":
        return KMeans(n_clusters=k, n_init=STARTS, random_state=seed).fit(inputs)
    start = _bisected(inputs, k, seed) if family == "bisecting" else _mixed(inputs, k, seed)
    return KMeans(n_clusters=k, init=start, n_init=1, max_iter=ROUNDS[family]).fit(inputs)


def _bisected(inputs: Matrix, k: int, seed: int) -> Any:
    from sklearn.cluster import BisectingKMeans

    return BisectingKMeans(n_clusters=k, n_init=STARTS, random_state=seed).fit(inputs).cluster_centers_


def _mixed(inputs: Matrix, k: int, seed: int) -> Any:
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(k, covariance_type="diag", reg_covar=0.01, random_state=seed, max_iter=50)
    return mixture.fit(inputs).means_
