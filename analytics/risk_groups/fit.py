"""fit: groups found at the index date, judged by the year after it, and everyone placed in them as of today.

A release is numbers only. The groups are found without the outcome; their later outcome rate was observed in exactly
these groups, because the centres are fitted at the index date and the same centres place people at the as-of date.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from analytics.build import index_date, loaded_base
from analytics.counts import parquet_rows, require_all
from analytics.definitions import catalogue
from analytics.lake import Lake
from analytics.release import contents, method
from analytics.risk_groups import choice, fitting, placing, profile, surrogate
from analytics.risk_groups.limits import limits
from analytics.risk_groups.sample import Sample, drawn
from analytics.spark import spark_step

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SEED = 20260630


@dataclass(frozen=True)
class Fitted:
    """A finished release: its id, its counts and whether it was made now."""

    release_id: str
    counts: dict[str, Any]


def fit(spark: SparkSession, lake: Lake, ehr: str, export_id: str, as_of: date, bootstraps: int) -> Fitted:
    """Make the release of an export and as-of date; does nothing when it exists by this method and with these settings.

    Raises DataError when nobody has had contact, SparkError when the work cannot be done.
    """
    release_id = _release_id(ehr, export_id, as_of, bootstraps, loaded_base(lake, ehr, export_id))
    target = lake.release(ehr, release_id)
    if not lake.finished(target):
        lake.delete(target)
        model = _fit(spark, lake, ehr, export_id, as_of, bootstraps) | {"release_id": release_id}
        lake.write_bytes(f"{target}/release.json", json.dumps(model, indent=1, allow_nan=False).encode())
        _write_memberships(spark, lake, model, lake.features(ehr, export_id, as_of), target)
        contents.write(spark, lake, model, target)
        lake.finish(target)
    return Fitted(release_id, lake.read_counts(target))


def _release_id(ehr: str, export_id: str, as_of: date, bootstraps: int, base: str | None) -> str:
    """The same export, date, definitions, method and settings give the same release."""
    made_by = f"{catalogue.definitions_hash()} {method.method_hash()}"
    said = f"{ehr} {export_id} {as_of} {made_by} {bootstraps} {SEED} {base}"
    return f"{as_of:%Y%m%d}-{sha256(said.encode()).hexdigest()[:8]}"


def _fit(spark: SparkSession, lake: Lake, ehr: str, export_id: str, as_of: date, bootstraps: int) -> dict[str, Any]:
    earlier = index_date(as_of)
    for folder in (lake.features(ehr, export_id, day) for day in (as_of, earlier)):
        again = f"Remove it and run `kindred build {ehr}`."
        require_all(parquet_rows(lake, folder), lake.read_counts(folder)["kept"], lake.url(folder), again)
    with spark_step(spark, "Shaping the features", "shape the features"):
        read = spark.read.parquet(f"{lake.url(lake.features(ehr, export_id, earlier))}/part-*")
        everyone = fitting.ordered(read).cache()
        people = fitting.in_contact(everyone)
        model = fitting.scaled(people)
        sample = drawn(people, model, SEED)
    with spark_step(spark, "Choosing the groups", "choose the groups"):
        chosen = choice.choose(spark, sample, bootstraps, SEED)
    with spark_step(spark, f"Fitting {chosen.chosen.k} groups", "fit the groups"):
        model = fitting.grouped(people, model, chosen.chosen.family, chosen.centres)
    with spark_step(spark, "Describing the groups", "describe the groups"):
        model = _described(everyone, sample, model | {"groups": choice.with_stability(model["groups"], chosen)}, chosen)
    everyone.unpersist()
    return model | {
        "ehr": ehr,
        "export_id": export_id,
        "as_of": as_of.isoformat(),
        "index_date": earlier.isoformat(),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "definitions_hash": catalogue.definitions_hash(),
        "method_hash": method.method_hash(),
        "outcome": catalogue.group_rules()["outcome"],
        "choice": chosen.table(hide_sample=any(group["n"] is None for group in model["groups"])),
    }


def _described(everyone: DataFrame, sample: Sample, model: dict[str, Any], chosen: choice.Choice) -> dict[str, Any]:
    """The model with names, figures, the tree that stands for the groups, and what all this cannot support."""
    found = profile.counted(everyone, model)
    model = model | {"groups": profile.described(found, model)}
    events = sum(counted.cells["outcome"].positive for counted in found.values())
    return model | {
        "surrogate": surrogate.explained(fitting.in_contact(everyone), sample, model, SEED),
        "limits": limits(sample.of, events, chosen, model["groups"]),
    }


def _write_memberships(spark: SparkSession, lake: Lake, model: dict[str, Any], features_path: str, target: str) -> None:
    """Everyone alive at as_of, with rank, second-closest rank and firmness."""
    rows = spark.read.parquet(f"{lake.url(features_path)}/part-*").select(*placing.needed(model, "subject_id"))
    with spark_step(spark, f"Placing everyone as of {model['as_of']}", "place everyone"):
        table = placing.with_membership(rows, model).select("subject_id", "rank", "second_rank", "firmness")
        table.write.mode("overwrite").parquet(lake.url(f"{target}/memberships"))
        kept = spark.read.parquet(lake.url(f"{target}/memberships")).count()
    alive = lake.read_counts(features_path)["kept"]
    require_all(kept, alive, lake.url(f"{target}/memberships"), "Run the same command again.")
    lake.write_counts(target, alive, kept, {})
