"""What a task counts of its people: each known value of each column, with each rank."""

import math

import numpy as np
import pyarrow as pa

from analytics.risk_groups import histogram

BATCH = pa.RecordBatch.from_pydict(
    {"rank": pa.array([1, 2, 1, 1], pa.int32()), "age": [40.0, 40.0, 40.0, None], "flag": [0, 1, None, 1]}
)


def counted(batch: pa.RecordBatch, *names: str) -> list[tuple[int, int, float, int]]:
    rows = [row for part in histogram.counter(names)(iter([batch])) for row in part.to_pylist()]
    return sorted((row["rank"], row["place"], row["value"], row["n"]) for row in rows)


def test_each_known_value_is_counted_with_each_rank() -> None:
    assert counted(BATCH, "age", "flag") == [(1, 0, 40.0, 2), (1, 1, 0.0, 1), (1, 1, 1.0, 1), (2, 0, 40.0, 1),
                                             (2, 1, 1.0, 1)]  # fmt: skip


def test_without_ranks_people_count_as_everyone() -> None:
    assert counted(BATCH.select(["age", "flag"]), "flag") == [(histogram.EVERYONE, 0, 0.0, 1),
                                                              (histogram.EVERYONE, 0, 1.0, 2)]  # fmt: skip


def test_a_column_of_which_nothing_is_known_gives_nothing() -> None:
    assert counted(pa.RecordBatch.from_pydict({"age": pa.nulls(3, pa.float64())}), "age") == []


def test_the_counts_add_up_to_the_known_values() -> None:
    values = np.where(np.arange(500) % 7 == 0, math.nan, np.random.default_rng(7).integers(0, 40, 500))
    found = counted(pa.RecordBatch.from_pydict({"value": pa.array(values, from_pandas=True)}), "value")
    again = np.repeat([value for _, _, value, _ in found], [n for *_, n in found])
    assert again.tolist() == np.sort(values[~np.isnan(values)]).tolist()
