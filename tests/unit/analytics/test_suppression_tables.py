"""In a table of people by group and kind, no small number follows from the totals less what is shown."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from analytics import suppression
from analytics.suppression import Hidden, complementary, few, small

Table = list[list[int]]


def as_text(values: Table, found: Hidden) -> list[list[int | None]]:
    """The table as it is shown, the totals of its columns below."""
    shown: list[list[int | None]] = [[None if hide else value for value, hide in zip(row, mask, strict=True)]
                                     for row, mask in zip(values, found.cells, strict=True)]  # fmt: skip
    totals = [sum(column) for column in zip(*values, strict=True)]
    return [*shown, [None if hide else total for total, hide in zip(totals, found.columns, strict=True)]]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([[50, 60], [70, 80]], [[50, 60], [70, 80], [120, 140]]),
        # one small number: its row, its column and the corner between would tell it
        ([[5, 60], [70, 80]], [[None, None], [None, None], [75, 140]]),
        ([[5, 60], [70, 80], [90, 91]], [[None, None], [None, None], [90, 91], [165, 231]]),
        # a nought may be shown
        ([[0, 60], [70, 80]], [[0, 60], [70, 80], [70, 140]]),
        # four small ones hide each other: 9 can fall to 1 where its partners rise, for nobody knows that they are small
        ([[9, 9, 50], [9, 9, 50]], [[None, None, 50], [None, None, 50], [18, 18, 100]]),
        # these cannot: 1 is no 10 where its row has 2 hidden ones, so a large one is hidden with them
        ([[1, 1, 50], [1, 1, 50]], [[None, None, None], [None, None, None], [None, None, None]]),
        # a small total of a column goes with its cells
        ([[3, 60, 50], [4, 80, 50]], [[None, 60, None], [None, 80, None], [None, 140, None]]),
        # nothing to hide behind
        ([[5], [80]], [[None], [None], [None]]),
    ],
)  # fmt: skip
def test_what_is_shown_of_a_table_of_people(values: Table, shown: list[list[int | None]]) -> None:
    assert as_text(values, complementary(values)) == shown


def test_a_small_number_of_people_without_the_event_is_hidden_like_one_with_it() -> None:
    people = [[100, 100], [100, 100]]
    assert complementary([[95, 50], [50, 50]], of=people).cells == [[True, True], [True, True]]
    assert complementary([[89, 50], [50, 50]], of=people).cells == [[False, False], [False, False]]


def test_a_hidden_total_of_a_row_hides_a_total_of_a_column_for_both_tell_everyone() -> None:
    """12 groups of 5 events in all: with both columns' totals the sum of everyone is known, and so is the row's."""
    values, people = [[2, 3], [60, 70], [40, 50]], [[300, 300]] * 3
    assert any(complementary(values, of=people, rows_hidden=[True, False, False]).columns)


def test_a_cell_does_not_hide_behind_a_total_that_may_be_known_from_elsewhere() -> None:
    """With 10 known for the upper row, one shown total of a column would leave the small ones no room in it."""
    found = complementary([[5, 5], [5, 20]], of=[[45, 65], [45, 60]], rows_hidden=[True, False])
    assert found == Hidden([[True, True], [True, True]], [True, True])


counts = st.one_of(st.integers(0, 12), st.integers(0, 60))


@st.composite
def tables(draw: st.DrawFn) -> tuple[Table, Table, list[bool]]:
    """Events, people, and which rows' totals are hidden: those that are small."""
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    events = [[draw(counts) for _ in range(columns)] for _ in range(rows)]
    people = [[one + draw(counts) for one in row] for row in events]
    return events, people, [few(sum(row), sum(of)) for row, of in zip(events, people, strict=True)]


