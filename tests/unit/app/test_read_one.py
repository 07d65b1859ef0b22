"""One resource read by its id: whose it must be, and what an EHR may answer instead."""

import json
from typing import Any

import pytest

from app.problems import Problem
from app.searches import ChartServer, Unreadable, read
from tests.unit.app.test_fhir import NoToken

MINE = {"subject": {"reference": "Patient/p1"}}
OTHERS = {"subject": {"reference": "Patient/p2"}}


@pytest.fixture
def ask(serve, ehr_at):
    """Read TYPE/x1 for p1 from a server that gives this resource (or status) for everything."""

    def made(kind: str, answer: Any, identity: str = "x1") -> Any:
        status, body = (answer, {}) if isinstance(answer, int) else (200, answer)
        here = serve(lambda _: (status, {}, json.dumps(body).encode()))
        try:
            return read(ChartServer(ehr_at(here.url), NoToken()), kind, identity, "p1")
        finally:
            made.asked = [path for _, path, _, _ in here.requests]

    return made


def observation(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": "x1", **more}


@pytest.mark.parametrize("about", [MINE, {"patient": MINE["subject"]}, MINE | {"patient": MINE["subject"]}])
def test_what_says_that_it_is_the_patients_is_read(ask, about) -> None:
    assert ask("Observation", observation(**about))["id"] == "x1"
    assert ask.asked == ["/fhir/Observation/x1"]


def test_a_medication_is_nobodys(ask) -> None:
    assert ask("Medication", {"resourceType": "Medication", "id": "x1"})["id"] == "x1"


@pytest.mark.parametrize(
    "record",
    [
        observation(), observation(subject={"display": "Ana"}), observation(**OTHERS),
        observation(subject="Patient/p1"),
        observation(subject={"reference": "Group/p1"}), observation(subject={"reference": "Device/p1"}),
        observation(subject={"reference": "https://elsewhere.example/fhir/Patient/p1"}),
        observation(**MINE, patient=OTHERS["subject"]), observation(subject={"identifier": {"value": "p1"}}),
        {"resourceType": "Patient", "id": "p2"},
    ],
)  # fmt: skip
def test_what_is_anothers_or_does_not_say_whose_it_is_is_refused(ask, record) -> None:
    with pytest.raises(Problem, match="patient_mismatch"):
        ask("Observation", record)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (observation(**MINE) | {"id": "x2"}, "malformed"), ({"resourceType": "Bundle", **MINE}, "malformed"),
        (404, "not_offered"), (410, "failed"),
        (403, "forbidden"), (500, "failed"), ({"resourceType": "OperationOutcome"}, "failed"),
    ],
)  # fmt: skip
def test_each_way_to_err_has_its_word(ask, answer, why) -> None:
    with pytest.raises(Unreadable) as caught:
        ask("Observation", answer)
    assert caught.value.why == why


@pytest.mark.parametrize("identity", ["", ".", "..", "a b", "a/b", "a?b", "ä", "x" * 65, "a\n", "%2e%2e"])
def test_what_is_no_id_is_never_asked_for(ask, identity) -> None:
    with pytest.raises(Problem, match="not_found"):
        ask("Observation", observation(**MINE), identity)
    assert ask.asked == []


def test_another_patient_is_never_asked_for(ask) -> None:
    with pytest.raises(Problem, match="patient_mismatch"):
        ask("Patient", {"resourceType": "Patient", "id": "p2"}, "p2")
    assert ask.asked == []
