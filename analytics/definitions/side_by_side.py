"""Charts side by side in one statement. Whose a row is says the number of its line, never a FHIR id.

Two people may have one id (at two EHRs, or one is asked for twice with different resources), and so may two resources.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa


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
