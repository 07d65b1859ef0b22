"""Launch records: encrypted, bound to their browser, gone in time."""

import sqlite3
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text, update

from app import audit  # noqa: F401 - declares its table
from app.database import open_database
from app.smart.context import Context, ContextItem
from app.smart.pending import hashed
from app.smart.tokens import RECORDS, Store, Token

TOKEN = Token("access-secret", "refresh-secret", 9e9)
CONTEXT = Context(
    patient="p1", scopes=("patient/*.rs",), fhir_user="Practitioner/1", user_name="Dr. Secret", intent="risk-reasons",
    items=(ContextItem("reference", "ImagingStudy/1", "ImagingStudy"),),
)  # fmt: skip


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine, b"k" * 32)


class TestARecord:
    def test_comes_back_whole_to_the_browser_that_owns_it(self, store: Store) -> None:
        launch = store.create("north", "browser-1", TOKEN, CONTEXT)
        assert store.find(launch.sid, "browser-1") == launch
        assert store.ehr_of(launch.sid) == "north"

    @pytest.mark.parametrize("browser", ["browser-2", "", None])
    def test_stays_closed_to_any_other(self, store: Store, browser: str | None) -> None:
        assert store.find(store.create("north", "browser-1", TOKEN, CONTEXT).sid, browser) is None

    def test_is_not_legible_in_the_file(self, store: Store, tmp_path: Path) -> None:
        launch = store.create("north", "browser-1", TOKEN, CONTEXT)
        content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        for secret in ("access-secret", "refresh-secret", "browser-1", launch.sid, "Practitioner/1", "Dr. Secret"):
            assert secret.encode() not in content
        assert (tmp_path / "app.db").stat().st_mode & 0o077 == 0

    def test_cannot_be_read_with_another_key(self, engine: Engine, store: Store) -> None:
        sid = store.create("north", "browser-1", TOKEN, CONTEXT).sid
        assert Store(engine, b"x" * 32).find(sid, "browser-1") is None

    def test_cannot_be_read_in_the_place_of_another(self, engine: Engine, store: Store, tmp_path: Path) -> None:
        mine, other = (store.create("north", "browser-1", TOKEN, Context(patient=p)) for p in ("mine", "other"))
        with sqlite3.connect(tmp_path / "app.db") as db:
            sealed = "SELECT sealed FROM launch_record WHERE sid_hash = ?"
            db.execute(f"UPDATE launch_record SET sealed = ({sealed}) WHERE sid_hash = ?",
                       (hashed(other.sid), hashed(mine.sid)))  # fmt: skip
        db.close()
        assert store.find(mine.sid, "browser-1") is None

    def test_ends_with_time(self, engine: Engine, store: Store) -> None:
        launch = store.create("north", "browser-1", TOKEN, CONTEXT)
        with engine.begin() as connection:
            connection.execute(update(RECORDS).values(expires_at=time.time() - 1))
        assert store.find(launch.sid, "browser-1") is None
        store.create("north", "browser-1", TOKEN, CONTEXT)
        assert store.ehr_of(launch.sid) is None

    def test_ends_when_nobody_looks_at_it_for_an_hour_and_is_then_forgotten(self, engine: Engine, store: Store) -> None:
        seen, idle = (store.create("north", "browser-1", TOKEN, CONTEXT) for _ in range(2))
        for launch, minutes in ((seen, 59), (idle, 61)):
            with engine.begin() as connection:
                mine = update(RECORDS).where(RECORDS.c.sid_hash == hashed(launch.sid))
                connection.execute(mine.values(used_at=time.time() - minutes * 60))
        assert store.find(idle.sid, "browser-1") is None and store.ehr_of(idle.sid) is None
        assert store.find(seen.sid, "browser-1") == seen
        with engine.connect() as connection:
            assert connection.execute(select(RECORDS.c.used_at)).scalar_one() > time.time() - 5

    def test_is_not_kept_awake_by_another_browser(self, engine: Engine, store: Store) -> None:
        launch = store.create("north", "browser-1", TOKEN, CONTEXT)
        with engine.begin() as connection:
            connection.execute(update(RECORDS).values(used_at=time.time() - 1800))
        store.find(launch.sid, "browser-2")
        with engine.connect() as connection:
            assert connection.execute(select(RECORDS.c.used_at)).scalar_one() < time.time() - 1700

    def test_gets_the_name_of_the_user_but_no_older_token_back(self, store: Store) -> None:
        launch = store.create("north", "browser-1", TOKEN, CONTEXT)
        assert store.replace_name(launch, "Dr. One").context.user_name == "Dr. One"
        assert store.find(launch.sid, "browser-1").context.user_name == "Dr. One"
        holder = store.lease(launch)
        store.replace_token(launch, holder, Token("second"), ())
        store.replace_name(launch, "Dr. Two")
        assert store.find(launch.sid, "browser-1").token == Token("second")

    def test_keeps_its_context_when_the_token_is_replaced(self, store: Store) -> None:
        launch = store.create("north", "browser-1", TOKEN, CONTEXT)
        holder = store.lease(launch)
        assert holder and store.replace_token(launch, holder, Token("second"), CONTEXT.scopes)
        again = store.find(launch.sid, "browser-1")
        assert again and again.context == CONTEXT and again.token == Token("second")

    def test_shows_no_secret_in_a_repr(self, store: Store) -> None:
        launch = store.create("north", "browser-1", TOKEN, CONTEXT)
        assert not [secret for secret in ("access-secret", "refresh-secret", launch.sid) if secret in repr(launch)]


def test_a_file_of_an_earlier_version_keeps_its_audit_and_begins_with_new_launches(tmp_path: Path) -> None:
    engine = open_database(tmp_path)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE launch_record DROP COLUMN lease"))
        connection.execute(text("ALTER TABLE audit ADD COLUMN of_another_version TEXT"))
        connection.execute(text("INSERT INTO audit (time, action, ehr, launch) VALUES (1, 'view', 'north', 'x')"))
    engine.dispose()
    again = open_database(tmp_path)
    launch = Store(again, b"k" * 32).create("north", "browser-1", TOKEN, CONTEXT)
    assert Store(again, b"k" * 32).lease(launch)
    with again.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit")).scalar_one() == 1
    again.dispose()
