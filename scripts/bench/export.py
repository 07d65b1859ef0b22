#!/usr/bin/env python
"""Times exports against plain parallel downloads of the same files, in turn, and prints a table of medians.

    python scripts/bench/export.py [--rounds 5] [--parallel 4] [--only static|embedded|gzip|tiny] [--folder FOLDER]

Three processes take turns in each round, so that they meet the same machine; a ratio is taken within its round.
    export      all checks on, from the manifest until the finished folder has its name in the lake
    python      plain.py: requests, as many connections, blocks written to files, nothing else
    curl        curl --parallel, likewise
    end to end  from the kick-off's preparation (discovery, token) to `_SUCCESS`, in seconds; beside it the ratio to
                curl with the wait for a job of its own before it
    gzip        the embedded EHR once more with gzip asked for on all sides, as over a network: the usual setting
    CPU         milliseconds of the processor for each MB, the server's not among them: export/python/curl. They change
                less with the machine's other work than rates do
The machine's other work costs the export more than the plain downloads: it has the checks to pay for.
"""

import argparse
import json
import resource
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
sys.path.insert(0, str(HERE))

from rows import Row, send

PEOPLE, SEED = 3_450, 7  # about 460 MB
FILES = 200
TINY_FILES, TINY_LINES = 20_000, 10


def main() -> None:
    parser = argparse.ArgumentParser(description="Time exports against plain parallel downloads of the same files.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parallel", type=int, default=4, help="files at once, on both sides")
    parser.add_argument("--only", choices=list(SERVERS))
    parser.add_argument("--folder", type=Path, default=ROOT / ".kindred/bench")
    parser.add_argument("--rows", action="store_true", help="rows as JSON, for bench.py")
    given = parser.parse_args()
    if not shutil.which("curl"):
        parser.error("curl is not there; it is what the export is measured against")
    people = population(given.folder)
    if not given.rows:
        print(f"MB/s and ratios: median (least - most) of {given.rounds} rounds, {given.parallel} connections\n{'':<27}"
              f"{'export':>7}{'python':>7}{'curl':>7}  {'of python':<20}{'of curl':<20}{'end to end':>10}  "
              f"{'of curl':<20}{'CPU ms/MB':<14}{'peak':>6}  lake files")
    for name in [given.only] if given.only else list(SERVERS):
        work = given.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        with SERVERS[name](given.folder, people, work) as (registry, ehr):
            coding = "gzip" if name == "gzip" else "identity"
            found = [one_round(registry, ehr, work, given.parallel, turn, coding) for turn in range(given.rounds)]
            if given.rows:
                send_rows(name, found)
            else:
                report(name, found)
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
    "gzip": embedded,
    "tiny": lambda folder, people, work: ready_files(
        cut(people, folder / f"files-{TINY_FILES}", TINY_LINES, TINY_FILES), work),
}


def one_round(registry: Path, ehr: str, work: Path, parallel: int, turn: int, coding: str) -> dict[str, float]:
    """An export and two plain downloads from the same server; each round another one begins."""
    found: dict[str, float] = {}
    sides = [lambda: measured_export(registry, ehr, work, parallel, coding),
             lambda: plain_downloads(registry, ehr, work, parallel, coding, curl_first=bool(turn % 2))]
    for side in sides if turn % 3 else reversed(sides):
        found |= side()
    files = found["seconds"] - found["waited"]
    return {**found, "export": files, "of_python": found["python"] / files, "of_curl": found["curl"] / files,
            "whole_of_curl": (found["plain_waited"] + found["curl"]) / found["seconds"]}


