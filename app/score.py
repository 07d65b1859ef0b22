"""The live twin of the batch: the chart's lines through the same definitions, as of the same kind of date."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any

from analytics.definitions import live
from analytics.definitions.errors import SubjectError
from app.fhir import Chart
from app.problems import Problem
from app.registry import Ehr
from app.serving import Release

# A score is all processor, and each thread that scores keeps a planned DuckDB: as many as there are cores will do.
_SCORERS = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="score")


def as_of(ehr: Ehr) -> date:
    """The registry's `today` for a sandbox whose data end in the past; else today, by this machine's calendar."""
    return ehr.today or datetime.now().astimezone().date()


def score_chart(chart: Chart, on: date, release: Release | None, ehr: Ehr) -> dict[str, Any]:
    """`analytics.definitions.live.score` for the open patient; the answer must name that patient."""
    try:
        result = _SCORERS.submit(live.score, chart.lines, on, release.model if release else None, ehr.issuer).result()
    except SubjectError as error:
        raise Problem("patient_mismatch", "score") from error
    if result["patient"] != chart.patient["id"]:
        raise Problem("patient_mismatch", "score")
    return result
