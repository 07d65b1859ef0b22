"""The record behind a value: read now with the launch's token, its patient checked, told in words and as JSON."""

import time
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.chart.banner import Banner, banner_of
from app.chart.record import rows_of
from app.chart.words import TYPES, UNREAD
from app.fhir import CHART_SECONDS, SEARCHED, patient_in_time, read_patient
from app.problems import Problem
from app.registry import Ehr
from app.score import as_of
from app.searches import ChartServer, Unreadable, read
from app.smart import Smart
from app.smart.tokens import Launch
from app.turns import turns

READ = frozenset({"Patient", "Medication", *SEARCHED})  # what the app reads at all
MOST_JSON = 100_000  # characters: a record may carry a whole document
STATUS = {"not_granted": 403, "forbidden": 403, "not_offered": 404, "no_answer": 504, "busy": 504, "too_slow": 504}
GONE = "the EHR does not have it, or not any more"


@dataclass(frozen=True)
class Source:
    """What the page prints; `trouble` stands where the record could not be read, and then nothing of it is here."""

    patient: str
    banner: Banner
    show_banner: bool
    kind: str
    rows: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    cut: bool = False
    trouble: str | None = None
    status: int = 200


def source_of(smart: Smart, ehr: Ehr, launch: Launch, kind: str, identity: str) -> Source:
    """The record of this type and id, or why it is not here.

    Raises Problem `not_found` for a type that the app does not read or what is no id, `patient_mismatch` where the
    record is not this launch's patient's, `no_patient`, and what reading the Patient raises.
    """
    who = launch.context.patient
    if who is None:
        raise Problem("no_patient", "source")
    if kind not in READ:
        raise Problem("not_found", "type")
    bearer = smart.bearer(launch)
    bearer.renew_if_ending()
    server, granted, deadline = ChartServer(ehr, bearer), bearer.context.granted, time.monotonic() + CHART_SECONDS
    patient = turns().readers(ehr).submit(read_patient, server, who, granted)
    try:
        if not granted.may_read(kind):
            raise Unreadable("not_granted")
        record: dict[str, Any] | None = read(server, kind, identity, who)
        why = ""
    except Unreadable as error:
        record, why = None, error.why
    banner = banner_of(patient_in_time(patient, deadline), as_of(ehr))
    shown = Source(who, banner, launch.context.need_patient_banner, kind_words(kind))
    return _told(shown, record) if record is not None else _trouble(shown, why)


def _told(shown: Source, record: dict[str, Any]) -> Source:
    text = orjson.dumps(record, option=orjson.OPT_INDENT_2).decode()
    cut = len(text) > MOST_JSON
    return Source(shown.patient, shown.banner, shown.show_banner, shown.kind, rows_of(record), text[:MOST_JSON], cut)


def _trouble(shown: Source, why: str) -> Source:
    words = GONE if why == "not_offered" else UNREAD[why].format("some")
    return Source(
        shown.patient, shown.banner, shown.show_banner, shown.kind, trouble=words, status=STATUS.get(why, 502)
    )


def kind_words(kind: str) -> str:
    """`Measurement or laboratory result`: one record of a type, in words."""
    return ONE.get(kind, TYPES.get(kind, kind))


ONE = {
    "Patient": "Patient", "Medication": "Medicine", "Condition": "Condition", "Encounter": "Visit or stay",
    "Observation": "Measurement or laboratory result", "MedicationRequest": "Order of a medicine",
    "Procedure": "Procedure", "Immunization": "Immunisation", "AllergyIntolerance": "Allergy",
}  # fmt: skip
