"""A published document is checked once more before it leaves: no small count, and none between two counts."""

from typing import Any

import pytest

from app.chart.cells import screened

FIGURES = {"rate": 0.3, "low": 0.2, "high": 0.4}


@pytest.mark.parametrize(
    ("told", "leaves"),
    [
        ({"n": 431, "followed": 412, "events": 128}, True),
        ({"n": 431, "followed": 431, "events": 0}, True),
        ({"n": 431, "followed": None, "events": None}, True),
        ({"n": 9}, False),
        ({"n": 431, "followed": 425, "events": 128}, False),  # 6 were not followed
        ({"n": 431, "followed": 412, "events": 405}, False),  # 7 without the event
        ({"n": 431, "events": 424}, False),  # a row of the evidence: all of them were followed
        ({"n": 431, "followed": 412, "events": 7}, False),
    ],
)
def test_figures_leave_only_where_no_small_number_follows(told: dict[str, Any], leaves: bool) -> None:
    (found,) = screened({"groups": [{"rank": 1, **told, **FIGURES}]})["groups"]
    kept = {"rank": 1, **told, **FIGURES}
    assert found == (kept if leaves else dict.fromkeys(kept) | {"rank": 1})


def test_a_rule_that_applies_to_few_is_not_told() -> None:
    assert screened([{"id": "a", "applicable": 9, "met": 0.5}]) == [{"id": "a", "applicable": None, "met": None}]
    assert screened({"applicable": 0, "met": None}) == {"applicable": 0, "met": None}
    assert screened({"applicable": 90, "met": 0.5}) == {"applicable": 90, "met": 0.5}