@settings(max_examples=25, deadline=None)
@given(tables())
def test_every_hidden_small_number_could_be_any_other_small_one(table: tuple[Table, Table, list[bool]]) -> None:
    """What a reader with linear programming finds out of a hidden small number, even one who knows every total of a row
    from elsewhere: nothing beyond its people and that total. The same of a small number without the event."""
    events, people, hidden_rows = table
    found = complementary(events, of=people, rows_hidden=hidden_rows)
    if all(map(all, found.cells)) and all(found.columns):
        return
    for i, row in enumerate(events):
        for j, count in enumerate(row):
            others = people[i][j] - count
            if few(count, people[i][j]):
                low, high = span(events, people, [False] * len(events), found, (i, j))
                roof = min(people[i][j], sum(row)) if hidden_rows[i] else people[i][j]
                floor = max(0, people[i][j] - (sum(people[i]) - sum(row))) if hidden_rows[i] else 0
                assert found.cells[i][j]
            if small(count):
                assert low <= max(1, floor) and high >= min(suppression.largest_hidden(), roof)
            if small(others):
                assert high >= min(people[i][j] - 1, roof)
                assert low <= max(people[i][j] - suppression.largest_hidden(), floor)


@settings(max_examples=25, deadline=None)
@given(tables())
def test_a_total_that_is_hidden_elsewhere_does_not_follow_here(table: tuple[Table, Table, list[bool]]) -> None:
    events, people, hidden_rows = table
    found = complementary(events, of=people, rows_hidden=hidden_rows)
    if all(map(all, found.cells)) and all(found.columns):
        return
    for i, row in enumerate(events):
        if hidden_rows[i] and small(sum(row)):
            low, high = span(events, people, hidden_rows, found, (i, None))
            assert low <= 1 and high >= min(suppression.largest_hidden(), sum(people[i]))


def span(
    events: Table, people: Table, hidden_rows: list[bool], found: Hidden, what: tuple[int, int | None]
) -> tuple[float, float]:
    """The least and the most that a cell (or a row's total) can be, by all that is shown."""
    rows, columns = len(events), len(events[0])
    aim = np.zeros((rows, columns))
    aim[what] = 1.0
    equal, to = [], []
    for i in (i for i in range(rows) if not hidden_rows[i]):
        equal.append([1.0 if place // columns == i else 0.0 for place in range(rows * columns)])
        to.append(sum(events[i]))
    for j in (j for j in range(columns) if not found.columns[j]):
        equal.append([1.0 if place % columns == j else 0.0 for place in range(rows * columns)])
        to.append(sum(row[j] for row in events))
    bounds = [(0, people[i][j]) if found.cells[i][j] else (events[i][j], events[i][j])
              for i in range(rows) for j in range(columns)]  # fmt: skip
    ends = [linprog(sign * aim.ravel(), A_eq=equal or None, b_eq=to or None, bounds=bounds) for sign in (1, -1)]
    assert all(end.success for end in ends)
    return round(ends[0].fun, 6), round(-ends[1].fun, 6)


@pytest.mark.parametrize(
    ("values", "hidden", "becomes"),
    [
        ([[4, 40], [4, 50], [92, 60]], [[1, 0], [1, 0], [0, 0]], [[1, 1], [1, 1], [1, 0]]),  # 8 in the first column
        ([[40, 41], [50, 51], [92, 60]], [[1, 1], [1, 1], [0, 0]], [[1, 1], [1, 1], [0, 0]]),
        ([[40, 41], [50, 51]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]),
    ],
)
def test_what_is_hidden_of_a_row_or_column_is_never_few_together(
    values: list[list[int]], hidden: list[list[int]], becomes: list[list[int]]
) -> None:
    found = suppression.widened(values, suppression.Hidden([[bool(one) for one in row] for row in hidden], [False] * 2))
    assert found.cells == [[bool(one) for one in row] for row in becomes]
    for lines in (values, found.cells), (zip(*values, strict=True), zip(*found.cells, strict=True)):
        for line, mask in zip(*lines, strict=True):
            assert not suppression.small(sum(value for value, hide in zip(line, mask, strict=True) if hide))


def test_the_total_of_a_column_that_is_hidden_as_a_whole_tells_nothing() -> None:
    whole = suppression.Hidden([[True, False], [True, False]], [False, False])
    assert suppression.widened([[10, 40], [10, 50]], whole).columns == [True, False]
    assert suppression.widened([[10, 40], [60, 50]], whole).columns == [False, False]
