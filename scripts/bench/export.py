#!/usr/bin/env python
"""Times exports against plain parallel downloads of the same files, in turn, and prints a table of medians.

    python scripts/bench/export.py [--rounds 5] [--parallel 4] [--only static|embedded|tiny] [--folder .kindred/bench]

Both sides run as processes, one after the other, so that they meet the same machine; a ratio is taken within its round.
"files" compares the time from the manifest until the finished folder has its name in the lake with curl's for the same
files; "with the wait" adds what passes up to the manifest (discovery, token, kick-off, the EHR's work, polling) on both
sides. The machine's other work costs the export more than curl: it has the checks to pay for.
"""

import argparse
import json
import shutil
import statistics
import subprocess  # runs our own scripts and curl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from analytics.config import BulkClient
from analytics.export.auth import Authorization
from analytics.export.http import Http
from analytics.export.job import Job
from analytics.export.log import ExportLog
from analytics.export.options import ExportOptions
from analytics.lake import Lake
from analytics.progress import Step

HERE = Path(__file__).parent
PEOPLE, SEED = 3_450, 7  # about 460 MB
FILES = 200
TINY_FILES, TINY_LINES = 20_000, 10


def main() -> None:
    parser = argparse.ArgumentParser(description="Time exports against plain parallel downloads of the same files.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parallel", type=int, default=4, help="files at once, on both sides")
    parser.add_argument("--only", choices=["static", "embedded", "tiny"])
    parser.add_argument("--folder", type=Path, default=ROOT / ".kindred/bench")
    given = parser.parse_args()
    if not shutil.which("curl"):
        parser.error("curl is not there; it is what the export is measured against")
    people = population(given.folder)
    print(f"{'':<30}{'export':>11}{'curl':>11}  {'ratio: files':<20}{'with the wait':<20}{'peak':>10}  lake files")
    for name in [given.only] if given.only else ["static", "embedded", "tiny"]:
        work = given.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        with SERVERS[name](given.folder, people, work) as (registry, ehr):
            report(name, [one_round(registry, ehr, work, given.parallel) for _ in range(given.rounds)])
        shutil.rmtree(work)


def population(folder: Path) -> Path:
    """The people as TYPE.ndjson, made once."""
    people = folder / f"people-{PEOPLE}-{SEED}"
    if not people.exists():
        making = people.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "fhir_fixtures.population", "--patients", str(PEOPLE), "--seed",
                        str(SEED), "--out", str(making), "--workers", "2"], cwd=ROOT, check=True)
        making.rename(people)
    return people


def cut(people: Path, folder: Path, lines: int | None, most: int) -> Path:
    """The same lines as many files, TYPE-00000.ndjson: of `lines` lines, else of equal size. Made once."""
    if folder.exists():
        return folder
    making = folder.with_suffix(".making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    each = sum(path.stat().st_size for path in people.glob("*.ndjson")) // most
    for path in sorted(people.glob("*.ndjson")):
        with path.open("rb") as source:
            for number, block in enumerate(blocks(source, lines, each)):
                if lines and number >= most // 4:  # enough files of each of the larger types
                    break
                (making / f"{path.stem}-{number:05d}.ndjson").write_bytes(block)
    for path in sorted(making.iterdir())[most if lines else len(list(making.iterdir())):]:
        path.unlink()
    return making.rename(folder)


def blocks(source: Any, lines: int | None, size: int) -> Iterator[bytes]:
    """`lines` lines at a time, else whole lines of about `size` bytes."""
    while block := [line for _ in range(lines) if (line := source.readline())] if lines else source.readlines(size):
        yield b"".join(block)


@contextmanager
def started(command: list[str], ready: str, log: Path) -> Iterator[None]:
    """A server while the block runs; it has started when its output holds `ready`."""
    with log.open("wb") as out, subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out) as process:
        try:
            while ready not in log.read_text(errors="replace"):
                if process.poll() is not None:
                    raise SystemExit(f"{command[1]} ended: {log.read_text(errors='replace')[-500:]}")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


