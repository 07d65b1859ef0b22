"""A published document is checked once more before it leaves: no small count, and none between two counts."""

from typing import Any

import pytest

from app.chart.cells import screened, screened_paper

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


@pytest.mark.parametrize(
    ("part", "becomes"),
    [
        # a total less the groups that are told would give the hidden one away
        ({"n": 70, "groups": [{"rank": 1, "n": 60}, {"rank": 2, "n": None}]}, {"n": None}),
        ({"n": 71, "groups": [{"rank": 1, "n": 60}, {"rank": 2, "n": None}]}, {"n": 71}),
        ({"n": 100, "groups": [{"n": 60}, {"n": None}, {"n": None}]}, {"n": 100}),
        ({"n": 69, "groups": [{"n": 60}, {"n": None}, {"n": None}]}, {"n": None}),  # 9 in both together
        ({"n": 80, "groups": [{"n": 60}, {"n": None}, {"n": None}]}, {"n": None}),  # 10 and 10
        ({"everyone": {"applicable": 68, "met": 0.5}, "groups": [{"applicable": 60, "met": 0.5}, {"applicable": None}]},
         {"everyone": {"applicable": None, "met": None}}),
        ({"everyone": {"applicable": 100, "met": 0.5}, "groups": [{"applicable": 60, "met": 0.5}, {"applicable": 40}]},
         {"everyone": {"applicable": 100, "met": 0.5}}),
        # a share of told people
        ({"rank": 1, "n": 200, "observed": 0.05, "low": 0.02, "high": 0.09}, {"n": 200, "observed": None, "low": None}),
        ({"rank": 1, "n": 200, "observed": 0.5, "low": 0.4, "high": 0.6}, {"n": 200, "observed": 0.5}),
        ({"applicable": 20, "met": 0.25}, {"applicable": 20, "met": None}),
        ({"top": 0.01, "people": 40, "events": 31, "ppv": 0.775, "sensitivity": 0.1}, {"people": None, "ppv": None}),
        ({"x": 3, "y": 4, "n": 20, "rate": 0.05}, {"n": 20, "rate": 0.05}),  # the map's numbers are rounded
        # steps of the funnel: resources are no people
        ({"step": "load", "unit": "resources", "read": 9, "kept": 5, "dropped": {"no_code": 4}}, {"read": 9}),
        ({"step": "build", "unit": "people", "read": 105, "kept": 100, "dropped": {"deceased": 5}},
         {"read": None, "kept": 100, "dropped": {"deceased": None}}),
        ({"step": "build", "unit": "people", "read": 105, "kept": None, "dropped": {"deceased": 100}}, {"read": None}),
        ({"step": "fit", "unit": "people", "read": 100, "kept": 100, "dropped": {}}, {"read": 100, "kept": 100}),
    ],
)  # fmt: skip
def test_what_leaves_tells_no_small_number_by_a_total_or_a_share(part: dict[str, Any], becomes: dict[str, Any]) -> None:
    found = screened([part])[0]
    assert {key: found[key] for key in becomes} == becomes


def test_a_paper_is_looked_through_once_and_another_with_the_same_words_by_itself() -> None:
    paper, twin = {"n": 5, "rate": 0.5}, {"n": 5, "rate": 0.5}
    once = screened_paper(paper)
    assert once == screened(paper) == screened_paper(twin) and once["n"] is None
    assert screened_paper(paper) is once and screened_paper(twin) is not once
    paper = {"n": 50, "rate": 0.5}
    assert screened_paper(paper)["n"] == 50
