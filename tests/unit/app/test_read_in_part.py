"""A chart that could not be read completely: no section tells of a group that the page does not show."""

from dataclasses import replace
from typing import Any

import pytest

from app.chart import missing, moves, profile, trends
from app.chart.reading import Reading
from app.chart.view import view_of
from app.fhir import Unread
from tests.flow.published import model
from tests.spec.live.fhir import condition, encounter, observation
from tests.unit.app.readings import reading_of, served
from tests.unit.app.test_moves import Placed

RECORDS = (
    encounter("v", "AMB", "2026-05-04T09:00:00Z"), condition("c", "44054006", "2015-02-01"),
    observation("o", "4548-4", 9.4, "%", "2026-05-04"), observation("q", "4548-4", 8.9, "%", "2025-05-04"),
)  # fmt: skip
BEFORE = [Placed("2025-06-30", "A"), Placed("2026-06-30", "A", current=True)]


def without(reading: Reading, kind: str, why: str = "failed") -> Reading:
    """The same, where the EHR did not give this type."""
    return replace(reading, chart=replace(reading.chart, unread=[Unread(kind, why)]))


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
