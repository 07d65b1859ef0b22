"""Everyone into the groups of a model, on the executors, by the arithmetic of the live score (`groups.assign`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from analytics.definitions import groups

if TYPE_CHECKING:
    from pyspark import RDD
    from pyspark.sql import DataFrame

CONTACT = "days_since_contact"
Batches = Iterator[pa.RecordBatch]


def placed(rows: DataFrame, model: dict[str, Any]) -> RDD[tuple[dict[str, Any], groups.Membership]]:
    """Each row of features (as a dict, all its columns) with its membership."""
    return with_membership(rows, model).rdd.map(_pair)


def with_membership(rows: DataFrame, model: dict[str, Any]) -> DataFrame:
    """The rows with three columns more: rank, second_rank, firmness (see `groups.Membership`)."""
    from pyspark.sql.types import DoubleType, IntegerType, StructType

    schema = StructType(list(rows.schema.fields)).add("rank", IntegerType())
    return rows.mapInArrow(placer(model), schema.add("second_rank", IntegerType()).add("firmness", DoubleType()))


def needed(model: dict[str, Any], *others: str) -> list[str]:
    """Others and the columns that placing reads: hundreds more, to Python and back, would cost more than the rest."""
    return list(dict.fromkeys([*others, CONTACT, *model["features"]]))


def matrix(batch: pa.RecordBatch | pa.Table, names: list[str]) -> groups.Matrix:
    """Columns of a batch as people by features; NULL becomes NaN."""
    columns = [np.asarray(batch.column(name).cast(pa.float64())) for name in names]
    return np.stack(columns, axis=1) if columns else np.zeros((batch.num_rows, 0))


def as_lists(matrix: groups.Matrix) -> pa.ListArray:
    """Each row of a matrix as one list."""
    width = matrix.shape[1]
    offsets = np.arange(0, matrix.size + 1, width, dtype=np.int32) if width else np.zeros(len(matrix) + 1, np.int32)
    return pa.ListArray.from_arrays(offsets, np.ascontiguousarray(matrix).ravel())


def placer(model: dict[str, Any]) -> Callable[[Batches], Batches]:
    """The Spark task of `with_membership`; one that counts can follow it at once, without a way through the JVM."""

    def run(batches: Batches) -> Batches:
        for batch in batches:
            found = groups.assign(matrix(batch, model["features"]), matrix(batch, [CONTACT])[:, 0], model)
            ranks = pa.array([one.rank for one in found], pa.int32())
            seconds = pa.array([one.second for one in found], pa.int32())
            firm = pa.array([one.firmness for one in found], pa.float64())
            names = [*batch.schema.names, "rank", "second_rank", "firmness"]
            yield pa.RecordBatch.from_arrays([*batch.columns, ranks, seconds, firm], names=names)

    return run


def _pair(row: Any) -> tuple[dict[str, Any], groups.Membership]:
    held = row.asDict()
    return held, groups.Membership(held.pop("rank"), held.pop("second_rank"), held.pop("firmness"))
