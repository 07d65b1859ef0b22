"""Prefetch where it is whole, reads for the rest, 412 where neither is; and nobody else's data, ever."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.hooks.caller import Caller, but_gaps, code_of
from tests.flow.people import ANA, BEN
from tests.flow.world import World

GROUP_2 = "Risk group 2 of 2: Diabetes with high HbA1c"
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
NEEDED = ("conditions", "observations", "lasting-observations", "encounters", "medications")


@pytest.fixture
def prefetch(caller: Caller) -> dict[str, Any]:
    return caller.prefetch()


def reads(world: World) -> list[str]:
    """Types that were searched for, and reads."""
    return sorted(one.path.split("/")[2] for one in world.ehr.recorder.all("/fhir/") if one.path.count("/") > 1)


def test_a_whole_prefetch_needs_no_token_and_no_read(caller: Caller, world: World, prefetch: dict[str, Any]) -> None:
    world.ehr.recorder.clear()
    (card,) = caller.cards(prefetch=prefetch, fhirAuthorization=None)
    assert card["summary"] == GROUP_2
    assert reads(world) == []


def test_prefetch_and_reads_give_the_same_card(caller: Caller, prefetch: dict[str, Any]) -> None:
    (brought,), (read,) = caller.cards(prefetch=prefetch), caller.cards()
    assert {**brought, "uuid": ""} == {**read, "uuid": ""}


@pytest.mark.parametrize(("key", "read"), [
    ("patient", ["Patient"]), ("conditions", ["Condition"]), ("observations", ["Observation"]),
    ("medications", ["MedicationRequest"]), ("immunizations", ["Immunization"]),
])  # fmt: skip
@pytest.mark.parametrize("how", ["left out", "null", "outcome", "next", "total", "text"])
def test_what_is_not_whole_is_read_and_nothing_else(
    caller: Caller, world: World, prefetch: dict[str, Any], key: str, read: list[str], how: str
) -> None:
    if key == "patient" and how in ("next", "total"):
        how = "outcome"
    broken(prefetch, key, how)
    world.ehr.recorder.clear()
    (card,) = caller.cards(prefetch=prefetch)
    assert card["summary"] == GROUP_2
    assert reads(world) == read


def broken(prefetch: dict[str, Any], key: str, how: str) -> None:
    """Make one part of a prefetch unusable."""
    bundle = copy.deepcopy(prefetch[key])
    values: dict[str, Any] = {
        "left out": None, "null": None, "outcome": OUTCOME, "text": "Bundle", "total": {**bundle, "total": 99},
        "next": {**bundle, "link": [{"relation": "next", "url": "https://ehr.example/fhir?page=2"}]},
    }  # fmt: skip
    prefetch[key] = values[how]
    if how == "left out":
        del prefetch[key]


@pytest.mark.parametrize("key", ["patient", *NEEDED])
@pytest.mark.parametrize("how", ["left out", "outcome"])
def test_without_a_token_what_is_needed_and_missing_is_412(
    caller: Caller, prefetch: dict[str, Any], key: str, how: str
) -> None:
    broken(prefetch, key, how)
    reply = caller.call(caller.body(prefetch=prefetch, fhirAuthorization=None, fhirServer=None))
    assert (reply.status_code, code_of(reply)) == (412, "precondition")


def test_without_a_token_and_prefetch_it_is_412(caller: Caller) -> None:
    assert caller.call(caller.body(fhirAuthorization=None)).status_code == 412


def test_without_a_token_null_is_no_data_as_the_specification_says(caller: Caller, prefetch: dict[str, Any]) -> None:
    prefetch.update(immunizations=None, allergies=None)
    (card,) = caller.cards(prefetch=prefetch, fhirAuthorization=None)
    assert card["summary"] == GROUP_2
    prefetch["patient"] = None
    assert caller.call(caller.body(prefetch=prefetch, fhirAuthorization=None)).status_code == 412


def test_what_matters_less_may_be_missing_and_the_card_says_so(caller: Caller, prefetch: dict[str, Any]) -> None:
    del prefetch["procedures"]
    (card,) = caller.cards(prefetch=prefetch, fhirAuthorization=None)
    assert card["summary"] == GROUP_2
    assert "**Not read**\n\n- Procedures: the EHR did not grant it." in card["detail"]


@pytest.mark.parametrize("key", ["conditions", "observations", "encounters", "immunizations", "allergies"])
@pytest.mark.parametrize("stray", [
    {"resourceType": "Condition", "id": "s", "subject": {"reference": f"Patient/{BEN}"}},
    {"resourceType": "Observation", "id": "s", "subject": {"reference": f"https://other.example/fhir/Patient/{ANA}"}},
    {"resourceType": "Immunization", "id": "s", "patient": {"reference": f"Patient/{BEN}"}},
    {"resourceType": "Patient", "id": BEN},
])  # fmt: skip
def test_one_resource_of_somebody_else_ends_the_call(
    caller: Caller, prefetch: dict[str, Any], key: str, stray: dict[str, Any]
) -> None:
    bundle = prefetch[key]
    bundle.update(total=bundle["total"] + 1, entry=[*bundle.get("entry", ()), {"resource": stray}])
    reply = caller.call(caller.body(prefetch=prefetch))
    assert (reply.status_code, code_of(reply)) == (422, "other_patient")


def test_the_patient_of_the_prefetch_is_that_of_the_context(caller: Caller, prefetch: dict[str, Any]) -> None:
    bens = caller.prefetch(BEN)
    for parts in ({**prefetch, "patient": bens["patient"]}, bens, {**bens, "patient": prefetch["patient"]}):
        reply = caller.call(caller.body(prefetch=parts))
        assert (reply.status_code, code_of(reply)) == (422, "other_patient")


def test_a_record_that_was_merged_into_another_gives_no_cards(caller: Caller, prefetch: dict[str, Any]) -> None:
    prefetch["patient"]["link"] = [{"type": "replaced-by", "other": {"reference": "Patient/x"}}]
    assert caller.call(caller.body(prefetch=prefetch)).status_code == 412


def test_a_token_for_somebody_else_reads_nothing(caller: Caller) -> None:
    """The EHR gave one for Ben, and says that it is one for Ana."""
    given = caller.authorization(BEN) | {"patient": ANA}
    assert caller.call(caller.body(fhirAuthorization=given)).status_code == 412


def test_a_token_that_the_ehr_refuses_is_412(caller: Caller) -> None:
    reply = caller.call(caller.body(fhirAuthorization=caller.authorization(access_token="ended")))
    assert (reply.status_code, code_of(reply)) == (412, "precondition")


def test_the_token_goes_to_the_registered_server_alone_and_is_kept_nowhere(
    caller: Caller, world: World, prefetch: dict[str, Any], caplog: Any
) -> None:
    given = caller.authorization()
    prefetch["conditions"]["link"] = [{"relation": "next", "url": f"{world.ehr.foreign_url}/fhir?_page=x"}]
    world.ehr.recorder.clear()
    assert len(caller.cards(prefetch=prefetch, fhirAuthorization=given)) == 1
    seen = world.ehr.recorder.saw(given["access_token"])
    assert seen and {one.host for one in seen} == {world.ehr.base_url.removeprefix("http://")}
    assert world.ehr.recorder.all(host=world.ehr.foreign_url) == []
    kept = b"".join(path.read_bytes() for path in world.home.glob("app.db*"))
    assert given["access_token"].encode() not in kept
    assert given["access_token"] not in caplog.text


def test_a_type_that_fails_gives_no_group_as_if_whole(caller_of: Callable[[str], Caller]) -> None:
    caller = caller_of("search-500=Condition")
    (card,) = caller.cards()
    assert card["summary"] == "No risk group: the chart could not be read completely (conditions)"
    assert card["indicator"] == "info"
    assert "Conditions: the EHR reported an error." in card["detail"]


def test_what_is_not_granted_gives_no_group_as_if_whole(caller: Caller) -> None:
    given = caller.authorization(scopes="patient/Patient.rs patient/Condition.rs patient/Encounter.rs")
    (card,) = caller.cards(fhirAuthorization=given)
    assert card["summary"].startswith("No risk group: the chart could not be read completely (medicines, measurements")


def test_what_is_granted_in_part_is_said_in_the_summary(caller: Caller) -> None:
    category = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
    narrow = "Patient Condition Encounter MedicationRequest Medication Procedure Immunization AllergyIntolerance"
    scopes = " ".join(f"patient/{name}.rs" for name in narrow.split())
    given = caller.authorization(scopes=f"{scopes} patient/Observation.rs?category={category}")
    (card,) = caller.cards(fhirAuthorization=given)
    assert card["summary"].endswith(" (chart read in part)")
    assert "Measurements and laboratory results: the EHR granted only laboratory results." in card["detail"]


def test_a_server_that_is_slow_is_not_waited_for(caller_of: Callable[[str], Caller]) -> None:
    caller = caller_of("fhir-slow=5")
    reply = caller.call(caller.body())
    assert (reply.status_code, code_of(reply)) == (412, "precondition")
    assert reply.elapsed.total_seconds() < 4.5


@pytest.mark.parametrize("odd", [
    {"effectiveDateTime": "0000-99-99"}, {"effectiveDateTime": "9999-12-31T23:59:60+99:99"}, {"effectiveDateTime": {}},
    {"valueQuantity": {"value": 1e308, "unit": "%"}}, {"valueQuantity": {"value": "9.4"}}, {"code": "4548-4"},
    {"code": {"coding": "x"}}, {"subject": "Patient/ana-1"}, {"id": ["x"]}, {"component": {"a": 1}}, {"status": 7},
    {"extension": [[[[[[[["deep"]]]]]]]]}, {"issued": "\ud83d\ude00"},
])  # fmt: skip
def test_odd_content_never_ends_in_a_fault(caller: Caller, prefetch: dict[str, Any], odd: dict[str, Any]) -> None:
    resource = copy.deepcopy(prefetch["observations"]["entry"][0]["resource"]) | odd
    prefetch["observations"].update(
        total=len(prefetch["observations"]["entry"]) + 1,
        entry=[*prefetch["observations"]["entry"], {"resource": resource}],
    )
    assert caller.call(caller.body(prefetch=prefetch)).status_code == 200


def test_nesting_that_no_resource_has_is_refused(caller: Caller, prefetch: dict[str, Any]) -> None:
    deep: Any = "x"
    for _ in range(600):
        deep = [deep]
    prefetch["conditions"]["entry"][0]["resource"]["extension"] = deep
    reply = caller.call(caller.body(prefetch=prefetch))
    assert (reply.status_code, code_of(reply)) == (400, "bad_json")


def test_thousands_of_resources_are_read_in_time(caller: Caller, prefetch: dict[str, Any]) -> None:
    first = prefetch["observations"]["entry"][0]["resource"]
    entries = [{"resource": first | {"id": f"copy-{number}"}} for number in range(5000)]
    prefetch["observations"].update(total=len(entries), entry=entries)
    reply = caller.call(caller.body(prefetch=prefetch))
    assert reply.status_code == 200 and len(but_gaps(reply.json()["cards"])) == 1
