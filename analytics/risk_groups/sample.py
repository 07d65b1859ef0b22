"""The people among whom candidates are tried: the same ones in whatever order and files the rows come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.definitions import groups
from analytics.risk_groups import placing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SIZE = 5_000  # people; stability changes little beyond, time grows with it


@dataclass(frozen=True)
class Sample:
    """Some people in contact, in an order that tells nothing of them.

    values: people by inputs as measured, unknown as NaN; inputs: the same filled, capped and scaled; outcome: 0, 1 or
    NaN; of: how many there are in all.
    """

    values: groups.Matrix
    inputs: groups.Matrix
    outcome: groups.Matrix
    of: int

    def grown(self, count: int) -> int:
        """About how many people of all stand behind so many of the sample."""
        return round(count * self.of / max(len(self.inputs), 1))


def drawn(people: DataFrame, model: dict[str, Any], seed: int) -> Sample:
    """At most SIZE people, by a hash of their id: no lottery, and no trace of the order in the lake."""
    outcome = ["outcome"] if "outcome" in people.columns else []
    order = f"xxhash64(concat(subject_id, ' {int(seed)}'))"
    rows = people.selectExpr(f"{order} AS place", "subject_id", *model["features"], *outcome)
    table = rows.orderBy("place", "subject_id").limit(SIZE).toArrow().combine_chunks()
    values = placing.matrix(table, model["features"])
    known = placing.matrix(table, outcome)[:, 0] if outcome else np.full(table.num_rows, np.nan)
    return Sample(values, groups.prepare(values, model), known, people.count())
