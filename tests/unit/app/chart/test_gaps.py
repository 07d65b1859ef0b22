"""The care gaps of the page: their order for a group, whose share may be shown, and what a report is bound to."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update

from app.chart import gaps
from app.chart.cells import may_show_share
from app.chart.elsewhere import REPORTS, Report, Reports
from app.database import open_database
from app.registry import Ehr
from tests.flow.world import registered

KEY = b"0" * 32
ANA, BEN = "ana-1", "ben-2"
DONE = Report("2026-03-12", "City Clinic", "Dr. Ada", "2026-06-30")


@pytest.fixture
def ehr() -> Ehr:
    return registered("sandbox", "https://ehr.example/fhir", "https://kindred.example")


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    return open_database(tmp_path)


class TestAReport:
    def test_is_of_one_patient_of_one_ehr(self, engine, ehr) -> None:
        reports = Reports(engine, KEY)
        reports.keep(ehr, ANA, "cms125", DONE)
        assert reports.of(ehr, ANA) == {"cms125": DONE}
        assert reports.of(ehr, BEN) == {}
        assert reports.of(replace(ehr, issuer="https://other.example/fhir"), ANA) == {}  # registered anew elsewhere
        assert reports.of(replace(ehr, name="other"), ANA) == {}

    def test_takes_the_place_of_an_earlier_one_and_is_forgotten_once(self, engine, ehr) -> None:
        reports = Reports(engine, KEY)
        reports.keep(ehr, ANA, "cms125", DONE)
        reports.keep(ehr, ANA, "cms125", replace(DONE, place=""))
        assert reports.of(ehr, ANA) == {"cms125": replace(DONE, place="")}
        assert [reports.forget(ehr, ANA, "cms125"), reports.forget(ehr, ANA, "cms125")] == [True, False]
        assert reports.of(ehr, ANA) == {}

    def test_that_was_moved_to_another_gap_or_patient_is_not_opened(self, engine, ehr) -> None:
        reports = Reports(engine, KEY)
        reports.keep(ehr, ANA, "cms125", DONE)
        with engine.begin() as connection:
            connection.execute(update(REPORTS).values(gap="cms124"))
        assert reports.of(ehr, ANA) == {}
        reports.keep(ehr, BEN, "cms125", DONE)
        with engine.begin() as connection:
            moved = update(REPORTS).where(REPORTS.c.gap == "cms125").values(patient_hash=reports._whose(ehr, ANA))
            connection.execute(moved)
        assert reports.of(ehr, ANA) == {}

    def test_is_not_opened_by_another_key(self, engine, ehr) -> None:
        Reports(engine, KEY).keep(ehr, ANA, "cms125", DONE)
        assert Reports(engine, b"1" * 32).of(ehr, ANA) == {}


SHARES = [
    (100, 0.5, True), (100, 0.0, True), (100, 1.0, True), (100, 0.05, False), (100, 0.95, False), (10, 0.5, False),
    (0, 0.0, False), (100, None, False), (None, 0.5, False), (True, 0.5, False), ("100", 0.5, False), (100, 1.5, False),
]  # fmt: skip


@pytest.mark.parametrize(("n", "share", "shown"), SHARES)
def test_a_share_is_shown_where_no_cell_is_small(n: object, share: object, shown: bool) -> None:
    assert may_show_share(n, share) is shown


def gap(ident: str, weight: float, state: str = "gap") -> dict[str, Any]:
    return {"id": ident, "title": ident, "state": state, "reason": "No visit in the last 12 months.", "date": None,
            "resource": None, "due": None, "rule": "", "source": "x", "weight": weight}  # fmt: skip


def section(monkeypatch: pytest.MonkeyPatch, ehr: Ehr, found: list[dict[str, Any]], **more: Any) -> gaps.Section:
    """The section of a reading with these gaps; more: `document` (cohorts), `group`, `unread`, `told`."""
    group = more.get("group", {"rank": 2})
    unread = [SimpleNamespace(resource_type=kind, why="failed") for kind in more.get("unread", ())]
    reading = SimpleNamespace(
        ehr=ehr, score={"gaps": found, "patient": ANA, "group": group}, on=date(2026, 6, 30),
        chart=SimpleNamespace(unread=unread), release=object(), launch=SimpleNamespace(sid="s"),
    )  # fmt: skip
    serving = SimpleNamespace(document=lambda release, name: more.get("document") if name == "cohorts" else None)
    monkeypatch.setattr(gaps, "serving", lambda: serving)
    monkeypatch.setattr(gaps, "reports", lambda: SimpleNamespace(of=lambda ehr, patient: more.get("told", {})))
    monkeypatch.setattr(gaps, "request", SimpleNamespace(args={}))
    return gaps.section(reading)  # type: ignore[arg-type]


def document(**met: float | None) -> dict[str, Any]:
    return {"gaps": [{"id": ident, "groups": [{"rank": 1, "applicable": 500, "met": 0.01},
                                              {"rank": 2, "applicable": 500, "met": share}]}
                     for ident, share in met.items()]}  # fmt: skip


def ids(made: gaps.Section, state: str = "open") -> list[str]:
    return [one.id for part in made.lists if part.state == state for one in part.gaps]


FOUR = [gap("cms139", 3), gap("cms125", 4), gap("cms131", 4), gap("cms130", 4)]


def test_the_order_is_by_weight_and_then_by_how_often_the_gap_is_open_in_the_group(monkeypatch, ehr) -> None:
    made = section(monkeypatch, ehr, FOUR, document=document(cms125=0.9, cms131=0.2, cms139=0.1))
    assert ids(made) == ["cms131", "cms125", "cms130", "cms139"]  # 80 %, 10 %, not known; then the lighter one
    assert [one.often for part in made.lists for one in part.gaps][:3] == [
        "Open in 80\u00a0% of those of this group to whom it applies",
        "Open in 10\u00a0% of those of this group to whom it applies", None,
    ]  # fmt: skip
    assert "by how often the gap stands open in this group" in made.order


@pytest.mark.parametrize(("met", "said"), [(1.0, "under 1\u00a0%"), (0.99, "1\u00a0%"), (0.0, "over 99\u00a0%")])
def test_a_share_that_was_rounded_claims_neither_nobody_nor_everyone(monkeypatch, ehr, met: float, said: str) -> None:
    papers = {"gaps": [{"id": "cms131", "groups": [{"rank": 2, "applicable": 5000, "met": met}]}]}
    made = section(monkeypatch, ehr, [gap("cms131", 4)], document=papers)
    assert [one.often for part in made.lists for one in part.gaps] == [
        f"Open in {said} of those of this group to whom it applies"
    ]


@pytest.mark.parametrize(
    "more",
    [{"document": None}, {"group": None, "document": document(cms131=0.2)}, {"document": document(cms131=None)},
     {"document": document(cms131=0.99)}, {"document": {}}],
)  # fmt: skip
def test_without_a_share_that_may_be_shown_the_order_is_by_weight_alone_and_says_so(monkeypatch, ehr, more) -> None:
    made = section(monkeypatch, ehr, FOUR, **more)
    assert ids(made) == ["cms125", "cms131", "cms130", "cms139"]
    assert "by how often" not in made.order and "in the order of the rules" in made.order


def test_what_could_not_be_read_is_not_judged_whatever_the_score_says(monkeypatch, ehr) -> None:
    found = [gap("cms125", 4, "met"), gap("cms130", 4, "not_applicable"), gap("ais_tetanus", 2)]
    made = section(monkeypatch, ehr, found, unread=["Immunization", "AllergyIntolerance"])
    assert (ids(made, "met"), ids(made, "unjudged")) == (["cms125"], ["ais_tetanus"])
    made = section(monkeypatch, ehr, found, unread=["Procedure"])
    assert ids(made, "unjudged") == ["cms125", "cms130", "ais_tetanus"] and ids(made, "met") == []
    (first, *_) = [one for part in made.lists for one in part.gaps]
    assert first.reason == "Not all procedures could be read, on which this rests."
    assert (first.evidence, first.due, first.dated) == (None, None, None)


def test_a_report_shows_as_such_and_leaves_what_the_records_show(monkeypatch, ehr) -> None:
    found = [gap("cms125", 4), gap("cms130", 4, "met"), gap("cms124", 4, "not_applicable")]
    made = section(monkeypatch, ehr, found, told=dict.fromkeys(("cms125", "cms130", "cms124"), DONE))
    found_in = [ids(made, state) for state in ("reported", "met", "not-applicable")]
    assert found_in == [["cms125"], ["cms130"], ["cms124"]]
    (one,) = [one for part in made.lists for one in part.gaps if one.id == "cms125"]
    assert one.reason == (
        "Reported done elsewhere on 12-Mar-2026 (4 months earlier), at City Clinic; "
        "told here by Dr. Ada on 30-Jun-2026. In the records: no visit in the last 12 months."
    )
    assert one.may_undo and not one.may_report and one.due is None
