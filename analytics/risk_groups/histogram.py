"""How often each value of each column occurs, and what follows from that: numbers of people, means, exact quantiles.

An aggregate for each of hundreds of columns is a statement that Spark plans and compiles for up to half a minute,
however few people there are. So the task counts the values of its people, and one short statement over the long table
of these counts, the same for all columns, brings them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from analytics.risk_groups import placing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SCHEMA = "rank INT, place INT, value DOUBLE, n BIGINT"
EVERYONE = 0  # in the place of a rank


class Figures(NamedTuple):
    """Of one column: people with a known value, with one above zero, mean, extremes, and the quantiles asked for."""

    n: int
    positive: int
    mean: float
    least: float
    most: float
    quantiles: list[float]


def figures(
    counts: DataFrame, names: Sequence[str], parts: Sequence[float], by_rank: bool = False
) -> dict[int, dict[str, Figures]]:
    """Of EVERYONE, and by_rank also of each rank, the figures of each column of which a value is known.

    counts: rows through the task `counter(names)`. parts: of the known values, from 0 to 1; a quantile that lies
    between two values is interpolated.
    """
    from pyspark.sql.functions import col, expr

    select = ("sum(n) AS n", "sum(IF(value > 0, n, 0)) AS positive", "sum(value * n) / sum(n) AS mean",
              "min(value) AS least", "max(value) AS most",
              f"percentile(value, array({', '.join(f'{part!r}D' for part in parts)}), n) AS quantiles")  # fmt: skip
    sets = [[col("place")], [col("place"), col("rank")]] if by_rank else [[col("place")]]
    found: dict[int, dict[str, Figures]] = {}
    for row in counts.groupingSets(sets, "place", "rank").agg(*map(expr, select)).collect():
        of = Figures(row.n, row.positive, row.mean, row.least, row.most, row.quantiles)
        found.setdefault(row["rank"] or EVERYONE, {})[names[row.place]] = of
    return found


def counter(names: Sequence[str]) -> Callable[[placing.Batches], placing.Batches]:
    """The Spark task: how often each known value occurs in each column and, where there is one, with each rank."""

    def run(batches: placing.Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from _counts(batch, list(names)).to_batches()

    return run


def _counts(batch: pa.RecordBatch, names: list[str]) -> pa.Table:
    values = placing.matrix(batch, names)
    people, places = np.nonzero(~np.isnan(values))
    ranks = np.asarray(batch.column("rank")) if "rank" in batch.schema.names else np.zeros(len(values))
    known = {"rank": ranks[people].astype(np.int32), "place": places.astype(np.int32), "value": values[people, places]}
    counted: Any = pa.table(known).group_by(list(known)).aggregate([([], "count_all")])
    return counted.rename_columns([*known, "n"])
