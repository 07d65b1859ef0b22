"""What every reply of a launch begins with: the launch of the path, and its chart, read and scored now."""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from flask import current_app, g, request

from app.chart.mark import mark_of
from app.fhir import Chart, read_chart
from app.problems import Problem
from app.registry import Ehr
from app.score import as_of, score_chart
from app.searches import ChartServer
from app.serving import Membership, Release, Serving
from app.smart import Smart, cookie
from app.smart.tokens import Launch
from app.turns import turns


@dataclass(frozen=True)
class Reading:
    """One patient's chart, as it was read and scored for one reply. `score` is the JSON of `live.score`.

    `launch` has the scopes under which it was read. `release` is the one that was current; `membership` is where its
    population run had the patient, None where it had not. `is_readable` is False where the serving database could not
    be read, so that there is no release to show.
    """

    launch: Launch
    ehr: Ehr
    chart: Chart = field(repr=False)
    score: dict[str, Any] = field(repr=False)
    on: date
    release: Release | None
    membership: Membership | None
    is_readable: bool = True


def launch_of(sid: str) -> tuple[Smart, Ehr, Launch]:
    """The launch of this path, if this browser owns it; its EHR alone may frame what follows.

    Raises Problem `session_unknown`.
    """
    smart: Smart = current_app.extensions["smart"]
    ehr = smart.ehrs.get(smart.store.ehr_of(sid) or "")
    if ehr is None:
        raise Problem("session_unknown", "no_record")
    g.frame_ancestors = ehr.frame_ancestors
    launch = smart.store.find(sid, cookie.browser_of(request, ehr))
    if launch is None:
        raise Problem("session_unknown", "other_browser_or_expired")
    g.launch, g.patient_mark = launch, mark_of(launch)
    return smart, ehr, launch


def read(smart: Smart, ehr: Ehr, launch: Launch) -> Reading:
    """The launch's patient, read and scored now.

    Raises Problem where there is nothing to show, `patient_mismatch` where anything is another patient's.
    """
    chart, launch = _read(smart, ehr, launch)
    on, release = as_of(ehr), serving().current(ehr.name)
    score = score_chart(chart, on, release, ehr, turns().scorers)
    if score["patient"] != launch.context.patient:
        raise Problem("patient_mismatch", "page")
    membership = serving().membership(release, score["patient"]) if release else None
    is_readable = release is not None or serving().is_readable()
    return Reading(launch, ehr, chart, score, on, release, membership, is_readable)


def _read(smart: Smart, ehr: Ehr, launch: Launch) -> tuple[Chart, Launch]:
    """The chart under the scopes that the newest token has: read again where they changed while it was read."""
    bearer = smart.bearer(launch)
    bearer.renew_if_ending()
    for _ in range(2):
        context = bearer.context
        chart = read_chart(ChartServer(ehr, bearer), context, turns().readers(ehr))
        if bearer.context.scopes == context.scopes:
            return chart, replace(launch, context=context)
    raise Problem("ehr_unreachable", "scopes_keep_changing")


def shown_group(reading: Reading) -> dict[str, Any] | None:
    """The patient's group, if a page may show one: the score has none where too little was read."""
    group: dict[str, Any] | None = reading.score["group"]
    return group


def serving() -> Serving:
    """The serving database of this app."""
    found: Serving = current_app.extensions["serving"]
    return found
