"""A chart that could not be read completely: nothing tells of a group that the page hides, or of what was not read."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from flask import g

from app.api import twins
from app.chart import gaps, missing, moves, note, plain, profile, sheet, trends
from app.chart.elsewhere import Report
from app.chart.reading import Reading
from app.chart.view import view_of
from app.fhir import Unread
from app.hooks.cards import drafts
from app.read_in_part import as_read
from app.write_back import offer
from tests.flow.published import model
from tests.spec.live.fhir import condition, encounter, observation
from tests.unit.app.chart.test_moves import Placed
from tests.unit.app.readings import reading_of, served

RECORDS = (
    encounter("v", "AMB", "2026-05-04T09:00:00Z"), condition("c", "44054006", "2015-02-01"),
    observation("o", "4548-4", 9.4, "%", "2026-05-04"), observation("q", "4548-4", 8.9, "%", "2025-05-04"),
)  # fmt: skip
BEFORE = [Placed("2025-06-30", "A"), Placed("2026-06-30", "A", current=True)]


def without(reading: Reading, kind: str, why: str = "failed") -> Reading:
    """The same, where the EHR did not give this type."""
    unread = [Unread(kind, why)]
    return replace(reading, chart=replace(reading.chart, unread=unread), score=as_read(reading.score, unread))


@pytest.mark.parametrize("kind", ["Condition", "Encounter", "MedicationRequest"])
def test_no_section_tells_of_a_group_that_is_not_shown(kind: str) -> None:
    with served(history=BEFORE):
        whole = reading_of(model(), *RECORDS)
        name = whole.score["group"]["name"]
        assert name in said(whole)
        part = without(whole, kind)
        assert view_of(part).group is None
        assert name not in said(part) and "it would be" not in said(part)
        assert profile.section(part) is None
        assert [one.usual for one in trends.section(part).figures] == [None]


def said(reading: Reading) -> str:
    sections: list[Any] = [one.section(reading) for one in (missing, moves, profile, trends)]
    return str(sections)


def gap(ident: str, state: str = "gap", weight: float = 4) -> dict[str, Any]:
    return {"id": ident, "title": ident, "state": state, "reason": "None on record.", "date": "2026-01-05",
            "resource": "Procedure/1", "due": None, "rule": "", "source": "x", "weight": weight}  # fmt: skip


GAPS = [gap("cms130"), gap("cms125", "met"), gap("ais_tetanus", weight=5)]  # procedures, procedures, immunisations


def told(reading: Reading, monkeypatch: pytest.MonkeyPatch, **reported: Report) -> tuple[str, list[str], list[str]]:
    """What the note says of gaps, what the sheet asks for, and the states that the API gives."""
    monkeypatch.setattr(gaps, "reports", lambda: SimpleNamespace(of=lambda ehr, patient: reported))
    g.patient_mark = "0" * 32
    view, judged = view_of(reading), gaps.judged(reading)
    words = {text: name for name, text in plain.table()["gaps"].items()}
    asked = sheet.sheet_of(reading, view.group, gaps.open_gaps(judged), unread=True).gaps
    return (note.note_of(reading, view, [], judged).text, [words[one] for one, _ in asked],
            [one["state"] for one in twins.chart(reading)["gaps"]])  # fmt: skip


def test_what_a_gap_rests_on_and_was_not_read_is_nowhere_told_as_open_or_met(monkeypatch) -> None:
    with served():
        reading = reading_of(model(), *RECORDS, gaps=GAPS)
        text, asked, states = told(reading, monkeypatch)
        assert asked == ["ais_tetanus", "cms130"] and states == ["gap", "gap", "met"]
        assert text.index("- ais_tetanus") < text.index("- cms130")  # the weightier one first
        text, asked, states = told(without(reading, "Procedure"), monkeypatch)
        assert (asked, states) == ([], ["unjudged"] * 3) and "None on record" not in text
        assert "- Not judged, since what they rest on could not be read: 3." in text
        text, asked, states = told(without(reading, "Immunization"), monkeypatch)
        assert asked == ["cms130"] and states == ["gap", "unjudged", "met"] and "- ais_tetanus" not in text
        assert twins.chart(without(reading, "Immunization"))["gaps"][1]["resource"] is None


def test_what_was_reported_done_elsewhere_is_asked_of_nobody(monkeypatch) -> None:
    with served():
        done = Report("2026-03-12", "City Clinic", None, "2026-06-30")
        text, asked, states = told(reading_of(model(), *RECORDS, gaps=GAPS), monkeypatch, cms130=done)
    assert asked == ["ais_tetanus"] and states == ["gap", "reported", "met"] and "- cms130" not in text


@pytest.mark.parametrize(("kind", "key"), [("MedicationRequest", "statin"), ("Condition", "prior_cvd")])
def test_no_record_of_what_was_not_read_is_not_known_to_a_program_either(monkeypatch, kind: str, key: str) -> None:
    monkeypatch.setattr(gaps, "judged", lambda reading: [])
    with served():
        g.patient_mark = "0" * 32
        whole = reading_of(model(), *RECORDS)
        before, after = twins.chart(whole), twins.chart(without(whole, kind))
    assert before["scores"]["prevent"]["inputs"][key]["value"] == 0
    assert after["scores"]["prevent"]["inputs"][key]["value"] is None
    lost = {"MedicationRequest": "statin_in_use", "Condition": "stroke"}[kind]
    assert before["features"][lost] == 0 and after["features"][lost] is None
    assert after["features"]["diabetes"] == 1  # what is there stays
    kinds = (before["scores"]["prevent"]["applicable"], after["scores"]["prevent"]["applicable"])
    assert kinds == (True, None if key == "prior_cvd" else True)


def test_a_value_that_was_not_read_is_not_called_absent_from_the_chart(monkeypatch) -> None:
    """The EHR granted vital signs alone: laboratory results may be there all the same."""
    monkeypatch.setattr(gaps, "judged", lambda reading: [])
    with served():
        whole = reading_of(model(), *RECORDS)
        for reading, absent in ((whole, True), (without(whole, "Observation", "narrowed"), False)):
            view = view_of(reading)
            words = note.note_of(reading, view, missing.section(reading), []).text
            written = " ".join(offer._notes(reading, view))
            (card,) = [one for one in drafts(reading.score, reading.chart.unread, reading.ehr) if one.kind == "group"]
            for text in (words, written, card.detail):
                assert ("Not in the chart" in text, "Not known from what could be read" in text) == (absent, not absent)
