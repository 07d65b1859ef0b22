"""Order cards of a chart that was read in part: what was not read is not told as absent, what was speaks."""

import re
from functools import cache

import orjson
import pytest

from analytics.definitions import scores
from app.chart.reading import Reading
from app.hooks.cards import Draft
from app.hooks.orders.cards import order_drafts
from app.hooks.orders.context import DraftOrder
from app.hooks.orders.medicines import of_drafts
from app.read_in_part import in_doubt
from app.scorers import Scorers
from tests.spec.live.fhir import RXNORM, codes, condition, order
from tests.unit.app.readings import ON
from tests.unit.app.test_narrowed_grants import EHR, TABLE, of, part, reading_under, records_for

ATORVASTATIN, LISINOPRIL, METOPROLOL = "259255", "314076", "866427"
PREGNANT = of("problem-list-item", condition("pregnant", "77386006", "2026-03-02"))
ASTHMA = of("problem-list-item", condition("asthma", "195967001", "2020-03-02"))
ALLERGY = {"resourceType": "AllergyIntolerance", "id": "a", "code": codes((RXNORM, "36567")),
           "patient": {"reference": "Patient/p1"}, "recordedDate": "2024-05-06"}  # fmt: skip
AGAINST = (PREGNANT, ASTHMA, ALLERGY, order("arb", "979485", "2026-05-01"))
RESTS_ON = {ATORVASTATIN: {"MedicationRequest", "Condition", "AllergyIntolerance"},
            LISINOPRIL: {"MedicationRequest", "Condition"},
            METOPROLOL: {"MedicationRequest", "Condition", "AllergyIntolerance"}}  # fmt: skip
WARNINGS = {LISINOPRIL: {"renin_angiotensin_dual": "MedicationRequest", "renin_angiotensin_pregnancy": "Condition"},
            ATORVASTATIN: {"statin_pregnancy": "Condition", "statin_allergy": "AllergyIntolerance"},
            METOPROLOL: {"beta_blocker_asthma": "Condition"}}  # fmt: skip
SCORERS = Scorers(1, "test")
WORDS = {"MedicationRequest": "medicines", "Condition": "conditions", "AllergyIntolerance": "allergies"}
MEDICINES = pytest.mark.parametrize("selected", RESTS_ON)
NAMES = pytest.mark.parametrize("name", TABLE)


@cache
def reading(name: str) -> Reading:
    """What comes of a chart with something against each medicine, under the scopes of this row."""
    return reading_under(TABLE[name][0], *records_for(name), *AGAINST)


def told(read: Reading, selected: str) -> tuple[list[Draft], frozenset[str]]:
    """The cards for one draft, and the types of which something may be missing."""
    draft = DraftOrder("MedicationRequest/d", True, codes((RXNORM, selected)))
    known = of_drafts([draft], ON, EHR, SCORERS, 60)
    return order_drafts(known, read.score, read.chart, ON, EHR), in_doubt(read.chart.unread)


@NAMES
@MEDICINES
def test_what_was_not_read_whole_is_named_where_a_rule_rests_on_it(name: str, selected: str) -> None:
    found, doubtful = told(reading(name), selected)
    parts = [one.summary for one in found if one.kind == "part"]
    named = ", ".join(WORDS[kind] for kind in sorted(RESTS_ON[selected] & doubtful))
    assert parts == ([f"Order checked in part: the chart could not be read completely ({named})"] if named else [])
    assert {"**Not read**" in one.detail for one in found} == {bool(doubtful)}


@NAMES
@MEDICINES
def test_no_card_tells_of_what_was_not_read_that_there_is_none(name: str, selected: str) -> None:
    found, doubtful = told(reading(name), selected)
    text = "".join(one.summary + one.detail for one in found)
    assert not ("Observation" in doubtful and "none of the last" in text)
    assumed = text.partition("since there is no record of it: ")[2].partition(".")[0].lower()
    lacking = {one.label for one in scores.declared_inputs("prevent").values() if set(one.records) & doubtful}
    assert [label for label in lacking if label.lower() in assumed] == []
    has_figure = TABLE[name][2] == "figure"
    assert ("% with a statin by trials" in text) is (has_figure and selected == ATORVASTATIN)
    assert bool(re.search(r"risk [0-9.]+\s% by PREVENT(?! \()", text)) is has_figure


@NAMES
def test_what_was_read_speaks_however_much_was_not(name: str) -> None:
    came = {orjson.loads(line)["resourceType"] for line in reading(name).chart.lines}
    if name == "diagnoses of visits alone":
        came -= {"Condition"}  # those above are of the problem list
    for selected, rules in WARNINGS.items():
        warnings = {one.said[0] for one in told(reading(name), selected)[0] if one.indicator == "warning"}
        assert warnings == {rule for rule, kind in rules.items() if kind in came}


def test_a_category_that_was_not_granted_hides_no_other_and_is_named() -> None:
    visit = of("encounter-diagnosis", condition("visit", "77386006", "2026-05-02"))
    found, _ = told(reading_under(part("Condition", "encounter-diagnosis"), visit, PREGNANT), LISINOPRIL)
    dates = [one.summary.partition("recorded on ")[2][:11] for one in found if one.indicator == "warning"]
    assert dates == ["02-May-2026"]
    assert [one.kind for one in found if "conditions" in one.summary] == ["part"]


def test_medicines_in_use_that_were_not_read_are_not_an_empty_list() -> None:
    for scopes, in_use in (("patient/*.rs", []), (TABLE["no medicines"][0], None)):
        assert reading_under(scopes, PREGNANT).score["in_use"] == in_use


def test_evidence_goes_with_its_value() -> None:
    whole, narrow = reading("all").score, reading("problem list alone").score
    assert narrow["evidence"]["hypertension"] == whole["evidence"]["hypertension"]
    lost = {name for name, one in narrow["features"].items() if one is None and name in whole["evidence"]}
    assert lost and not lost & set(narrow["evidence"])
