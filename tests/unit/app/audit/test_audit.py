"""The audit trail: rows that stay, a chain that shows what was done to them, and the FHIR that it is exported as."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from app import audit
from app.audit.check import check
from app.audit.export import EVENTS, lines
from app.database import open_database

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
ROW = {"action": "view", "ehr": "north", "who": "Practitioner/1", "patient": "p1", "release": "r1", "launch": "l1",
       "outcome": "0", "detail": None}  # fmt: skip


def keep(engine: Engine, count: int = 1, key: bytes = KEY, **changes: Any) -> None:
    for _ in range(count):
        audit.append(engine, ROW | changes, secret_key=key)


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def unguarded(engine: Engine, *statements: str) -> None:
    """What somebody who may write the file can do."""
    run(engine, *(f"DROP TRIGGER {name}" for name in audit._GUARDS), *statements)


class TestARow:
    @pytest.mark.parametrize("statement", [
        "DELETE FROM audit", "DELETE FROM audit WHERE id = 2", "UPDATE audit SET patient = 'p2'",
        "UPDATE audit SET who = NULL WHERE id = 1",
        "INSERT OR REPLACE INTO audit (id, time, action, ehr, launch) VALUES (1, 1, 'view', 'north', 'x')",
    ])  # fmt: skip
    def test_stays_as_it_is(self, engine: Engine, statement: str) -> None:
        keep(engine, 3)
        with pytest.raises(IntegrityError, match="audit rows"):
            run(engine, statement)
        assert check(engine, KEY).trouble == () and check(engine, KEY).rows == 3

    def test_of_no_known_action_is_none(self, engine: Engine) -> None:
        with pytest.raises(ValueError, match="no action"):
            keep(engine, action="peek")

    def test_of_an_earlier_version_stays_and_the_chain_begins_after_it(self, tmp_path: Path) -> None:
        old = open_database(tmp_path)
        unguarded(old, *(f"ALTER TABLE audit DROP COLUMN {name}" for name in ("outcome", "detail", "chain", "key_id")),
                  "INSERT INTO audit (time, action, ehr, launch) VALUES (1, 'view', 'north', 'x')")  # fmt: skip
        old.dispose()
        again = open_database(tmp_path)
        keep(again, 2)
        report = check(again, KEY)
        assert (report.rows, report.trouble) == (3, ())
        assert report.notes == ("1 rows of an earlier version are not chained",)
        with pytest.raises(IntegrityError):
            run(again, "DELETE FROM audit")
        again.dispose()


class TestTheChain:
    @pytest.mark.parametrize("done", [
        "DELETE FROM audit WHERE id = 2",
        "DELETE FROM audit WHERE id = 1",
        "DELETE FROM audit WHERE id = 5",
        "DELETE FROM audit WHERE id >= 4",
        "DELETE FROM audit",
        "UPDATE audit SET patient = 'p2' WHERE id = 3",
        "UPDATE audit SET time = time + 1 WHERE id = 5",
        "UPDATE audit SET chain = NULL, key_id = NULL WHERE id <= 2",
        "UPDATE audit SET key_id = 'other' WHERE id = 3",
        "UPDATE audit SET key_id = 'other' WHERE id = 5",
        "UPDATE audit SET id = 9 WHERE id = 5",
        "UPDATE audit SET chain = 'x' WHERE id = 5",
        "DELETE FROM audit_head",
        "UPDATE audit_head SET last = 4",
    ])  # fmt: skip
    def test_shows_what_was_done_to_the_file(self, engine: Engine, done: str) -> None:
        keep(engine, 5)
        assert check(engine, KEY).trouble == ()
        unguarded(engine, done)
        assert check(engine, KEY).trouble != ()

    def test_shows_rows_swapped_and_one_put_in(self, engine: Engine) -> None:
        keep(engine, 3)
        unguarded(engine, "UPDATE audit SET id = 99 WHERE id = 1", "UPDATE audit SET id = 1 WHERE id = 2",
                  "UPDATE audit SET id = 2 WHERE id = 99")  # fmt: skip
        assert check(engine, KEY).trouble != ()

    def test_an_end_of_before_does_not_fit_an_end_cut_off(self, engine: Engine) -> None:
        keep(engine, 4)
        with engine.connect() as connection:
            last, seal = connection.execute(text("SELECT last, seal FROM audit_head")).one()
        keep(engine, 2)
        unguarded(engine, "DELETE FROM audit WHERE id = 6", f"UPDATE audit_head SET last = {last + 1}, seal = '{seal}'")
        assert check(engine, KEY).trouble == ("the end of the chain is not as it was written",)

    def test_goes_on_under_a_new_key_and_says_which_rows_it_cannot_check(self, engine: Engine) -> None:
        keep(engine, 2, OTHER_KEY)
        keep(engine, 2)
        report = check(engine, KEY)
        assert report.trouble == ()
        assert report.notes == ("2 rows were chained by another key and cannot be checked with this one",)
        assert check(engine, OTHER_KEY).trouble != ()

    def test_is_one_for_several_processes(self, tmp_path: Path) -> None:
        from concurrent.futures import ThreadPoolExecutor

        engines = [open_database(tmp_path) for _ in range(3)]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda n: keep(engines[n % 3], 5), range(12)))
        report = check(engines[0], KEY)
        assert (report.rows, report.trouble) == (60, ())
        for one in engines:
            one.dispose()

    def test_of_nothing_is_whole(self, engine: Engine) -> None:
        assert (check(engine, KEY).trouble, check(engine, KEY).end) == ((), None)


class TestTheExport:
    def events(self, engine: Engine, **between: Any) -> list[dict[str, Any]]:
        return [json.loads(one) for one in lines(engine, {"north": "https://north.example/fhir/"}, **between)]

    def test_knows_every_action(self, engine: Engine) -> None:
        for action in audit.ACTIONS:
            keep(engine, action=action)
        events = self.events(engine)
        assert set(EVENTS) == set(audit.ACTIONS)
        assert [event["subtype"][-1]["code"] for event in events] == list(audit.ACTIONS)
        for event in events:
            AuditEvent.model_validate(event)

    def test_says_who_saw_whom_under_which_release_and_launch(self, engine: Engine) -> None:
        keep(engine)
        (event,) = self.events(engine)
        person, device = event["agent"]
        assert person == {"who": {"reference": "https://north.example/fhir/Practitioner/1"}, "requestor": True}
        assert (device["who"]["display"], device["requestor"]) == ("Kindred", False)
        assert [one["what"] for one in event["entity"]] == [
            {"reference": "https://north.example/fhir/Patient/p1"},
            {"identifier": {"system": event["subtype"][-1]["system"], "value": "r1"}},
            {"identifier": {"value": "l1"}},
        ]
        assert (event["action"], event["outcome"], event["source"]["site"]) == ("R", "0", "north")
        assert event["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"
        assert datetime.fromisoformat(event["recorded"]).tzinfo is not None

    def test_says_what_is_not_known(self, engine: Engine) -> None:
        keep(engine, who=None, patient=None, release=None, action="refused", outcome="4", detail="cross_site origin")
        (event,) = self.events(engine)
        assert event["agent"][0] == {"name": "The EHR did not say who is signed in", "requestor": True}
        assert (event["outcome"], event["outcomeDesc"]) == ("4", "cross_site origin")
        assert "purposeOfEvent" not in event and len(event["entity"]) == 1

    def test_is_limited_in_time(self, engine: Engine) -> None:
        keep(engine)
        now = datetime.now(UTC)
        hour = timedelta(hours=1)
        assert len(self.events(engine, since=now - hour)) == len(self.events(engine, until=now + hour)) == 1
        assert self.events(engine, since=now + hour) == self.events(engine, until=now - hour) == []
