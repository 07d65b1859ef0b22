"""The id_token: each fault ends the launch, each allowed form is taken, and fhirUser becomes a name."""

import json
from typing import Any

import pytest
from joserfc.jwk import Key, OctKey
from werkzeug.wrappers import Request, Response

from fhir_fixtures.ehr.keys import new_key, public_jwk
from tests.conformance.smart.answers import SIGNING, id_token, now, says, unsigned, with_parts
from tests.conformance.smart.browser import CHART, Browser, patient_of
from tests.conformance.smart.world import Answer, Ehr, World
from tests.flow.people import ANA

TOKEN, JWKS, FHIR = "/auth/token", "/auth/jwks", "application/fhir+json"
FOREIGN_RSA = new_key("RS256")
EC = new_key("ES384")
SECOND = new_key("RS256")
THIRD = new_key("RS384")


def launched(ehr: Ehr, browser: Browser) -> str:
    """What a launch for Ana ends in: "chart", or the problem's code."""
    return browser.launch(ehr.launch_url(ANA))


def test_req_201_a_good_id_token_is_taken_and_names_who_is_signed_in(ehr: Ehr, browser: Browser) -> None:
    page = browser.open(ehr.launch_url(ANA))
    assert patient_of(page) == ANA
    assert "Okafor" in page.text


@pytest.mark.parametrize(
    "claims",
    [{"iss": "https://elsewhere.example"}, {"iss": 7}, {"aud": "another-app"}, {"aud": ["another-app"]}, {"aud": []},
     {"aud": ["kindred-public", "x"], "azp": "x"}, {"nonce": "another"}, {"nonce": None}, {"exp": now(-400)},
     {"exp": "tomorrow"}, {"exp": None}, {"iat": now(3_600)}, {"nbf": now(3_600)}],
)  # fmt: skip
def test_req_201_218_a_claim_that_is_wrong_ends_the_launch(
    ehr: Ehr, browser: Browser, claims: dict[str, Any]
) -> None:
    ehr.change(TOKEN, id_token(**claims))
    assert launched(ehr, browser) == "id_token_invalid"
    assert ehr.reads() == []


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "nonce"])
def test_req_201_218_a_claim_that_is_missing_ends_the_launch(ehr: Ehr, browser: Browser, claim: str) -> None:
    ehr.change(TOKEN, id_token(drop=[claim]))
    assert launched(ehr, browser) == "id_token_invalid"


def test_req_201_218_a_signature_by_another_key_ends_the_launch(ehr: Ehr, browser: Browser) -> None:
    ehr.change(TOKEN, id_token(key=FOREIGN_RSA))
    assert launched(ehr, browser) == "id_token_invalid"


def test_req_201_218_a_key_that_the_token_brings_along_is_no_key(ehr: Ehr, browser: Browser, world: World) -> None:
    header = {"kid": None, "jwk": public_jwk(FOREIGN_RSA), "jku": f"{world.foreign_url}/jwks"}
    ehr.change(TOKEN, id_token(key=FOREIGN_RSA, drop=["kid"], header={k: v for k, v in header.items() if v}))
    assert launched(ehr, browser) == "id_token_invalid"
    assert world.foreign_seen == []


def test_req_201_218_a_token_without_signature_ends_the_launch(ehr: Ehr, browser: Browser) -> None:
    def change(_: Request, answer: Answer) -> Response:
        body = json.loads(answer().get_data())
        return Response(json.dumps(body | {"id_token": unsigned(body["id_token"])}), content_type="application/json")

    ehr.change(TOKEN, change)
    assert launched(ehr, browser) == "id_token_invalid"


def test_req_201_218_a_signature_by_a_shared_secret_ends_the_launch(ehr: Ehr, browser: Browser) -> None:
    published = json.dumps(public_jwk(SIGNING)).encode()  # the public key taken for a secret
    ehr.change(TOKEN, id_token(key=OctKey.import_key(published), alg="HS256"))
    assert launched(ehr, browser) == "id_token_invalid"


@pytest.mark.parametrize("value", ["", "a.b.c", "a", 7, {"a": 1}, "é.é.é", "eyJhbGciOiJSUzI1NiJ9.e30."])
def test_req_201_what_is_no_token_ends_the_launch(ehr: Ehr, browser: Browser, value: Any) -> None:
    ehr.change(TOKEN, with_parts(id_token=value))
    assert launched(ehr, browser) == "id_token_invalid"


@pytest.mark.parametrize(
    "claims",
    [{"aud": ["kindred-public"]}, {"aud": ["kindred-public", "x"], "azp": "kindred-public"}, {"exp": now(-30)},
     {"iat": now(60)}],
)  # fmt: skip
def test_req_201_what_openid_connect_allows_is_taken(ehr: Ehr, browser: Browser, claims: dict[str, Any]) -> None:
    ehr.change(TOKEN, id_token(**claims))
    assert launched(ehr, browser) == CHART


