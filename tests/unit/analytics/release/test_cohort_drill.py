"""Outcomes in detail: the numbers are those of the people, and no small one follows from all that is told."""

from __future__ import annotations

from typing import Any

import pytest

from analytics.errors import DataError
from analytics.release.cohort_drill import drill
from analytics.suppression import few, largest_hidden, small
from tests.unit.analytics.release import reader, world

SEX, AGE, BOTH = (0, 1), (0, 2), (0, 1, 2)


def told_of(n: int, seed: int, **changes: Any) -> tuple[Any, Any, Any, Any, Any]:
    people = world.followed_people(n, seed, **changes)
    model, evidence = world.told(people)
    counts = world.counted(people)
    return people, counts, model, evidence, drill(counts, model, evidence)


def cells(found: dict[str, Any], **of: str) -> list[dict[str, Any]]:
    wanted = dict.fromkeys(("sex", "age_band", "condition")) | of
    rows = [row for row in found["cells"] if {key: row[key] for key in wanted} == wanted]
    assert len(rows) == 1
    return list(rows[0]["groups"])


def test_the_numbers_are_those_of_the_people() -> None:
    people, _, _, evidence, found = told_of(60_000, 5, risks=(0.1, 0.2, 0.4))
    old_women = (people["female"] == 1) & (people["age"] >= 75)
    for rank, cell in enumerate(cells(found, sex="Female", age_band="75 and older"), start=1):
        mine = old_women & (people["rank"] == rank)
        assert (cell["n"], cell["events"]) == (mine.sum(), people["outcome"][mine].sum())
        assert cell["rate"] == round(cell["events"] / cell["n"], 4) and cell["low"] < cell["rate"] < cell["high"]
    has = people["conditions"]["diabetes"]
    for rank, cell in enumerate(cells(found, condition="diabetes"), start=1):
        assert cell["n"] in (None, (has & (people["rank"] == rank)).sum())
    women = next(row for row in evidence["subgroups"] if row["value"] == "Female")
    assert [cell["n"] for cell in cells(found, sex="Female")] == [cell["n"] for cell in women["groups"]]


def test_every_cell_of_the_contract_is_there_and_not_one_more() -> None:
    _, _, _, _, found = told_of(3000, 1)
    assert found["sexes"] == ["Female", "Male"] and found["age_bands"][-1] == "75 and older"
    sexes, bands, conditions = (len(found[key]) for key in ("sexes", "age_bands", "conditions"))
    assert len(found["cells"]) == sexes + bands + sexes * bands + conditions and conditions == 29
    keys = {"rank", "n", "followed", "events", "rate", "low", "high", "rate_below", "rate_above"}
    assert all(cell.keys() == keys for row in found["cells"] for cell in row["groups"])


WORLDS = [(400, 1, {}), (900, 2, {}), (2500, 3, {}), (2500, 4, {"risks": (0.01, 0.02, 0.05, 0.3, 0.6)}), (9000, 5, {})]


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize(("n", "seed", "changes"), WORLDS)
def test_no_small_number_by_sex_and_age_follows(n: int, seed: int, changes: dict[str, Any], at: int) -> None:
    """Of a hidden small number of people (or events, or people without the event) the reader of the drill knows no
    more than without it, beyond that it could be any small one."""
    _, counts, _, evidence, found = told_of(n, seed, **changes)
    key = ("n", "events")[at]
    one = reader.Reader(counts, at)
    before = reader.of_people(evidence, key)
    after = before + reader.of_drill(found, key)
    hidden = 0
    for level in (BOTH, SEX, AGE):
        for of, number, most in one.sums(level):
            people = most if at else reader.MANY
            if few(number, people):
                assert_open(number, people, one.span(of, before), one.span(of, after))
                hidden += 1
    assert hidden >= 4


