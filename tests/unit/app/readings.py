"""A reading of one patient as the chart's sections get it, scored by the real definitions; no EHR behind it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from flask import Flask

from analytics.definitions import live
from app.chart.reading import Reading
from app.fhir import Chart
from app.registry import Ehr
from app.serving import Release
from app.smart.context import Context
from app.smart.tokens import Launch, Token
from tests.spec.live.fhir import Resource, line, patient

ON = date(2026, 6, 30)


class Papers:
    """Stands for the serving database: the papers of the one release."""

    def __init__(self, papers: dict[str, Any], history: Any = None) -> None:
        self.papers, self.told = papers, history

    def document(self, _: Release, name: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.papers.get(name)
        return found

    def history(self, _ehr: str, _patient: str) -> Any:
        return self.told


def reading_of(model: dict[str, Any] | None, *resources: Resource, gaps: Any = ()) -> Reading:
    """The patient `p1` with these resources, scored with this release."""
    lines = [json.dumps(one).encode() if isinstance(one, dict) else line(one) for one in (patient(), *resources)]
    score = live.score(lines, ON, model) | {"gaps": list(gaps)}
    ehr = Ehr("here", "https://ehr.example/fhir", "kindred", "public", "https://here.example/callback", ("launch",))
    release = Release(model["release_id"], "2026-06-30", model) if model else None
    launch = Launch("sid", "here", Context(patient="p1"), Token("t"))
    return Reading(launch, ehr, Chart(patient(), lines, []), score, ON, release, None)


@contextmanager
def served(papers: dict[str, Any] | None = None, history: Any = None) -> Iterator[None]:
    """A request in which the serving database has these papers."""
    app = Flask(__name__)
    app.extensions["serving"] = Papers(papers or {}, history)
    with app.test_request_context():
        yield
