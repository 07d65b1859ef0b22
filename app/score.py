"""The live twin of the batch: the chart's lines through the same definitions, as of the same kind of date."""

from concurrent.futures import Future
from datetime import date, datetime
from typing import Any

from analytics.definitions.errors import SubjectError
from app.fhir import Chart
from app.problems import Problem
from app.read_in_part import as_read
from app.registry import Ehr
from app.scorers import Scorers
from app.serving import Release


def as_of(ehr: Ehr) -> date:
    """The registry's `today` for a sandbox whose data end in the past; else today, by this machine's calendar."""
    return ehr.today or datetime.now().astimezone().date()


def score_chart(
    chart: Chart, on: date, release: Release | None, ehr: Ehr, scorers: Scorers, seconds: float | None = None
) -> dict[str, Any]:
    """`analytics.definitions.live.score` for the open patient, as far as was read; the answer must name that patient.

    Raises TimeoutError where the scorers do not give a score within `seconds`.
    """
    model = release.model if release else None
    try:
        result = _in_time(scorers.submit(chart.lines, on, model, ehr.issuer), seconds)
    except SubjectError as error:
        raise Problem("patient_mismatch", "score") from error
    if result["patient"] != chart.patient["id"]:
        raise Problem("patient_mismatch", "score")
    return as_read(result, chart.unread)


def _in_time(score: "Future[dict[str, Any]]", seconds: float | None) -> dict[str, Any]:
    """The score; one that nobody waits for any more is not begun, or an overload would never end."""
    try:
        return score.result(seconds)
    finally:
        score.cancel()
