"""The same address asked again: what is remembered of an address never answers for the data or for the token."""

from typing import Any

import orjson
import pytest

LOINC = "http://loinc.org"
#: As an app asks for a chart: a list of codes long enough to be remembered, and a plain search.
ADDRESSES = {
    "codes": "Observation?patient={patient}&_count=1000&code=" + ",".join(f"{LOINC}%7C{one}-9" for one in range(300)),
    "plain": "Observation?patient={patient}&_count=1000",
}
WORDS = ["patient/*.rs"]


@pytest.fixture(params=ADDRESSES)
def address(request: Any) -> str:
    return ADDRESSES[request.param]


def token(live: Any, patient: str, words: list[str] = WORDS) -> str:
    from fhir_fixtures.ehr.vault import Access, Grant

    vault = live.app.extensions["sandbox"].vault
    return str(vault.access.put(Access(Grant("kindred", words, patient=patient), words), 60))


def stored(live: Any, client: Any, *resources: dict[str, Any]) -> None:
    reply = client.http.post(f"{live.base_url}/changes", data=b"\n".join(orjson.dumps(one) for one in resources),
                             headers={"Content-Type": "application/fhir+ndjson"})  # fmt: skip
    assert reply.status_code == 200, reply.text


def observation(name: str, patient: str, value: int) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": name, "status": "final", "valueInteger": value,
            "subject": {"reference": f"Patient/{patient}"}, "code": {"coding": [{"system": LOINC, "code": "7-9"}]}}


def values(client: Any, address: str, patient: str, token: str) -> dict[str, Any]:
    bundle = client.fhir(address.format(patient=patient), token).json()
    every = [entry["resource"] for entry in bundle.get("entry", ())]
    assert bundle["total"] == len(every)
    return {one["id"]: one["valueInteger"] for one in every if "valueInteger" in one}


def test_what_is_created_revised_or_deleted_is_seen_at_once(live: Any, client: Any, address: str) -> None:
    ours = token(live, "anna")
    assert "again" not in values(client, address, "anna", ours)
    stored(live, client, observation("again", "anna", 1))
    assert values(client, address, "anna", ours)["again"] == 1
    stored(live, client, observation("again", "anna", 2))
    assert values(client, address, "anna", ours)["again"] == 2
    removal = {"request": {"method": "DELETE", "url": "Observation/again"}}
    stored(live, client, {"resourceType": "Bundle", "type": "transaction", "entry": [removal]})
    assert "again" not in values(client, address, "anna", ours)


def test_another_patients_token_gets_nothing_of_it(live: Any, client: Any, address: str) -> None:
    stored(live, client, observation("hers", "anna", 1), observation("his", "bert", 2))
    assert values(client, address, "anna", token(live, "anna")) == {"hers": 1}
    assert values(client, address, "anna", token(live, "bert")) == {}
    assert values(client, address, "bert", token(live, "bert")) == {"his": 2}


def test_a_token_with_fewer_scopes_gets_less(live: Any, client: Any, address: str) -> None:
    stored(live, client, observation("hers", "anna", 1))
    assert values(client, address, "anna", token(live, "anna")) == {"hers": 1}
    vital = token(live, "anna", ["patient/Observation.rs?category=vital-signs"])
    assert values(client, address, "anna", vital) == {}
    assert client.fhir(address.format(patient="anna"), token(live, "anna", ["patient/Condition.rs"])).status_code == 403


def test_a_revoked_token_gets_nothing_more(live: Any, client: Any, address: str) -> None:
    """By its own end, and by that of its grant."""
    for by in ("access_token", "refresh_token"):
        given = client.exchange("anna")
        ask = address.format(patient="anna")
        assert client.fhir(ask, given["access_token"]).status_code == 200
        form = {"token": given[by], "client_id": "kindred"}
        assert client.http.post(f"{live.base_url}/auth/revoke", data=form).status_code == 200
        assert client.fhir(ask, given["access_token"]).status_code == 401
