"""The what-if: form in, words and numbers out. Values change as values; treatments touch no flag of the model."""

from datetime import date
from typing import Any

import pytest
from flask import Flask

from analytics.definitions import live, scores
from analytics.definitions.scores import levers
from app.fhir import Unread
from app.problems import Problem
from app.read_in_part import as_read
from app.what_if import answer
from app.what_if.answer import Answer, answer_to
from app.what_if.form import Entered, Field, editable, read_form
from app.what_if.icons import denominator, figure
from app.what_if.start import SEALED_SECONDS, Start, seal, start_from, unseal
from tests.spec.live.fhir import Resource, condition, line, observation, order, patient
from tests.unit.app.chart.test_scores import LABS, TODAY, without

LDL = observation("ldl", "13457-7", 116, "mg/dL", "2026-02-01")


def start(*resources: Resource, unread: tuple[str, ...] = (), **person: Any) -> Start:
    """The start of a woman born in 1968 with these resources."""
    person = {"birthDate": "1968-03-15"} | person
    found = live.score([line(one) for one in (patient(**person), *resources)], TODAY, None)
    read = as_read(found, [Unread(kind, "failed") for kind in unread])
    return start_from(read["scores"]["prevent"], read["levers"], unread, TODAY, read["series"])


def asked(begun: Start, **form: str) -> tuple[Entered, Answer]:
    entered = read_form(begun, form)
    return entered, answer_to(begun, entered)


def field(entered: Entered, name: str) -> Field:
    (one,) = [field for field in entered.fields if field.name == name]
    return one


def risk(**differs: Any) -> float:
    """PREVENT's ten-year risk, total, of this woman in percent."""
    given = {key: one["value"] for key, one in start(*LABS, LDL).given.items() if key != "ldl"}
    return scores.compute("prevent", given | differs)["values"]["10y_total_cvd"]


def shown(value: float) -> str:
    return f"{value:.1f}\u00a0%"


