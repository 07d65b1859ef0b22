"""The group over releases: names, never ranks, are compared."""

from dataclasses import dataclass

from app.chart.moves import CAUTION, OTHER, moves_of, section
from tests.flow.published import model
from tests.unit.app.readings import reading_of, served


@dataclass(frozen=True)
class Placed:
    as_of: str
    name: str | None
    rank: int | None = 1
    of: int = 5
    current: bool = False
    definitions_hash: str = "a"


def test_the_last_move_is_told_and_the_newest_stands_first() -> None:
    history = [
        Placed("2025-06-30", "Few conditions"),
        Placed("2026-01-31", "Diabetes", 3),
        Placed("2026-06-30", "Diabetes", 4, 6, True),
    ]
    found = moves_of(history, {"name": "Diabetes"})
    assert found and found.said == "Moved once over 3 releases, last from “Few conditions” to “Diabetes”."
    assert [(step.as_of, step.place, step.current) for step in found.steps] == [
        ("30-Jun-2026", "4 of 6", True), ("31-Jan-2026", "3 of 5", False), ("30-Jun-2025", "1 of 5", False),
    ]  # fmt: skip
    assert found.caution == CAUTION


def test_a_chart_that_has_changed_since_is_said() -> None:
    found = moves_of([Placed("2025-06-30", "A"), Placed("2026-06-30", "A")], {"name": "B"})
    assert found and found.said == (
        "In the same group in each of the 2 releases that had this patient. The chart as it is today is nearest to “B”."
    )


def test_a_release_without_the_patient_is_a_row_and_no_move() -> None:
    found = moves_of([Placed("2025-06-30", None, None), Placed("2026-06-30", "A")], None)
    assert found and [step.name for step in found.steps] == ["A", "not among the people of this release"]
    assert found.said == "Only one of the last 2 releases had this patient."
    nowhere = moves_of([Placed("1", None), Placed("2", None)], None)
    assert nowhere and nowhere.said == "None of the last 2 releases had this patient."


def test_other_definitions_are_a_caution_of_their_own() -> None:
    found = moves_of([Placed("2025-06-30", "A"), Placed("2026-06-30", "A", definitions_hash="b")], None)
    assert found and found.caution == CAUTION + OTHER


def test_one_release_is_no_history() -> None:
    assert moves_of([Placed("2026-06-30", "A")], None) is None
    with served():
        assert section(reading_of(model())) is None
    with served(history=[Placed("2025-06-30", "A"), Placed("2026-06-30", "B")]):
        assert section(reading_of(model()))
