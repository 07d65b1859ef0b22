"""The evidence of a release, from the features of its index date and of the dates before it."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

from analytics.build import built_earlier
from analytics.evidence.discrimination import discrimination
from analytics.evidence.people import people
from analytics.evidence.screening import screening
from analytics.evidence.standardised import METHOD, ratios
from analytics.evidence.subgroups import subgroups
from analytics.evidence.temporal import temporal
from analytics.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SEED = 20260630
FIGURES = ("n", "followed", "events", "rate", "low", "high", "rate_below", "rate_above")


def evidence(spark: SparkSession, lake: Lake, model: dict[str, Any]) -> dict[str, Any]:
    """See ``analytics.evidence.evidence``."""

    @cache
    def rows_at(day: date) -> DataFrame:
        folder = lake.url(lake.features(model["ehr"], model["export_id"], day))
        return spark.read.parquet(f"{folder}/part-*")

    days = built_earlier(lake, model["ehr"], model["export_id"], date.fromisoformat(model["as_of"]))
    followed = people(rows_at(date.fromisoformat(model["index_date"])), model)
    groups = sorted(model["groups"], key=lambda group: int(group["rank"]))
    tested = temporal(rows_at, model, days, SEED)
    return {
        "groups": of_groups(followed, groups),
        "standardisation": METHOD,
        "discrimination": discrimination(followed, groups),
        "calibration": tested[0]["calibration"],
        "screening": screening(followed, groups),
        "subgroups": subgroups(followed, groups),
        "temporal": tested,
    }


def of_groups(followed: dict[str, Any], groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each group's figures as the release has them, and its ratio to the lowest at equal age and sex."""
    standardised = ratios(followed, groups)
    named = ("rank", "name", *FIGURES)
    return [{key: group[key] for key in named} | {"standardised": standardised[group["rank"]]} for group in groups]
