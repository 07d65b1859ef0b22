"""An export that is ended at every step of its way, and the same command again."""

import itertools
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from analytics.export import ExportOptions, export
from analytics.lake import Lake
from tests.conformance.bulk.live import SOME_TYPES, Live
from tests.flow.test_export import data_files

TARGET = 100_000  # bytes of a lake file
OPTIONS = ExportOptions(types=SOME_TYPES, file_target_bytes=TARGET)
COMMAND = f"""
import sys
from pathlib import Path
from analytics.config import BulkClient
from analytics.export import ExportOptions, export
from analytics.lake import Lake
registry, lake, types = sys.argv[1:]
options = ExportOptions(types=tuple(types.split(",")), file_target_bytes={TARGET}, parallel=1)
print(export(BulkClient.from_registry(Path(registry), "sandbox"), Lake(lake), options).files_fetched)
"""

# Writes every change to the lake (the log left out) to a file; before the nth the process ends, as by kill -9.
CRASH = """
import os, sys
number, record = int(sys.argv.pop(1)), open(sys.argv.pop(1), "w", buffering=1)
seen = 0
def ending(event, args):
    global seen
    path = str(args[1] if event == "os.rename" else args[0]) if event in ("os.rename", "os.remove", "os.rmdir") else ""
    if "/exports/" in path and "log.ndjson" not in path:
        seen += 1
        print(event, path.partition("/exports/")[2].partition("/")[2] or "the export", file=record)
        if seen == number:
            os._exit(9)
sys.addaudithook(ending)
"""


