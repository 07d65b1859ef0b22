"""What a release is judged by: later outcomes, baselines, subgroups, and the same method at earlier dates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from analytics.lake import Lake

__all__ = ["evidence"]


def evidence(spark: SparkSession, lake: Lake, model: dict[str, Any]) -> dict[str, Any]:
    """The content of ``evidence.json`` for the model of ``release.json`` (docs/release.md)."""
    from analytics.evidence.release import evidence as of_release  # build reads the strata of this room

    return of_release(spark, lake, model)