@contextmanager
def ready_files(files: Path, work: Path) -> Iterator[tuple[Path, str]]:
    registry = work / "ehrs.toml"
    command = [sys.executable, str(HERE / "static_server.py"), str(files), "--registry", str(registry)]
    with started(command, "ready", work / "server.log"):
        yield registry, "static"


@contextmanager
def embedded(folder: Path, people: Path, work: Path) -> Iterator[tuple[Path, str]]:
    registry = work / "ehrs.toml"
    command = [sys.executable, "-m", "fhir_fixtures.ehr", "--data", str(people), "--port", "0", "--registry",
               str(registry), "--home", str(folder / "ehr")]
    with started(command, "http://127.0.0.1", work / "server.log"):
        yield registry, "sandbox"


SERVERS = {
    "static": lambda folder, people, work: ready_files(cut(people, folder / f"files-{FILES}", None, FILES), work),
    "embedded": embedded,
    "tiny": lambda folder, people, work: ready_files(
        cut(people, folder / f"files-{TINY_FILES}", TINY_LINES, TINY_FILES), work),
}


def one_round(registry: Path, ehr: str, work: Path, parallel: int) -> dict[str, float]:
    """An export and a plain download, from the same server."""
    lake = work / "lake"
    shutil.rmtree(lake, ignore_errors=True)
    command = [sys.executable, str(HERE / "client.py"), str(registry), ehr, str(lake), str(parallel)]
    export: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    waited, seconds = plain_download(registry, ehr, work, parallel)
    return {**export, "curl": seconds, "files_ratio": seconds / (export["seconds"] - export["waited"]),
            "whole_ratio": (waited + seconds) / export["seconds"]}


def plain_download(registry: Path, ehr: str, work: Path, parallel: int) -> tuple[float, float]:
    """Seconds up to the manifest of a job of its own, and seconds that curl takes for its files."""
    began = time.monotonic()
    client = BulkClient.from_registry(registry, ehr)
    http = Http(client.issuer, client.hosts)
    http.token = Authorization(client, http).token
    job = Job(http, ExportLog(Lake(f"file://{work}/job"), "log.ndjson", "bench"))
    status = job.kick_off(ExportOptions(types=()))
    manifest = job.manifest(status, Step("", None, ""))
    waited = time.monotonic() - began
    folder, config = work / "curl", work / "curl.cfg"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    config.touch(mode=0o600)
    config.write_text(f'header = "Authorization: Bearer {http.token(None)}"\n' + "".join(
        f'url = "{file.url}"\noutput = "{folder}/{file.index}"\n' for file in manifest.files))
    began = time.monotonic()
    subprocess.run(["curl", "--silent", "--fail", "--parallel", "--parallel-max", str(parallel), "--config",  # noqa: S607
                    str(config)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.monotonic() - began
    job.delete(status)
    return waited, seconds


def report(name: str, rounds: list[dict[str, float]]) -> None:
    """One line of the table; rates of the files, from the manifest on, in MB/s of the lines that went to the lake."""
    megabytes = rounds[0]["bytes"] / 1e6
    rates = [statistics.median(megabytes / seconds for seconds in each) for each in
             ([one["seconds"] - one["waited"] for one in rounds], [one["curl"] for one in rounds])]
    source = f"{name}: {megabytes:.0f} MB, {rounds[0]['files']:.0f} files"
    print(f"{source:<30}{rates[0]:>6.0f} MB/s{rates[1]:>6.0f} MB/s  {spread(rounds, 'files_ratio'):<20}"
          f"{spread(rounds, 'whole_ratio'):<20}{max(one['peak_mb'] for one in rounds):>7.0f} MB"
          f"{rounds[0]['lake_files']:>9.0f}", flush=True)


def spread(rounds: list[dict[str, float]], key: str) -> str:
    """Median, and in brackets the least and the most."""
    values = sorted(one[key] for one in rounds)
    return f"{statistics.median(values):.2f} ({values[0]:.2f} - {values[-1]:.2f})"


if __name__ == "__main__":
    main()
