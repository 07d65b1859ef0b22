"""All engines, each run once over the people of all cases."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from tests.spec import engines
from tests.spec.cases import CASES
from tests.spec.tables import AS_OF, as_table, events_of

Results = dict[str, engines.Stages]


@pytest.fixture(scope="session")
def results(spark: Any) -> Results:
    """engine -> stage -> rows."""
    found = as_table([event for case in CASES for event in events_of(case)])
    return {
        "duckdb": engines.on_duckdb(found, AS_OF),
        "spark": engines.on_spark(spark, found, AS_OF),
        "sqlite": engines.on_sqlite(found, AS_OF),
    }


@pytest.fixture(scope="session")
def of_person(results: Results) -> dict[tuple[str, str, Any], list[dict[str, Any]]]:
    """(engine, stage, person) -> rows."""
    found: dict[tuple[str, str, Any], list[dict[str, Any]]] = defaultdict(list)
    for engine, stages in results.items():
        for stage, rows in stages.items():
            for row in rows:
                found[engine, stage, row.get("subject_id")].append(row)
    return found
