"""Each cohort page: papers of a release in, words and numbers out; parts that are missing, hidden or small are said."""

from collections.abc import Callable
from typing import Any

import pytest

from app.cohorts.card import card
from app.cohorts.drill import FEWER, NO_RATE, NOT_COUNTED, NOT_LISTED, NOTHING, drill
from app.cohorts.evidence import evidence
from app.cohorts.figures import Axis, calibration, shade, squares
from app.cohorts.opening import NO_PAPER, Opening
from app.cohorts.overview import NO_BINS, NOT_TOLD, overview
from app.cohorts.profile import _met, distance, level, profile
from app.cohorts.run import FIRST, run
from app.cohorts.words import HIDDEN, outcome, people
from tests.unit.analytics import papers
from tests.unit.app.cohorts.cohorts_paper import cohorts

Opened = Callable[..., Opening]


class TestWords:
    @pytest.mark.parametrize(
        ("n", "said"), [(None, HIDDEN), (0, "0"), (1, HIDDEN), (10, HIDDEN), (11, "11"), (1204, "1,204")]
    )
    def test_numbers_of_people_from_1_to_10_are_hidden_whatever_a_paper_holds(self, n: int | None, said: str) -> None:
        assert people(n) == said

    @pytest.mark.parametrize(("changes", "said"), [
        ({}, "31.1\u00a0% (26.8 to 35.7\u00a0%)"),
        ({"events": 5, "rate": 0.012}, HIDDEN),  # a release that forgot to hide it
        ({"followed": 420, "n": 431, "events": 412}, HIDDEN),  # eight without the event
        ({"n": 8, "followed": 8, "events": 0}, HIDDEN),
        ({"events": None, "rate": None, "rate_below": 0.0917, "n": 412}, "fewer than 10\u00a0%"),
        ({"events": None, "rate": None, "rate_above": 0.97, "n": 412}, "more than 97\u00a0%"),
        ({"events": None, "rate": None}, HIDDEN),
    ])  # fmt: skip
    def test_a_rate_is_told_with_its_interval_by_a_bound_or_not(self, changes: dict[str, Any], said: str) -> None:
        group = {"n": 431, "followed": 412, "events": 128, "rate": 0.311, "low": 0.268, "high": 0.357}
        assert outcome(group | {"rate_below": None, "rate_above": None} | changes) == said


class TestFigures:
    def test_a_scale_has_round_ends_and_keeps_everything_within(self) -> None:
        axis = Axis(0.0, 0.357, percent=True)
        assert [tick.text for tick in axis.ticks()] == ["0\u00a0%", "10\u00a0%", "20\u00a0%", "30\u00a0%", "40\u00a0%"]
        assert (axis.x(0.0), axis.x(0.2), axis.x(0.4), axis.x(9.0), axis.x(-1.0)) == (2.0, 50.0, 98.0, 98.0, 2.0)

    def test_ratios_stand_on_doublings(self) -> None:
        axis = Axis(0.8, 3.5, ratio=True)
        assert [tick.text for tick in axis.ticks()] == ["0.5", "1", "2", "4"]
        assert axis.x(1.0) - axis.x(0.5) == pytest.approx(axis.x(4.0) - axis.x(2.0))

    def test_the_map_grows_upwards_and_outlines_the_open_patients_group(self) -> None:
        paper = {"size": 3, "bins": [{"x": 0, "y": 0, "n": 90, "rank": 1}, {"x": 2, "y": 2, "n": 20, "rank": 3}]}
        low, high = squares(paper, 3, here=3)
        assert low.middle == (0.5, 2.5) and high.middle == (2.5, 0.5)
        assert (
            low.side > high.side and (low.shade, high.shade) == (0, 4) and (low.is_here, high.is_here) == (False, True)
        )

    def test_one_group_alone_has_a_shade(self) -> None:
        assert shade(1, 1) == 0

    def test_calibration_draws_what_is_told_and_nothing_where_nothing_is(self) -> None:
        rows = papers.evidence()["calibration"]
        drawn = calibration(rows)
        assert drawn and [point[0] for point in drawn.points] == [1, 2]
        assert calibration(rows[2:]) is None


