"""Launch context chosen per launch (SMART App Launch 2.2, "Scopes for requesting context data" and fhirUser)."""

from typing import Any

import pytest
from joserfc.jws import extract_compact

CONTEXT = [
    {"reference": "ImagingStudy/123"},
    {"reference": "Observation/4", "role": "https://example.org/role"},
    {"canonical": "http://example.org/Questionnaire/1|2.0", "type": "Questionnaire"},
    {"identifier": {"system": "urn:x", "value": "7"}, "type": "Task"},
]


def launched(client: Any, scope: str = "launch openid fhirUser patient/*.rs user/*.rs", **asked: Any) -> dict[str, Any]:
    """The token response of a launch with this context."""
    answer = client.http.post(f"{client.live.base_url}/launches", json={"patient": "anna", **asked})
    assert answer.status_code == 200, answer.text
    code = client.authorize(launch=answer.json()["launch"], scope=scope).headers["Location"]
    return dict(client.token(code=code.partition("code=")[2].partition("&")[0]).json())


def claims(token: dict[str, Any]) -> dict[str, Any]:
    import orjson

    return dict(orjson.loads(extract_compact(token["id_token"].encode()).payload))


@pytest.mark.parametrize(("asked", "name", "value"), [
    ({}, "need_patient_banner", False),
    ({"need_patient_banner": True}, "need_patient_banner", True),
    ({"need_patient_banner": None}, "need_patient_banner", None),
    ({}, "intent", None),
    ({"intent": "order-review"}, "intent", "order-review"),
    ({}, "tenant", "kindred-sandbox"),
    ({"tenant": "north"}, "tenant", "north"),
    ({"tenant": None}, "tenant", None),
    ({}, "fhirContext", None),
    ({"fhirContext": CONTEXT}, "fhirContext", CONTEXT),
    ({}, "encounter", "anna-visit"),
    ({"encounter": None}, "encounter", None),
    ({"encounter": "other"}, "encounter", "other"),
    ({"patient": None}, "patient", None),
    ({"patient": None}, "encounter", None),
    ({"patient": None}, "need_patient_banner", None),
    ({"smart_style_url": None}, "smart_style_url", None),
    ({"smart_style_url": "http://x.example/a.json"}, "smart_style_url", "http://x.example/a.json"),
    ({"extra": {"__vendor": 1}}, "__vendor", 1),
])  # fmt: skip
def test_a_launch_hands_over_what_was_chosen(client: Any, asked: dict[str, Any], name: str, value: Any) -> None:
    assert launched(client, **asked).get(name) == value


@pytest.mark.parametrize("asked", [
    {}, {"patient": "nobody"}, {"patient": 7}, {"patient": "anna", "user": "Practitioner/nobody"},
    {"patient": "anna", "user": "Device/1"}, {"patient": "anna", "clinician": "nobody"},
])  # fmt: skip
def test_who_is_not_here_cannot_be_launched_for(client: Any, live: Any, asked: dict[str, Any]) -> None:
    assert client.http.post(f"{live.base_url}/launches", json=asked).status_code == 400


USERS = [
    "Practitioner/sandbox-clinician-2", "PractitionerRole/role-sandbox-clinician-1", "Patient/anna",
    "RelatedPerson/relative-anna", "Person/person-anna",
]  # fmt: skip


@pytest.mark.parametrize("form", ["absolute", "relative"])
@pytest.mark.parametrize("user", USERS)
def test_fhir_user_is_the_one_who_is_signed_in_and_can_be_read_without_a_resource_scope(
    client: Any, live: Any, user: str, form: str
) -> None:
    token = launched(client, "launch openid fhirUser", user=user, fhir_user=form)
    assert claims(token)["fhirUser"] == (user if form == "relative" else f"{live.fhir_base}/{user}")
    entry = client.fhir(user, token["access_token"]).json()
    assert f"{entry['resourceType']}/{entry['id']}" == user
    assert "name" in entry or entry["practitioner"]["display"] == "Okafor, Amara"


def test_the_practitioner_behind_a_role_can_be_read_and_nobody_else(client: Any) -> None:
    token = launched(client, "launch openid fhirUser", user="PractitionerRole/role-sandbox-clinician-1")["access_token"]
    assert client.fhir("Practitioner/sandbox-clinician-1", token).status_code == 200
    assert client.fhir("Practitioner/sandbox-clinician-2", token).status_code == 403


def test_without_fhir_user_the_own_entry_needs_a_scope(client: Any) -> None:
    token = launched(client, "launch openid patient/Observation.rs")["access_token"]
    assert client.fhir("Practitioner/sandbox-clinician-1", token).status_code == 403