class TestAForm:
    def test_starts_from_the_charts_values_with_date_and_mark(self) -> None:
        entered, found = asked(start(*LABS, LDL))
        tc = field(entered, "tc")
        assert (tc.text, tc.unit, tc.mark_words, tc.resource) == ("200", "mg/dL", "from the chart", "Observation/tc")
        assert tc.chart == "200 mg/dL (5.2 mmol/L), 01-Feb-2026, 5 months earlier"
        assert field(entered, "dm").mark_words == "assumed" and field(entered, "sbp").is_old
        assert found.rows[0][1] == found.rows[0][2] == shown(risk())

    def test_a_value_that_is_too_old_to_count_is_told_as_such(self) -> None:
        old = observation("tc", "2093-3", 210, "mg/dL", "2023-05-01"), observation("l", "13457-7", 116, "mg/dL", "2021")
        entered, _ = asked(start(*without("tc"), *old))
        said = "the last total cholesterol, 210 mg/dL of 01-May-2023, is older than the 24 months that count"
        assert (field(entered, "tc").text, field(entered, "tc").chart) == ("", said)
        assert field(entered, "ldl").chart.startswith("the last LDL cholesterol, 116 mg/dL of 01-Jan-2021, is older")

    def test_marks_what_was_changed_and_answers_for_a_person_like_this(self) -> None:
        entered, found = asked(start(*LABS, LDL), sbp="140", smoking="yes")
        assert [one.name for one in entered.fields if one.mark == "changed"] == ["sbp", "smoking"]
        assert found.rows[0] == ("Cardiovascular disease, total, 10 years", shown(risk()),
                                 shown(risk(sbp=140, smoking=1)))  # fmt: skip
        assert found.said == f"10-year risk of cardiovascular disease {shown(risk(sbp=140, smoking=1))}, " \
            f"with the chart’s values {shown(risk())}."  # fmt: skip

    def test_reset_brings_the_chart_back_and_its_treatments_to_none(self) -> None:
        entered, found = asked(start(*LABS, LDL), sbp="140", lever_statin="high", do="reset")
        assert field(entered, "sbp").text == "160" and found.chosen == []

    @pytest.mark.parametrize(
        ("do", "sbp", "becomes"),
        [("sbp:+", "160", "165"), ("sbp:-", "140", "135"), ("sbp:+", "178", "180"), ("sbp:-", "", ""),
         ("tc:+", "160", "160")],
    )  # fmt: skip
    def test_a_button_moves_one_value_one_step_within_its_range(self, do: str, sbp: str, becomes: str) -> None:
        entered, _ = asked(start(*LABS, LDL), sbp=sbp, do=do)
        assert field(entered, "sbp").text == becomes

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            *((text, "Enter a number, such as 90.") for text in ("many", "1e3", "-120", "nan", "١٢٠", "<b>", "1 2")),
            *((text, "Enter a value from 90 to 180 mmHg.") for text in ("89", "181", "999999")),
        ],
    )  # fmt: skip
    def test_nonsense_is_told_at_its_field_and_nothing_is_computed(self, text: str, message: str) -> None:
        entered, found = asked(start(*LABS, LDL), sbp=text, lever_statin="high")
        sbp = field(entered, "sbp")
        assert (sbp.message, sbp.text) == (message, text)
        assert found.trouble == "Nothing is computed until the marked values are corrected."
        assert {now for _, _, now in found.rows} == {"–"} and found.effect is None and found.benefit is None

    def test_an_answer_that_is_none_is_told_too(self) -> None:
        assert field(asked(start(*LABS), smoking="maybe")[0], "smoking").message == "Choose one of the answers."

    def test_a_value_of_the_chart_beyond_the_range_is_told_and_can_be_changed(self) -> None:
        high = [observation("sbp", "8480-6", 190, "mm[Hg]", "2026-02-02"), *without("sbp")]
        entered, found = asked(start(*high))
        assert field(entered, "sbp").message and found.rows == []
        assert asked(start(*high), sbp="150")[1].rows[0][1:] == ("–", shown(risk(sbp=150)))

    def test_what_the_chart_lacks_can_be_entered(self) -> None:
        begun = start(*without("tc"))
        entered, found = asked(begun)
        assert field(entered, "tc").mark_words == "not known" and " to " in found.rows[0][2]
        assert found.trouble and found.trouble.startswith("Total cholesterol not known")
        entered, found = asked(begun, tc="200")
        assert field(entered, "tc").mark_words == "changed by you" and found.rows[0][2] == shown(risk())

    def test_sex_and_age_can_be_chosen_only_where_the_chart_has_none(self) -> None:
        assert not {"sex", "age"} & set(editable(start(*LABS)))
        begun = start(*LABS, gender="unknown")
        _, found = asked(begun, sex="female", egfr="74")
        assert "sex" in editable(begun) and found.rows[0][2] == shown(risk(egfr=74))


class TestUnits:
    def test_both_ways_and_back_is_the_charts_value_to_its_last_digit(self) -> None:
        begun = start(*LABS, LDL)
        entered, found = asked(begun, shown="plain", unit="also", do="unit", tc="200")
        tc = field(entered, "tc")
        assert (tc.text, tc.unit, tc.low, tc.high, tc.mark) == ("5.17", "mmol/L", "3.36", "8.28", "chart")
        assert found.rows[0][2] == shown(risk())
        entered, _ = asked(begun, shown="also", unit="plain", do="unit", tc="5.17")
        assert (field(entered, "tc").text, field(entered, "tc").mark) == ("200", "chart")

    def test_values_are_read_in_the_unit_that_was_shown(self) -> None:
        entered, found = asked(start(*LABS, LDL), shown="also", tc="4,14")
        assert entered.values["tc"] == pytest.approx(160.1, abs=0.05) and field(entered, "tc").text == "4,14"
        assert found.rows[0][2] == shown(risk(tc=4.14 / 0.02586))
        assert field(asked(start(*LABS), shown="also", tc="200")[0], "tc").message.endswith("from 3.36 to 8.28 mmol/L.")

    def test_the_ends_of_a_range_are_accepted_in_either_unit(self) -> None:
        for text in ("3.36", "8.28"):
            assert field(asked(start(*LABS), shown="also", tc=text)[0], "tc").message == ""


