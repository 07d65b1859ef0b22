"""Every figure by kinds of people: what it is, and that no small number follows from all of them together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from sklearn.metrics import roc_auc_score

from analytics import suppression
from analytics.evidence import strata
from analytics.evidence.discrimination import of_levels
from analytics.evidence.subgroups import hidden, subgroups
from analytics.suppression import few, small
from tests.unit.analytics.evidence.crowd import crowd, group, groups_of

MANY = 20_000


@pytest.fixture(scope="module")
def people() -> dict[str, Any]:
    return crowd(MANY)


@pytest.fixture(scope="module")
def rows(people: dict[str, Any]) -> list[dict[str, Any]]:
    return subgroups(people, groups_of(people))


def test_there_is_a_row_for_each_kind_that_there_is(rows: list[dict[str, Any]]) -> None:
    found = {by: [row["value"] for row in rows if row["by"] == by] for by in strata.BY}
    assert found == {
        "sex": ["Female", "Male"],
        "age_band": ["0 to 17", "18 to 44", "45 to 64", "65 to 74", "75 and older"],
        "race": ["Asian", "Black or African American", "White", "Not recorded"],
        "ethnicity": ["Hispanic or Latino", "Not Hispanic or Latino"],
    }


def test_the_figures_of_a_kind_are_those_of_its_people(people: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    row = next(row for row in rows if row["value"] == "White")
    mine = np.array([race == "White" for race in people["race"]])
    rank, outcome = people["rank"][mine], people["outcome"][mine]
    assert (row["n"], row["events"], row["rate"]) == (mine.sum(), outcome.sum(), outcome.mean())
    assert row["c"]["c"] == pytest.approx(roc_auc_score(outcome, rank), abs=6e-4)
    assert [(cell["rank"], cell["n"], cell["events"]) for cell in row["groups"]] == [
        (one, (rank == one).sum(), outcome[rank == one].sum()) for one in (1, 2, 3)
    ]
    rates = {one: people["outcome"][people["rank"] == one].mean() for one in (1, 2, 3)}
    expected = sum(rates[one] for one in rank)
    assert row["observed_to_expected"]["ratio"] == pytest.approx(outcome.sum() / expected, abs=6e-3)
    assert row["screened"] == {
        "from_rank": 3, "people": (rank == 3).sum(), "events": outcome[rank == 3].sum(),
        "sensitivity": pytest.approx(outcome[rank == 3].sum() / outcome.sum(), abs=1e-4),
        "ppv": pytest.approx(outcome[rank == 3].mean(), abs=1e-4),
    }  # fmt: skip


def test_of_a_kind_with_few_people_nothing_is_told() -> None:
    found = crowd(4000)
    found["ethnicity"] = ["Hispanic or Latino"] * 7 + ["Not Hispanic or Latino"] * 2000 + [None] * 1993
    few_people = next(row for row in subgroups(found, groups_of(found)) if row["value"] == "Hispanic or Latino")
    told = {key: value for key, value in few_people.items() if key not in ("by", "value", "groups")}
    assert set(told.values()) == {None}
    assert {value for cell in few_people["groups"] for key, value in cell.items() if key != "rank"} == {None}


def test_how_many_of_a_group_were_not_followed_does_not_follow_from_its_kinds() -> None:
    """Of 495 people 490 were followed, which the release hides: the kinds would add up to 490."""
    groups = [{"rank": 1} | suppression.rate(495, 490, 100), group(2, 400, 100)]
    assert groups[0]["n"] == 495 and groups[0]["followed"] is None
    no_people, no_events = hidden([[200, 290], [200, 200]], [[40, 60], [50, 50]], groups)
    assert no_people.cells == [[True, True], [False, False]] and no_people.columns == [True, True]
    assert no_events.cells[0] == [True, True]


def test_groups_with_hidden_numbers_count_as_one_in_the_c_of_a_kind() -> None:
    """So the c is the same for every number that the hidden ones may be."""
    found = []
    for place in range(1, 4):
        people = crowd(0) | {"rank": np.repeat([1, 2, 3, 4], 400)}
        sex = np.tile([1.0, 0.0], 800)
        outcome = np.zeros(1600)
        for rank, events in ((1, place), (2, 8 - place), (3, 30), (4, 120)):  # 8 among women of the lower two groups
            outcome[np.flatnonzero((people["rank"] == rank) & (sex == 1))[:events]] = 1
            outcome[np.flatnonzero((people["rank"] == rank) & (sex == 0))[: 40 if rank < 4 else 110]] = 1
        people |= {"female": sex, "outcome": outcome, "age": np.full(1600, 50.0), "race": [None] * 1600,
                   "ethnicity": [None] * 1600}  # fmt: skip
        women = next(row for row in subgroups(people, groups_of(people)) if row["value"] == "Female")
        assert [cell["events"] for cell in women["groups"]] == [None, None, None, 120]
        found.append(women["c"])
    assert found[0] is not None and found[0] == found[1] == found[2] == of_levels([600, 200], [38, 120])


def test_a_kind_most_of_whose_events_are_hidden_has_no_c() -> None:
    found = crowd(1500, risks=(0.01, 0.02, 0.09))
    rows = [row for row in subgroups(found, groups_of(found)) if row["n"] is not None]
    told = [sum(cell["events"] or 0 for cell in row["groups"]) for row in rows]
    assert any(row["events"] is not None and 2 * shown < row["events"] for row, shown in zip(rows, told, strict=True))
    for row, shown in zip(rows, told, strict=True):
        assert row["c"] is None or 2 * shown >= row["events"]


counts = st.one_of(st.integers(0, 12), st.integers(0, 80))


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_no_small_number_of_events_follows_from_all_that_is_told(data: st.DataObject) -> None:
    """Linear programming over groups and kinds: a hidden small number may be more than one number, 1 among them."""
    shape = data.draw(st.integers(1, 4)), data.draw(st.integers(2, 4))
    events = [[data.draw(counts) for _ in range(shape[1])] for _ in range(shape[0])]
    people = [[one + data.draw(counts) for one in row] for row in events]
    groups = [group(i, sum(n), sum(e)) for i, (n, e) in enumerate(zip(people, events, strict=True))]
    no_people, no_events = hidden(people, events, groups)
    assert all(b or not a for mine, theirs in zip(no_people.cells, no_events.cells, strict=True)
               for a, b in zip(mine, theirs, strict=True))  # fmt: skip
    for i, row in enumerate(events):
        for j, count in enumerate(row):
            if few(people[i][j], people[i][j]) or few(count, people[i][j]):
                assert no_events.cells[i][j]
            if small(people[i][j]):
                assert no_people.cells[i][j]
            if small(count) and not (all(map(all, no_events.cells)) and all(no_events.columns)):
                low, high = _span(events, people, groups, no_events, (i, j))
                assert low <= 1 or low < count or high > count


def _span(events: Any, people: Any, groups: Any, found: Any, what: tuple[int, int]) -> tuple[float, float]:
    rows, columns = len(events), len(events[0])
    aim = np.zeros((rows, columns))
    aim[what] = 1
    lines = [(np.arange(rows * columns) // columns == i, sum(events[i])) for i in range(rows)
             if groups[i]["events"] is not None]  # fmt: skip
    lines += [(np.arange(rows * columns) % columns == j, sum(row[j] for row in events)) for j in range(columns)
              if not found.columns[j]]  # fmt: skip
    bounds = [(0, people[i][j]) if found.cells[i][j] else (events[i][j],) * 2 for i in range(rows)
              for j in range(columns)]  # fmt: skip
    equal = [line.astype(float) for line, _ in lines] or None
    ends = [linprog(sign * aim.ravel(), A_eq=equal, b_eq=[to for _, to in lines] or None, bounds=bounds)
            for sign in (1, -1)]  # fmt: skip
    return round(ends[0].fun, 6), round(-ends[1].fun, 6)
