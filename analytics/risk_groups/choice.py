"""Which groups: a written rule over size, stability, outcomes and parting, tried as Spark tasks on one sample.

The rule. Candidates are k-means, bisecting k-means and the means of a Gaussian mixture, each with k from 3 to 10
(from 2 below 500 people). A candidate whose smallest cluster has fewer people than the floor, or a cluster no more
than ten with the later outcome, is too small; the floor is 1 % and 50 people, or 11 people where there are fewer than
500, and then without regard to the outcome. For each cluster of the others, the mean Jaccard overlap with its best
match in bootstrap resamples is taken (Hennig 2007); after five resamples a candidate with a cluster below 0.50 is
given up. A candidate is stable when every cluster reaches 0.75, doubtful when every cluster reaches 0.60; no other is
shown. Among the stable ones (without one, the doubtful ones) the later outcomes decide: those are equally good whose
c-statistic, with rates from one half of the people and judged on the other, is at most one standard error (Hanley and
McNeil 1982) below the best; of these the one with the most groups is taken, and of two with as many the one with the
higher silhouette by Euclidean distance. Without any, all are one group.

Why the number of groups comes before the silhouette: on three generated populations (2,000 and 5,000 people) k-means
with three or four groups had the highest silhouette (0.16-0.19) and found the planted archetypes worst (adjusted Rand
index 0.20-0.26); stable candidates of six to eight groups 0.50-0.65.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics import suppression
from analytics.risk_groups import families, separation, stability
from analytics.risk_groups.sample import Sample

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FAMILIES = tuple(families.ROUNDS)
SMALL_POPULATION = 500


@dataclass(frozen=True)
class Candidate:
    """One family and k: people in the smallest cluster, the verdict (stable, doubtful, unstable, too_small), and what
    was measured before that was clear: clusterwise mean Jaccard in the order of the centres, over how many
    resamples; c-statistic of the later outcome; Euclidean silhouette."""

    family: str
    k: int
    smallest: int
    verdict: str
    jaccard: tuple[float, ...] = ()
    resamples: int = 0
    c: float | None = None
    silhouette: float | None = None


@dataclass(frozen=True)
class Choice:
    """The chosen candidate and everything it was chosen from."""

    chosen: Candidate
    floor: int
    bootstraps: int
    sample: int
    candidates: tuple[Candidate, ...]
    centres: list[list[float]]  # on the sample: where the fit on everyone starts

    def table(self, hide_sample: bool = False) -> dict[str, Any]:
        """As it is kept in the release; sizes of 1 to 10 never occur in it, nor is one the rest of another number.

        hide_sample: a group's size is hidden. The sample may be everyone, and less the other groups it would tell.
        """
        return {
            "family": self.chosen.family,
            "k": self.chosen.k,
            "verdict": self.chosen.verdict,
            "floor": self.floor,
            "bootstraps": self.bootstraps,
            "sample": None if hide_sample else self.sample,
            "candidates": [_shown(one) for one in self.candidates],
            "rule": " ".join((__doc__ or "").split("The rule. ")[1].split("\n\n")[0].split()),
        }


def _shown(candidate: Candidate) -> dict[str, Any]:
    """A row of the table. Overlaps ascending: their order is that of nothing else that is told."""
    told = {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(candidate).items()}
    told["jaccard"] = [round(overlap, 3) for overlap in sorted(candidate.jaccard)]
    return told | {"smallest": None if suppression.small(candidate.smallest) else candidate.smallest}


def choose(spark: SparkSession, sample: Sample, bootstraps: int, seed: int) -> Choice:
    """Try all candidates, one Spark task each, and choose by the rule."""
    ks = range(2 if sample.of < SMALL_POPULATION else 3, 11)
    wanted = [(family, k) for k in reversed(ks) if k * 11 <= sample.of for family in FAMILIES]  # the long ones first
    shared = spark.sparkContext.broadcast(sample)
    found = spark.sparkContext.parallelize(wanted, max(len(wanted), 1)).map(
        lambda one: tried(shared.value, *one, bootstraps, seed)
    )
    candidates = tuple(sorted(found.collect(), key=lambda one: (FAMILIES.index(one.family), one.k)))
    shared.unpersist()
    chosen = pick(candidates, sample.outcome) or Candidate("k_means", 1, sample.of, "single")
    centres = families.centres_of(sample.inputs, chosen.family, chosen.k, seed)
    return Choice(chosen, floor_for(sample.of), bootstraps, len(sample.inputs), candidates, centres)


def tried(sample: Sample, family: str, k: int, bootstraps: int, seed: int) -> Candidate:
    """One candidate through the rule, as far as it gets."""
    places = families.nearest(sample.inputs, families.centres_of(sample.inputs, family, k, seed))
    found = Candidate(family, k, sample.grown(int(np.bincount(places, minlength=k).min())), "too_small")
    if too_small(sample, places, k):
        return found
    overlaps, resamples = stability.jaccard(sample.inputs, family, k, bootstraps, seed)
    found = replace(found, verdict=stability.weakest_word(overlaps), jaccard=tuple(overlaps), resamples=resamples)
    if found.verdict == "unstable":
        return found
    parted = separation.silhouette(sample.inputs, places)
    return replace(found, c=separation.c_statistic(places, sample.outcome, k), silhouette=parted)


def floor_for(people: int) -> int:
    """The smallest group that may be formed among so many people."""
    return 11 if people < SMALL_POPULATION else max(50, -(-people // 100))


def too_small(sample: Sample, places: Any, k: int) -> bool:
    """Whether the smallest cluster has too few people, or any has too few with the later outcome."""
    if sample.grown(int(np.bincount(places, minlength=k).min())) < floor_for(sample.of):
        return True
    if sample.of < SMALL_POPULATION:
        return False
    events = np.bincount(places, weights=np.nan_to_num(sample.outcome), minlength=k)
    return sample.grown(int(events.min())) <= suppression.largest_hidden()


def pick(candidates: Sequence[Candidate], outcome: Any) -> Candidate | None:
    """The rule's choice, None when nothing holds. outcome: of the sample, for the standard error."""
    for verdict in ("stable", "doubtful"):
        held = [one for one in candidates if one.verdict == verdict]
        if held:
            return _best(held, outcome)
    return None


def _best(held: Sequence[Candidate], outcome: Any) -> Candidate:
    """By the later outcomes, the number of groups, the silhouette, and then the family that comes first."""
    best = max(one.c or 0.0 for one in held)
    equal = [one for one in held if (one.c or 0.0) >= best - separation.standard_error(best, outcome)]
    return max(equal, key=lambda one: (one.k, one.silhouette or -1.0))


def with_stability(groups: list[dict[str, Any]], chosen: Choice) -> list[dict[str, Any]]:
    """The groups, clusters in the order of the candidate's centres, each with how well it came back in resamples."""
    overlaps = iter(chosen.chosen.jaccard or [None])
    return [group | ({"stability": "rule", "jaccard": None, "stability_words": BY_RULE} if group["rule"]
                     else _stability(next(overlaps))) for group in groups]  # fmt: skip


BY_RULE = "A rule puts people here, so there is nothing to come back."


def _stability(overlap: float | None) -> dict[str, Any]:
    if overlap is None:
        return {"stability": "single", "jaccard": None, "stability_words": "No division came back: all are one group."}
    word = stability.word(overlap)
    words = "came back" if word == "stable" else "came back in part"
    return {"stability": word, "jaccard": round(overlap, 2),
            "stability_words": f"{words.capitalize()} when people were drawn anew: mean overlap {overlap:.2f}, {word}."}
