"""A launch without a chart, for whoever looks at many patients: user scopes, several ids, general practitioner."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fhir_fixtures.ehr.clients import APP_SCOPES
from fhir_fixtures.ehr.live import Live, serve_in_thread
from fhir_fixtures.ehr.store import Store
from tests.conformance.ehr.conftest import lines

OSEI, HERE = {"reference": "Practitioner/osei"}, "http://127.0.0.1/fhir/Practitioner/osei"
PATIENTS: dict[str, Any] = {
    "own": [OSEI],
    "second": [{"reference": "Organization/ward"}, {"reference": HERE}],
    "others": [{"reference": "Practitioner/Osei"}, {"reference": "Practitioner/osei-2"}],
    "role": [{"reference": "PractitionerRole/osei"}],
    "nobodys": None,
    "odd": "Practitioner/osei",
    "odder": ["Practitioner/osei", 7, {"reference": 7}],
    "alone": OSEI,
}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    people = [
        ("Patient", {"id": name} | ({"generalPractitioner": who} if who else {})) for name, who in PATIENTS.items()
    ]
    with serve_in_thread(Store.build(tmp_path_factory.mktemp("population"), lines(people))) as running:
        yield running


@pytest.fixture
def token(client_of: Callable[[Live], Any], live: Live) -> str:
    """Of a launch in which no chart is open."""
    return str(launched(client_of(live), "launch openid fhirUser user/Patient.rs")["access_token"])


def launched(client: Any, scope: str) -> dict[str, Any]:
    """The token response of a launch without a patient."""
    launch = client.http.post(f"{client.live.base_url}/launches", json={"patient": None}).json()["launch"]
    code = client.authorize(launch=launch, scope=scope).headers["Location"].partition("code=")[2].partition("&")[0]
    return dict(client.token(code=code).json())


@pytest.mark.parametrize(("value", "found"), [
    ("Practitioner/osei", {"own", "second"}),
    ("osei", {"own", "second", "role"}),
    ("http://any.example/fhir/Practitioner/osei", {"own", "second"}),
    ("PractitionerRole/osei", {"role"}),
    ("Organization/ward,PractitionerRole/osei", {"second", "role"}),
    ("Practitioner/%", set()),
    ("Practitioner/ose_", set()),
    ("Practitioner/nobody", set()),
])  # fmt: skip
def test_patients_of_a_general_practitioner(
    client_of: Callable[[Live], Any], live: Live, token: str, value: str, found: set[str]
) -> None:
    assert set(client_of(live).ids(f"Patient?general-practitioner={value}", token)) == found


def test_patients_by_several_ids_are_those_that_there_are(
    client_of: Callable[[Live], Any], live: Live, token: str
) -> None:
    assert set(client_of(live).ids("Patient?_id=own,role,nobody-here,others", token)) == {"own", "role", "others"}


def test_the_demos_scopes_ask_for_it_and_a_launch_without_a_chart_has_a_use(
    client_of: Callable[[Live], Any], live: Live
) -> None:
    client = client_of(live)
    reply = launched(client, APP_SCOPES)
    assert "user/Patient.rs" in reply["scope"].split() and "patient" not in reply
    assert len(client.ids("Patient", str(reply["access_token"]))) == len(PATIENTS)
    assert client.fhir("Observation", str(reply["access_token"])).status_code == 403  # patient/ scopes reach nobody


def test_the_capability_statement_says_so(client_of: Callable[[Live], Any], live: Live) -> None:
    rest = client_of(live).http.get(f"{live.fhir_base}/metadata").json()["rest"][0]
    patient = next(one for one in rest["resource"] if one["type"] == "Patient")
    assert {"name": "general-practitioner", "type": "reference"} in patient["searchParam"]


def test_the_list_of_patients_leads_to_an_app_without_a_chart(client_of: Callable[[Live], Any], live: Live) -> None:
    client = client_of(live)
    assert "/start?app=kindred&amp;user=" in client.http.get(f"{live.base_url}/").text
    page = client.http.get(
        f"{live.base_url}/start", params={"app": "kindred", "user": "Practitioner/sandbox-clinician-1"}
    )
    assert page.status_code == 200 and "No chart is open." in page.text and "<iframe" in page.text
