"""What a database refuses is one sentence with what to do, exit code 16, and never a password, a row or a statement."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from analytics.errors import DatabaseError, KindredError
from analytics.lake import Lake
from analytics.publish import current, publish, published
from analytics.serving_database import ONE_WRITER
from tests.database.postgresql import PASSWORD, Server
from tests.unit.analytics.releases import Row, finish, write_release

ROWS: list[Row] = [(f"ZZCANARY-{number}", 1, None, None) for number in range(2000)]


def refused(url: str, lake: Lake, spark: Any, release_id: str = "r1") -> str:
    """What publish says where the database refuses."""
    with pytest.raises(DatabaseError) as failed:
        publish(url, lake, "a", release_id, lambda: spark)
    said = str(failed.value)
    assert failed.value.exit_code == 16 and failed.value.next_step and "\n" not in said
    assert PASSWORD not in said and "ZZCANARY" not in said and "INSERT" not in said
    return said


@pytest.fixture(autouse=True)
def release(lake: Lake) -> None:
    write_release(lake, "a", "r1", ROWS)


class TestPostgresql:
    def test_out_of_reach(self, server: Server, lake: Lake, spark: Any) -> None:
        url = server.url().replace(str(server.port), "1")
        assert "could not be used (OperationalError). Check KINDRED_DATABASE" in refused(url, lake, spark)

    @pytest.mark.parametrize(
        "changed", [{"password": "wrong-" + PASSWORD}, {"user": "no_such"}, {"password": ""}, {"database": "no_such"}]
    )
    def test_wrong_password_user_or_name(self, server: Server, lake: Lake, spark: Any, changed: dict[str, str]) -> None:
        """One sentence for all: libpq gives no code for a connection that was not made."""
        said = refused(server.url(**changed), lake, spark)
        assert "refused this user, its password or the database's name. Correct KINDRED_DATABASE." in said

    def test_read_only(self, server: Server, name: str, url: str, lake: Lake, spark: Any) -> None:
        with server.connect() as connection:
            connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        assert "is read-only. Name the server that takes writes" in refused(url, lake, spark)
        assert published(url) == []  # looking is allowed

    def test_a_user_who_may_not_write(self, server: Server, name: str, lake: Lake, spark: Any) -> None:
        with server.connect() as connection:
            connection.execute(f"CREATE ROLE visitor LOGIN PASSWORD '{PASSWORD}'")
        try:
            assert "does not let this user write" in refused(server.url(name, "visitor"), lake, spark)
        finally:
            with server.connect() as connection:
                connection.execute("DROP ROLE visitor")

    @pytest.mark.parametrize("where", ["of an executor", "of the last transaction"])
    def test_disk_full(self, server: Server, name: str, url: str, lake: Lake, spark: Any, where: str) -> None:
        """The server answers as it does when its disk is full; a trigger, because no disk here is small enough."""
        write_release(lake, "a", "r0", ROWS[:1])
        publish(url, lake, "a", "r0", lambda: spark)
        with server.connect(name) as connection:
            connection.execute("""CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'could not extend file for %', NEW USING ERRCODE = 'disk_full'; END $$""")
            trigger = "CREATE TRIGGER full_disk BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION full_disk()"
            if where == "of the last transaction":
                connection.execute(trigger.format("current_release"))
            else:
                on_new_tables(connection, trigger)
        assert "has no room left on its disk. Make room there" in refused(url, lake, spark)
        assert (current(url, "a") or {})["release_id"] == "r0"

    def test_two_publishes_at_once(self, server: Server, name: str, url: str, lake: Lake, spark: Any) -> None:
        """The second is refused while the first copies; the first ends well."""
        copying, go_on, done = threading.Event(), threading.Event(), []

        def slow() -> Any:
            copying.set()
            assert go_on.wait(60)
            return spark

        first = threading.Thread(target=lambda: done.append(publish(url, lake, "a", "r1", slow)))
        first.start()
        assert copying.wait(60)
        assert "Another publish is writing to the serving database" in refused(url, lake, spark)
        go_on.set()
        first.join(60)
        assert done == [{"read": 2000, "kept": 2000, "dropped": {}}]

    def test_a_publish_that_has_just_ended_is_not_another_one(
        self, server: Server, name: str, url: str, lake: Lake, spark: Any
    ) -> None:
        """The server may see the end of its connection after the next one asks."""
        connection = server.connect(name)
        connection.execute("SELECT pg_advisory_lock(%s)", [ONE_WRITER])
        threading.Timer(0.5, connection.close).start()
        assert publish(url, lake, "a", "r1", lambda: spark)["kept"] == 2000

    def test_the_connection_lost_before_the_flip(
        self, server: Server, name: str, url: str, lake: Lake, spark: Any
    ) -> None:
        write_release(lake, "a", "r0", ROWS[:1])
        publish(url, lake, "a", "r0", lambda: spark)

        def cut() -> Any:
            with server.connect() as connection:
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            return spark

        with pytest.raises(DatabaseError) as failed:
            publish(url, lake, "a", "r1", cut)
        assert PASSWORD not in str(failed.value)
        assert (current(url, "a") or {})["release_id"] == "r0"
        assert publish(url, lake, "a", "r1", lambda: spark)["kept"] == 2000


def on_new_tables(connection: Any, trigger: str) -> None:
    """Give every table of memberships that is made from now on this trigger."""
    connection.execute(f"""CREATE FUNCTION on_new_table() RETURNS event_trigger LANGUAGE plpgsql AS $$
        DECLARE made record; BEGIN FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP
            IF made.object_identity ~ '_[0-9a-f]{{8}}$' AND made.command_tag = 'CREATE TABLE' THEN
                EXECUTE '{trigger.format("' || made.object_identity || '")}'; END IF; END LOOP; END $$""")
    connection.execute("CREATE EVENT TRIGGER on_new_table ON ddl_command_end WHEN TAG IN ('CREATE TABLE') "
                       "EXECUTE FUNCTION on_new_table()")  # fmt: skip


class TestSqlite:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "kindred.db"

    @pytest.fixture
    def full(self) -> Iterator[None]:
        """Every database that is opened may have 20 pages and no more."""
        def listener(connection: Any, _: Any) -> None:
            connection.execute("PRAGMA max_page_count = 20")

        event.listen(Engine, "connect", listener)
        yield
        event.remove(Engine, "connect", listener)

    def test_disk_full(self, file: Path, lake: Lake, full: None) -> None:
        write_release(lake, "a", "r0", ROWS[:1])
        publish(f"sqlite:///{file}", lake, "a", "r0")
        assert "has no room left on its disk" in refused(f"sqlite:///{file}", lake, None)
        assert (current(f"sqlite:///{file}", "a") or {})["release_id"] == "r0"

    def test_read_only(self, file: Path, lake: Lake) -> None:
        sqlite3.connect(file).close()
        assert "is read-only" in refused(f"sqlite:///file:{file}?mode=ro&uri=true", lake, None)

    def test_a_file_of_another_kind(self, file: Path, lake: Lake) -> None:
        file.write_text("ZZCANARY " * 100)
        assert "is a file of another kind" in refused(f"sqlite:///{file}", lake, None)

    def test_two_publishes_at_once(self, file: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
        """The second waits some seconds for the first, then says so; readers read on."""
        monkeypatch.setattr("analytics.serving_database.PATIENCE", 0.2)
        write_release(lake, "a", "r0", ROWS[:1])
        publish(f"sqlite:///{file}", lake, "a", "r0")
        first = sqlite3.connect(file, isolation_level=None)
        try:
            first.execute("BEGIN IMMEDIATE")
            assert "is being written by another program" in refused(f"sqlite:///{file}", lake, None)
            assert (current(f"sqlite:///{file}", "a") or {})["release_id"] == "r0"
        finally:
            first.close()
        assert publish(f"sqlite:///{file}", lake, "a", "r1")["kept"] == 2000


def test_a_database_of_another_make(lake: Lake) -> None:
    assert "KINDRED_DATABASE" in refused(f"mysql+pymysql://me:{PASSWORD}@127.0.0.1/x", lake, None)


def test_a_small_cell_that_was_not_hidden_never_leaves(tmp_path: Path, lake: Lake) -> None:
    path = f"{lake.release('a', 'r1')}/release.json"
    told = lake.read_json(path)
    told["groups"][0]["events"] = 7
    lake.write_json(path, told)
    finish(lake, lake.release("a", "r1"))
    with pytest.raises(KindredError, match=r"shows a number of 1 to 10 people in release\.json; it stays in the lake"):
        publish(f"sqlite:///{tmp_path}/kindred.db", lake, "a", "r1")
    assert not (tmp_path / "kindred.db").exists()
