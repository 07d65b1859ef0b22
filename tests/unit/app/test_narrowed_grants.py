"""Each grant that is narrower than what was asked, on each surface: what was not read is nowhere told as "none".

The person has diabetes, told at a visit, hypertension, told by the problem list, a stay and values of each category: a
chart that lacks one of them would look like one of a healthier person. Scopes and searches are the app's own; the EHR
is a list of resources.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema_rs
import orjson
import pytest
from flask import g

import app.api
from analytics.definitions import catalogue, patient_scores, scores
from analytics.definitions import gaps as gap_rules
from app.api import twins
from app.chart import gaps, missing, note, sheet
from app.chart import scores as score_section
from app.chart.reading import Reading
from app.chart.view import View, view_of
from app.fhir import SEARCHED, Chart, gathered, name_orders, queries
from app.hooks.cards import drafts
from app.read_in_part import in_doubt
from app.registry import Ehr
from app.score import score_chart
from app.scorers import Scorers
from app.serving import Release
from app.smart.context import Context
from app.smart.scopes import Granted
from app.smart.tokens import Launch, Token
from app.what_if import answer, form, start
from app.write_back import offer
from tests.flow.published import model
from tests.spec.live.fhir import SNOMED, codes, condition, encounter, observation, order, patient
from tests.unit.app.readings import ON, served

EHR = Ehr("here", "https://ehr.example/fhir", "kindred", "public", "https://here.example/callback", ("launch",))
ANA = patient(birthDate="1968-03-15", gender="female")


def of(category: str, resource: dict[str, Any]) -> dict[str, Any]:
    return {**resource, "category": [codes(("http://system.example", category))]}


LAB, VITAL = "laboratory", "vital-signs"
RECORDS = [
    of("encounter-diagnosis", condition("dm", "44054006", "2015-02-01")),
    of("problem-list-item", condition("htn", "59621000", "2015-02-01")),
    of(LAB, observation("tc", "2093-3", 200, "mg/dL", "2026-02-01")),
    of(LAB, observation("hdl", "2085-9", 45, "mg/dL", "2026-02-01")),
    of(LAB, observation("ldl", "13457-7", 116, "mg/dL", "2026-02-01")),
    of(LAB, observation("scr", "2160-0", 0.9, "mg/dL", "2026-02-01")),
    of(LAB, observation("a1c", "4548-4", 9.4, "%", "2026-05-04")),
    of(VITAL, observation("sbp", "8480-6", 160, "mm[Hg]", "2026-02-02")),
    of(VITAL, observation("bmi", "39156-5", 35, "kg/m2", "2026-02-02")),
    of("social-history", observation("smoke", "72166-2", None, None, "2026-02-02",
                                     valueCodeableConcept=codes((SNOMED, "266919005")))),
    encounter("v", "AMB", "2026-05-04T09:00:00Z"),
    encounter("stay", "IMP", "2026-03-01T09:00:00Z", "2026-03-06T09:00:00Z"),
    order("statin", "83367", "2026-05-01"),
]  # fmt: skip
BYPASS = {"resourceType": "Procedure", "id": "cabg", "status": "completed", "subject": {"reference": "Patient/p1"},
          "code": codes((SNOMED, "232717009")), "performedDateTime": "2019-02-01"}  # fmt: skip
POINTING = order("pointing", "1", "2026-05-02", medicationReference={"reference": "Medication/m1"})
POINTING.pop("medicationCodeableConcept")


def chart_under(scopes: str, *records: dict[str, Any]) -> Chart:
    """What an EHR with these records gives under these scopes."""
    granted, searches = Granted(tuple(scopes.split())), {}
    for name in SEARCHED:
        searches[name] = [done(query, records) for query in queries(name, "p1", granted)]
    found, unread = gathered(searches, 1e12, granted, dict.fromkeys(SEARCHED, 0))
    server: Any = SimpleNamespace(ehr=EHR)
    with ThreadPoolExecutor(1) as pool:
        unread += name_orders(found.get("MedicationRequest", []), server, granted, pool, 0.0)
    return Chart(ANA, [orjson.dumps(one) for one in (ANA, *(one for some in found.values() for one in some))], unread)


def done(query: str, records: tuple[dict[str, Any], ...]) -> "Future[Any]":
    """A search that has found the records of its type, and of its category where it names one."""
    asked = urlsplit(query)
    category = dict(parse_qsl(asked.query)).get("category", "").rpartition("|")[2]
    future: Future[Any] = Future()
    of_type = (one for one in records if one["resourceType"] == asked.path)
    future.set_result(([one for one in of_type if category in str(one.get("category", category))], False))
    return future


def reading_under(scopes: str, *records: dict[str, Any], release: dict[str, Any] | None = None) -> Reading:
    chart, release = chart_under(scopes, *records), release or model()
    scorers = Scorers(1, "test")
    score = score_chart(chart, ON, Release(release["release_id"], "2026-06-30", release), EHR, scorers)
    scorers.shutdown()
    granted = (*scopes.split(), "patient/RiskAssessment.c")
    launch = Launch("sid", "here", Context(patient="p1", scopes=granted, fhir_user="Practitioner/1"), Token("t"))
    return Reading(launch, EHR, chart, score, ON, Release(release["release_id"], "2026-06-30", release), None)


@dataclass(frozen=True)
class Told:
    """What each surface says of one reading."""

    reading: Reading
    view: View
    twin: dict[str, Any]
    note: str
    sheet: sheet.Sheet
    cards: list[Any]
    offer: offer.Offer
    scores: score_section.Scores
    answer: answer.Answer
    form: form.Entered

    @property
    def everything(self) -> str:
        """All of it as one text."""
        cards = [one.summary + one.detail for one in self.cards]
        return str((self.view, self.twin, self.note, self.sheet, cards, self.offer.text, self.scores, self.answer))

    def prevent(self) -> str:
        """How PREVENT is told: one figure, a range, none for want of values, or that nobody can tell for whom it is."""
        for one in self.scores.not_for:
            if "PREVENT" in one.title:
                return "cannot tell" if "cannot be told" in one.reason else "not for"
        (card,) = [one for one in self.scores.cards if one.name == "prevent"]
        return ("range" if "–" in card.results[0].value else "figure") if card.results else "lacking"


def told_of(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setattr(gaps, "reports", lambda: SimpleNamespace(of=lambda ehr, patient: {}))
    with served():
        g.patient_mark = "0" * 32
        view, judged = view_of(reading), gaps.judged(reading)
        begun = start.start_of(reading)
        entered = form.read_form(begun, {})
        return Told(
            reading, view, twins.chart(reading), note.note_of(reading, view, missing.section(reading), judged).text,
            sheet.sheet_of(reading, view.group, gaps.open_gaps(judged), unread=bool(view.unread)),
            drafts(reading.score, reading.chart.unread, EHR), offer.offer_of(reading, view),
            score_section.section(reading), answer.answer_to(begun, entered), entered,
        )  # fmt: skip


def but(*kinds: str, and_: str = "", suffix: str = ".rs") -> str:
    """Scopes for all types but these."""
    given = [f"patient/{name}{suffix}" for name in ("Patient", "Medication", *SEARCHED) if name not in kinds]
    return " ".join([*given, and_]).strip()


def part(kind: str, *categories: str) -> str:
    return but(kind, and_=" ".join(f"patient/{kind}.rs?category=http://system.example|{one}" for one in categories))


THREE = ("problem-list-item", "encounter-diagnosis", "health-concern")
NO_CONDITION = ("diabetes", "condition_count", "charlson_1987", "coronary_revascularisation")
#: grant -> scopes; group shown; PREVENT; lever "statin" offered; features that are not known; cards
TABLE: dict[str, tuple[str, bool, str, bool, tuple[str, ...], list[str]]] = {
    "all": ("patient/*.rs", True, "figure", True, (), ["gaps", "group"]),
    "all, version 1": ("patient/*.read", True, "figure", True, (), ["gaps", "group"]),
    "all parts of conditions": (part("Condition", *THREE), True, "figure", True, (), ["gaps", "group"]),
    "problem list alone": (part("Condition", THREE[0]), False, "cannot tell", True, NO_CONDITION, ["part"]),
    "diagnoses of visits alone": (part("Condition", THREE[1]), False, "cannot tell", True,
                                  ("hypertension", "condition_count"), ["part"]),
    "no conditions": (but("Condition"), False, "cannot tell", True, NO_CONDITION, ["part"]),
    "no medicines": (but("MedicationRequest"), False, "range", False,
                     ("statin_in_use", "medicine_classes_in_use", "medicine_stops_12m"), ["part"]),
    "no medicines, version 1": (but("MedicationRequest", suffix=".read"), False, "range", False,
                                ("statin_in_use", "ingredients_in_use"), ["part"]),
    "medicines without their names": (but("Medication"), False, "range", False,
                                      ("statin_in_use", "renin_angiotensin_in_use"), ["part"]),
    "no visits": (but("Encounter"), False, "figure", True, ("stays_12m", "emergency_12m", "care_days_12m"), ["part"]),
    "no procedures": (but("Procedure"), False, "cannot tell", True,
                      ("coronary_revascularisation", "kidney_failure", "stays_12m", "stays_24m", "bed_days_12m"),
                      ["part"]),
    "some procedures": (part("Procedure", "surgery"), False, "cannot tell", True, ("stays_12m", "bed_days_12m"),
                        ["part"]),
    "no procedures, and no stay": (but("Procedure"), True, "cannot tell", True,
                                   ("coronary_revascularisation", "kidney_failure"), ["group"]),
    "no measurements": (but("Observation"), False, "lacking", False, (), ["part"]),
    "laboratory alone": (part("Observation", LAB), True, "lacking", True, (), ["group"]),
    "vital signs alone": (part("Observation", VITAL), True, "lacking", False, (), ["group"]),
    "no immunisations": (but("Immunization"), True, "figure", True, ("zoster_doses",), ["group"]),
    "no allergies": (but("AllergyIntolerance"), True, "figure", True, ("statin_allergy",), ["group"]),
}  # fmt: skip
CONTRACT = orjson.loads(Path(app.api.__file__).with_name("openapi.json").read_bytes())
NAMES = pytest.mark.parametrize("name", TABLE)


def records_for(name: str) -> list[dict[str, Any]]:
    """All records, without a statin where one would rule the lever out; with an order by reference where that is it."""
    kept = [one for one in RECORDS if one["id"] not in ("statin", *(["stay"] if name.endswith("no stay") else []))]
    return [*kept, POINTING] if name == "medicines without their names" else kept


@NAMES
def test_each_surface_tells_what_was_read_and_no_more(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scopes, shows, prevent, offered, unknown, cards = TABLE[name]
    told = told_of(reading_under(scopes, *records_for(name)), monkeypatch)
    group = model()["groups"][1]["name"]
    assert (told.view.group is not None, group in told.everything) == (shows, shows)
    assert [one is not None for one in (told.twin["group"], told.sheet.group, told.offer.finding)] == [shows] * 3
    contract = {"$ref": "#/components/schemas/Chart", "components": CONTRACT["components"]}
    jsonschema_rs.validate(contract, told.twin)
    assert bool(told.twin["reasons"]) is bool(told.view.reasons) is shows
    assert [one.kind for one in told.cards] == cards
    assert told.prevent() == prevent
    assert bool({one.name: one for one in told.answer.offered}["statin"].doses) is offered
    assert {one: told.twin["features"][one] for one in unknown} == dict.fromkeys(unknown)
    assert (told.view.unread == []) is (cards == ["gaps", "group"])


@NAMES
def test_no_surface_counts_what_was_not_read_as_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = reading_under(TABLE[name][0], *records_for(name))
    told, doubtful = told_of(reading, monkeypatch), in_doubt(reading.chart.unread)
    for feature in catalogue.features().values():
        if set(feature.records) & doubtful:
            assert told.twin["features"][feature.name] in ((1, None) if feature.kind in catalogue.FLAGS else (None,))
        elif set(feature.left_out_by) & doubtful:
            assert told.twin["features"][feature.name] in (0, None)
    for score in scores.NAMES:
        resting = {key for key, one in scores.declared_inputs(score).items() if set(one.records) & doubtful}
        given = told.twin["scores"][score]["inputs"]
        assert not [key for key in resting if given[key]["value"] in (0, []) and not given[key]["resource"]]
    assumed = {label for card in told.scores.cards for label in card.assumed}
    labels = {one.label[:1].upper() + one.label[1:] for score in scores.NAMES
              for one in scores.declared_inputs(score).values() if set(one.records) & doubtful}  # fmt: skip
    assert assumed & labels == set()
    assert not [one.name for one in told.form.fields if one.mark == "assumed" and one.name in
                {key for key, declared in start.declared().items() if set(declared.records) & doubtful}]
    for one in told.twin["gaps"]:
        rule = gap_rules.rules()[one["id"]]
        assert one["state"] == "unjudged" or not set(rule.rests_on) & doubtful or rule.decided_by_patient(one["reason"])


def test_a_bypass_that_only_its_procedure_tells_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [*records_for(""), BYPASS]
    assert told_of(reading_under("patient/*.rs", *records), monkeypatch).prevent() == "not for"
    assert told_of(reading_under(but("Procedure"), *records), monkeypatch).prevent() == "cannot tell"


PLANNED = encounter("planned", "IMP", "2026-04-01T09:00:00Z", "2026-04-02T09:00:00Z")
CHEMOTHERAPY = BYPASS | {"id": "chemotherapy", "code": codes((SNOMED, "367336001")),
                         "performedDateTime": "2026-04-01T12:00:00Z"}  # fmt: skip


@pytest.mark.parametrize(
    ("scopes", "stays", "lacking"),
    [("patient/*.rs", 1, None), (but("Procedure"), None, "procedures"), (but("Encounter"), None, "visits and stays")],
)
def test_a_stay_that_its_procedure_makes_a_planned_one_is_counted_by_nobody(
    monkeypatch: pytest.MonkeyPatch, scopes: str, stays: float | None, lacking: str | None
) -> None:
    """With the procedures one of two stays counts; without them it may be one or two, and no number stands."""
    told = told_of(reading_under(scopes, *records_for(""), PLANNED, CHEMOTHERAPY), monkeypatch)
    assert [told.twin["features"][name] for name in ("stays_12m", "stays_24m")] == [stays] * 2
    assert (told.view.group is None) is (lacking is not None)
    assert lacking is None or f"could not be read completely ({lacking})" in (told.view.hidden or "")


def test_a_lace_is_given_only_where_the_stay_is_known_to_be_an_unplanned_one(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [*records_for("no stay"), encounter("newest", "IMP", "2026-06-10T09:00:00Z", "2026-06-16T09:00:00Z")]
    whole = told_of(reading_under("patient/*.rs", *records), monkeypatch).twin["scores"]["lace"]
    part_read = told_of(reading_under(but("Procedure"), *records), monkeypatch).twin["scores"]["lace"]
    assert whole["inputs"]["los_days"]["value"] == 6 and whole["values"]
    assert part_read["inputs"]["los_days"]["value"] is None and part_read["values"] == {}


def test_a_record_that_was_read_stands_and_a_count_of_some_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    twin = told_of(reading_under(part("Condition", THREE[1]), *RECORDS), monkeypatch).twin
    assert (twin["features"]["diabetes"], twin["scores"]["prevent"]["inputs"]["dm"]["value"]) == (1, 1)
    assert (twin["features"]["condition_count"], twin["features"]["charlson_1987"]) == (None, None)
    charlson = twin["scores"]["charlson"]
    assert (charlson["values"], charlson["inputs"]["snomed"]["value"]) == ({}, None)


def test_a_score_rests_on_whatever_its_features_rest_on() -> None:
    for name, sources in patient_scores.FEATURES.items():
        for key, source in sources.items():
            of_features = {kind for one in ((source,) if isinstance(source, str) else source)
                           for kind in catalogue.features()[one].records}  # fmt: skip
            assert of_features <= set(scores.declared_inputs(name)[key].records), (name, key)


@pytest.mark.parametrize("rule", gap_rules.rules())
def test_a_gap_rests_on_whatever_its_features_rest_on(rule: str) -> None:
    one = gap_rules.rules()[rule]
    assert {kind for name in one.features for kind in catalogue.features()[name].records} <= set(one.rests_on)


@pytest.mark.parametrize(("change", "fits"), [
    ({}, True), ({"state": "unjudged", "date": None, "resource": None, "due": None}, True),
    ({"state": "unjudged"}, False), ({"state": "reported", "resource": None, "due": None}, False),
    ({"state": "gap"}, False), ({"state": "gap", "due": None}, True), ({"state": "open"}, False),
])  # fmt: skip
def test_the_contract_says_what_null_means_in_each_state_of_a_gap(change: dict[str, Any], fits: bool) -> None:
    gap = {"id": "a", "title": "A", "state": "met", "reason": "Done.", "date": "2026-01-05", "resource": "Procedure/1",
           "due": "2027-01-05", "rule": "", "source": "x", "weight": 4.0}  # fmt: skip
    schema = {"$ref": "#/components/schemas/Gap", "components": CONTRACT["components"]}
    assert jsonschema_rs.is_valid(schema, gap | change) is fits
