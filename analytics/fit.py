"""fit: groups found at the index date, judged by the year after it, and everyone placed in them as of today.

A release is numbers only. The groups are found without the outcome; their later outcome rate was observed in exactly
these groups, because the centres are fitted at the index date and the same centres place people at the as-of date.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics import centres, choice, profile
from analytics.build import index_date
from analytics.definitions import catalogue, groups
from analytics.errors import DataError
from analytics.lake import Lake
from analytics.spark import spark_step

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession

PARTITIONS = 8  # fixed, as is the order within: Spark's k-means repeats bit for bit only then
SEED = 20260630


@dataclass(frozen=True)
class Fitted:
    """A finished release: its id, its counts and whether it was made now."""

    release_id: str
    counts: dict[str, Any]


def fit(spark: SparkSession, lake: Lake, ehr: str, export_id: str, as_of: date, bootstraps: int) -> Fitted:
    """Make the release of an export and as-of date; does nothing when it exists with these definitions and settings.

    Raises DataError when nobody has had contact, SparkError when the work cannot be done.
    """
    release_id = _release_id(ehr, export_id, as_of, bootstraps)
    target = lake.release(ehr, release_id)
    if not lake.finished(target):
        lake.delete(target)
        model = _fit(spark, lake, ehr, export_id, as_of, bootstraps) | {"release_id": release_id}
        lake.write_bytes(f"{target}/release.json", json.dumps(model, indent=1, allow_nan=False).encode())
        _write_memberships(spark, lake, model, lake.features(ehr, export_id, as_of), target)
        lake.finish(target)
    return Fitted(release_id, lake.read_counts(target))


def _release_id(ehr: str, export_id: str, as_of: date, bootstraps: int) -> str:
    """The same export, date, definitions and settings give the same release."""
    said = f"{ehr} {export_id} {as_of} {catalogue.definitions_hash()} {bootstraps} {SEED}"
    return f"{as_of:%Y%m%d}-{sha256(said.encode()).hexdigest()[:8]}"


def _fit(spark: SparkSession, lake: Lake, ehr: str, export_id: str, as_of: date, bootstraps: int) -> dict[str, Any]:
    earlier = index_date(as_of)
    with spark_step(spark, "Shaping the features", "shape the features"):
        everyone = _ordered(spark, lake.url(lake.features(ehr, export_id, earlier))).cache()
        in_contact = everyone.where(f"days_since_contact < {catalogue.group_rules()['no_contact']['days']}")
        people = in_contact.count()
        if people == 0:
            raise DataError(
                "Nobody had contact in the two years before the index date.", "Choose another date with --as-of."
            )
        shaped = profile.transforms(in_contact)
        if not shaped["features"]:
            raise DataError("These people differ in nothing, so there are no groups.", "Export more people.")
        model = profile.standardised(shaped, in_contact.rdd.mapPartitions(_preparer(shaped)))
        prepared = in_contact.rdd.mapPartitions(_preparer(model), preservesPartitioning=True).cache()
    with spark_step(spark, "Choosing the number of groups", "choose the number of groups"):
        chosen = choice.choose(spark, prepared, people, bootstraps, SEED)
    with spark_step(spark, f"Fitting {chosen.k} groups", "fit the groups"):
        model |= {"mean": [0.0] * len(model["features"]), "groups": _clusters(prepared, chosen)}  # 0 is the middle
        cells = in_contact.rdd.mapPartitions(_counter(model)).treeReduce(lambda left, right: left + right)
        model |= {"groups": centres.publishable(model, cells)}
    with spark_step(spark, "Describing the groups", "describe the groups"):
        model |= profile.describe(everyone, model, chosen, _assigner(model))
    everyone.unpersist()
    prepared.unpersist()
    return model | {
        "ehr": ehr,
        "export_id": export_id,
        "as_of": as_of.isoformat(),
        "index_date": earlier.isoformat(),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "definitions_hash": catalogue.definitions_hash(),
        "outcome": catalogue.group_rules()["outcome"],
        "choice": chosen.table(hide_sample=any(group["n"] is None for group in model["groups"])),
    }


def _ordered(spark: SparkSession, url: str) -> DataFrame:
    """People in a fixed partitioning and order, whatever files they lie in."""
    return spark.read.parquet(f"{url}/part-*").repartition(PARTITIONS, "subject_id").sortWithinPartitions("subject_id")


def _preparer(model: dict[str, Any]) -> Any:
    def run(rows: Iterator[Row]) -> Iterator[list[float]]:
        held = [row.asDict() for row in rows]
        if held:
            yield from groups.prepare(groups.as_matrix(held, model["features"]), model).tolist()

    return run


def _counter(model: dict[str, Any]) -> Any:
    return lambda rows: centres.counted(rows, model)


def _assigner(model: dict[str, Any]) -> Any:
    """Rows to (row, membership), by the arithmetic of the live score."""

    def run(rows: Iterator[Row]) -> Iterator[tuple[dict[str, Any], groups.Membership]]:
        held = [row.asDict() for row in rows]
        if held:
            contact = groups.as_matrix(held, ["days_since_contact"])[:, 0]
            yield from zip(held, groups.assign(groups.as_matrix(held, model["features"]), contact, model), strict=True)

    return run


def _clusters(prepared: Any, chosen: choice.Choice) -> list[dict[str, Any]]:
    """Clusters by Spark's k-means on everyone in contact, and the rule group; ranks are given later, by the outcome."""
    found: list[dict[str, Any]] = [{"rule": None, "centre": centre} for centre in _k_means(prepared, chosen.centres)]
    found.append({"rule": "no_contact", "centre": None})
    return [group | {"rank": number} for number, group in enumerate(found, start=1)]


def _k_means(prepared: Any, centres: list[list[float]]) -> list[list[float]]:
    """MLlib's k-means, started from the best centres of the sample: no lottery of starts, few rounds."""
    from pyspark.mllib.clustering import KMeans, KMeansModel

    start = KMeansModel([np.array(centre) for centre in centres])
    fitted = KMeans.train(prepared, len(centres), maxIterations=50, epsilon=1e-6, initialModel=start)
    return np.array(fitted.clusterCenters, dtype=np.float64).tolist()  # type: ignore[no-any-return]


def _write_memberships(spark: SparkSession, lake: Lake, model: dict[str, Any], features_path: str, target: str) -> None:
    """Everyone alive at as_of, with rank, second-closest rank and firmness."""
    placed = spark.read.parquet(f"{lake.url(features_path)}/part-*").rdd.mapPartitions(_assigner(model))
    rows = placed.map(lambda pair: (pair[0]["subject_id"], pair[1].rank, pair[1].second, pair[1].firmness))
    with spark_step(spark, f"Placing everyone as of {model['as_of']}", "place everyone"):
        table = spark.createDataFrame(rows, "subject_id STRING, rank INT, second_rank INT, firmness DOUBLE")
        table.write.mode("overwrite").parquet(lake.url(f"{target}/memberships"))
        kept = spark.read.parquet(lake.url(f"{target}/memberships")).count()
    lake.write_counts(target, kept, kept, {})
