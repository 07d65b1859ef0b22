"""Groups from rows of features: the inputs, how each is filled, capped and scaled, and the centres. The outcome is not
read here, and a group has no name and no rank by outcome yet: they are numbered as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from analytics.definitions import catalogue, groups
from analytics.errors import DataError
from analytics.risk_groups import centres, families, placing, sample, shaping

if TYPE_CHECKING:
    from pyspark import RDD
    from pyspark.sql import DataFrame, Row

PARTITIONS = 8  # fixed, as is the order within: Spark's k-means repeats bit for bit only then
Rows = list[float]


def fitted(rows: DataFrame, family_and_k: tuple[str, int], seed: int) -> dict[str, Any]:
    """The model of these people with a given family and number of groups: `features transform mean groups`.

    rows: one row of features for each person, those without contact among them. The centres may be published
    (`centres.py`). The same rows give the same model, in whatever order they come. Raises DataError where nobody had
    contact, or nothing tells these people apart.
    """
    family, k = family_and_k
    people = in_contact(ordered(rows)).cache()
    model = scaled(people)
    start = families.centres_of(sample.drawn(people, model, seed).inputs, family, k, seed)
    model = grouped(people, model, family, start)
    people.unpersist()
    return model


def ordered(rows: DataFrame) -> DataFrame:
    """People in a fixed partitioning and order, whatever files they lie in."""
    return rows.repartition(PARTITIONS, "subject_id").sortWithinPartitions("subject_id")


def in_contact(rows: DataFrame) -> DataFrame:
    """Without the people whom the no-contact rule takes first."""
    return rows.where(f"{placing.CONTACT} < {catalogue.group_rules()['no_contact']['days']}")


def scaled(people: DataFrame) -> dict[str, Any]:
    """`features transform` of people in contact. Raises DataError where there are none, or they differ in nothing."""
    shaped = shaping.transforms(people)
    if not shaped["people"]:
        nobody = "Nobody had contact in the two years before the index date."
        raise DataError(nobody, "Choose another date with --as-of.")
    if not shaped["features"]:
        raise DataError("These people differ in nothing, so there are no groups.", "Export more people.")
    return shaping.standardised(shaped, prepared(people, shaped))


def prepared(people: DataFrame, model: dict[str, Any]) -> RDD[Rows]:
    """The inputs of each person, filled, capped and scaled."""
    columns = people.select(*model["features"])
    return columns.mapInArrow(_preparer(model), "inputs ARRAY<DOUBLE>").rdd.map(_inputs)


def grouped(people: DataFrame, model: dict[str, Any], family: str, start: list[Rows]) -> dict[str, Any]:
    """The model with its groups: centres of everyone, from those of a family on the sample, and the rule group."""
    inputs = prepared(people, model).cache()
    means = _k_means(inputs, start, families.ROUNDS[family])
    inputs.unpersist()
    found: list[dict[str, Any]] = [{"rule": None, "centre": centre} for centre in means]
    found.append({"rule": "no_contact", "centre": None})
    numbered = [group | {"rank": number} for number, group in enumerate(found, start=1)]
    model = model | {"mean": [0.0] * len(model["features"]), "groups": numbered}  # 0 is everyone's middle
    cells = people.select(*model["features"]).mapInArrow(_counter(model), "cells ARRAY<DOUBLE>").rdd.map(_cells)
    shape = (len(start), 2, len(model["features"]) + 1)
    summed = cells.treeReduce(lambda left, right: left + right).reshape(shape)
    return model | {"groups": centres.publishable(model, summed)}


def _k_means(inputs: RDD[Rows], start: list[Rows], rounds: int) -> list[Rows]:
    """MLlib's k-means, started from the best centres of the sample: no lottery of starts, few rounds. Order is kept."""
    from pyspark.mllib.clustering import KMeans, KMeansModel

    begin = KMeansModel([np.array(centre) for centre in start])
    found = KMeans.train(inputs, len(start), maxIterations=rounds, epsilon=1e-6, initialModel=begin)
    return np.array(found.clusterCenters, dtype=np.float64).tolist()  # type: ignore[no-any-return]


def _preparer(model: dict[str, Any]) -> Callable[[placing.Batches], placing.Batches]:
    def run(batches: placing.Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            values = groups.prepare(placing.matrix(batch, model["features"]), model)
            yield pa.RecordBatch.from_pydict({"inputs": placing.as_lists(values)})

    return run


def _counter(model: dict[str, Any]) -> Callable[[placing.Batches], placing.Batches]:
    def run(batches: placing.Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            cells = centres.counted(placing.matrix(batch, model["features"]), model)
            yield pa.RecordBatch.from_pydict({"cells": placing.as_lists(cells.reshape(1, -1))})

    return run


def _inputs(row: Row) -> Rows:
    return list(row.inputs)


def _cells(row: Row) -> Any:
    return np.array(row.cells)
