"""What holds for every test: no network but this machine, a clock zone that is not UTC, no silent skips in CI."""

import ipaddress
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Before anything of ours is imported: settings of the person at the keyboard must not reach a test, a proxy must not
# stand between a test and 127.0.0.1, and a zone far from UTC makes a forgotten time zone show.
for _name in [name for name in os.environ if name.startswith("KINDRED_") and name != "KINDRED_SCREENSHOTS"]:
    del os.environ[_name]
os.environ["TZ"] = "America/New_York"
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
time.tzset()
# A shell starts what runs in the background with Ctrl-C ignored, and so would be whatever a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Every JVM of a test lives for a minute or two: C2 and G1 would take more of the processor than they give back.
SHORT_LIVED_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
os.environ["SPARK_SUBMIT_OPTS"] = SHORT_LIVED_JVM

IN_CI = os.environ.get("CI") == "true"
# The quick ones fail first.
ROOMS_IN_ORDER = ("layout", "unit", "spec", "parity", "database", "conformance", "flow", "cluster", "browser")


def is_this_machine(address: Any) -> bool:
    """Whether a socket address is a Unix socket or a loopback host; a host name other than localhost is not."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    try:
        return host in ("localhost", "") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _guarded(original: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        if not is_this_machine(address):
            pytest.fail("a test opened a connection to another machine: use a server on 127.0.0.1, port 0")
        return original(self, address)

    return connect


def pytest_configure(config: pytest.Config) -> None:
    """Lets sockets reach this machine alone, for the whole session."""
    config.addinivalue_line("markers", "spark: of a file that takes the `spark` fixture (set here, on all its tests)")
    for name in ("connect", "connect_ex"):
        setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs the rooms in the order in which a failure tells most for the least waiting; marks the files with Spark."""
    here = Path(__file__).parent

    def room(item: pytest.Item) -> int:
        name = item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""
        return ROOMS_IN_ORDER.index(name) if name in ROOMS_IN_ORDER else len(ROOMS_IN_ORDER)

    items.sort(key=room)
    with_spark = {item.path for item in items if "spark" in getattr(item, "fixturenames", ())}
    for item in items:
        if item.path in with_spark:
            item.add_marker("spark")


def _not_skipped_in_ci(report: Any) -> Any:
    if IN_CI and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and with CI=true nothing may be: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """With CI=true a test that skips itself fails."""
    return _not_skipped_in_ci((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """With CI=true a module that skips itself fails."""
    return _not_skipped_in_ci((yield))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Fails a test that draws from or seeds the random numbers that all share: `random.Random(seed)` is its own."""
    before = random.getstate()
    result = yield
    if random.getstate() != before:
        random.setstate(before)
        pytest.fail("the test moved the global random state: use random.Random(seed)")
    return result


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The pipeline's own session on two cores; the JVM starts with the first test that asks.

    It is configured as in production (UTC, ANSI, timestamps without a zone), so that tests meet the same Spark.
    """
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    from analytics.config import Settings
    from analytics.spark import session

    home = tmp_path_factory.mktemp("spark-home")
    started = session(Settings.from_environment({"KINDRED_HOME": str(home), "KINDRED_SPARK_MASTER": "local[2]"}))
    started.conf.set("spark.sql.shuffle.partitions", "2")
    yield started
    started.stop()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The sandbox, live, with twenty people (tests/conformance/bulk/live.py)."""
    from tests.conformance.bulk.live import live_sandbox

    with live_sandbox(tmp_path_factory.mktemp("sandbox")) as live:
        yield live


@pytest.fixture
def lake(tmp_path: Path) -> Any:
    """An empty lake on this machine."""
    from analytics.lake import Lake

    return Lake(f"file://{tmp_path}/lake")