@pytest.mark.parametrize(("n", "seed", "changes"), WORLDS)
def test_what_the_evidence_hides_cannot_be_added_up(n: int, seed: int, changes: dict[str, Any]) -> None:
    _, _, _, evidence, found = told_of(n, seed, **changes)
    hidden = 0
    for row in evidence["subgroups"]:
        if row["by"] not in ("sex", "age_band"):
            continue
        parts = [one for one in found["cells"] if one["sex"] and one["age_band"] and one[row["by"]] == row["value"]]
        for cell in row["groups"]:
            for key in ("n", "events"):
                if cell[key] is None:
                    told = {one[key] for part in parts for one in part["groups"] if one["rank"] == cell["rank"]}
                    assert told == {None}
                    hidden += 1
    assert hidden


def assert_open(number: int, of: int, before: tuple[float, float], after: tuple[float, float]) -> None:
    few_at_most = largest_hidden()
    if small(number):
        assert after[0] <= max(1, before[0]) and after[1] >= min(few_at_most, before[1])
    if small(of - number):
        assert after[0] <= max(of - few_at_most, before[0]) and after[1] >= min(of - 1, before[1])


@pytest.mark.parametrize(("n", "seed", "changes"), WORLDS)
def test_no_small_number_with_a_condition_follows(n: int, seed: int, changes: dict[str, Any]) -> None:
    """A reader who knows how many of everyone have it, and the rounded shares of release.json."""
    _, counts, model, _, found = told_of(n, seed, **changes)
    tested = 0
    for name in world.CONDITIONS:
        shown = cells(found, condition=name)
        true = [counts.conditions[name][cell["rank"]] for cell in shown]
        bounds = []
        for cell, group, (with_it, _) in zip(shown, model["groups"], true, strict=True):
            share = group["share"][name]
            ends = (0.0, float(group["n"])) if share is None else ((share - 0.005) * group["n"],
                                                                  (share + 0.005) * group["n"])  # fmt: skip
            bounds.append(ends if cell["n"] is None else (cell["n"], cell["n"]))
            assert cell["n"] in (None, with_it)
        everyone = sum(with_it for with_it, _ in true)
        for place, (with_it, _) in enumerate(true):
            of = model["groups"][place]["n"]
            if few(with_it, of):
                tested += 1
                low = max(bounds[place][0], everyone - sum(high for at, (_, high) in enumerate(bounds) if at != place))
                high = min(bounds[place][1], everyone - sum(low for at, (low, _) in enumerate(bounds) if at != place))
                assert shown[place]["n"] is None
                if any(cell["n"] is not None for cell in shown):
                    assert_open(with_it, of, (0, of), (low, high))
    assert tested


def test_a_share_of_the_release_gives_no_cover() -> None:
    """A reader knows by its share how many of a small group have it: hiding that number hides nothing."""
    _, counts, model, evidence, _ = told_of(3000, 3)
    small_one = {1: (3, 0), 2: (40, 20), 3: (700, 300)}
    counts.conditions["diabetes"] = small_one
    for group, share in zip(model["groups"], (None, 0.04, 0.7), strict=True):
        group["share"]["diabetes"] = share
    shown = cells(drill(counts, model, evidence), condition="diabetes")
    assert [cell["n"] for cell in shown] == [None, None, None]


def test_evidence_of_other_people_is_refused() -> None:
    _, counts, model, evidence, _ = told_of(3000, 3)
    kind = next(iter(counts.cells))
    counts.cells[kind] = (counts.cells[kind][0] + 1, counts.cells[kind][1])
    with pytest.raises(DataError, match="not those of the evidence"):
        drill(counts, model, evidence)


def test_nobody_is_told_of_a_group_whose_numbers_the_release_hides() -> None:
    _, counts, model, evidence, _ = told_of(3000, 3)
    evidence["groups"][0] |= {"followed": None, "events": None}
    found = drill(counts, model, evidence)
    assert {cell["n"] for row in found["cells"] if row["sex"] is None or row["age_band"] for cell in row["groups"]
            if cell["rank"] == 1 and (row["condition"] or row["sex"])} == {None}  # fmt: skip
