"""Who is in each group and what happened to them: sizes, later outcomes, quartiles and shares, counted by Spark.

Spark brings together, for each group and each few features, the numbers of these people; the driver gets sums and
quartiles alone, however many people there are. What may be told of them is decided here, through `suppression`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from analytics import suppression
from analytics.definitions import catalogue, small_cells
from analytics.risk_groups import naming, placing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

BLOCK = 16  # features whose numbers travel together
FIGURES = 4  # of each: known, above zero, first and third quartile


class Cells(NamedTuple):
    """Of one group and column: people with a known value, with one above zero, and the middle half of the known."""

    known: int
    positive: int
    low: float
    high: float


class Counted(NamedTuple):
    """One group: its people, and the cells of each feature and of the outcome."""

    people: int
    cells: dict[str, Cells]

    def rate(self) -> dict[str, Any]:
        """What may be said of people and outcome."""
        return suppression.rate(self.people, self.cells["outcome"].known, self.cells["outcome"].positive)


def counted(rows: DataFrame, model: dict[str, Any]) -> dict[int, Counted]:
    """The figures of every group by its rank; rows: features with the outcome."""
    names = ["outcome", *catalogue.features()]
    place, blocks_of = placing.placer(model), _blocks(names)

    def task(batches: placing.Batches) -> placing.Batches:
        return blocks_of(place(batches))

    blocks = rows.select(*names).mapInArrow(task, "rank INT, block INT, numbers ARRAY<DOUBLE>")
    found: dict[int, Counted] = {}
    for row in blocks.groupBy("rank", "block").applyInArrow(
        _summed, "rank INT, block INT, people BIGINT, figures ARRAY<DOUBLE>"
    ).collect():
        figures = np.array(row.figures).reshape(-1, FIGURES).tolist()
        cells = {name: Cells(int(known), int(positive), low, high) for name, (known, positive, low, high)
                 in zip(names[row.block * BLOCK :], figures, strict=False)}  # fmt: skip
        found.setdefault(row["rank"], Counted(row.people, {})).cells.update(cells)
    return found


def described(found: dict[int, Counted], model: dict[str, Any]) -> list[dict[str, Any]]:
    """The groups that have people, with names, sizes, later outcomes and usual ranges, by what is said of their rate
    from the lowest (`suppression.order`)."""
    events = sum(one.cells["outcome"].positive for one in found.values())
    followed = sum(one.cells["outcome"].known for one in found.values())
    usual = events / followed if followed else 0.0
    groups = [_group(group, found[group["rank"]], model) for group in model["groups"] if group["rank"] in found]
    ranked = sorted(groups, key=lambda group: suppression.order(group, usual))
    names: set[str] = set()
    for rank, group in enumerate(ranked, start=1):
        group |= {"rank": rank, "of": len(ranked)} | naming.named(group, names)
        names.add(group["name"])
    return ranked


def _group(group: dict[str, Any], counted: Counted, model: dict[str, Any]) -> dict[str, Any]:
    return group | {
        **counted.rate(),
        "usual": {name: middle_half(one, counted.cells[name]) for name, one in catalogue.features().items()},
        "share": {name: share(counted.cells[name]) for name in catalogue.features()},
        "standing_out": naming.standing_out(group, model),
    }


def middle_half(feature: catalogue.Feature, cells: Cells) -> list[float] | None:
    """First and third quartile of the known values, as told; None where ten people or fewer have one."""
    few = cells.known <= suppression.largest_hidden()
    return None if few else [small_cells.pooled(feature, end) for end in (cells.low, cells.high)]


def share(cells: Cells) -> float | None:
    """Share of people with a value above zero among those with a known one; None where it would reveal a small cell."""
    return suppression.share(cells.positive, cells.known)


def _blocks(names: list[str]) -> Callable[[placing.Batches], placing.Batches]:
    """The Spark task: a row for each person and block of columns."""

    def run(batches: placing.Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number, start in enumerate(range(0, len(names), BLOCK)):
                numbers = placing.as_lists(placing.matrix(batch, names[start : start + BLOCK]))
                block = pa.array(np.full(batch.num_rows, number), pa.int32())
                yield pa.RecordBatch.from_arrays([batch.column("rank"), block, numbers], ["rank", "block", "numbers"])

    return run


def _summed(table: pa.Table) -> pa.Table:
    """The Spark task: one group's people and block to its figures."""
    numbers = table.column("numbers").combine_chunks().flatten().to_numpy().reshape(table.num_rows, -1)
    figures = [figure for column in numbers.T for figure in cells_of(column)]
    one = {"people": [table.num_rows], "figures": [figures]}
    return table.select(["rank", "block"]).slice(0, 1).append_column("people", pa.array(one["people"])).append_column(
        "figures", pa.array(one["figures"], pa.list_(pa.float64()))
    )


def cells_of(column: Any) -> Cells:
    """Of one column of numbers, unknown as NaN."""
    known = np.sort(column[~np.isnan(column)])
    if not len(known):
        return Cells(0, 0, 0.0, 0.0)
    low, high = (float(known[round(part * (len(known) - 1))]) for part in (0.25, 0.75))
    return Cells(len(known), int((known > 0).sum()), low, high)