@pytest.mark.parametrize(("user", "seen"), [
    (USERS[0], {"anna", "bert"}), ("Patient/anna", {"anna"}), ("RelatedPerson/relative-anna", {"anna"}),
])  # fmt: skip
def test_patients_and_relatives_see_one_patient_also_by_user_scopes(client: Any, user: str, seen: set[str]) -> None:
    token = launched(client, "launch user/*.rs", user=user)["access_token"]
    assert set(client.ids("Patient", token)) == seen


def test_a_launch_without_a_patient_reaches_no_patient_by_patient_scopes(client: Any) -> None:
    token = launched(client, "launch patient/*.rs", patient=None)["access_token"]
    assert client.fhir("Observation", token).status_code == 403


@pytest.mark.parametrize("name", ["default", "dark", "hostile", "list", "huge", "html"])
def test_styles_are_served_by_name(client: Any, name: str) -> None:
    served = client.http.get(launched(client, smart_style_url=name)["smart_style_url"])
    assert served.status_code == 200
    assert {"default": "#f5f7f8", "dark": "#12181c", "hostile": "<script>", "list": "[{", "huge": "#" * 1000,
            "html": "<!doctype"}[name] in served.text  # fmt: skip
    assert (len(served.content) > 10_000_000) == (name == "huge")


@pytest.mark.parametrize("name", ["redirect", "foreign"])
def test_styles_elsewhere_lie_on_another_host(client: Any, live: Any, name: str) -> None:
    url = launched(client, smart_style_url=name)["smart_style_url"]
    where = url if name == "foreign" else client.http.get(url, allow_redirects=False).headers["Location"]
    assert not where.startswith(live.base_url)
    assert client.http.get(where).json()["color_text"] == "#1d2b33"


def test_the_form_launches_with_what_it_says(client: Any, live: Any, pages: Any) -> None:
    assert "role-sandbox-clinician-1" in client.http.get(f"{live.base_url}/options").text
    chosen = {"patient": "", "user": "Patient/anna", "style": "none", "fhirContext": '[{"reference": "Task/1"}]',
              "intent": "x", "tenant": "", "banner": "true", "encounter": "none"}  # fmt: skip
    page = client.http.get(f"{live.base_url}/start", params=chosen)
    assert "No chart is open" in page.text and "Ahlberg, Ada" in page.text
    launch = page.text.partition("launch=")[2].partition('"')[0]
    token = client.token(code=pages.answer(client.authorize(launch=launch))["code"]).json()
    assert token["fhirContext"] == [{"reference": "Task/1"}]
    assert (token["intent"], token["need_patient_banner"]) == ("x", True)
    assert not {"patient", "encounter", "tenant", "smart_style_url"} & set(token)


@pytest.mark.parametrize(("chosen", "encounter"), [("newest", "anna-visit"), ("none", None)])
def test_the_form_opens_a_chart_with_or_without_an_encounter(
    client: Any, live: Any, pages: Any, chosen: str, encounter: str | None
) -> None:
    page = client.http.get(f"{live.base_url}/start", params={"patient": "anna", "encounter": chosen})
    launch = page.text.partition("launch=")[2].partition('"')[0]
    token = client.token(code=pages.answer(client.authorize(launch=launch))["code"]).json()
    assert (token["patient"], token.get("encounter")) == ("anna", encounter)


@pytest.mark.parametrize("wrong", [{"patient": "nobody"}, {"fhirContext": "[{"}, {"app": "stranger"}, {"user": "X/1"}])
def test_a_form_with_something_unknown_is_a_page(client: Any, live: Any, wrong: dict[str, str]) -> None:
    page = client.http.get(f"{live.base_url}/start", params=wrong)
    assert page.status_code == 400
    assert "cannot be made" in page.text


def test_a_patient_signs_in_for_themselves_and_gets_their_own_chart(client: Any, live: Any, pages: Any) -> None:
    def post(page: Any, **chosen: Any) -> Any:
        action, fields = pages.form(page)
        return client.http.post(live.base_url + action, data={"login": fields["login"][0], **chosen})

    scope = "launch/patient openid fhirUser patient/*.rs"
    page = client.http.get(live.base_url + client.authorize(scope=scope).headers["Location"])
    page = post(post(page, clinician="patient"), patient="bert")
    action, fields = pages.form(page)
    data = {"login": fields["login"][0], "scope": fields["scope"], "answer": "allow"}
    back = client.http.post(live.base_url + action, data=data, allow_redirects=False)
    token = client.token(code=pages.answer(back)["code"]).json()
    assert claims(token)["fhirUser"] == f"{live.fhir_base}/Patient/bert"
    assert token["patient"] == "bert"