class TestTreatments:
    def test_a_statin_multiplies_the_risk_by_the_trials_figure(self) -> None:
        _, found = asked(start(*LABS, LDL), lever_statin="moderate")
        ratio = 0.79 ** (0.3 * 116 * 0.02586)
        assert found.chosen[0].ratio.startswith(f"{ratio:.2f}")
        assert found.effect and found.effect.startswith(f"{shown(risk())} without, {shown(risk() * ratio)}")
        needed = -(-100 // (risk() * (1 - ratio)))
        assert found.needed and f"for ten years: {needed:.0f} (" in found.needed
        assert "PREVENT’s 10-year risk of cardiovascular disease in total" in found.assumed
        assert "Assumed" in found.assumed

    def test_levers_multiply_onto_the_values_above(self) -> None:
        _, found = asked(start(*LABS, LDL), sbp="170", lever_blood_pressure="10", lever_statin="high")
        after = risk(sbp=170) * 0.80 * 0.79 ** (0.5 * 116 * 0.02586)
        assert found.effect and f", {shown(after)} (" in found.effect and len(found.chosen) == 2

    @pytest.mark.parametrize("dose", ["moderate", "high"])
    def test_never_by_a_flag_offering_a_statin_never_changes_the_models_input(self, monkeypatch, dose: str) -> None:
        given: list[dict[str, Any]] = []
        begun, compute = start(*LABS, LDL), scores.compute

        def watched(name: str, inputs: dict[str, Any]) -> dict[str, Any]:
            given.append(dict(inputs))
            return compute(name, inputs)

        monkeypatch.setattr(answer.scores, "compute", watched)
        for form in ({}, {"lever_statin": dose, "lever_blood_pressure": "10"}, {"statin": "yes", "bptx": "yes"}):
            asked(begun, **form)
        assert given and {(one["statin"], one["bptx"]) for one in given} == {(0, 0)}

    def test_a_medicine_in_use_stays_in_the_model_and_is_not_offered_again(self) -> None:
        entered, found = asked(start(*LABS, LDL, order("s", "83367", "2026-05-01")), statin="no", lever_statin="high")
        assert field(entered, "statin").kind == "fixed" and entered.values["statin"] == 1
        why = {one.name: one.why_not for one in found.offered}
        assert why["statin"] and why["statin"].startswith("A statin is in use already") and found.chosen == []

    def test_offers_follow_the_values(self) -> None:
        def open_to(**form: str) -> list[str]:
            return [one.name for one in asked(start(*LABS, LDL), **form)[1].offered if one.doses]

        assert open_to() == ["statin", "blood_pressure"]
        assert open_to(smoking="yes", sbp="125") == ["statin", "stop_smoking"]
        assert open_to(ldl="") == ["blood_pressure"]

    def test_a_dose_that_is_not_offered_is_not_taken(self) -> None:
        low = {"sbp": "140", "lever_blood_pressure": "20"}
        for form in ({"lever_statin": "double"}, {"lever_stop_smoking": "yes"}, low):
            assert asked(start(*LABS, LDL), **form)[1].chosen == []

    def test_medicines_that_could_not_be_read_are_neither_used_nor_offered(self) -> None:
        entered, found = asked(start(*LABS, LDL, unread=("MedicationRequest",)))
        assert field(entered, "statin").mark_words == "not known" and " to " in found.rows[0][2]
        assert next(one.why_not for one in found.offered if one.name == "statin") == (
            "Whether a statin is in use is not known: not all medicines could be read."
        )

    def test_conditions_that_could_not_be_read_leave_open_for_whom_the_score_is(self) -> None:
        _, found = asked(start(*LABS, LDL, unread=("Condition",)), lever_statin="high", dm="no")
        assert found.trouble == "Whether it applies cannot be told: not all conditions could be read."
        assert (found.rows, found.chosen, found.benefit) == ([], [], None)

    def test_for_whom_the_score_is_not_there_is_no_figure_to_multiply(self) -> None:
        _, found = asked(start(*LABS, LDL, condition("cad", "414545008", "2021")), lever_statin="high")
        assert found.trouble == "PREVENT is for people without known cardiovascular disease."
        assert (found.rows, found.chosen, found.benefit) == ([], [], None)

    def test_harms_stand_beside_the_benefit_with_their_source_or_without_a_number(self) -> None:
        _, found = asked(start(*LABS, LDL), lever_statin="moderate", lever_blood_pressure="10")
        drawn = {harm.label: harm.figure for harm in found.harms}
        muscle, new = drawn["Harm of a statin: muscle pain or weakness"], drawn["Harm of a statin: new diabetes"]
        assert muscle is not None and [(one.count, one.of) for one in muscle.options] == [(266, 1000), (271, 1000)]
        assert [one.label for one in muscle.options] == ["Without a statin", "With a statin"]
        assert new and [(one.count, one.of) for one in new.options] == [(56, 1000), (62, 1000)]
        assert any("secondary source" in harm.source for harm in found.harms if harm.figure is new)
        words = [harm.text for harm in found.harms if harm.figure is None]
        assert words and all("not quantified here" in text for text in words)


class TestIconArrays:
    @pytest.mark.parametrize(
        ("percents", "of"),
        [((14.7, 11.9), 100), ((5.0, 3.0), 100), ((2.0, 0.9), 1000), ((0.4, 0.3), 1000), ((5.6, 6.2), 1000),
         ((7, 7), 100)],
    )  # fmt: skip
    def test_of_100_and_of_1000_where_less_than_one_would_be_lost(self, percents: tuple[float, float], of: int) -> None:
        assert denominator(percents) == of

    @pytest.mark.parametrize("percents", [(14.7, 11.9), (100.0, 0.0), (0.4, 0.3), (50.0, 10.0), (99.9, 3.3)])
    def test_draw_every_person_once(self, percents: tuple[float, float]) -> None:
        drawn = figure("Benefit", [("Without", percents[0]), ("With", percents[1])], "have an event")
        assert len({one.of for one in drawn.options}) == 1
        for one, share in zip(drawn.options, percents, strict=True):
            assert one.count == round(share * one.of / 100)
            assert (_area(one.with_event), _area(one.without_event)) == (one.count, one.of - one.count)
            assert one.width * one.height == one.of * 100
        assert f"Without: {drawn.options[0].count} of {drawn.options[0].of:,} people have an event" in drawn.said


def _area(path: str) -> int:
    """Cells that a path of rectangles covers."""
    total = 0
    for part in path.split("M")[1:]:
        _, rest = part.split("h", 1)
        width, rest = rest.split("v", 1)
        total += int(width) * int(rest.split("h", 1)[0]) // 100
    return total


class TestASealedStart:
    @pytest.fixture
    def app(self):
        app = Flask("here")
        app.extensions["secret_key"] = b"k" * 32
        with app.app_context():
            yield app

    def test_comes_back_as_it_went(self, app) -> None:
        begun = start(*LABS, LDL, unread=("MedicationRequest",))
        back = unseal(seal(begun, "mark"), "mark")
        assert (back.given, back.hidden, back.on) == (begun.given, begun.hidden, date(2026, 6, 30))

    def test_is_refused_for_another_mark_when_changed_and_when_old(self, app, monkeypatch) -> None:
        sealed = seal(start(*LABS), "mark")
        for text, mark in ((sealed, "other"), (sealed[:-2] + "xx", "mark"), ("", "mark"), ("nonsense", "mark")):
            with pytest.raises(Problem, match="bad_request"):
                unseal(text, mark)
        import time

        later = time.time() + SEALED_SECONDS + 60
        monkeypatch.setattr(time, "time", lambda: later)
        with pytest.raises(Problem, match="bad_request"):
            unseal(sealed, "mark")


def test_the_form_knows_every_input_of_the_score_and_of_the_levers() -> None:
    entered, _ = asked(start(*LABS))
    assert {one.name for one in entered.fields} == set(scores.declared_inputs("prevent")) | set(levers.inputs())
