"""The app's own checks of a reference, by the same table as the definitions' SQL (tests/references.py)."""

import json
from datetime import date

import pytest

from app.fhir import Chart
from app.medicines import unnamed
from app.score import score_chart
from app.scorers import Scorers
from app.searches import is_of_another
from tests.references import ELSEWHERE, ID, NONE, OURS, REFERENCES, written
from tests.spec.live.fhir import observation, patient

EHR = "https://ehr.example"


@pytest.mark.parametrize("template", REFERENCES)
@pytest.mark.parametrize("key", ["subject", "patient"])
def test_whose_a_resource_is(ehr_at, key: str, template: str) -> None:
    """What is ours is used and what is elsewhere is refused; of what says nothing the definitions use nothing."""
    ehr = ehr_at(EHR, hosts=("https://files.example",))
    another = is_of_another({key: {"reference": written(template, "Patient")}}, ID, ehr)
    assert another == {OURS: False, ELSEWHERE: True}.get(REFERENCES[template], another)


@pytest.mark.parametrize("template", [template for template, verdict in REFERENCES.items() if verdict == OURS])
def test_another_id_of_ours_is_another_person(ehr_at, template: str) -> None:
    assert is_of_another({"subject": {"reference": written(template, "Patient", "p2")}}, ID, ehr_at(EHR))


@pytest.mark.parametrize("template", REFERENCES)
def test_which_medication_is_read(ehr_at, template: str) -> None:
    """Ours by its id; of any other the page says that the EHR did not give it. A contained one came along."""
    order = {"resourceType": "MedicationRequest", "medicationReference": {"reference": written(template, "Medication")}}
    expected = [] if template.startswith("#") else [ID if REFERENCES[template] == OURS else None]
    assert unnamed([order], ehr_at(EHR, hosts=("https://files.example",))) == expected


def test_a_slash_at_the_end_of_the_registered_base_is_none_of_it(ehr_at) -> None:
    ehr = ehr_at(EHR, issuer=f"{EHR}/fhir/")
    assert not is_of_another({"subject": {"reference": f"{EHR}/fhir/Patient/{ID}"}}, ID, ehr)


@pytest.mark.parametrize("template", [template for template, verdict in REFERENCES.items() if verdict != NONE])
def test_the_score_knows_whose_chart_it_is(ehr_at, template: str) -> None:
    """An absolute reference below the registered base counts, one to anywhere else does not."""
    about = {"subject": {"reference": written(template, "Patient")}}
    value = observation("o", "4548-4", 7.1, "%", "2026-01-02") | about
    lines = [json.dumps(one).encode() for one in (patient(ID), value)]
    scorers = Scorers(1, "test")
    found = score_chart(Chart(patient(ID), lines, []), date(2026, 6, 30), None, ehr_at(EHR), scorers)
    scorers.shutdown()
    assert found["features"]["hba1c"] == (7.1 if REFERENCES[template] == OURS else None)
