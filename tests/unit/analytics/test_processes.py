"""Processes that Kindred starts: each is ready, or has said why not, and none is left behind."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.config import Settings
from analytics.errors import PortTaken
from analytics.processes import ProcessFailed, app_command, check_free, free_port, running, sandbox_command

SPEAKS = "import time; print('hello'); print('ready: http://127.0.0.1:1/', flush=True); time.sleep(60)"
SILENT = "import time; time.sleep(60)"


def python(code: str, note: Path) -> list[str]:
    """A Python that first writes its number down."""
    return [sys.executable, "-S", "-c", f"import os; open({str(note)!r}, 'w').write(str(os.getpid())); {code}"]


def alive(note: Path) -> bool:
    try:
        os.kill(int(note.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


def test_the_address_is_what_follows_the_word(tmp_path: Path) -> None:
    with running(python(SPEAKS, tmp_path / "pid"), "ready:") as address:
        assert address == "http://127.0.0.1:1/" and alive(tmp_path / "pid")
    assert not alive(tmp_path / "pid")


def test_a_child_that_dies_is_told_with_its_exit_code() -> None:
    with pytest.raises(ProcessFailed, match="exit code 3") as failed, running(
        [sys.executable, "-S", "-c", "raise SystemExit(3)"], "ready:"
    ):  # fmt: skip
        pytest.fail("never ready")
    assert failed.value.exit_code == 18


def test_a_child_goes_with_the_block_that_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), running(python(SPEAKS, tmp_path / "pid"), "ready:"):
        raise ZeroDivisionError
    assert not alive(tmp_path / "pid")


@pytest.fixture
def interrupt_soon(tmp_path: Path) -> Iterator[None]:
    """Ctrl-C as soon as the child has written its number down."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)

    def interrupt() -> None:
        deadline = time.monotonic() + 30
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGALRM)

    thread = threading.Thread(target=interrupt)
    thread.start()
    yield
    thread.join()
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("interrupt_soon")
def test_a_child_that_never_speaks_goes_when_we_are_stopped(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), running(python(SILENT, tmp_path / "pid"), "ready:"):
        pytest.fail("never ready")
    assert not alive(tmp_path / "pid") and time.monotonic() - started < 5


def test_much_output_never_stops_a_child(tmp_path: Path) -> None:
    code = f"print('ready: x', flush=True); print('y' * 1_000_000, flush=True); open({str(tmp_path / 'end')!r}, 'w')"
    with running(python(f"{code}; import time; time.sleep(60)", tmp_path / "pid"), "ready:"):
        deadline = time.monotonic() + 5
        while not (tmp_path / "end").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert (tmp_path / "end").exists()


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port}") as refused:
            check_free(port)
    assert refused.value.exit_code == 17
    check_free(free_port())


def test_the_sandbox_registers_kindred_in_this_home(tmp_path: Path) -> None:
    settings = Settings.from_environment({"KINDRED_HOME": str(tmp_path)})
    both = {"port": 9400, "app_url": "http://127.0.0.1:9500"}
    generated = sandbox_command(settings, patients=60, seed=7, data=None, **both)  # type: ignore[arg-type]
    folder = sandbox_command(settings, patients=60, seed=7, data=tmp_path, **both)  # type: ignore[arg-type]
    assert generated[1:7] == ["-m", "fhir_fixtures.ehr", "--patients", "60", "--seed", "7"]
    assert folder[3:5] == ["--data", str(tmp_path)] and "--patients" not in folder
    assert generated[-4:] == ["--registry", str(tmp_path / "ehrs.toml"), "--home", str(tmp_path)]
    assert app_command(9500)[1:] == ["-m", "app", "--host", "127.0.0.1", "--port", "9500"]
