"""How many groups: a written rule over stability and size, tried out as Spark tasks on one broadcast sample.

The rule. For k from 3 to 10 (from 2 below 500 people): k-means on the sample, then on bootstrap resamples of it; for
each cluster the mean Jaccard overlap with its best match in each resample (Hennig 2007, everyone of the sample assigned
to the new centres). A k is *stable* when every cluster reaches 0.75, *doubtful* when every cluster reaches 0.60, and it
is refused when its smallest cluster has fewer people than the floor: 1 % and 50 people, or 11 people where there are
fewer than 500. Chosen is the largest stable k; without one, the doubtful k with the firmest weakest cluster; without
one, a single group. Outcomes play no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STABLE, DOUBTFUL = 0.75, 0.60
SMALL_POPULATION = 500
SAMPLE = 5_000  # people; stability changes little beyond, time grows with it
STARTS = 10  # of k-means in each resample; with fewer, poor local optima pass for instability


@dataclass(frozen=True)
class Candidate:
    """One k: clusterwise mean Jaccard (ascending), people in the smallest cluster, and the verdict."""

    k: int
    jaccard: tuple[float, ...]
    smallest: int
    verdict: str


@dataclass(frozen=True)
class Choice:
    """The chosen k and everything it was chosen from."""

    k: int
    verdict: str
    floor: int
    bootstraps: int
    sample: int
    candidates: tuple[Candidate, ...]
    centres: list[list[float]]  # of k-means on the sample: where the fit on everyone starts

    def table(self, hide_sample: bool = False) -> dict[str, Any]:
        """As it is kept in the release; sizes of 1 to 10 never occur in it, nor is one the rest of another number.

        hide_sample: a group's size is hidden. The sample may be everyone, and less the other groups it would tell.
        """
        kept = asdict(self) | ({"sample": None} if hide_sample else {})
        del kept["centres"]
        for candidate in kept["candidates"]:
            candidate["smallest"] = candidate["smallest"] if candidate["smallest"] > 10 else None
        return kept | {"rule": (__doc__ or "").split("The rule. ")[1].strip()}


def choose(spark: SparkSession, prepared: Any, people: int, bootstraps: int, seed: int) -> Choice:
    """Choose k for people who are prepared (scaled rows, as an RDD of lists of floats)."""
    held = sample(prepared, people, seed)
    ks = range(2 if people < SMALL_POPULATION else 3, 11)
    floor = floor_for(people)
    shared = spark.sparkContext.broadcast(held)
    tasks = [k for k in ks if k * 11 <= people]
    tried = spark.sparkContext.parallelize(tasks, max(len(tasks), 1)).map(
        lambda k: (k, *stability(shared.value, k, bootstraps, seed))
    )
    candidates = tuple(
        Candidate(k, tuple(sorted(overlaps)), round(smallest * people / len(held)), "")
        for k, overlaps, smallest in sorted(tried.collect())
    )
    shared.unpersist()
    judged = tuple(Candidate(c.k, c.jaccard, c.smallest, verdict(c.jaccard, c.smallest, floor)) for c in candidates)
    k, word = pick(judged)
    return Choice(k, word, floor, bootstraps, len(held), judged, centres_of(held, "k_means", k, seed))


def floor_for(people: int) -> int:
    """The smallest group that may be formed among so many people."""
    return 11 if people < SMALL_POPULATION else max(50, -(-people // 100))


def verdict(jaccard: Sequence[float], smallest: int, floor: int) -> str:
    """ "stable", "doubtful", "unstable" or "too_small"."""
    if smallest < floor:
        return "too_small"
    weakest = min(jaccard)
    return "stable" if weakest >= STABLE else "doubtful" if weakest >= DOUBTFUL else "unstable"


def pick(candidates: Sequence[Candidate]) -> tuple[int, str]:
    """The rule's choice: k and its verdict; (1, "single") when nothing holds."""
    stable = [c for c in candidates if c.verdict == "stable"]
    if stable:
        return max(c.k for c in stable), "stable"
    doubtful = [c for c in candidates if c.verdict == "doubtful"]
    if doubtful:
        return max(doubtful, key=lambda c: (min(c.jaccard), c.k)).k, "doubtful"
    return 1, "single"


def stability(sample: Any, k: int, bootstraps: int, seed: int) -> tuple[list[float], int]:
    """Clusterwise mean bootstrap Jaccard and the size of the smallest cluster, on the sample (people x features)."""
    whole = _k_means(sample, k, seed).labels_
    random = np.random.default_rng([seed, k])
    overlaps = np.zeros(k)
    for number in range(bootstraps):
        again = _k_means(sample[random.integers(0, len(sample), len(sample))], k, seed + number).predict(sample)
        overlaps += _best_overlaps(whole, again, k)
    return [float(overlap) for overlap in overlaps / max(bootstraps, 1)], int(np.bincount(whole, minlength=k).min())


def centres_of(sample: Any, family: str, k: int, seed: int) -> list[list[float]]:
    """Where the fit on everyone starts: the centres of a candidate on the sample."""
    return _k_means(sample, k, seed).cluster_centers_.tolist()  # type: ignore[no-any-return]


def _k_means(rows: Any, k: int, seed: int) -> Any:
    """The best of several starts."""
    from sklearn.cluster import KMeans

    return KMeans(n_clusters=k, n_init=STARTS, random_state=seed).fit(rows)


def _best_overlaps(whole: Any, again: Any, k: int) -> Any:
    """Each cluster's Jaccard overlap with the cluster that matches it best."""
    both = np.zeros((k, k))
    np.add.at(both, (whole, again), 1)
    union = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    return (both / np.maximum(union, 1)).max(axis=1)


def sample(prepared: Any, people: int, seed: int) -> Any:
    """At most SAMPLE people, the same ones at every run, as one array."""
    rows = prepared.collect() if people <= SAMPLE else prepared.takeSample(False, SAMPLE, seed)
    return np.array(rows, dtype=np.float64)
