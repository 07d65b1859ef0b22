"""What this app remembers of its writes: one sender for each finding, and nothing of the patient in the row."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from app.database import open_database
from app.write_back import ledger
from app.write_back.ledger import claim, give_back, known, settle

ID = "r1.2026-06-30.patient-digest"


def test_one_of_many_gets_to_send(engine: Engine, tmp_path: Path) -> None:
    other = open_database(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: claim((engine, other)[n % 2], "north", ID), range(16)))
    other.dispose()
    assert got.count(True) == 1


def test_what_is_written_is_never_claimed_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert known(engine, "north", ID) is None and claim(engine, "north", ID)
    settle(engine, "north", ID, "RiskAssessment/1", "2")
    monkeypatch.setattr(ledger, "OPEN_SECONDS", -1.0)
    assert not claim(engine, "north", ID)
    found = known(engine, "north", ID)
    assert found and (found.state, found.reference, found.version, found.is_open) == (
        "written", "RiskAssessment/1", "2", False,
    )  # fmt: skip


def test_what_nobody_answered_can_be_claimed_after_a_while_and_by_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert claim(engine, "north", ID) and not claim(engine, "north", ID)
    found = known(engine, "north", ID)
    assert found and found.is_open
    monkeypatch.setattr(ledger, "OPEN_SECONDS", -0.001)
    assert found and not found.is_open and claim(engine, "north", ID)


def test_what_was_refused_is_free_again_and_what_was_written_is_not(engine: Engine) -> None:
    claim(engine, "north", ID)
    give_back(engine, "north", ID)
    assert known(engine, "north", ID) is None and claim(engine, "north", ID)
    settle(engine, "north", ID, None, None)
    give_back(engine, "north", ID)
    assert known(engine, "north", ID) is not None


def test_another_ehr_or_finding_is_another_row_and_none_says_whose(engine: Engine) -> None:
    assert claim(engine, "north", ID) and claim(engine, "south", ID) and claim(engine, "north", ID + "x")
    with engine.connect() as connection:
        rows = str(connection.execute(text("SELECT * FROM chart_write")).all())
    assert "patient-digest" not in rows


def test_rows_of_long_ago_go(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    claim(engine, "north", ID)
    monkeypatch.setattr(ledger, "KEEP_SECONDS", -1.0)
    claim(engine, "north", "other")
    assert known(engine, "north", ID) is None