@pytest.fixture(scope="module")
def undisturbed(sandbox: Live, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    lake = Lake(f"file://{tmp_path_factory.mktemp('undisturbed')}")
    return data_files(lake, export(sandbox.client(), lake, OPTIONS).path)


def crash(sandbox: Live, lake: Lake, folder: Path, number: int) -> list[str]:
    """Run up to the nth change to the lake; the changes come back, with the one that was not made any more."""
    record = folder / "record"
    command = [sys.executable, "-c", CRASH + COMMAND, str(number), str(record), str(sandbox.register(folder)),
               lake.location, ",".join(SOME_TYPES)]
    code = subprocess.run(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False).returncode
    assert code == (9 if number else 0)
    return record.read_text().splitlines()


@pytest.fixture(scope="module")
def changes(sandbox: Live, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every change to the lake of one export, in order."""
    folder = tmp_path_factory.mktemp("changes")
    return crash(sandbox, Lake(f"file://{folder}/lake"), folder, 0)


def first_and_last_of_each_kind(changes: list[str]) -> dict[int, str]:
    """Number (from 1) -> change; numbers, digests and types make no other kind, but for the type with several files."""
    kinds = [re.sub(r"c\d+\.m.*|[0-9]|Patient|Condition|Medication", "", change) for change in changes]
    numbers = {place(kinds, kind) for kind in kinds for place in (_first, _last)} | {1}  # 1: after the kick-off
    return {number + 1: changes[number] for number in sorted(numbers)}


def _first(kinds: list[str], kind: str) -> int:
    return kinds.index(kind)


def _last(kinds: list[str], kind: str) -> int:
    return len(kinds) - 1 - kinds[::-1].index(kind)


def test_ended_before_any_kind_of_change_to_the_lake_the_same_command_again_completes_one_export(
    sandbox: Live, tmp_path: Path, undisturbed: dict[str, str], changes: list[str]
) -> None:
    chosen = first_and_last_of_each_kind(changes)
    assert len(chosen) >= 20
    for number, change in chosen.items():
        lake = Lake(f"file://{tmp_path}/{number}")
        sandbox.seen.clear()
        assert crash(sandbox, lake, tmp_path, number)[-1] == change
        if lake.newest_export("sandbox") is None:  # else it had ended with the export in its place
            have, fetched = whole(lake), Counter(sandbox.paths("/file/"))
            export(sandbox.client(), lake, OPTIONS)
            again = Counter(sandbox.paths("/file/")) - fetched
            assert set(map(number_of, again)) == set(range(8)) - have or number <= 2, change
            assert set(again.values()) <= {1}, change
        assert len(lake.names("sandbox/exports")) == 1, change
        assert data_files(lake, f"sandbox/exports/{lake.newest_export('sandbox')}") == undisturbed, change
        assert len(sandbox.paths("$export")) == 1 + (number == 2), change  # before the status URL was on disk
        assert leftovers(lake) == (["state.json"] if number == len(changes) else []), change


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_random_moments_it_ends_with_the_same_lake_and_nothing_fetched_twice(
    seed: int, sandbox: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least fifteen times in each of four cases: while it starts, polls, downloads, rolls and publishes."""
    draw = random.Random(seed)
    monkeypatch.setitem(sandbox.app.config, "BULK_LINES_PER_FILE", 8)  # 34 files
    options = ExportOptions(types=SOME_TYPES, file_target_bytes=30_000)
    still = Lake(f"file://{tmp_path}/undisturbed")
    expected = contents(still, export(sandbox.client(), still, options).path)
    registry, kills = sandbox.register(tmp_path, f"case=kill{seed},file-slow=0.02"), 0
    for number in itertools.count():
        lake = Lake(f"file://{tmp_path}/{number}")
        command = [sys.executable, "-c", COMMAND.replace("parallel=1", f"parallel={draw.choice([1, 4])}").replace(
            str(TARGET), "30_000"), str(registry), lake.location, ",".join(SOME_TYPES)]
        while lake.newest_export("sandbox") is None:
            have, before = whole(lake), len(sandbox.seen)
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            requests = draw.choice([0, 1, 2, 4, 8, 16])
            while process.poll() is None and len(sandbox.seen) < before + requests:
                time.sleep(0.002)
            time.sleep(draw.uniform(0, 0.25 if requests == 0 else 0.05))
            process.kill()
            kills += process.wait() == -signal.SIGKILL
            assert not have & {number_of(path) for _, path, _, _ in sandbox.seen[before:] if "/file/" in path}
        assert contents(lake, f"sandbox/exports/{lake.newest_export('sandbox')}") == expected
        if kills >= 15:
            break


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_stopped_politely_it_goes_on_just_the_same(
    stop: signal.Signals, sandbox: Live, lake: Lake, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    command = [sys.executable, "-c", COMMAND, str(sandbox.register(tmp_path, f"case={stop.name},file-slow=0.3")),
               lake.location, ",".join(SOME_TYPES)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_until(lambda: len(whole(lake)) >= 3)
    process.send_signal(stop)
    assert process.wait(timeout=5) != 0
    have = whole(lake)
    assert len(have) < 8
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(second.stdout) == 8 - len(have)
    assert data_files(lake, f"sandbox/exports/{lake.newest_export('sandbox')}") == undisturbed


def test_a_part_that_is_not_what_its_receipt_says_is_fetched_again(
    sandbox: Live, lake: Lake, tmp_path: Path, undisturbed: dict[str, str], changes: list[str]
) -> None:
    """As a power cut leaves it: the name is on disk, the bytes are not."""
    crash(sandbox, lake, tmp_path, changes.index("os.rename Observation/00000.ndjson") + 1)
    parts = sorted(Path(lake.local("sandbox/exports") or "").glob(".*.partial/parts/0*"))
    assert [part.name[:5] for part in parts] == ["00002", "00003", "00004"]
    parts[0].write_bytes(b"")
    parts[1].write_bytes(parts[1].read_bytes()[:-1] + b"x")
    sandbox.seen.clear()
    result = export(sandbox.client(), lake, OPTIONS)
    assert sorted(map(number_of, sandbox.paths("/file/"))) == [2, 3, 5, 6, 7]
    assert data_files(lake, result.path) == undisturbed


def test_a_job_that_the_ehr_forgot_while_we_were_away_is_started_anew(
    sandbox: Live, lake: Lake, tmp_path: Path, undisturbed: dict[str, str], changes: list[str]
) -> None:
    crash(sandbox, lake, tmp_path, changes.index("os.rename Observation/00000.ndjson") + 1)
    sandbox.app.extensions["bulk_jobs"].clear()
    result = export(sandbox.client(), lake, OPTIONS)
    assert data_files(lake, result.path) == undisturbed
    assert lake.names("sandbox/exports") == [result.export_id]


def number_of(path: str) -> int:
    """The server file's number, which ends its path."""
    return int(path.rpartition("/")[2])


def whole(lake: Lake) -> set[int]:
    """Numbers of the server files that are finished: in the spool, or in the lake."""
    found: set[int] = set()
    for folder in Path(lake.local("sandbox/exports") or "").glob(".*.partial"):
        found |= {int(path.name.partition(".")[0]) for path in folder.glob("parts/0*")}
        found |= {part["index"] for path in folder.glob("rolled/*.json")
                  for part in orjson.loads(path.read_bytes())["ended"]}
        found |= {orjson.loads(line)["file"] for path in folder.glob("files.ndjson")
                  for line in path.read_bytes().splitlines()}
    return found


def contents(lake: Lake, path: str) -> dict[str, Any]:
    """Of an export: every data file, and what the manifest and files.ndjson say of them."""
    manifest = lake.read_json(f"{path}/manifest.json")
    said = {key: manifest[key] for key in ("status", "files", "counts", "deleted", "errors")}
    return {**data_files(lake, path), **said, "files.ndjson": lake.read_bytes(f"{path}/files.ndjson")}


def leftovers(lake: Lake) -> list[str]:
    """What lies in the export beside what belongs there."""
    folder = Path(lake.local(f"sandbox/exports/{lake.newest_export('sandbox')}") or "")
    usual = {*SOME_TYPES, "_SUCCESS", "files.ndjson", "log.ndjson", "manifest.json"}
    return sorted({path.name for path in folder.iterdir()} - usual
                  | {path.name for path in folder.rglob(".*")})


def wait_until(happened: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