def measured_export(registry: Path, ehr: str, work: Path, parallel: int, coding: str) -> dict[str, float]:
    lake = work / "lake"
    shutil.rmtree(lake, ignore_errors=True)
    command = [sys.executable, str(HERE / "client.py"), str(registry), ehr, str(lake), str(parallel), coding]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def plain_downloads(
    registry: Path, ehr: str, work: Path, parallel: int, coding: str, *, curl_first: bool
) -> dict[str, float]:
    """Seconds up to the manifest of a job of its own, and what each plain client takes for its files."""
    began = time.monotonic()
    client = BulkClient.from_registry(registry, ehr)
    http = Http(client.issuer, client.hosts)
    http.token = Authorization(client, http).token
    job = Job(http, ExportLog(Lake(f"file://{work}/job"), "log.ndjson", "bench"))
    kept: list[str] = []
    job.kick_off(ExportOptions(types=()), lambda: None, kept.append)
    status = kept[0]
    urls = [file.url for file in job.manifest(status, Step("", None, "")).files]
    found = {"plain_waited": time.monotonic() - began}
    for name in ("curl", "python") if curl_first else ("python", "curl"):
        folder = work / "plain"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        found[name], found[f"{name}_cpu"] = PLAIN[name](urls, http.token(None), folder, parallel, coding)
    job.delete(status)
    return found


def with_curl(urls: list[str], token: str, folder: Path, parallel: int, coding: str) -> tuple[float, float]:
    """Seconds by the clock and of the processor."""
    config = folder.with_suffix(".cfg")
    config.touch(mode=0o600)
    packed = "compressed\n" if coding == "gzip" else ""
    config.write_text(f'{packed}header = "Authorization: Bearer {token}"\n' + "".join(
        f'url = "{url}"\noutput = "{folder}/{number}"\n' for number, url in enumerate(urls)))
    began, cpu = time.monotonic(), of_children()
    subprocess.run(["curl", "--silent", "--fail", "--parallel", "--parallel-max", str(parallel), "--config",  # noqa: S607
                    str(config)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began, of_children() - cpu


def of_children() -> float:
    """Seconds of the processor that our ended processes took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def with_python(urls: list[str], token: str, folder: Path, parallel: int, coding: str) -> tuple[float, float]:
    """Seconds by the clock and of the processor, without the interpreter's start."""
    command = [sys.executable, str(HERE / "plain.py"), str(folder), str(parallel), coding]
    given = json.dumps({"token": token, "urls": urls})
    found = json.loads(subprocess.run(command, check=True, input=given, text=True, stdout=subprocess.PIPE).stdout)
    return found["seconds"], found["cpu"]


PLAIN = {"curl": with_curl, "python": with_python}


def report(name: str, rounds: list[dict[str, float]]) -> None:
    """One line of the table; MB/s of the lines that went to the lake."""
    megabytes = rounds[0]["bytes"] / 1e6
    source = f"{name}: {megabytes:.0f} MB, {rounds[0]['files']:.0f} files"
    rates = "".join(f"{statistics.median(megabytes / one[side] for one in rounds):>7.0f}"
                    for side in ("export", "python", "curl"))
    cpu = "/".join(f"{statistics.median(one[side] for one in rounds) * 1e3 / megabytes:.1f}"
                   for side in ("cpu", "python_cpu", "curl_cpu"))
    print(f"{source:<27}{rates}  {spread(rounds, 'of_python'):<20}{spread(rounds, 'of_curl'):<20}"
          f"{statistics.median(one['seconds'] for one in rounds):>8.2f} s  {spread(rounds, 'whole_of_curl'):<20}"
          f"{cpu:<14}{max(one['peak_mb'] for one in rounds):>3.0f} MB{rounds[0]['lake_files']:>12.0f}", flush=True)


def send_rows(name: str, rounds: list[dict[str, float]]) -> None:
    """The lines of the whole bench's table: against each of the plain downloads."""
    megabytes = rounds[0]["bytes"] / 1e6
    for side in ("python", "curl"):
        send(Row(f"export, {name}, {megabytes:.0f} MB: {side}", "MB/s", [megabytes / one["export"] for one in rounds],
                 [megabytes / one[side] for one in rounds], "", [one["cpu"] for one in rounds],
                 [one[f"{side}_cpu"] for one in rounds], max(one["peak_mb"] for one in rounds)))


def spread(rounds: list[dict[str, float]], key: str) -> str:
    """Median, and in brackets the least and the most."""
    values = sorted(one[key] for one in rounds)
    return f"{statistics.median(values):.2f} ({values[0]:.2f} - {values[-1]:.2f})"


if __name__ == "__main__":
    main()
