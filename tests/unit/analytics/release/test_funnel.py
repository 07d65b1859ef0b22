"""The funnel: everything read is kept or dropped for a reason, and no step tells of a few people."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from analytics.errors import DataError
from analytics.lake import Lake
from analytics.release import funnel
from tests.unit.analytics import papers

FULL, CHANGES = "20260701T000000Z-aaaa", "20260702T000000Z-bbbb"


def lake_of(tmp_path: Path, **counts: tuple[int, dict[str, int]]) -> Lake:
    """A full export and an increment; counts: what each step kept and dropped."""
    lake = Lake(f"file://{tmp_path}/lake")
    for export_id, base, n in ((FULL, None, 900), (CHANGES, FULL, 100)):
        described = {"counts": {"Patient": n // 10, "Observation": n - n // 10}, "status": "complete"}
        since = "2026-07-01T00:00:00Z" if base else None
        lake.write_json(f"{lake.export('a', export_id)}/manifest.json", described | {"base": base, "since": since})
        lake.finish(lake.export("a", export_id))
    places = {"load": lake.events("a", FULL), "changes": lake.events("a", CHANGES),
              "build": lake.features("a", CHANGES, "2026-06-30"), "fit": lake.release("a", "r1")}  # fmt: skip
    wanted = {"load": (895, {"not_json": 5}), "changes": (99, {"not_json": 1}), "build": (80, {"deceased": 15}),
              "fit": (80, {})} | counts  # fmt: skip
    for step, (kept, dropped) in wanted.items():
        lake.write_counts(places[step], kept + sum(dropped.values()), kept, dropped)
    return lake


def told(lake: Lake, **changes: Any) -> dict[str, Any]:
    model = papers.release(ehr="a", export_id=CHANGES, as_of="2026-06-30", **changes)
    return funnel.funnel(lake, model, lake.release("a", "r1"))


def test_every_step_is_told_and_increments_are_summed(tmp_path: Path) -> None:
    found = told(lake_of(tmp_path))
    assert found["exports"] == [FULL, CHANGES]
    assert [(one["step"], one["unit"], one["read"], one["kept"], one["dropped"]) for one in found["steps"]] == [
        ("export", "resources", 1000, 1000, {}), ("load", "resources", 1000, 994, {"not_json": 6}),
        ("build", "people", 95, 80, {"deceased": 15}), ("fit", "people", 80, 80, {}),
        ("follow", "people", 1451, 1342, {"year_not_known": 109}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"load": (894, {"not_json": 5})}, "export kept 1,000 resources, and load read 999"),
        ({"fit": (79, {})}, "build kept 80 people, and fit read 79"),
    ],
)
def test_a_step_that_did_not_read_what_was_kept_is_an_error(tmp_path: Path, counts: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        told(lake_of(tmp_path, **counts))


def test_a_step_that_does_not_account_for_all_is_an_error() -> None:
    with pytest.raises(DataError, match="load read 10 resources, and accounts for 9"):
        funnel.balance({"load": ("resources", {"read": 10, "kept": 8, "dropped": {"not_json": 1}})})


@pytest.mark.parametrize(("read", "adds_up"), [(9, False), (10, True), (11, True)])
def test_load_reads_no_less_than_was_exported(read: int, adds_up: bool) -> None:
    steps = {name: ("resources", {"read": n, "kept": n, "dropped": {}}) for name, n in (("export", 10), ("load", read))}
    with contextlib.nullcontext() if adds_up else pytest.raises(DataError, match="export kept 10 resources, and load"):
        funnel.balance(steps)


def test_a_few_people_are_hidden_with_what_would_tell_them(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, build=(80, {"deceased": 15, "no_patient_resource": 2}))
    build = told(lake)["steps"][2]
    assert (build["read"], build["kept"]) == (None, 80)
    assert build["dropped"] == {"deceased": 15, "no_patient_resource": None}


def test_a_group_that_hides_its_people_hides_how_many_were_followed(tmp_path: Path) -> None:
    groups = papers.release()["groups"]
    hidden = [groups[0], groups[1] | {"n": None, "followed": None}, groups[2]]
    follow = told(lake_of(tmp_path), groups=hidden)["steps"][4]
    assert (follow["read"], follow["kept"], follow["dropped"]) == (None, None, {"year_not_known": None})