def test_req_218_a_token_without_kid_is_taken_where_there_is_one_key(ehr: Ehr, browser: Browser) -> None:
    ehr.change(TOKEN, id_token(drop=["kid"]))
    assert launched(ehr, browser) == CHART


@pytest.mark.parametrize(("algorithm", "key"), [("RS256", SECOND), ("RS384", THIRD), ("ES384", EC)])
def test_req_218_the_key_is_found_by_its_kid_among_several(
    ehr: Ehr, browser: Browser, algorithm: str, key: Key
) -> None:
    ehr.change(JWKS, says({"keys": [public_jwk(one) for one in (SIGNING, SECOND, THIRD, EC)]}))
    ehr.change(TOKEN, id_token(key=key, alg=algorithm, header={"kid": key.kid}))
    assert launched(ehr, browser) == CHART


def test_req_218_keys_that_the_ehr_changed_are_asked_for_again(ehr: Ehr, browser: Browser) -> None:
    assert launched(ehr, browser) == CHART
    ehr.change(JWKS, says({"keys": [public_jwk(SECOND)]}))
    ehr.change(TOKEN, id_token(key=SECOND, header={"kid": SECOND.kid}))
    assert launched(ehr, browser) == CHART


@pytest.mark.parametrize("answer", [says("no", 500), says({"keys": []}), says("[]"), says({"keys": [7]})])
def test_req_218_without_the_ehrs_keys_the_launch_ends(ehr: Ehr, browser: Browser, answer: Any) -> None:
    ehr.change(JWKS, answer)
    assert launched(ehr, browser) == "id_token_invalid"


def test_req_218_keys_are_read_from_the_published_address(ehr: Ehr, browser: Browser) -> None:
    assert launched(ehr, browser) == CHART
    assert [seen.method for seen in ehr.seen(JWKS)] == ["GET"]
    assert ehr.seen(JWKS)[0].bearer is None


@pytest.mark.parametrize("absolute", [True, False])
def test_req_202_203_204_fhir_user_is_read_absolute_or_relative(
    ehr: Ehr, browser: Browser, absolute: bool
) -> None:
    ehr.change(TOKEN, id_token(fhirUser=f"{ehr.fhir}/Practitioner/dr-1" if absolute else "Practitioner/dr-1"))
    page = browser.open(ehr.launch_url(ANA))
    assert patient_of(page) == ANA and "Okafor" in page.text
    assert [seen.path for seen in ehr.reads() if "Practitioner" in seen.path] == ["/fhir/Practitioner/dr-1"]


@pytest.mark.parametrize("kind", ["Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Person"])
def test_req_198_202_each_of_the_five_types_of_user_is_named(ehr: Ehr, browser: Browser, kind: str) -> None:
    ehr.change(TOKEN, id_token(fhirUser=f"{kind}/u-1"))
    person = {"resourceType": kind, "id": "u-1", "name": [{"family": "Lindqvist", "given": ["Maj"]}]}
    if kind == "PractitionerRole":  # has no name; its practitioner has
        ehr.change("/fhir/Practitioner/u-1", says(person | {"resourceType": "Practitioner"}, kind=FHIR))
        person = {"resourceType": kind, "id": "u-1", "practitioner": {"reference": "Practitioner/u-1"}}
    ehr.change(f"/fhir/{kind}/u-1", says(person, kind=FHIR))
    page = browser.open(ehr.launch_url(ANA))
    assert patient_of(page) == ANA and "Lindqvist" in page.text


@pytest.mark.parametrize(
    "user", ["{foreign}/fhir/Practitioner/dr-1", "Device/1", "../Practitioner/dr-1", "Practitioner/a b", "", 7, None]
)
def test_req_097_198_202_a_user_elsewhere_or_of_another_type_is_not_read(
    ehr: Ehr, browser: Browser, world: World, user: Any
) -> None:
    told = user.format(foreign=world.foreign_url) if isinstance(user, str) else user
    ehr.change(TOKEN, id_token(fhirUser=told))
    page = browser.open(ehr.launch_url(ANA))
    assert patient_of(page) == ANA and "Okafor" not in page.text
    assert not any("Practitioner" in seen.path for seen in ehr.reads()) and world.foreign_seen == []


@pytest.mark.parametrize("status", [403, 404, 500])
def test_req_202_a_user_who_cannot_be_read_leaves_the_chart_as_it_is(
    ehr: Ehr, browser: Browser, status: int
) -> None:
    ehr.change("/fhir/Practitioner/dr-1", says("no", status, "text/plain"))
    assert launched(ehr, browser) == CHART
