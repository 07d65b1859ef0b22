"""``kindred demo``: the embedded EHR, the pipeline and the app together, as a newcomer or a check runs them."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import click

from analytics.config import Settings
from analytics.launch_check import launch_once
from analytics.pipeline import DEMO_BOOTSTRAPS, Pipeline
from analytics.processes import app_command, check_free, free_port, running, sandbox_command

EHR = "sandbox"  # the name under which the embedded EHR registers Kindred


def run_demo(settings: Settings, *, patients: int, seed: int, data: Path | None, port: int, check: bool) -> None:
    """Start everything. Without check: print the launcher's address and stay until interrupted."""
    ehr_port = free_port() if check or port == 0 else port
    app_port = free_port() if check or port == 0 else port + 100
    for one in (ehr_port, app_port):
        check_free(one)
    pipeline = Pipeline(settings, EHR, bootstraps=DEMO_BOOTSTRAPS)
    warm_up = threading.Thread(target=_start_spark, args=(pipeline,), daemon=True)
    warm_up.start()  # Spark starts while the sandbox makes its patients
    command = sandbox_command(
        settings, patients=patients, seed=seed, data=data, port=ehr_port, app_url=f"http://127.0.0.1:{app_port}"
    )
    started = time.monotonic()
    with running(command, "sandbox ready:") as launcher:
        pipeline.seconds["sandbox"] = round(time.monotonic() - started, 1)
        warm_up.join()
        pipeline.run(fresh=not _same_as_before(settings, {"patients": patients, "seed": seed, "data": str(data)}))
        with running(app_command(app_port), "app ready:"):
            if check:
                click.echo(json.dumps(_summary(pipeline, launcher)))
            else:
                _stay(launcher)


def _start_spark(pipeline: Pipeline) -> None:
    """Start the session early; if it cannot start, the first step that needs it says why."""
    try:
        pipeline.spark  # noqa: B018
    except Exception:
        return


def _same_as_before(settings: Settings, wanted: dict[str, Any]) -> bool:
    """Whether the last demo in this home had the same patients: then its published export is used again."""
    note = settings.home / "demo.json"
    settings.home.mkdir(parents=True, exist_ok=True)
    same = note.exists() and json.loads(note.read_text(encoding="utf-8")) == wanted
    note.write_text(json.dumps(wanted), encoding="utf-8")
    return same


def _stay(launcher: str) -> None:
    click.echo(launcher)
    click.echo(
        "Open that address, choose a patient, and the app opens inside the chart. Ctrl-C ends everything.", err=True
    )
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        sys.stderr.write("\n")


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
