"""What counts as an outcome in the year after the index date, 2025-06-30; known as of 2026-06-30."""

from __future__ import annotations

from tests.spec.tables import Case

OUTCOMES = [
    Case(
        "an unplanned stay in the year after the index date",
        "outcomes",
        """
        id | time       | end        | code
        p  | 1960-03-15 |            | born
        a  | 2025-07-01 | 2025-07-03 | inpatient
        """,
        """
        outcome
        1
        """,
    ),
    Case(
        "a stay that began before it",
        "outcomes",
        """
        id | time       | end        | code
        p  | 1960-03-15 |            | born
        a  | 2025-06-30 | 2025-07-09 | inpatient
        """,
        """
        outcome
        0
        """,
    ),
    Case(
        "a stay on the last day of that year",
        "outcomes",
        """
        id | time       | end        | code
        p  | 1960-03-15 |            | born
        a  | 2026-06-30 | 2026-07-03 | inpatient
        """,
        """
        outcome
        1
        """,
    ),
    Case(
        "an emergency visit alone is no outcome",
        "outcomes",
        """
        id | time       | end        | code
        p  | 1960-03-15 |            | born
        a  | 2025-09-01 |            | emergency
        """,
        """
        outcome
        0
        """,
    ),
    Case(
        "a death in that year",
        "outcomes",
        """
        id | time       | end        | code
        p  | 1960-03-15 |            | born
        p  | 2025-07-01 |            | died
        """,
        """
        outcome
        1
        """,
    ),
    Case(
        "who died before the index date is not followed",
        "outcomes",
        """
        id | time       | code
        p  | 1960-03-15 | born
        p  | 2025-06-30 | died
        """,
        "",
    ),
    Case(
        "who died on an unknown day is not followed",
        "outcomes",
        """
        id | time       | code
        p  | 1960-03-15 | born
        p  |            | died
        """,
        "",
    ),
]
