"""What is told of a group: quartiles, shares, rates; and that Spark's tasks count what the rows hold."""

import math
from typing import Any

import numpy as np
import pyarrow as pa

from analytics import suppression
from analytics.definitions import catalogue
from analytics.risk_groups import profile
from analytics.risk_groups.profile import Cells, Counted, cells_of

NAN = math.nan
FEATURES = catalogue.features()


def test_the_usual_range_is_the_middle_half_of_the_known_values() -> None:
    known = [float(number) for number in range(101)]
    cells = cells_of(np.array([NAN, *reversed(known), NAN]))
    assert profile.middle_half(FEATURES["hba1c"], cells) == [25.0, 75.0]


def test_ages_above_89_are_one_category() -> None:
    old = cells_of(np.array([88.0] * 20 + [97.0] * 40))
    assert profile.middle_half(FEATURES["age"], old) == [88.0, 90.0]
    assert profile.middle_half(FEATURES["systolic"], old) == [88.0, 97.0]


def test_ten_people_have_no_usual_range() -> None:
    assert profile.middle_half(FEATURES["hba1c"], cells_of(np.array([1.0] * 10 + [NAN] * 90))) is None
    assert profile.middle_half(FEATURES["hba1c"], cells_of(np.array([1.0] * 11))) == [1.0, 1.0]


def test_the_share_counts_people_above_zero_among_the_known() -> None:
    assert profile.share(cells_of(np.array([1.0] * 20 + [0.0] * 60 + [NAN] * 20))) == 0.25
    assert profile.share(cells_of(np.array([1.0] * 10 + [0.0] * 60))) is None
    assert profile.share(cells_of(np.array([NAN] * 5))) is None


def counted(people: int, followed: int, events: int) -> Counted:
    cells = dict.fromkeys(catalogue.features(), Cells(people, 0, 50.0, 50.0))
    return Counted(people, cells | {"outcome": Cells(followed, events, 0.0, 1.0)})


MODEL: dict[str, Any] = {"features": ["age"], "mean": [0.0]}


def described(*found: Counted) -> list[dict[str, Any]]:
    centres = [[float(number)] for number in range(len(found))]
    groups = [{"rank": number, "rule": None, "centre": centre} for number, centre in enumerate(centres, start=1)]
    return profile.described(dict(enumerate(found, start=1)), MODEL | {"groups": groups})


def test_those_whose_year_is_not_known_do_not_count_as_well() -> None:
    (found,) = described(counted(80, 40, 20))
    assert (found["n"], found["followed"], found["events"], found["rate"]) == (80, 40, 20, 0.5)
    assert found["usual"]["age"] == [50.0, 50.0] and found["share"]["diabetes"] == 0.0


def test_groups_are_numbered_by_their_later_rate() -> None:
    found = described(counted(100, 100, 60), counted(100, 100, 20), counted(100, 100, 40))
    assert [(group["rank"], group["of"], group["events"]) for group in found] == [(1, 3, 20), (2, 3, 40), (3, 3, 60)]
    assert len({group["name"] for group in found}) == 3


def test_a_group_without_people_is_not_shown() -> None:
    model = MODEL | {"groups": [{"rank": number, "rule": None, "centre": [0.0]} for number in (1, 2)]}
    assert len(profile.described({2: counted(50, 50, 20)}, model)) == 1


def test_groups_are_ranked_by_what_is_said_of_them() -> None:
    """3.3 % is hidden as "fewer than 3.7 %"; above a group with 3.2 % it could be nothing but 10 of 300."""
    rates = [suppression.rate(1000, 1000, 32), suppression.rate(300, 300, 10), suppression.rate(300, 300, 295)]
    assert [round(suppression.order(said, 0.2), 3) for said in rates] == [0.032, 0.018, 0.982]
    assert suppression.order(suppression.rate(15, 15, 9), 0.2) == 0.2


def test_the_tasks_bring_each_number_to_its_group_and_feature() -> None:
    """Two batches of people in two groups through both tasks, as Spark would lead them."""
    names = ["outcome", *catalogue.features()]
    random = np.random.default_rng(7)
    table = np.where(random.random((60, len(names))) < 0.3, NAN, random.integers(0, 9, (60, len(names))))
    ranks = random.integers(1, 3, 60)
    batches = []
    for some in (slice(0, 25), slice(25, 60)):
        columns = {name: pa.array(table[some, place], from_pandas=True) for place, name in enumerate(names)}
        batches.append(pa.RecordBatch.from_pydict({"rank": pa.array(ranks[some], pa.int32())} | columns))
    led = pa.Table.from_batches(list(profile._blocks(names)(iter(batches))))
    blocks = -(-len(names) // profile.BLOCK)
    for rank in (1, 2):
        for block in range(blocks):
            wanted = [(row["rank"], row["block"]) == (rank, block) for row in led.select(["rank", "block"]).to_pylist()]
            (one,) = profile._summed(led.filter(pa.array(wanted))).to_pylist()
            assert (one["rank"], one["block"], one["people"]) == (rank, block, (ranks == rank).sum())
            mine = table[ranks == rank][:, block * profile.BLOCK : (block + 1) * profile.BLOCK]
            assert one["figures"] == [figure for column in mine.T for figure in cells_of(column)]
