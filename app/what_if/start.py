"""Where a what-if starts: the chart's values, sealed into the page so that a change asks no EHR again."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer

from analytics.definitions import patient_scores, scores
from analytics.definitions.scores import levers
from analytics.definitions.scores.inputs import Input
from app.chart.reading import Reading
from app.chart.score_inputs import lacks, too_old
from app.chart.view import unread_types
from app.problems import Problem

SEALED_SECONDS = 12 * 3600


@dataclass(frozen=True)
class Start:
    """The chart's values: input -> value, time, resource.

    hidden: input that is not known because not all was read -> what was not (`medicines`). older: input whose newest
    value is too old to count -> that value in words.
    """

    given: dict[str, dict[str, Any]]
    hidden: dict[str, str]
    older: dict[str, str]
    on: date

    def values(self) -> dict[str, Any]:
        """Input -> value."""
        return {key: one["value"] for key, one in self.given.items()}


def declared() -> dict[str, Input]:
    """The inputs of the score whose risk the levers multiply, and what the levers need beside them."""
    return {**scores.declared_inputs(levers.table()["baseline"]["score"]), **levers.inputs()}


def start_of(reading: Reading) -> Start:
    """The start for one reading."""
    name = levers.table()["baseline"]["score"]
    score = reading.score
    return start_from(score["scores"][name], score["levers"], unread_types(reading), reading.on, score["series"])


def start_from(result: Mapping[str, Any], beside: Mapping[str, Any], unread: Collection[str], on: date,
               series: Mapping[str, Any]) -> Start:  # fmt: skip
    """The start for a score as far as was read and the levers' own inputs; unread: types that may lack something."""
    given = {**result["inputs"], **beside}
    lacking = {key: lacks(one, given[key]["value"], unread) for key, one in declared().items()}
    hidden = {key: what for key, what in lacking.items() if what}
    sources = {**patient_scores.FEATURES[levers.table()["baseline"]["score"]], **{key: key for key in levers.inputs()}}
    return Start(given, hidden, {key: one.said for key, one in too_old(sources, given, series, on).items()}, on)


def seal(start: Start, mark: str) -> str:
    """The start as text that only the page of this mark can bring back."""
    return str(_sealer(mark).dumps([start.given, start.hidden, start.older, start.on.isoformat()]))


def unseal(text: str, mark: str) -> Start:
    """Raises Problem `bad_request` unless the text was sealed for this mark, within SEALED_SECONDS."""
    try:
        given, hidden, older, on = _sealer(mark).loads(text, max_age=SEALED_SECONDS)
    except BadData as error:
        raise Problem("bad_request", "start") from error
    return Start(given, hidden, older, date.fromisoformat(on))


def _sealer(mark: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.extensions["secret_key"], salt=f"what-if:2:{mark}")
