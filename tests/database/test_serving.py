"""The app's side on a real PostgreSQL: pooled, read-only, never long, and without a release where the tables fail."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import app.serving
from analytics.lake import Lake
from analytics.publish import publish
from app.serving import Serving
from tests.database.postgresql import PASSWORD, Server
from tests.unit.analytics import papers
from tests.unit.analytics.releases import write_release


@pytest.fixture
def published(url: str, lake: Lake, spark: Any) -> str:
    write_release(lake, "a", "r1", [("p1", 2, 1, 0.25)])
    publish(url, lake, "a", "r1", lambda: spark)
    return url


@pytest.fixture
def serving(url: str) -> Iterator[Serving]:
    with closing(Serving(url)) as made:
        yield made


def test_gives_the_release_and_the_membership(published: str, serving: Serving) -> None:
    release = serving.current("a")
    assert release and (release.release_id, release.as_of) == ("r1", "2026-06-30")
    membership = serving.membership(release, "p1")
    assert membership and (membership.rank, membership.second_rank, membership.firmness) == (2, 1, 0.25)
    assert serving.document(release, "evidence") == papers.of("r1")["evidence"]
    assert serving.document(release, "nosuch") is None
    assert serving.membership(release, "p2") is None and serving.current("b") is None and serving.trouble() is None


def test_its_sessions_cannot_write(published: str, serving: Serving) -> None:
    with pytest.raises(DBAPIError) as failed, serving._engine.connect() as connection:
        connection.execute(text("DELETE FROM membership"))
    assert getattr(failed.value.orig, "sqlstate", "") == "25006"


def test_a_user_who_may_only_read_is_enough(server: Server, name: str, published: str) -> None:
    with server.connect(name) as connection:
        connection.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
        tables = 'serving_schema, "release", release_document, current_release, membership'
        connection.execute(f"GRANT SELECT ON {tables} TO reader")
    try:
        with closing(Serving(server.url(name, "reader"))) as serving:
            release = serving.current("a")
            assert release and serving.membership(release, "p1") and serving.document(release, "map")
        with server.connect(name) as connection:
            connection.execute("REVOKE SELECT ON serving_schema FROM reader")
        with closing(Serving(server.url(name, "reader"))) as serving:
            assert serving.current("a") is None and "may not read the tables" in (serving.trouble() or "")
    finally:
        with server.connect(name) as connection:
            connection.execute("DROP OWNED BY reader")
            connection.execute("DROP ROLE reader")


def test_a_pool_not_a_connection_for_each_page(server: Server, name: str, published: str, serving: Serving) -> None:
    looks: list[bool] = []
    threads = [threading.Thread(target=lambda: looks.extend(serving.current("a") is not None for _ in range(20)))
               for _ in range(30)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert looks == [True] * 600
    with server.connect() as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        (count,) = connection.execute(query, [name]).fetchone() or (0,)
    assert 1 <= count <= app.serving.CONNECTIONS


def test_a_connection_that_was_cut_is_replaced(server: Server, name: str, published: str, serving: Serving) -> None:
    assert serving.current("a")
    with server.connect() as connection:
        connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name])
    assert serving.current("a")


def test_a_statement_that_takes_too_long_is_ended(server: Server, name: str, published: str, serving: Serving) -> None:
    assert serving.current("a")
    with server.connect(name) as other, other.transaction():
        other.execute("LOCK TABLE current_release IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        assert serving.current("a") is None
        assert app.serving.PATIENCE - 0.5 <= time.monotonic() - began < app.serving.PATIENCE + 5
    assert serving.current("a")


class TestNoReleaseAndAReason:
    def test_nothing_published_yet(self, serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
        assert serving.current("a") is None
        assert "there are no tables of this version: publish a release" in caplog.text

    def test_out_of_reach(self, server: Server, caplog: pytest.LogCaptureFixture) -> None:
        with closing(Serving(server.url().replace(str(server.port), "1"))) as serving:
            assert serving.current("a") is None and serving.trouble() == "it cannot be read (OperationalError)"
        assert PASSWORD not in caplog.text

    def test_wrong_password(self, server: Server, caplog: pytest.LogCaptureFixture) -> None:
        with closing(Serving(server.url(password="wrong-zz"))) as serving:
            assert serving.current("a") is None and serving.trouble()
        assert "wrong-zz" not in caplog.text

    def test_a_table_is_gone(self, server: Server, name: str, published: str, serving: Serving) -> None:
        release = serving.current("a")
        with server.connect(name) as connection:
            connection.execute("DROP TABLE membership")
        assert release and serving.membership(release, "p1") is None

    def test_what_is_published_is_no_json(self, server: Server, name: str, published: str, serving: Serving) -> None:
        with server.connect(name) as connection:
            connection.execute("UPDATE \"release\" SET model = '[1'")
        assert serving.current("a") is None
