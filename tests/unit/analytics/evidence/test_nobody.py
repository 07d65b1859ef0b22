"""Of nobody, or of ten, there is no figure, and no step fails."""

from __future__ import annotations

import pytest

from analytics.evidence.discrimination import discrimination
from analytics.evidence.release import of_groups
from analytics.evidence.screening import screening
from analytics.evidence.subgroups import subgroups
from tests.unit.analytics.evidence.crowd import crowd, groups_of


@pytest.mark.parametrize("n", [0, 1, 10])
def test_every_figure_of_so_few_is_empty(n: int) -> None:
    people = crowd(n)
    groups = groups_of(people)
    assert set(discrimination(people, groups).values()) == {None}
    told = [row for row in of_groups(people, groups) for key in ("n", "events", "rate") if row[key] is not None]
    assert told == [] and all(row["standardised"] is None for row in of_groups(people, groups))
    assert all(row["people"] is row["ppv"] is None for row in screening(people, groups))
    rows = subgroups(people, groups)
    assert [row for row in rows if row["events"] is not None or row["c"] is not None] == []
    assert [cell for row in rows for cell in row["groups"] if cell["events"] is not None] == []
