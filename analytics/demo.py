"""``kindred demo``: the embedded EHR, the pipeline and the app together, as a newcomer or a check runs them."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from analytics.config import Settings
from analytics.errors import KindredError
from analytics.launch_check import launch_once
from analytics.pipeline import DEMO_BOOTSTRAPS, DEMO_EARLIER_DATES, Pipeline
from analytics.processes import ProcessFailed, app_command, check_free, free_port, running, sandbox_command

EHR = "sandbox"  # the name under which the embedded EHR registers Kindred
HIGHEST_PORT = 65535 - 100


def run_demo(settings: Settings, *, patients: int, seed: int, data: Path | None, port: int, check: bool) -> None:
    """Start everything. Without check: print the launcher's address and stay until interrupted.

    Whatever ends it (Ctrl-C and SIGTERM included) ends all that it started.
    """
    if port > HIGHEST_PORT:
        raise click.UsageError(f"--port {port} is above {HIGHEST_PORT}: the app takes the one 100 above it.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    ehr_port = free_port() if check or port == 0 else port
    app_port = free_port() if check or port == 0 else port + 100
    for one in (ehr_port, app_port):
        check_free(one)
    sparing = replace(settings, earlier_dates=min(settings.earlier_dates, DEMO_EARLIER_DATES))
    pipeline = Pipeline(sparing, EHR, bootstraps=DEMO_BOOTSTRAPS)
    warm_up = threading.Thread(target=_start_spark, args=(pipeline,), daemon=True)
    warm_up.start()  # Spark starts while the sandbox makes its patients
    started, ended = time.monotonic(), threading.Event()
    command = sandbox_command(
        settings, patients=patients, seed=seed, data=data, port=ehr_port, app_url=f"http://127.0.0.1:{app_port}"
    )
    try:
        with running(command, "sandbox ready:", ended) as launcher:
            pipeline.seconds["sandbox"] = round(time.monotonic() - started, 1)
            warm_up.join()
            _export_what_is_new(pipeline, _population(patients, seed, data))
            pipeline.run(fresh=False)
            with running(app_command(app_port), "app ready:", ended):
                if check:
                    click.echo(json.dumps(_summary(pipeline, launcher)))
                else:
                    _stay(launcher, ended)
    except KindredError:
        warm_up.join()  # while Spark starts nothing can be said on stderr
        raise


def _start_spark(pipeline: Pipeline) -> None:
    """Start the session early; if it cannot start, the first step that needs it says why."""
    try:
        pipeline.spark  # noqa: B018
    except Exception:
        return


def _population(patients: int, seed: int, data: Path | None) -> Any:
    """What tells one population from another; a folder by its files."""
    if data is None:
        return [patients, seed]
    return [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in sorted(data.glob("*"))]


def _export_what_is_new(pipeline: Pipeline, population: Any) -> None:
    """Export, unless the newest export in this home is of the same patients; then that one is used again."""
    note = pipeline.settings.home / "demo.json"
    said = json.dumps(population)
    if note.exists() and note.read_text(encoding="utf-8") == said and pipeline.lake.newest_export(EHR):
        return
    note.unlink(missing_ok=True)
    pipeline.export()
    note.write_text(said, encoding="utf-8")


def _stay(launcher: str, ended: threading.Event) -> None:
    """Until interrupted, or until the EHR or the app ends of itself."""
    click.echo(launcher)
    click.echo(
        "Open that address, choose a patient, and the app opens inside the chart. Ctrl-C ends everything.", err=True
    )
    try:
        ended.wait()
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return
    raise ProcessFailed("The sandbox or the app ended of itself, so the demo ends too.", "Its reason is above.")


def _summary(pipeline: Pipeline, launcher: str) -> dict[str, Any]:
    from analytics.publish import current

    started = time.monotonic()
    launch = launch_once(launcher)
    pipeline.seconds["launch"] = round(time.monotonic() - started, 1)
    model = current(pipeline.settings.database, EHR) or {"groups": []}
    return {
        "counts": pipeline.counts,
        "groups": [
            {"rank": group["rank"], "name": group["name"], "n": group["n"], "outcome_rate": group["rate"]}
            for group in model["groups"]
        ],
        "launch": launch,
        "seconds": pipeline.seconds,
    }