class TestOverview:
    def test_tells_each_group_with_size_outcome_and_stability(self, opened: Opened) -> None:
        view = overview(opened())
        assert view is not None
        assert [(one.rank, one.people, one.outcome) for one in view.groups] == [
            (1, "900", "5.0\u00a0% (3.7 to 6.7\u00a0%)"), (2, "431", "31.1\u00a0% (26.8 to 35.7\u00a0%)"),
            (3, "120", HIDDEN)]  # fmt: skip
        assert [row.at is None for row in view.outcomes.rows] == [False, False, True]
        assert [one.now for one in view.groups] == ["880", "440", HIDDEN]
        assert view.groups[2].stability == NOT_TOLD and view.found_at == "30-Jun-2025"

    def test_ten_people_without_followup_hide_a_bound_too(self, opened: Opened) -> None:
        """The third group of the papers: 120 people, 110 followed; 10 would follow from a bound's base."""
        view = overview(opened())
        assert view and view.outcomes.rows[2].bound is None

    def test_says_in_which_group_the_open_patient_is_and_no_more(self, opened: Opened) -> None:
        view = overview(opened(patient="p1", rank=2))
        assert view and view.here and "in group 2, Diabetes with high HbA1c." in view.here and "p1" not in repr(view)
        assert [one.is_here for one in view.groups] == [False, True, False]
        assert view.map and {one.rank for one in view.map.squares if one.is_here} == {2}

    @pytest.mark.parametrize("changes", [{"definitions_hash": "other"}, {}])
    def test_an_open_patient_without_a_group_or_under_other_definitions_is_said(
        self, opened: Opened, changes: dict[str, Any]
    ) -> None:
        opening = opened(patient="p1", rank=2 if changes else None, model=papers.release(**changes))
        view = overview(opening)
        assert view and view.here and "does not place" in view.here and not any(one.is_here for one in view.groups)

    def test_without_a_patient_nothing_is_said_of_one(self, opened: Opened) -> None:
        view = overview(opened(rank=2))
        assert view and view.here is None

    @pytest.mark.parametrize(("without", "changed", "why"), [
        (("map",), {}, NO_PAPER), ((), {"map": papers.population_map() | {"bins": []}}, NO_BINS)])  # fmt: skip
    def test_a_map_that_is_not_there_is_said(self, opened: Opened, without: Any, changed: Any, why: str) -> None:
        view = overview(opened(*without, changed=changed))
        assert view and view.map is None and view.no_map == why

    def test_without_a_release_there_is_nothing(self, opened: Opened) -> None:
        opening = opened(has_release=False)
        assert (overview(opening), profile(opening), drill(opening, {}), run(opening)) == (None,) * 4
        assert opening.groups() == [] and opening.paper("evidence") is None


