"""All papers of a release, in the order in which they build on one another (docs/release.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.evidence import evidence
from analytics.lake import Lake
from analytics.release import hashes
from analytics.release.cohorts import cohorts
from analytics.release.drift import drift
from analytics.release.funnel import funnel
from analytics.release.model_card import model_card
from analytics.release.papers import PUBLISHED
from analytics.release.population_map import population_map
from analytics.spark import spark_step

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def write(spark: SparkSession, lake: Lake, model: dict[str, Any], folder: str) -> None:
    """Write every paper beside the `release.json`, memberships and counts that lie in the folder, and the hashes last.

    The folder counts only once the caller has written `_SUCCESS`. Raises DataError where the counts of the steps do not
    add up, SparkError and LakeError where the work cannot be done.
    """
    papers: dict[str, Any] = {"funnel": funnel(lake, model, folder)}
    with spark_step(spark, "Weighing the evidence", "weigh the evidence"):
        papers["evidence"] = evidence(spark, lake, model)
    with spark_step(spark, "Counting treatments, gaps and outcomes in detail", "count the cohorts"):
        papers["cohorts"] = cohorts(spark, lake, model, papers["evidence"])
    with spark_step(spark, "Drawing the map of the population", "draw the map"):
        papers["map"] = population_map(spark, lake, model)
    with spark_step(spark, "Comparing with the release before", "compare with the release before"):
        papers["drift"] = drift(spark, lake, model)
    papers["model-card"] = model_card(model, papers)
    for name in PUBLISHED:
        lake.write_json(f"{folder}/{name}.json", papers[name])
    hashes.write(lake, folder)
