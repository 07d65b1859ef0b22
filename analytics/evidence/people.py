"""The people of a date in the groups of one or more models: narrow columns, collected; the features stay in Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.evidence import strata
from analytics.risk_groups import placing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

COLUMNS = ("age", "female", "charlson_2011", "stays_12m")
PLACES = ("rank", "second_rank", "firmness")


def people(rows: DataFrame, *models: dict[str, Any]) -> dict[str, Any]:
    """Columns of the people whose outcome is known, in the order of their ids.

    outcome, age, female, charlson_2011, stays_12m (numbers, NaN where unknown), race, ethnicity (text or None),
    and rank, second, firmness by the first model, rank_1 by the second and so on. A million people are some 200 MB.
    """
    inputs = sorted({name for model in models for name in model["features"]} | {placing.CONTACT, *COLUMNS})
    found = rows.where("outcome IS NOT NULL").select("subject_id", "outcome", *inputs, *strata.RECORDED)
    kept = ["subject_id", "outcome", *COLUMNS, *strata.RECORDED]
    for number, model in enumerate(models):
        placed = placing.with_membership(found, model)
        for name in PLACES:
            placed = placed.withColumnRenamed(name, f"{name}_{number}")
        found = placed
        kept += [f"rank_{number}", *(["second_rank_0", "firmness_0"] if number == 0 else [])]
    table = found.select(*kept).toArrow().sort_by("subject_id")
    numbers = {name: _numbers(table[name]) for name in ("outcome", *COLUMNS)}
    texts = {name: table[name].to_pylist() for name in strata.RECORDED}
    ranks = {f"rank_{number}": table[f"rank_{number}"].to_numpy() for number in range(len(models))}
    first = {"rank": ranks.pop("rank_0"), "second": _numbers(table["second_rank_0"]),
             "firmness": _numbers(table["firmness_0"])}  # fmt: skip
    return numbers | texts | first | ranks


def _numbers(column: Any) -> Any:
    return np.asarray(column.cast("float64").to_numpy(), dtype=np.float64)


def ages_of_care(rows: DataFrame) -> tuple[float, float]:
    """Days with care in the newer and in the older half of the 24 months before the date, of everyone together."""
    found = rows.selectExpr("sum(care_days_12m) AS newer", "sum(care_days_24m) AS both").first()
    newer, both = (float(found.newer or 0), float(found.both or 0)) if found is not None else (0.0, 0.0)
    return newer, both - newer