class TestProfile:
    @pytest.mark.parametrize(("here", "everyone", "flag", "steps"), [
        ({"usual": [5.2, 6.4]}, {"usual": [5.2, 6.4]}, False, 0),
        ({"usual": [7.1, 8.6]}, {"usual": [5.2, 6.4]}, False, 3),
        ({"usual": [5.1, 5.7]}, {"usual": [5.2, 6.4]}, False, -1),
        ({"usual": [0, 2]}, {"usual": [0, 0]}, False, 2),
        ({"usual": [0, 0]}, {"usual": [0, 0]}, False, 0),
        ({"share": 0.96}, {"share": 0.25}, True, 3),
        ({"share": 0.02}, {"share": 0.25}, True, -1),
        ({"share": None}, {"share": 0.25}, True, None),
        ({"usual": None}, {"usual": [1, 2]}, False, None),
        ({}, {"usual": [1, 2]}, False, None),
    ])  # fmt: skip
    def test_a_cell_is_a_step_in_standard_deviations_of_everyone(
        self, here: Any, everyone: Any, flag: bool, steps: int | None
    ) -> None:
        assert level(distance(here, everyone, flag)) == steps

    def test_the_heat_map_begins_with_what_differs_most_and_hides_what_is_hidden(self, opened: Opened) -> None:
        view = profile(opened())
        assert view and view.heat
        _, label, cells = view.heat.rows[0]
        assert label == "HbA1c" and [cell.text for cell in cells] == ["−1", "+3", "0"]
        assert next(cells for _, label, cells in view.heat.rows if label == "Age")[2].text == "?"

    def test_the_table_tells_what_is_usual_with_units(self, opened: Opened) -> None:
        view = profile(opened())
        assert view and view.features
        rows = {row[0]: row[1:] for row in view.features.rows}
        assert rows["HbA1c"] == ("5.2 to 6.4 %", "5.1 to 5.7 %", "7.1 to 8.6 %", "5.4 to 5.9 %")
        assert rows["Diabetes"] == ("25\u00a0%", "2\u00a0%", "96\u00a0%", HIDDEN)
        assert rows["Something new"] == ("110 to 130 mmHg", "108 to 124 mmHg", HIDDEN, HIDDEN)  # not in our definitions

    def test_a_count_that_is_told_as_a_share_and_a_value_that_is_wholly_hidden(self, opened: Opened) -> None:
        named, nothing = {"feature": "falls", "label": "falls", "unit": "1"}, {"usual": None, "share": None}
        groups = [{"rank": 1, "usual": None, "share": 0.6}, {"rank": 2} | nothing]
        row = named | {"shape": "count", "everyone": {"usual": None, "share": 0.2}, "groups": groups}
        hidden = named | {"shape": "value", "everyone": nothing, "groups": [{"rank": 1} | nothing]}
        view = profile(opened(changed={"cohorts": cohorts() | {"features": [row, hidden], "gaps": []}}))
        assert view and view.features and view.heat
        assert view.features.rows == (("Falls", "20\u00a0%", "60\u00a0%", HIDDEN, HIDDEN),)
        assert [cell.text for cell in view.heat.rows[0][2]] == ["+2", "?", "?"]
        assert view.left_out == 1 and view.no_gaps == "The release was made without care rules."

    def test_gaps_and_treatments_of_each_group(self, opened: Opened) -> None:
        view = profile(opened())
        assert view and view.gaps and view.treatments
        assert view.gaps.rows[0][1:] == (
            "62\u00a0% of 420", "applies to nobody", "61\u00a0% of 400", HIDDEN)  # fmt: skip
        assert view.treatments.rows[0] == ("Statin", "31\u00a0%", "8\u00a0%", "71\u00a0%", HIDDEN)

    def test_standardised_ratios_name_their_reference(self, opened: Opened) -> None:
        judged = papers.evidence()
        judged["groups"][0]["standardised"] |= {"to": 1}
        view = profile(opened(changed={"evidence": judged}))
        assert view and view.ratios_table and view.ratios
        assert [row[1] for row in view.ratios_table.rows] == ["reference", "4.1 (3.0 to 5.6)", "too few to tell"]

    def test_a_release_without_the_paper_tells_outcomes_and_says_what_is_missing(self, opened: Opened) -> None:
        view = profile(opened("cohorts", "evidence"))
        assert view and (view.heat, view.features, view.gaps, view.treatments, view.ratios_table) == (None,) * 5
        assert view.no_paper == view.no_gaps == NO_PAPER and len(view.outcomes.rows) == 3


