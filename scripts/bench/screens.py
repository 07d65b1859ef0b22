#!/usr/bin/env python
"""The screens, timed over HTTP: one function for each, one row for each goal.

    python scripts/bench/screens.py [--rounds 3] [--resources 1000] [--at-once 50] [--only chart launches] [--rows]

The EHR is the embedded one, a process of its own, whose store is one patient with that many resources; the app is a
process of its own too. Without the EHR's own time: the app's process remembers each reply of the FHIR server (below
its transport) and is given it again at once, so that what is left is the app. A round is 20 pages; ours is its p95.
"""

import argparse
import json
import os
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).parent))

import people
from cohort_pages import cohorts
from live import patient, release
from rows import HEAD, Row, send
from tree import TICK

import analytics
from analytics.definitions import live

PAGES = 20  # of a round
SECONDS = 60
GROUP = 'id="reasons-title"'  # a page without a group has the heading of one, and no reasons
REMEMBER = "KINDRED_BENCH_REMEMBER"


@dataclass
class Demo:
    """The two processes, and how to open a launch."""

    ehr: str
    patient: str
    app: int  # its process id

    def cpu(self) -> float:
        """Milliseconds of the processor that the app has used so far."""
        fields = Path(f"/proc/{self.app}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK * 1e3

    def launch(self) -> tuple[requests.Session, requests.Response]:
        """A browser of its own, at its chart page."""
        browser = requests.Session()
        asked = {"patient": self.patient, "client_id": "kindred"}
        url = requests.post(f"{self.ehr}/launches", json=asked, timeout=SECONDS).json()["url"]
        return browser, browser.get(url, timeout=SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the screens over HTTP.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--resources", type=int, default=1_000)
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--only", nargs="+", choices=SCREENS, default=list(SCREENS))
    parser.add_argument("--rows", action="store_true", help="rows as JSON, for bench.py")
    given = parser.parse_args()
    if not given.rows:
        print(HEAD)
    for name in given.only:
        for row in SCREENS[name](given):
            send(row) if given.rows else print(row.words(), flush=True)


def chart(given: argparse.Namespace) -> Iterator[Row]:
    """The chart page: with the embedded EHR, and without its time; and what it weighs with what it loads."""
    what = f"chart page, {given.resources:,} resources, p95"
    with demo(given.resources) as here:
        browser, page = here.launch()
        took = [timed(browser, page.url) for _ in range(given.rounds)]
        yield Row(f"{what}, EHR and all", "ms", [p95(one) for one in took], [], "< 1500 ms", note=median(took))
        yield Row("chart page, weight with what it loads", "kB", [weight(browser, page)], [], "< 150 kB")
    with demo(given.resources, remember=True) as here:
        browser, page = here.launch()
        browser.get(page.url, timeout=SECONDS)
        before = here.cpu()
        took = [timed(browser, page.url) for _ in range(given.rounds)]
        note = f"{median(took)}, CPU {(here.cpu() - before) / (PAGES * given.rounds):,.0f} ms"
        yield Row(f"{what}, without the EHR", "ms", [p95(one) for one in took], [], "< 250 ms", note=note)


def launches(given: argparse.Namespace) -> Iterator[Row]:
    """Whole launches at once, each a browser of its own, up to the chart page."""
    with demo(given.resources) as here:
        here.launch()
        failed, took = [], []
        for _ in range(given.rounds):
            with ThreadPoolExecutor(given.at_once) as browsers:
                ended = list(browsers.map(lambda _: _one_launch(here), range(given.at_once)))
            failed.append(float(sum(code != "ok" for code, _ in ended)))
            took.append([seconds for _, seconds in ended])
        codes = sorted({code for code, _ in ended if code != "ok"})
        note = f"{median(took)}{' ' + ', '.join(codes) if codes else ''}"
        yield Row(f"{given.at_once} launches at once, errors", "", failed, [], "0", note=note)


def _one_launch(here: Demo) -> tuple[str, float]:
    """How it ended, and milliseconds."""
    began = time.perf_counter()
    browser, page = here.launch()
    browser.close()
    return ended(page.status_code, page.text), (time.perf_counter() - began) * 1e3


def ended(status: int, text: str) -> str:
    """`ok` for a chart page with its group and why; else the code of the page that came instead, or what it lacks."""
    code = re.search(r"Code: <code>(\w+)</code>", text)
    if status != 200 or code:
        return code[1] if code else str(status)
    return "ok" if GROUP in text else "no_group"


SCREENS = {"chart": chart, "launches": launches, "cohorts": cohorts}


def timed(browser: requests.Session, url: str) -> list[float]:
    """Milliseconds of each page of a round."""
    took = []
    for _ in range(PAGES):
        began = time.perf_counter()
        page = browser.get(url, timeout=SECONDS)
        took.append((time.perf_counter() - began) * 1e3)
        if ended(page.status_code, page.text) != "ok":
            raise SystemExit("That was no chart page with a group: this would not time what it is to time.")
    return took


def p95(took: list[float]) -> float:
    return statistics.quantiles(took, n=20)[-1]


def median(rounds: list[list[float]]) -> str:
    return f"median {statistics.median(one for took in rounds for one in took):,.0f} ms"


def weight(browser: requests.Session, page: requests.Response) -> float:
    """kB of a page and of what it loads by itself, as sent."""
    linked = re.findall(r'<(?:link|script|img)[^>]* (?:href|src)="([^"]+)"', page.text)
    origin = "/".join(page.url.split("/")[:3])
    parts = [browser.get(origin + one.replace("&amp;", "&"), timeout=SECONDS).content for one in linked]
    return (len(page.content) + sum(map(len, parts))) / 1e3


@contextmanager
def demo(resources: int, *, remember: bool = False) -> Iterator[Demo]:
    """EHR and app as processes of their own, with a release, in a folder that goes with them."""
    home = Path(tempfile.mkdtemp(prefix="kindred-screens-"))
    lines = patient(resources)
    data = home / "data"
    data.mkdir()
    for line in lines:
        with (data / f"{json.loads(line)['resourceType']}.ndjson").open("ab") as file:
            file.write(line + b"\n")
    ports = _free(2)
    ehr, app = (f"http://127.0.0.1:{port}" for port in ports)
    env = os.environ | {"KINDRED_HOME": str(home), "KINDRED_DATABASE": f"sqlite:///{home / 'kindred.db'}"}
    publish(home / "kindred.db", release(live.score(lines, people.AS_OF, None)["features"]))
    serve_ehr = [sys.executable, "-m", "fhir_fixtures.ehr", "--data", str(data), "--home", str(home), "--port",
                 str(ports[0]), "--app-url", app, "--registry", str(home / "ehrs.toml")]  # fmt: skip
    serve_app = [sys.executable, __file__, "app", "--port", str(ports[1])]
    started = []
    try:
        for command, more, url in ((serve_ehr, {}, ehr), (serve_app, {REMEMBER: "1"} if remember else {}, app)):
            log = (home / f"{len(started)}.log").open("wb")
            started.append(subprocess.Popen(command, cwd=ROOT, env=env | more, stdout=log, stderr=log))
            _wait(url)
        mine = next(json.loads(line)["id"] for line in lines if b'"Patient"' in line[:40])
        yield Demo(ehr, mine, started[-1].pid)
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()
        shutil.rmtree(home)


def publish(path: Path, model: dict[str, Any]) -> None:
    """A serving database that holds this release as the sandbox's current one."""
    tables = Path(analytics.__file__).with_name("tables.sql").read_text("utf-8")
    with sqlite3.connect(path) as db:
        db.executescript(tables)
        row = (model["release_id"], "sandbox", "2026-07-01T00:00:00Z", "2026-06-30", "2025-06-30",
               model["definitions_hash"], json.dumps(model), "2026-07-01T00:00:00Z")  # fmt: skip
        db.execute("INSERT INTO release VALUES (?, ?, ?, ?, ?, ?, ?, ?, '')", row)
        db.execute("INSERT INTO current_release VALUES ('sandbox', ?)", [model["release_id"]])
    db.close()


def _free(count: int) -> list[int]:
    with_ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in with_ports]
    for one in with_ports:
        one.close()
    return ports


def _wait(url: str) -> None:
    for _ in range(600):
        try:
            requests.get(url, timeout=SECONDS)
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def serve() -> None:
    """`python -m app`, which remembers the FHIR server's replies where it is asked to."""
    from app import __main__ as process
    from app import outgoing

    if os.environ.get(REMEMBER):
        send_on, seen = outgoing._BoundedAdapter.send, dict[str, requests.Response]()

        def send_once(self: Any, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
            url = str(request.url)
            if request.method != "GET" or "/fhir/" not in url:
                return send_on(self, request, *args, **kwargs)
            if url not in seen:
                seen[url] = send_on(self, request, *args, **kwargs)
            return seen[url]

        outgoing._BoundedAdapter.send = send_once  # type: ignore[method-assign]
    process.main()


if __name__ == "__main__":
    if sys.argv[1:2] == ["app"]:
        del sys.argv[1]
        serve()
    else:
        main()
