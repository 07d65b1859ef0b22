#!/usr/bin/env python
"""The cohort pages over a release of 100,000 people: milliseconds of each page (p95) without the EHR's own time.

    python scripts/bench/cohort_pages.py [--people 100000] [--pages 100] [--rows]

The app answers in this process, one page after the other; lists ask a FHIR server that answers at once, and the time
that it takes is subtracted. The papers are as large as those of a real release with ten groups and 330 features.
"""

import argparse
import json
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).parent))

import pyarrow as pa
from rows import HEAD, Row, send

import analytics
from analytics.definitions import catalogue
from analytics.serving_rows import COLUMNS, TYPES, with_places
from app import create_app
from app.__main__ import keep_for_good
from app.config import Config
from app.registry import Ehr
from app.smart.context import Context
from app.smart.tokens import Token
from tests.unit.analytics import papers

GROUPS, BANDS = 10, ("0 to 17", "18 to 44", "45 to 64", "65 to 74", "75 and older")
PAGES = (
    "",
    "profile",
    "drill",
    "evidence",
    "run",
    "card",
    "patients?rank=1",
    "patients?rank=1&order=loosest",
    "patients",
)
USER = "Practitioner/p1"


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the cohort pages.")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--rows", action="store_true", help="rows as JSON, for bench.py")
    given = parser.parse_args()
    if not given.rows:
        print(HEAD)
    for row in cohorts(given):
        send(row) if given.rows else print(row.words(), flush=True)


def cohorts(given: argparse.Namespace) -> Iterator[Row]:
    """One row for each page: its p95, and in the note its median and weight."""
    people, pages = getattr(given, "people", 100_000), getattr(given, "pages", 100)
    with tempfile.TemporaryDirectory() as folder:
        stand = Stand()
        database = Path(folder) / "kindred.db"
        publish(database, people)
        ehr = Ehr("here", f"{stand.url}/fhir", "kindred", "public", "http://localhost/callback", (), today=None)
        app = create_app(Config(Path(folder), f"sqlite:///{database}", b"k" * 32, {"here": ehr}))
        context = Context(fhir_user=USER, scopes=("user/Patient.rs",))
        launch = app.extensions["smart"].store.create("here", "b" * 43, Token("t"), context)
        client = app.test_client()
        client.set_cookie("kindred", "b" * 43)
        base = f"/s/{launch.sid}/cohorts/"
        mark = client.get(base).headers["Kindred-Patient"]
        keep_for_good()  # as python -m app does
        for path in PAGES:
            url = f"{base}{path}{'&' if '?' in path else '?'}patient={mark}"
            took, cpu, size = _timed(client, url, pages, stand)
            note = f"median {statistics.median(took):.0f} ms, CPU {statistics.median(cpu):.0f} ms, {size / 1e3:.0f} kB"
            what = f"cohorts/{path}, {people:,} people, p95"
            yield Row(what, "ms", [statistics.quantiles(took, n=20)[-1]], [], "< 100 ms", note=note)
        stand.close()
        app.extensions["turns"].shutdown()


def _timed(client: Any, url: str, pages: int, stand: "Stand") -> tuple[list[float], list[float], int]:
    """Milliseconds of each page, and of the processor, both without the stand's own; and bytes."""
    took, cpu = [], []
    for _ in range(pages):
        stand.seconds = stand.cpu = 0.0
        began, used = time.perf_counter(), time.process_time()
        page = client.get(url)
        took.append((time.perf_counter() - began - stand.seconds) * 1e3)
        cpu.append((time.process_time() - used - stand.cpu) * 1e3)
        if page.status_code != 200 or ("patients" in url and b"MRN-" not in page.data):
            raise SystemExit(f"{urlsplit(url).path.rpartition('/')[2]} is not the page: this would not time it.")
    return took, cpu, len(page.data)


class Stand:
    """A FHIR server that knows everybody; `seconds` that it has taken itself."""

    def __init__(self) -> None:
        stand = self
        self.seconds = self.cpu = 0.0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                began, used = time.perf_counter(), time.thread_time()
                body = json.dumps(_bundle(parse_qs(urlsplit(self.path).query))).encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n"
                self.wfile.write(head.encode() + body)
                stand.seconds += time.perf_counter() - began
                stand.cpu += time.thread_time() - used

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()