class TestDrill:
    def test_everyone_is_the_first_answer(self, opened: Opened) -> None:
        view = drill(opened(), {})
        assert (
            view
            and view.table
            and view.who == "Everyone"
            and [row[1] for row in view.table.rows] == ["900", "431", "120"]
        )

    def test_choices_lead_to_their_cell_and_stay_chosen(self, opened: Opened) -> None:
        view = drill(opened(), {"sex": "Female", "condition": "diabetes"})
        assert view and view.who == "Female, diabetes"
        assert (view.table, view.dots, view.notes) == (None, None, (NOTHING,))  # nine of the 211 were not followed
        assert [[value for value, _, chosen in one.options if chosen] for one in view.choices] == [
            ["Female"],
            [],
            ["diabetes"],
        ]

    @pytest.mark.parametrize(
        ("groups", "rows", "rates", "notes"),
        [  # of each group: people, and of them with the outcome
            ([(200, 40), (300, 30), (150, 75)], [1, 2, 3], 3, ()),
            ([(200, 40), (None, None), (150, 75)], [1, 3], 2, (f"Not shown: group 2, where {FEWER}",)),
            ([(200, 40), (None, None), (None, None)], [1], 1, (f"Not shown: groups 2 and 3, where {FEWER}",)),
            ([(200, None), (0, 0), (8, 8)], [1], 0,
             (NO_RATE, "Nobody of these people is in group 2.", f"Not shown: group 3, where {FEWER}")),
            ([(200, 40), (0, 0), (0, 0)], [1], 1, ("Nobody of these people is in groups 2 and 3.",)),
            ([(0, 0), (0, 0), (0, 0)], [], 0, ("Nobody of these people is in groups 1, 2 and 3.",)),
            ([(None, None), (None, None), (None, None)], [], 0, (NOTHING,)),
            ([(200, None), (300, None), (150, None)], [1, 2, 3], 0, (NO_RATE,)),
        ],
    )
    def test_what_is_hidden_is_told_in_a_sentence_and_not_in_a_row_for_each(
        self, monkeypatch: pytest.MonkeyPatch, opened: Opened, groups: Any, rows: list[int], rates: int, notes: Any
    ) -> None:
        def cell(rank: int, n: int | None, events: int | None) -> dict[str, Any]:
            rate = events / n if events is not None and n else None
            return {"rank": rank, "n": n, "followed": n, "events": events, "rate": rate, "low": rate, "high": rate,
                    "rate_below": None, "rate_above": None}  # fmt: skip

        found = [cell(rank, *one) for rank, one in enumerate(groups, 1)]
        monkeypatch.setattr("app.cohorts.drill.find", lambda *_: found)
        view = drill(opened(), {"sex": "Female"})
        assert view and view.notes == notes
        assert [int(row[0].partition(".")[0]) for row in view.table.rows] == rows if view.table else rows == []
        assert (len(view.dots.rows) if view.dots else 0) == rates

    @pytest.mark.parametrize(
        "asked", [{"sex": "female"}, {"age_band": "1 OR 1"}, {"condition": "Diabetes"}, {"sex": "<b>"}]
    )
    def test_a_value_beyond_the_lists_shows_nothing_and_is_not_repeated(
        self, opened: Opened, asked: dict[str, str]
    ) -> None:
        view = drill(opened(), asked)
        assert view and view.is_wrong and view.problem == NOT_LISTED and view.table is None
        assert not any(value in repr(view) for value in asked.values() if value not in ("Diabetes",))

    def test_a_combination_that_was_not_counted_is_said(self, opened: Opened) -> None:
        view = drill(opened(), {"age_band": "75 and older"})
        assert view and not view.is_wrong and view.problem == NOT_COUNTED and view.table is None

    def test_a_release_without_the_paper_says_so(self, opened: Opened) -> None:
        view = drill(opened("cohorts"), {"sex": "anything"})
        assert view and view.problem == NO_PAPER and view.choices == ()


class TestEvidence:
    def test_begins_with_the_rank_against_the_best_baseline(self, opened: Opened) -> None:
        view = evidence(opened())
        assert view and view.short == (
            "The rank of the group has a c-statistic of 0.72, 0.06 more than the best simple baseline (Charlson index)."
        )

    @pytest.mark.parametrize(("changes", "words"), [
        ({"rank": None}, "cannot be said"), ({"rank": papers.interval(0.66)}, "the same as the best"),
        ({"rank": papers.interval(0.6)}, "0.06 less than"),
        (dict.fromkeys(("age_sex", "charlson", "prior_admissions")), "no baseline")])  # fmt: skip
    def test_a_rank_that_is_worth_no_more_is_said_so(self, opened: Opened, changes: dict[str, Any], words: str) -> None:
        paper = papers.evidence()
        paper["discrimination"] |= changes
        view = evidence(opened(changed={"evidence": paper}))
        assert view and words in view.short

    def test_calibration_screening_subgroups_and_earlier_dates(self, opened: Opened) -> None:
        view = evidence(opened())
        assert view and view.calibration_table and view.screening and view.temporal
        assert view.calibration_table.rows[1] == ("2", "420", "28.0\u00a0%", "31.1\u00a0% (26.8 to 35.7\u00a0%)")
        assert view.calibration_table.rows[2][2:] == (HIDDEN, HIDDEN)
        assert view.screening.rows[0][1:] == ("15", HIDDEN, "too few to tell", "too few to tell", "too few to tell")
        assert view.screening.rows[1] == ("5\u00a0%", "73", "31", "18\u00a0%", "42\u00a0%", "2.4")
        assert [one.title for one in view.subgroups] == ["By sex", "By race"]
        assert view.temporal.rows[0][:3] == ("30-Jun-2024", "30-Jun-2025", "1,415")
        assert view.temporal_why_not == ("Earlier still: not possible. The history does not reach back so far.",)

    def test_a_release_without_the_paper_has_no_page(self, opened: Opened) -> None:
        assert evidence(opened("evidence")) is None and card(opened("model-card")) is None


