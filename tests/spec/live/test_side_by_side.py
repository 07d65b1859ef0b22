"""Charts side by side: byte for byte what each gives alone, whoever stands beside it, in whatever order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.definitions import events, live
from analytics.definitions.chart_events import ChartEvents
from analytics.definitions.errors import SubjectError
from tests.spec.live.fhir import RXNORM, Resource, codes, condition, encounter, line, observation, order, patient
from tests.spec.live.test_live import CHART
from tests.unit.analytics.definitions.models import model

AS_OF = date(2026, 6, 30)
BASE = "https://ehr.example/fhir"
STATIN: Resource = {"resourceType": "Medication", "id": "m", "code": codes((RXNORM, "617310"))}


def pointing(ident: str, of: str = "p1") -> Resource:
    """An order whose medicine stands in Medication/m."""
    found = order(ident, "", "2026-06-01", of) | {"medicationReference": {"reference": "Medication/m"}}
    del found["medicationCodeableConcept"]
    return found


def pretending(*named: str) -> list[Resource]:
    """Orders whose code is written as if it pointed to a Medication, of this chart or by the mark of another."""
    return [order(f"x{number}", "", "2026-06-01") | {"medicationCodeableConcept": codes(("reference", name))}
            for number, name in enumerate(named)]  # fmt: skip


KIDNEY = [observation(f"scr{month}", "2160-0", 1.9, "mg/dL", f"2025-{month:02}-05") for month in (1, 4, 8, 12)]
STAY = [
    encounter("er", "EMER", "2026-06-10T06:00:00Z", "2026-06-10T09:00:00Z"),
    encounter("in", "IMP", "2026-06-10T09:30:00Z", "2026-06-14T09:00:00Z"),
    encounter("er-before", "EMER", "2026-03-10T06:00:00Z", "2026-03-10T09:00:00Z"),
]
#: Charts that would show it if anything of one reached another: the ids of many are the same, on purpose.
CHARTS: dict[str, list[Resource | str | bytes]] = {
    "a whole chart": [*CHART],
    "the same patient with other resources under the same ids": [
        patient(gender="male", birthDate="1948-01-01"), observation("a1c", "4548-4", 11.3, "%", "2026-05-02"),
        condition("dm", "38341003", "2001-05"), encounter("stay", "AMB", "2026-06-02T09:00:00Z"),
    ],
    "nothing but the Patient": [patient()],
    "a newer version of the same resource": [patient(), CHART[1] | {"meta": {"lastUpdated": "2026-06-01"}}],
    "an order without its Medication": [patient(), pointing("o")],
    "a Medication with its order": [patient(), STATIN, pointing("o")],
    "a Medication that no order names": [patient(), STATIN],
    "codes like pointers": [patient(), *pretending("Medication/m", "Medication/m#0", "Medication/m#1", "elsewhere")],
    "condition codes like pointers": [
        patient(), condition("c", "", "2020") | {"code": codes(("reference", "Medication/m"), ("reference", "x#1"))},
    ],
    "a stay after an emergency": [patient("p2"), *(one | {"subject": {"reference": "Patient/p2"}} for one in STAY)],
    "kidney values of a year": [patient("p2"), *(one | {"subject": {"reference": "Patient/p2"}} for one in KIDNEY)],
    "another of the same id with a stay": [patient(), *STAY, *KIDNEY],
    "a newer kidney value than anybody's": [patient(), observation("scr", "2160-0", 1.2, "mg/dL", "2026-06-01")],
    "thirty values": [patient(), *(observation(f"v{day}", "4548-4", 6 + day / 10, "%", f"2026-04-{day:02}")
                                   for day in range(1, 31))],
    "died": [patient(deceasedDateTime="2026-06-30"), CHART[1]],
    "long ids": [patient("p" * 64), observation("o" * 64, "4548-4", 6.1, "%", "2026-01-01", "p" * 64)],
    "lines that cannot be used": [
        patient(), "{", "[]", b"\xff", {"resourceType": "Claim"}, "", CHART[1] | {"id": "a#1"},
        observation("n", "4548-4", "NaN", "%", "2026"), b'"' + b"x" * 5_000_000 + b'"',
    ],
    "values that cannot be used": [
        patient(), observation("u", "4548-4", 7, "furlong", "2026"), observation("i", "4548-4", 99, "%", "2026"),
        observation("v", "4548-4", None, "%", "2026"),
    ],
    "of this base": [patient(), observation("o", "4548-4", 7.1, "%", "2026-01-02",
                                            subject={"reference": f"{BASE}/Patient/p1"})],
    "no lines": [],
    "no Patient": [CHART[1]],
    "two Patients": [patient(), patient("p2")],
    "of somebody else": [patient(), observation("a1c", "4548-4", 9.9, "%", "2026-03-02", "p2")],
    "not born": [patient(birthDate="2026-07-05")],
    "letters that are none": [patient(), '{"resourceType":"\ud800"}'],
}  # fmt: skip


def asked(name: str) -> live.Asked:
    lines = [one if isinstance(one, str) else line(one) for one in CHARTS[name]]
    return live.Asked(lines, model())


def told(found: dict[str, Any] | Exception) -> str:
    """All of an answer; of an error what it is and says."""
    return repr(found) if isinstance(found, Exception) else json.dumps(found)


@pytest.fixture(scope="module")
def alone() -> dict[str, str]:
    return {name: told(next(live.score_each([asked(name)], AS_OF, BASE))) for name in CHARTS}


def test_the_charts_tell_what_they_are_for(alone: dict[str, str]) -> None:
    """Else their sameness side by side would say nothing."""
    values = {name: json.loads(said)["features"] for name, said in alone.items() if said.startswith("{")}
    assert [values[name]["hba1c"] for name in list(CHARTS)[:4]] == [7.1, 11.3, None, 7.1]
    in_use = [name for name, one in values.items() if one["statin_in_use"]]
    assert in_use == ["a whole chart", "a Medication with its order"]
    assert values["another of the same id with a stay"]["stays_12m"] == 1
    scores = {name: json.loads(said)["scores"] for name, said in alone.items() if said.startswith("{")}
    lace, kdigo = (scores["another of the same id with a stay"][name]["inputs"] for name in ("lace", "kdigo"))
    assert (lace["los_days"]["value"], lace["ed_visits_6m"]["value"]) == (4, 1)
    assert kdigo["egfr_before"]["resource"] == "Observation/scr8"
    assert [name for name, said in alone.items() if not said.startswith("{")] == list(CHARTS)[-6:]
    assert sum("SubjectError" in said for said in alone.values()) == 5 and "Unicode" in alone["letters that are none"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(list(CHARTS)), min_size=2, max_size=8))
def test_each_chart_gets_what_it_gets_alone(alone: dict[str, str], names: list[str]) -> None:
    found = list(live.score_each([asked(name) for name in names], AS_OF, BASE))
    assert [told(one) for one in found] == [alone[name] for name in names]


@pytest.mark.parametrize("turn", range(0, len(CHARTS), 6))
def test_all_charts_at_once_in_any_order(alone: dict[str, str], turn: int) -> None:
    sound = [name for name in CHARTS if name != "letters that are none"]  # which would have each scored by itself
    names = [*sound[turn:], *sound[:turn], *sound[turn:]]
    found = list(live.score_each([asked(name) for name in names], AS_OF, BASE))
    assert [told(one) for one in found] == [alone[name] for name in names]


def test_a_chart_that_breaks_a_statement_is_told_so_alone(alone: dict[str, str], monkeypatch) -> None:
    """Whatever DuckDB may stumble over: here a chart of three lines."""
    names = ["a whole chart", "a Medication with its order", "a Medication that no order names", "died"]
    events_of = ChartEvents.events_of

    def stumbling(self: ChartEvents, charts: Sequence[pa.Table], base: str | None = None) -> list[events.Batch]:
        if any(chart.num_rows == 3 for chart in charts):
            raise duckdb.OutOfMemoryException("too much")
        return events_of(self, charts, base)

    monkeypatch.setattr(ChartEvents, "events_of", stumbling)
    first, broken, *rest = live.score_each([asked(name) for name in names], AS_OF, BASE)
    assert isinstance(broken, duckdb.OutOfMemoryException)
    assert [told(one) for one in (first, *rest)] == [alone[name] for name in names if name != names[1]]


def test_an_error_in_the_arithmetic_of_one_chart_is_its_own(alone: dict[str, str]) -> None:
    without = {key: value for key, value in model().items() if key != "groups"}
    charts = [asked("a whole chart"), live.Asked(asked("a whole chart").lines, without)]
    whole, broken = live.score_each(charts, AS_OF, BASE)
    assert told(whole) == alone["a whole chart"] and isinstance(broken, KeyError)


def test_each_chart_is_placed_by_its_own_release() -> None:
    lines = asked("a whole chart").lines
    found = list(live.score_each([live.Asked(lines, None), live.Asked(lines, model())], AS_OF, BASE))
    assert [one["group_hidden"] if isinstance(one, dict) else one for one in found] == ["no_release", None]


def test_a_duckdb_that_is_past_help_is_replaced(alone: dict[str, str], monkeypatch) -> None:
    broken = live._engines().events
    monkeypatch.setattr(broken, "events_of", lambda *_: (_ for _ in ()).throw(duckdb.FatalException("invalidated")))
    (found,) = live.score_each([asked("died")], AS_OF, BASE)
    assert isinstance(found, duckdb.FatalException)
    assert told(next(live.score_each([asked("died")], AS_OF, BASE))) == alone["died"]
    assert live._engines().events is not broken


def test_an_error_of_one_patient_is_that_of_live_score() -> None:
    with pytest.raises(SubjectError):
        live.score(asked("two Patients").lines, AS_OF, None)
