"""A publish by the real command that is killed in the middle, and one whose tasks fail once and are run again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analytics.lake import Lake
from analytics.publish import current, publish, published
from analytics.serving_database import partition
from tests.database.postgresql import PASSWORD, Server
from tests.database.test_faults import on_new_tables
from tests.database.test_publish import rows, tables
from tests.unit.analytics.releases import Row, write_release

ROOT = Path(__file__).parents[2]
FEW: list[Row] = [(f"ZZCANARY-{number}", 1, None, 0.5) for number in range(1000)]


def started(url: str, home: Path, release_id: str) -> "subprocess.Popen[str]":
    """`kindred publish` in a process group of its own; Spark may run a task three times."""
    (home / "ehrs.toml").write_text('[a]\nissuer = "https://a.example/fhir"\n')
    given = {"KINDRED_HOME": str(home), "KINDRED_DATABASE": url, "KINDRED_SPARK_MASTER": "local[2,3]"}
    return subprocess.Popen(
        [sys.executable, "-m", "analytics.cli", "publish", "a", "--release", release_id], cwd=ROOT, text=True,
        env=os.environ | given, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def kill_when(process: "subprocess.Popen[str]", condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def on_each_row(server: Server, name: str, body: str) -> None:
    """Something that the server does before each row of a table that is copied to."""
    with server.connect(name) as connection:
        connection.execute(f"CREATE FUNCTION each_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} "
                           "RETURN NEW; END $$")  # fmt: skip
        on_new_tables(connection, "CREATE TRIGGER each_row BEFORE INSERT ON {} "
                                  "FOR EACH ROW EXECUTE FUNCTION each_row()")  # fmt: skip


def test_killed_while_executors_copy(
    server: Server, name: str, url: str, lake: Lake, tmp_path: Path, spark: Any
) -> None:
    write_release(lake, "a", "r1", FEW)
    publish(url, lake, "a", "r1", lambda: spark)
    on_each_row(server, name, "PERFORM pg_sleep(0.02);")
    write_release(lake, "a", "r2", FEW[:500], FEW[500:])
    copying = "SELECT count(*) FROM pg_stat_progress_copy WHERE tuples_processed > 10"
    kill_when(started(url, tmp_path, "r2"), lambda: rows(server, name, copying) == [(2,)])  # two side by side
    assert (current(url, "a") or {})["release_id"] == "r1" and len(published(url)) == 1
    rest = [table for table in tables(server, name) if table != partition("r1")]
    assert len(rest) == 2 and all(table.startswith(partition("r2")) for table in rest)
    with server.connect(name) as connection:
        connection.execute("DROP EVENT TRIGGER on_new_table")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ^@ 'COPY'")
    assert publish(url, lake, "a", "r2", lambda: spark)["kept"] == len(FEW)
    assert tables(server, name) == sorted([partition("r1"), partition("r2")])
    assert rows(server, name, "SELECT count(*), count(DISTINCT subject_id) FROM membership "
                              "WHERE release_id = 'r2'") == [(len(FEW), len(FEW))]  # fmt: skip


def test_a_task_that_fails_in_the_middle_is_run_again_and_no_row_is_there_twice(
    server: Server, name: str, url: str, lake: Lake, tmp_path: Path
) -> None:
    write_release(lake, "a", "r1", FEW[:400], FEW[400:])
    with server.connect(name) as connection:
        connection.execute("CREATE SEQUENCE attempts")  # goes on counting where a transaction is undone
    on_each_row(server, name, "IF nextval('attempts') IN (300, 700) THEN RAISE EXCEPTION 'row %', NEW "
                              "USING ERRCODE = 'serialization_failure'; END IF;")  # fmt: skip
    process = started(url, tmp_path, "r1")
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert out == "r1\n" and "publish: 1,000 read, 1,000 kept" in err
    assert "ZZCANARY" not in err and PASSWORD not in err
    assert rows(server, name, "SELECT count(*), count(DISTINCT subject_id) FROM membership") == [(1000, 1000)]
    assert rows(server, name, "SELECT last_value > 1000 FROM attempts") == [(True,)]


def test_a_task_that_always_fails_ends_the_command_with_16(
    server: Server, name: str, url: str, lake: Lake, tmp_path: Path
) -> None:
    write_release(lake, "a", "r1", FEW)
    on_each_row(server, name, "RAISE EXCEPTION 'row %', NEW USING ERRCODE = 'disk_full';")
    process = started(url, tmp_path, "r1")
    _, err = process.communicate(timeout=180)
    assert process.returncode == 16 and "has no room left on its disk" in err
    assert "ZZCANARY" not in err and PASSWORD not in err and "Traceback" not in err


def test_killed_while_sqlite_is_written(lake: Lake, tmp_path: Path) -> None:
    file = tmp_path / "kindred.db"
    url, log = f"sqlite:///{file}", tmp_path / "kindred.db-wal"
    many: list[Row] = [(f"p{number}", 1, None, 0.5) for number in range(300_000)]
    write_release(lake, "a", "r1", FEW)
    publish(url, lake, "a", "r1")
    write_release(lake, "a", "r2", many)
    kill_when(started(url, tmp_path, "r2"), lambda: log.exists() and log.stat().st_size > 1_000_000)
    assert (current(url, "a") or {})["release_id"] == "r1" and len(published(url)) == 1
    assert publish(url, lake, "a", "r2")["kept"] == len(many)
    assert (current(url, "a") or {})["release_id"] == "r2"


def test_the_command_publishes_and_goes_back(url: str, lake: Lake, tmp_path: Path, spark: Any) -> None:
    for one in ("r0", "r1"):
        write_release(lake, "a", one, FEW[:20])
        publish(url, lake, "a", one, lambda: spark)
    process = started(url, tmp_path, "r0")  # it is there already: no Spark is started, it is only made current
    assert process.communicate(timeout=60)[0] == "r0\n"
    given = {"KINDRED_HOME": str(tmp_path), "KINDRED_DATABASE": url}
    back = subprocess.run([sys.executable, "-m", "analytics.cli", "rollback"], cwd=ROOT, env=os.environ | given,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (back.returncode, back.stdout) == (0, "r1\n")
    assert (current(url, "a") or {})["release_id"] == "r1"