class TestRun:
    def test_tells_what_was_read_kept_and_dropped(self, opened: Opened) -> None:
        view = run(opened())
        assert view and view.funnel
        rows = {row[0]: row[1:] for row in view.funnel.rows}
        assert rows["Loaded as events"] == (
            "resources",
            "250,000",
            "249,990",
            "not json: 10",
        )  # resources are no people
        assert rows["Described"] == ("people", HIDDEN, "1,500", "deceased by then: 40; no Patient resource: hidden")
        assert rows["Exported"][3] == "none"

    def test_a_reason_that_held_for_nobody_is_left_out(self, opened: Opened) -> None:
        step = {"step": "follow", "unit": "people", "read": 90, "kept": 90, "dropped": {"year_not_known": 0}}
        view = run(opened(changed={"funnel": {"exports": ["x"], "steps": [step]}}))
        assert view and view.funnel and view.funnel.rows[0][4] == "none"

    def test_tells_what_moved_and_hides_a_group(self, opened: Opened) -> None:
        view = run(opened())
        assert view and view.drift and view.drift.inputs_table
        assert view.drift.shares_table.head == ("Group of the release before", "31-Mar-2026", "30-Jun-2026")
        assert view.drift.shares_table.rows[2] == ("3. Dialysis", HIDDEN, HIDDEN)
        assert view.drift.inputs_table.rows[2] == ("Diabetes", "too few to tell")
        assert "0.87" in view.drift.agreement

    @pytest.mark.parametrize(("paper", "words"), [
        (papers.no_drift(), FIRST),
        (papers.drift() | {"reason": "2 of its inputs are no longer measured"}, "no longer"),
        (None, NO_PAPER)])  # fmt: skip
    def test_what_cannot_be_compared_is_said(self, opened: Opened, paper: Any, words: str) -> None:
        view = run(opened(changed={"drift": paper}))
        assert view and view.drift is None and words in view.no_drift

    def test_a_release_without_a_funnel_says_so(self, opened: Opened) -> None:
        view = run(opened("funnel"))
        assert view and view.funnel is None and view.no_funnel == NO_PAPER


class TestCard:
    def test_has_all_31_source_attributes_and_marks_those_that_wait(self, opened: Opened) -> None:
        view = card(opened())
        assert view and len(view.attributes) == 31 and len({one.place for one in view.attributes}) == 31
        waiting = [one for one in view.attributes if one.is_open]
        assert waiting and all("To be filled in" in one.answer for one in waiting)
        assert view.summary.startswith(f"31 source attributes; {len(waiting)} of them")

    def test_has_the_fields_of_chai_however_deep(self, opened: Opened) -> None:
        view = card(opened())
        assert view and {"Model name", "Known risks and limitations"} <= {one.asks for one in view.chai}


def test_the_paper_of_these_tests_has_the_keys_of_the_contract() -> None:
    paper = cohorts()
    assert set(paper) == {"dates", "limits", "people", "features", "treatments", "gaps", "drill"}
    assert set(paper["features"][0]) == {"feature", "label", "unit", "shape", "everyone", "groups"}
    assert set(paper["drill"]["cells"][0]) == {"sex", "age_band", "condition", "groups"}


def test_a_share_that_was_rounded_is_said_as_on_the_chart_page() -> None:
    assert _met({"applicable": 4000, "met": 0.0}).replace("\u00a0", " ") == "under 1 % of 4,000"
    assert _met({"applicable": 4000, "met": 1.0}).replace("\u00a0", " ") == "over 99 % of 4,000"
    assert (_met({"applicable": 4000, "met": None}), _met({})) == ("too few to tell of 4,000", "hidden")
