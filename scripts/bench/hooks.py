#!/usr/bin/env python
"""Cards of the embedded EHR's charts at a steady rate: sandbox and app as processes, real HTTP, signed calls.

    python scripts/bench/hooks.py [--rate 20] [--seconds 20] [--patients 500] [--rows]

Calls begin by the clock, whether or not those before them have ended. The milliseconds are those that the EHR waits for
an answer, from the signed request to the last byte. `prefetch`: the call brings all; `token`: it brings nothing, and
the app reads the chart from the EHR. CPU is that of the app, of the EHR and of this client for each call: on one
machine they share the cores, so their sum times the rate must be free on it. Errors: `no turn`: the EHR lets 16 charts
wait for cards at once, and this one waited a second for its turn; `time-out`: no answer within the EHR's two seconds;
503: the app refused what it could not serve in time.
"""

import argparse
import json
import os
import random
import shutil
import socket
import sqlite3
import statistics
import subprocess  # runs our own two servers
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).parent))

import people
import requests
from live import patient, release
from rows import HEAD, Row, send
from tree import Watch

from analytics.definitions import live

KINDS = {"prefetch": "", "token": "/~hook-no-prefetch"}  # part of the EHR's address
AT_ONCE = 64  # calls that the bench can have open
GOAL_MS = 500
WARM_CALLS = 12
MEMORY_EVERY = 10.0  # seconds; servers that have been warmed hardly grow
_own = threading.local()
WITHOUT_STATUS = {-1: "no turn", 0: "time-out"}


@dataclass(frozen=True)
class Servers:
    """Both servers, with their processes."""

    ehr: str
    ehr_pid: int
    app_pid: int
    patients: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the cards of charts that open at a steady rate.")
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--patients", type=int, default=500)
    parser.add_argument("--rows", action="store_true", help="rows as JSON, for bench.py")
    given = parser.parse_args()
    if not given.rows:
        print(HEAD)
    with servers(given.patients) as both:
        for kind in KINDS:
            row = measured(both, kind, given.rate, given.seconds)
            send(row) if given.rows else print(row.words(), flush=True)


def measured(both: Servers, kind: str, rate: float, seconds: float) -> Row:
    """One kind of call at this rate, after a few that warm both servers."""
    url = f"{both.ehr}{KINDS[kind]}/cds-hooks/patient-view"
    draw = random.Random(people.SEED)  # noqa: S311 - the same patients each time
    asked = [draw.choice(both.patients) for _ in range(round(rate * seconds))]
    for one in asked[:WARM_CALLS]:
        call(url, one)
    with Watch(both.app_pid, MEMORY_EVERY) as app, Watch(both.ehr_pid, MEMORY_EVERY) as ehr:
        before = time.process_time()
        answers = at_rate(url, asked, rate)
        client = time.process_time() - before  # with the looks at both servers
    took = sorted(ms for status, ms in answers if status == 200)
    errors = Counter(WITHOUT_STATUS.get(status, status) for status, _ in answers if status != 200)
    if not took:
        raise SystemExit(f"No call for cards was answered: {dict(errors)}")
    p50, p95 = statistics.median(took), took[int(0.95 * len(took))]
    note = (f"p50 {p50:,.0f}, p99 {took[int(0.99 * len(took))]:,.0f} ms; errors {dict(errors) or 0} of {len(answers)}; "
            f"CPU {each(app.used.cpu, answers)} ms app, {each(ehr.used.cpu, answers)} ms EHR, "
            f"{each(client, answers)} ms client a call")
    return Row(f"cards at {rate:g} a second, {kind}: p95", "ms", [p95], [], f"< {GOAL_MS} ms", None, None,
               app.used.peak_mb, note)


def each(cpu: float, answers: list[Any]) -> str:
    return f"{cpu * 1e3 / len(answers):.0f}"


def at_rate(url: str, asked: list[str], rate: float) -> list[tuple[int, float]]:
    """Status and milliseconds of each call; a call that finds the bench itself busy counts its wait."""
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = []
        for number, one in enumerate(asked):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            waiting.append(pool.submit(call, url, one))
        return [one.result() for one in waiting]


def call(url: str, patient_id: str) -> tuple[int, float]:
    if not hasattr(_own, "http"):  # a browser keeps its connection too
        _own.http = requests.Session()
    answers = _own.http.post(url, json={"patient": patient_id}, timeout=60).json()
    return (int(answers[0]["status"]), float(answers[0]["ms"])) if answers else (-1, 0.0)  # -1: the EHR was too busy


@contextmanager
def servers(patients: int) -> Iterator[Servers]:
    """Sandbox and app over one home, with a release for both addresses of the EHR; gone with the block."""
    home = Path(tempfile.mkdtemp(prefix="kindred-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        ehr_port, app_port = free_port(), free_port()
        ehr, app = f"http://127.0.0.1:{ehr_port}", f"http://127.0.0.1:{app_port}"
        command = ["fhir_fixtures.ehr", "--patients", str(patients), "--seed", str(people.SEED), "--home", str(home),
                   "--port", str(ehr_port), "--app-url", app, "--registry", str(home / "ehrs.toml")]
        ehr_pid = stack.enter_context(running(command, home))
        register_faulty(home / "ehrs.toml", ehr)
        publish(home / "kindred.db")
        app_pid = stack.enter_context(running(["app", "--port", str(app_port)], home))
        yield Servers(ehr, ehr_pid, app_pid, ids(home))


def ids(home: Path) -> list[str]:
    """The ids of the living in the sandbox's store."""
    (store,) = (home / "sandbox").glob("*/ehr.db")
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
        return [row[0] for row in db.execute("SELECT id FROM person WHERE coalesce(died, '') = '' ORDER BY id")]


@contextmanager
def running(command: list[str], home: Path) -> Iterator[int]:
    """A server of ours as a process, from when it says that it is ready."""
    env = {**os.environ, "KINDRED_HOME": str(home), "PYTHONPATH": str(ROOT),
           "KINDRED_DATABASE": f"sqlite:///{home / 'kindred.db'}"}
    with subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        try:
            if "ready" not in (process.stdout.readline() if process.stdout else ""):
                raise SystemExit(f"{command[0]} did not start")
            yield process.pid
        finally:
            process.terminate()


def register_faulty(path: Path, ehr: str) -> None:
    """The registry's entry once more, for the address whose calls bring nothing."""
    base = f"{ehr}{KINDS['token']}"
    text = path.read_text().replace("sandbox", "bare").replace(f"{ehr}/fhir", f"{base}/fhir")
    text = text.replace(f'issuer = "{ehr}"', f'issuer = "{base}"').replace(f"{ehr}/cds-hooks", f"{base}/cds-hooks")
    path.write_text(f"{path.read_text()}\n{text}")


def publish(path: Path) -> None:
    """Serving tables with one release for each address."""
    model = release(live.score(patient(200), people.AS_OF, None)["features"])
    day = people.AS_OF.isoformat()
    with sqlite3.connect(path) as db:
        db.executescript((ROOT / "analytics/tables.sql").read_text())
        for ehr in ("sandbox", "bare"):
            row = (f"bench-{ehr}", ehr, f"{day}T12:00:00Z", day, day, model["definitions_hash"], json.dumps(model), day)
            db.execute("INSERT INTO release VALUES (?, ?, ?, ?, ?, ?, ?, ?, '')", row)
            db.execute("INSERT INTO current_release VALUES (?, ?)", (ehr, f"bench-{ehr}"))
    db.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


if __name__ == "__main__":
    main()