def _bundle(query: dict[str, list[str]]) -> dict[str, Any]:
    """The Patients by id, or 500 of one clinician."""
    ids = query["_id"][0].split(",") if "_id" in query else [f"p{number:06}" for number in range(500)]
    entries = [{"resource": {
        "resourceType": "Patient", "id": one, "birthDate": "1950-01-01", "gender": "female",
        "name": [{"family": f"Family {one}", "given": ["Ada"]}], "generalPractitioner": [{"reference": USER}],
        "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": f"MRN-{one}"}]}} for one in ids]  # fmt: skip
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def publish(path: Path, people: int) -> None:
    """A serving database with a release of so many people and all its papers."""
    groups = [_group(rank, people // GROUPS) for rank in range(1, GROUPS + 1)]
    model = papers.release(groups=groups, definitions_hash=catalogue.definitions_hash())
    found = papers.of() | {"map": _map(), "cohorts": _cohorts(), "evidence": _evidence(groups)}
    with sqlite3.connect(path) as db:
        db.executescript(Path(analytics.__file__).with_name("tables.sql").read_text("utf-8"))
        row = ("r1", "here", "2026-07-01T00:00:00Z", "2026-06-30", "2025-06-30", model["definitions_hash"],
               json.dumps(model | {"release_id": "r1"}), "2026-07-01T00:00:00Z")  # fmt: skip
        db.execute("INSERT INTO release VALUES (?, ?, ?, ?, ?, ?, ?, ?, '')", row)
        db.execute("INSERT INTO current_release VALUES ('here', 'r1')")
        db.executemany("INSERT INTO release_document VALUES ('r1', ?, ?)",
                       [(name, json.dumps(one)) for name, one in found.items()])  # fmt: skip
        placed = ((f"p{one:06}", one % GROUPS + 1, (one + 1) % GROUPS + 1, one % 997 / 997) for one in range(people))
        batch = pa.RecordBatch.from_pylist([dict(zip(TYPES.names, one, strict=True)) for one in placed], TYPES)
        rows = (tuple(one.values()) for one in with_places(batch, 0).to_pylist())
        columns = ", ".join(COLUMNS)
        db.executemany(f"INSERT INTO membership (release_id, {columns}) VALUES ('r1', ?, ?, ?, ?, ?)", rows)  # noqa: S608
    db.close()


def _figures(n: int) -> dict[str, Any]:
    told = {"n": n, "followed": n, "events": n // 5, "rate": 0.2, "low": 0.18, "high": 0.22}
    return told | {"rate_below": None, "rate_above": None}


def _group(rank: int, n: int) -> dict[str, Any]:
    names = list(catalogue.features())
    words = {"name": f"Group {rank}, on several medicines", "description": "Older, many conditions, many medicines."}
    stable = {"stability": "stable", "stability_words": "Came back when people were drawn anew.", "jaccard": 0.9}
    usual = {"usual": {name: [0.0, 1.0] for name in names}, "share": dict.fromkeys(names, 0.5)}
    return {"rank": rank, "rule": None, "centre": [0.1 * rank] * 60, **usual, **_figures(n), **words, **stable}


def _map() -> dict[str, Any]:
    bins = [
        {"x": x, "y": y, "n": 10 * (x + y + 2), "rank": (x + y) % GROUPS + 1, "rate": 0.2}
        for x in range(14)
        for y in range(14)
    ]
    return papers.population_map() | {"size": 14, "bins": bins}


def _evidence(groups: list[dict[str, Any]]) -> dict[str, Any]:
    ratio = {"ratio": 1.4, "low": 1.1, "high": 1.8, "to": 1}
    return papers.evidence() | {"groups": [one | {"standardised": ratio} for one in groups]}


def _cohorts() -> dict[str, Any]:
    ranks, listed = range(1, GROUPS + 1), list(catalogue.features().values())
    usual = [{"rank": rank, "usual": [rank * 0.5, rank + 3.0], "share": rank / 12} for rank in ranks]
    everyone = {"usual": [2.0, 6.0], "share": 0.3}
    told = [{"feature": one.name, "label": one.label, "unit": one.unit, "shape": one.shape} for one in listed]
    shares = [{"rank": rank, "share": rank / 12} for rank in ranks]
    met = [{"rank": rank, "applicable": 900, "met": 0.5} for rank in ranks]
    return {
        "features": [one | {"everyone": everyone, "groups": usual} for one in told],
        "treatments": [one | {"everyone": 0.3, "groups": shares} for one in told[:20]],
        "gaps": [{"id": f"g{one}", "title": f"Rule {one}: measured in the last 12 months",
                  "everyone": {"applicable": 9000, "met": 0.6}, "groups": met} for one in range(20)],
        "drill": _drill(told[:20]),
    }  # fmt: skip


def _drill(conditions: list[dict[str, Any]]) -> dict[str, Any]:
    groups = [{"rank": rank, **_figures(300)} for rank in range(1, GROUPS + 1)]
    cells = [{"sex": sex, "age_band": band, "condition": condition, "groups": groups}
             for sex in (None, "Female", "Male") for band in (None, *BANDS)
             for condition in (None, *(one["feature"] for one in conditions))]  # fmt: skip
    return {"sexes": ["Female", "Male"], "age_bands": list(BANDS), "conditions": conditions, "cells": cells}


if __name__ == "__main__":
    main()
