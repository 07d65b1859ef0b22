"""What moved since the release before: its groups' shares, the inputs in its own bins, and who changed group.

The release before is the newest other one of the same EHR in the lake. Its own centres place today's people, so that a
change of share is a change of the people; the adjusted Rand index then compares that placement with this release's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analytics import suppression
from analytics.definitions import catalogue
from analytics.lake import Lake
from analytics.release import bins
from analytics.risk_groups import placing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def drift(spark: SparkSession, lake: Lake, model: dict[str, Any]) -> dict[str, Any]:
    """`bins` of this release for the next one, and `previous groups features adjusted_rand_index` against the last.

    `previous` is None where there is no release before; `reason` says why something could not be compared.
    """
    path = lake.features(model["ehr"], model["export_id"], model["as_of"])
    rows = spark.read.parquet(f"{lake.url(path)}/part-*")
    found: dict[str, Any] = {"bins": bins.bins_of(rows, model), "previous": None, "groups": [], "features": [],
                             "adjusted_rand_index": None, "reason": "no_release_before"}
    before = previous(lake, model)
    if before is None:
        return found
    told = {key: before[key] for key in ("release_id", "as_of", "created_at")}
    found |= {"previous": told | {"same_definitions": before["definitions_hash"] == model["definitions_hash"]}}
    if missing := set(before["features"]) - set(rows.columns):
        return found | {"reason": f"{len(missing)} of its inputs are no longer measured"}
    return found | {"reason": None} | _compared(spark, lake, rows, model, before)


def previous(lake: Lake, model: dict[str, Any]) -> dict[str, Any] | None:
    """`release.json` of the newest finished release of this EHR that was made before this one."""
    folder = lake.releases(model["ehr"])
    ids = [one for one in lake.finished_folders(folder) if one != model["release_id"]]
    found = [lake.read_json(f"{folder}/{one}/release.json") for one in ids]
    found = [one for one in found if one["created_at"] <= model["created_at"]]
    return max(found, key=lambda one: (one["created_at"], one["release_id"]), default=None)


def adjusted_rand_index(pairs: Mapping[tuple[int, int], int]) -> float:
    """Agreement of two groupings of the same people beyond chance, 1 for the same groups (Hubert and Arabie 1985).

    pairs: (group in one, group in the other) -> people.
    """
    def chosen(numbers: Any) -> float:
        return float(sum(n * (n - 1) // 2 for n in numbers))

    one: dict[int, int] = {}
    other: dict[int, int] = {}
    for (left, right), n in pairs.items():
        one[left] = one.get(left, 0) + n
        other[right] = other.get(right, 0) + n
    together, left_pairs, right_pairs = chosen(pairs.values()), chosen(one.values()), chosen(other.values())
    by_chance = left_pairs * right_pairs / max(chosen([sum(pairs.values())]), 1.0)
    most = (left_pairs + right_pairs) / 2
    return 1.0 if most == by_chance else (together - by_chance) / (most - by_chance)


def _compared(
    spark: SparkSession, lake: Lake, rows: DataFrame, model: dict[str, Any], before: dict[str, Any]
) -> dict[str, Any]:
    old = placing.with_membership(rows, before).withColumnRenamed("rank", "rank_before")
    both = placing.with_membership(old.drop("second_rank", "firmness"), model).groupBy("rank_before", "rank").count()
    pairs = {(row["rank_before"], row["rank"]): row["count"] for row in both.collect()}
    now: dict[int, int] = {}
    for (rank, _), n in pairs.items():
        now[rank] = now.get(rank, 0) + n
    memberships = f"{lake.url(lake.release(before['ehr'], before['release_id']))}/memberships"
    then = {row["rank"]: row["count"] for row in spark.read.parquet(memberships).groupBy("rank").count().collect()}
    return {
        "groups": _shares(before, then, now),
        "features": _features(lake, rows, before),
        "adjusted_rand_index": round(adjusted_rand_index(pairs), bins.DIGITS) if pairs else None,
    }


def _shares(before: dict[str, Any], then: dict[int, int], now: dict[int, int]) -> list[dict[str, Any]]:
    """Each group of the release before: its share of the people then, and of today's placed by the same centres."""
    ranks = [group["rank"] for group in before["groups"]]
    told = [suppression.shares([counts.get(rank, 0) for rank in ranks]) for counts in (then, now)]
    return [{"rank": group["rank"], "name": group["name"], "before": old, "now": new}
            for group, old, new in zip(before["groups"], *told, strict=True)]


def _features(lake: Lake, rows: DataFrame, before: dict[str, Any]) -> list[dict[str, Any]]:
    """The inputs of the release before by their stability index, the one that moved most first."""
    path = f"{lake.release(before['ehr'], before['release_id'])}/drift.json"
    kept = lake.read_json(path)["bins"] if lake.exists(path) else {}
    found = bins.counts(rows, {name: one["edges"] for name, one in kept.items()})
    known = catalogue.features()
    told = [{"feature": name, "label": known[name].label if name in known else name,
             "psi": bins.index(kept[name], found[name])} for name in kept]
    return sorted(told, key=lambda one: -1.0 if one["psi"] is None else one["psi"], reverse=True)
