"""Charts side by side in one statement. Whose a row is says the number of the chart, never a FHIR id.

Two people may have one id (at two EHRs, or one is asked for twice with different resources), and so may two resources.
Within a statement each carries the number of its chart as a mark, so that no stage can join or count across charts, and
what comes out goes to the chart of its mark or to nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

#: What a MedicationRequest that points to a Medication of this server has as its code (events/MedicationRequest.sql).
POINTER = "reference|Medication/"

#: name of a record ("value", "unusable", "person", ...) -> its rows (name, value, time, resource).
Records = dict[str, list[tuple[Any, ...]]]


class Lines:
    """The lines of several charts as one table, numbered anew from 0."""

    def __init__(self, charts: Sequence[pa.Table]) -> None:
        together = pa.concat_tables(charts)
        self._numbers = together["line_no"].to_numpy()
        self._ends = np.cumsum([chart.num_rows for chart in charts])
        self.table = together.set_column(0, "line_no", pa.array(np.arange(together.num_rows)))

    def of_each(self, found: pa.Table) -> list[pa.Table]:
        """Rows with the ``line_no`` of this table, for each chart its own, with the ``line_no`` they had there."""
        lines = found["line_no"].to_numpy()
        place = found.schema.get_field_index("line_no")
        found = found.set_column(place, "line_no", pa.array(self._numbers[lines]))
        if len(self._ends) == 1:
            return [found]
        whose: npt.NDArray[np.int64] = np.searchsorted(self._ends, lines, side="right")
        return [found.filter(pa.array(whose == number)) for number in range(len(self._ends))]


def marked(events: Sequence[pa.Table]) -> pa.Table:
    """The events of charts as one table, each with the mark of its chart."""
    return pa.concat_tables([_marked(one, _mark(number)) for number, one in enumerate(events)])


def of_each(rows: Iterable[tuple[Any, ...]], events: Sequence[pa.Table]) -> list[Records]:
    """Records for each chart, without marks. rows: (part, subject_id, name, value, time, resource); events: of each.

    Raises LookupError for a row that is not wholly of one of these charts.
    """
    whose = {f"{subject}{_mark(number)}": number for number, one in enumerate(events)
             for subject in pc.unique(one["subject_id"].drop_null()).to_pylist()}  # fmt: skip
    found: list[Records] = [defaultdict(list) for _ in events]
    for part, subject, name, value, time, resource in rows:
        number = whose[subject]
        mark = _mark(number)
        if resource is not None and not resource.endswith(mark):
            raise LookupError("a record of one chart names a resource of another")
        if name is not None and name.startswith(POINTER):
            name = name.removesuffix(mark)
        found[number][part].append((name, value, time, resource and resource.removesuffix(mark)))
    return found


def _mark(number: int) -> str:
    """No FHIR id has a '#', and it sorts before all that they have: resources of a chart stay in their order."""
    return f"#{number}"


def _marked(events: pa.Table, mark: str) -> pa.Table:
    columns = {name: events[name] for name in events.column_names}
    for name in ("subject_id", "resource"):
        columns[name] = pc.binary_join_element_wise(events[name], mark, "")
    is_pointer = pc.starts_with(events["code"], POINTER)
    if pc.any(is_pointer).as_py():
        columns["code"] = pc.if_else(is_pointer, pc.binary_join_element_wise(events["code"], mark, ""), events["code"])
    return pa.table(columns, schema=events.schema)
