"""Who is signed in, by name: read from the EHR's own record or not said at all."""

import json
from typing import Any

import pytest

from app.chart.opened import FOR_PROFESSIONALS, NO_NAME, NO_USER, opened_of, user_words
from app.names import LONGEST, preferred, spoken
from app.smart.context import Context
from app.smart.user import user_name

NAME = [{"family": "Okafor", "given": ["Ife", "Ada"], "prefix": ["Dr."]}]


class _Bearer:
    """Signs as a launch's bearer does; counts refreshes."""

    def __init__(self, can_refresh: bool = True) -> None:
        self.can_refresh, self.token, self.refreshed = can_refresh, "first", 0

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def used(self, _request: Any) -> str:
        return self.token

    def refresh(self, _refused: str) -> None:
        self.refreshed, self.token = self.refreshed + 1, "second"


@pytest.fixture
def ask(serve, ehr_at):
    """The name of a user at an EHR that has these resources, by path below its base."""

    def name_of(user: str, resources: dict[str, Any], bearer: Any = None) -> str | None:
        def answer(path: str) -> Any:
            found = resources.get(path.removeprefix("/fhir/"))
            if isinstance(found, list):
                found = found.pop(0)
            if isinstance(found, int):
                return found, {}, b"{}"
            return (200 if found else 404), {}, json.dumps(found or {}).encode()

        return user_name(user, ehr_at(serve(answer).url), bearer or _Bearer())

    return name_of


def person(kind: str, **members: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": "1", "name": NAME, **members}


@pytest.mark.parametrize("kind", ["Practitioner", "Patient", "RelatedPerson", "Person"])
def test_a_person_is_read_by_the_reference(ask, kind: str) -> None:
    assert ask(f"{kind}/1", {f"{kind}/1": person(kind)}) == "Dr. Ife Ada Okafor"


class TestARole:
    def role(self, reference: Any) -> dict[str, Any]:
        return {"PractitionerRole/1": person("PractitionerRole", name=None, practitioner=reference),
                "Practitioner/1": person("Practitioner"), "Patient/1": person("Patient")}  # fmt: skip

    def test_leads_to_its_practitioner(self, ask) -> None:
        assert ask("PractitionerRole/1", self.role({"reference": "Practitioner/1"})) == "Dr. Ife Ada Okafor"

    @pytest.mark.parametrize(
        "reference",
        [None, {}, "Practitioner/1", {"display": "Someone"}, {"reference": "https://elsewhere.example/Practitioner/1"},
         {"reference": "Patient/1"}, {"reference": "#p"}, {"reference": "Practitioner/2"}],
    )  # fmt: skip
    def test_that_leads_nowhere_has_no_name(self, ask, reference) -> None:
        assert ask("PractitionerRole/1", self.role(reference)) is None


@pytest.mark.parametrize(
    "answer",
    [404, 403, 500, person("Patient"), person("Practitioner", id="2"), person("Practitioner", name=[]), ["x"],
     person("Practitioner", name="Okafor"), person("Practitioner", name=[{"text": "\u202e"}])],
)  # fmt: skip
def test_what_is_not_the_record_of_the_user_gives_no_name(ask, answer: Any) -> None:
    assert ask("Practitioner/1", {"Practitioner/1": answer}) is None


def test_a_refused_token_is_refreshed_once_where_it_can_be(ask) -> None:
    bearer = _Bearer()
    assert ask("Practitioner/1", {"Practitioner/1": [401, person("Practitioner")]}, bearer) == "Dr. Ife Ada Okafor"
    assert bearer.refreshed == 1
    bearer = _Bearer(can_refresh=False)
    assert ask("Practitioner/1", {"Practitioner/1": [401, person("Practitioner")]}, bearer) is None
    assert bearer.refreshed == 0


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([{"use": "old", "family": "A"}, {"use": "official", "family": "B"}], "B"),
        ([{"use": "maiden", "family": "A"}, {"family": "B"}], "B"),
        ([{"text": " Dr.  B ", "family": "C"}], "Dr. B"),
        ([{"family": "x" * 500}], "x" * LONGEST),
        ([{"given": ["A", 7, None], "family": ["B"]}], "A"),
        ([7, "x"], None), ("x", None), (None, None), ([{}], None), ([{"family": "A\u0000B"}], None),
    ],
)  # fmt: skip
def test_a_name_is_said_in_its_own_words_and_order(names: Any, said: str | None) -> None:
    assert spoken(preferred(names)) == said


@pytest.mark.parametrize(
    ("context", "words"),
    [
        (Context(fhir_user="Practitioner/7", user_name="Dr. B", user_asked=True), "Signed in as Dr. B."),
        (Context(fhir_user="Practitioner/7", user_asked=True), NO_NAME),
        (Context(user_asked=True), NO_USER),
        (Context(), None),
    ],
)
def test_the_page_says_who_or_that_nobody_is_known_and_never_an_id(context: Context, words: str | None) -> None:
    assert user_words(context) == words and "7" not in (words or "")


@pytest.mark.parametrize(
    ("user", "said"), [("Patient/1", True), ("RelatedPerson/1", True), ("Practitioner/1", False), ("Person/1", False)]
)
def test_a_patient_is_told_for_whom_the_page_is_written(user: str, said: bool) -> None:
    assert opened_of(Context(fhir_user=user), []).for_professionals == (FOR_PROFESSIONALS if said else None)


@pytest.mark.parametrize(
    ("encounter", "words"),
    [
        ({"class": {"display": "inpatient"}, "period": {"start": "2026-05-04T08:00"}}, "Inpatient, from 04-May-2026."),
        ({"class": [{"coding": []}], "period": []}, "Visit."),
        ({}, "Visit."),
        ({"id": "other"}, "A visit that could not be read."),
    ],
)  # fmt: skip
def test_the_visit_is_said_as_far_as_its_record_says_it(encounter: dict[str, Any], words: str) -> None:
    line = json.dumps({"resourceType": "Encounter", "id": "e1", **encounter}).encode()
    about = b'{"resourceType": "Observation", "id": "e1", "encounter": {"reference": "Encounter/e1"}}'
    assert opened_of(Context(encounter="e1"), [about, line]).visit == words
