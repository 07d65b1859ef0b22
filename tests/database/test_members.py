"""What the cohort pages and the chart read of memberships, on both databases: pages of a group, and a patient's way."""

import random
from collections.abc import Iterator
from contextlib import closing
from typing import Any, get_args

import pytest
from sqlalchemy import text

from analytics.lake import Lake
from analytics.publish import publish, rollback
from analytics.serving_database import is_postgresql, opened, transaction
from app import serving_tables
from app.serving import Member, Order, Placement, Release, Serving
from tests.unit.analytics.releases import Row, write_release

#: Ties in firmness, none at all, ids of several alphabets.
PEOPLE: list[Row] = [
    ("b", 1, 2, 0.5), ("a", 1, 2, 0.5), ("B", 1, 2, 0.5), ("ä", 1, 2, 0.1), ("c", 1, None, None), ("d", 1, 2, 0.0),
    ("10", 1, 2, 1.0), ("9", 1, 2, 1 / 3), ("x", 2, 1, 0.7), ("y", 3, None, None),
]  # fmt: skip
LOOSEST = ["c", "d", "ä", "9", "b", "a", "B", "10"]  # those of one firmness as they lie in the lake


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    return request.getfixturevalue("url") if request.param == "postgresql" else f"sqlite:///{tmp_path}/kindred.db"


@pytest.fixture
def serving(database: str) -> Iterator[Serving]:
    with closing(Serving(database)) as made:
        yield made


def put(database: str, lake: Lake, spark: Any, release_id: str, people: list[Row], **changes: Any) -> None:
    write_release(lake, "a", release_id, people, **changes)
    publish(database, lake, "a", release_id, lambda: spark)


def current(serving: Serving) -> Release:
    found = serving.current("a")
    assert found
    return found


def ids(found: list[Member] | None) -> list[str]:
    assert found is not None
    return [one.subject_id for one in found]


@pytest.mark.parametrize(
    ("order", "expected"),
    [("loosest", LOOSEST), ("firmest", LOOSEST[::-1])],
)
def test_a_group_page_by_page_in_each_order(
    database: str, lake: Lake, spark: Any, serving: Serving, order: Order, expected: list[str]
) -> None:
    put(database, lake, spark, "r0", [("z", 1, 2, 0.9)])
    put(database, lake, spark, "r1", PEOPLE)
    release = current(serving)
    assert ids(serving.members(release, 1, order)) == expected
    for limit in (1, 3, 8):
        seen: list[Member] = []
        while page := serving.members(release, 1, order, seen[-1].place if seen else None, limit):
            assert len(page) <= limit and len(seen) < len(expected)
            seen += page
        assert ids(seen) == expected
    assert len({one.place for one in seen}) == len(expected)


def test_members_come_whole(
    database: str, lake: Lake, spark: Any, serving: Serving
) -> None:
    put(database, lake, spark, "r1", PEOPLE)
    release = current(serving)
    first, alone = serving.members(release, 1, "firmest", None, 1), serving.members(release, 3)
    assert first and first == [Member("10", 2, 1.0, first[0].place)]
    assert alone and alone == [Member("y", None, None, alone[0].place)] and serving.members(release, 9) == []
    found = serving.memberships(release, ["x", "y", "nobody"])
    assert found and {who: one.rank for who, one in found.items()} == {"x": 2, "y": 3}
    assert serving.memberships(release, []) == {}


def test_the_way_of_a_patient_over_releases(database: str, lake: Lake, spark: Any, serving: Serving) -> None:
    assert serving.history("a", "p") is None  # no tables
    put(database, lake, spark, "r1", [("p", 1, 2, 0.25), ("q", 2, 1, 0.5)])
    put(database, lake, spark, "r2", [("q", 2, 1, 0.5)])
    put(database, lake, spark, "r3", [("p", 2, 1, 0.75), ("q", 2, 1, 0.5)])
    write_release(lake, "b", "other", [("p", 1, 2, 0.1)])
    publish(database, lake, "b", "other", lambda: spark)
    found = serving.history("a", "p")
    assert found and [(one.release_id, one.current, one.rank, one.name, one.second, one.firmness, one.of)
                      for one in found] == [
        ("r1", False, 1, "Few conditions, younger", "Diabetes with high HbA1c", 0.25, 2),
        ("r2", False, None, None, None, None, 2),
        ("r3", True, 2, "Diabetes with high HbA1c", "Few conditions, younger", 0.75, 2),
    ]  # fmt: skip
    assert found[0].as_of == "2026-06-30" and found[0].definitions_hash == current(serving).model["definitions_hash"]
    assert serving.history("a", "p") == found  # now from the names that were kept
    rollback(database, "a", "r2")
    assert [(one.release_id, one.current) for one in serving.history("a", "p") or []] == [("r1", False), ("r2", True)]
    assert serving.history("nobody", "p") == []


def test_a_release_that_was_made_again_has_its_new_names(
    database: str, lake: Lake, spark: Any, serving: Serving
) -> None:
    put(database, lake, spark, "r1", PEOPLE)
    assert [one.name for one in serving.history("a", "b") or []] == ["Few conditions, younger"]
    with opened(database) as connection, transaction(connection):
        connection.execute(text("UPDATE \"release\" SET created_at = '2026-07-02', "
                                "model = replace(model, 'Few conditions, younger', 'Renamed')"))  # fmt: skip
    assert [one.name for one in serving.history("a", "b") or []] == ["Renamed"]


def test_without_the_tables_there_is_no_answer(database: str, serving: Serving) -> None:
    release = Release("r1", "2026-06-30", {})
    assert serving.members(release, 1) is None
    assert serving.memberships(release, ["p"]) is None


@pytest.mark.parametrize("order", get_args(Order))
def test_a_page_is_read_off_an_index_and_nothing_is_sorted(
    database: str, lake: Lake, spark: Any, serving: Serving, order: Order
) -> None:
    numbers = random.Random(1)
    put(database, lake, spark, "r1", [(f"p{place}", 1 + place % 3, 2, numbers.random()) for place in range(3000)])
    with opened(database) as connection, transaction(connection):
        middle = serving_tables.GROUP + serving_tables.GROUP // 4
        query = serving_tables.members("r1", 1, order, middle, 50)
        if is_postgresql(connection):
            connection.execute(text("ANALYZE membership"))
        said = str(query.compile(connection.engine, compile_kwargs={"literal_binds": True}))
        explain = "EXPLAIN" if is_postgresql(connection) else "EXPLAIN QUERY PLAN"
        plan = "\n".join(str(row) for row in connection.exec_driver_sql(f"{explain} {said.replace('%', '%%')}"))
    assert "membership" in plan and "index" in plan.lower() and "sort" not in plan.lower(), plan
    assert "B-TREE" not in plan, plan


def test_the_names_of_a_release_are_data(database: str, lake: Lake, spark: Any, serving: Serving) -> None:
    put(database, lake, spark, "r1", PEOPLE)
    with opened(database) as connection, transaction(connection):
        connection.execute(text("UPDATE \"release\" SET model = '[1'"))
    found = serving.history("a", "b")
    assert found == [Placement("r1", "2026-06-30", found[0].published_at if found else "", current_hash(), True, 0, 1,
                               None, None, 0.5)]  # fmt: skip


def current_hash() -> str:
    from analytics.definitions import catalogue

    return catalogue.definitions_hash()
