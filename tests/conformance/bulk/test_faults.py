"""Faults by address: each does what its line in faults/README.md says, and only there."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

import fhir_fixtures.ehr
from fhir_fixtures.ehr.faults import Faults, all_faults
from fhir_fixtures.ehr.faults.bulk_files import LONG, broken_lines


@Request.application
def plain(request: Request) -> Response:
    """Stands for the sandbox: says where it was called."""
    seen = {"path": request.path, "root": request.root_path, "faults": request.environ.get("kindred.faults")}
    if request.path.endswith("/auth/token"):
        seen = {"access_token": "abc", "expires_in": 300}
    return Response(orjson.dumps(seen), mimetype="application/json")


@pytest.fixture
def http() -> Client:
    return Client(Faults(plain))


def body(response: Any) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(response.get_data())
    return found


def test_every_fault_is_in_the_table_and_the_table_has_no_other() -> None:
    text = (Path(fhir_fixtures.ehr.__file__).parent / "faults" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z0-9-]+)", text, re.MULTILINE)) == set(all_faults())


def test_the_prefix_moves_to_the_root_and_the_rest_is_the_path(http: Client) -> None:
    assert body(http.get("/~case=1,search-500=Condition/fhir/Patient")) == {
        "path": "/fhir/Patient", "root": "/~case=1,search-500=Condition",
        "faults": {"case": "1", "search-500": "Condition"}}
    assert body(http.get("/fhir/Patient"))["faults"] is None


def test_an_unknown_fault_is_refused(http: Client) -> None:
    assert http.get("/~no-such/fhir/Patient").status_code == 400


def test_counts_are_of_an_address_and_a_file(http: Client) -> None:
    def statuses(prefix: str, number: int) -> list[int]:
        return [http.get(f"/{prefix}/fhir/bulk/file/job/{number}").status_code for _ in range(3)]

    assert statuses("~file-503=2", 0) == [503, 503, 200]
    assert statuses("~file-503=2", 1) == [503, 503, 200]
    assert statuses("~case=other,file-503=2", 0) == [503, 503, 200]


def test_the_first_named_is_the_outermost(http: Client) -> None:
    kick_off = "/fhir/$export"
    assert http.get(f"/~kickoff-429=1{kick_off}").headers["Retry-After"] == "1"
    assert http.get(f"/~retry-after-date,kickoff-429=1{kick_off}").headers["Retry-After"].endswith("GMT")
    assert not http.get(f"/~retry-after-nonsense,kickoff-429=1{kick_off}").headers["Retry-After"].isdigit()


@pytest.mark.parametrize(("prefix", "path", "status"), [
    ("discovery-500", "/fhir/.well-known/smart-configuration", 500), ("discovery-500", "/fhir/Patient", 200),
    ("token-plain-401", "/auth/token", 401), ("fhir-500", "/fhir/Patient/1", 500), ("fhir-500", "/fhir/metadata", 200),
    ("search-500=Condition", "/fhir/Condition", 500), ("search-500=Condition", "/fhir/Condition/1", 200),
    ("status-failed", "/fhir/bulk/status/x", 500), ("kickoff-405", "/fhir/Group/1/$export", 405),
    ("fhir-401-once", "/fhir/Patient", 401)])
def test_a_fault_strikes_where_it_says(prefix: str, path: str, status: int, http: Client) -> None:
    assert http.get(f"/~{prefix}{path}").status_code == status


def test_a_token_of_a_short_life_ends(http: Client) -> None:
    assert body(http.post("/~token-expires=0/auth/token"))["expires_in"] == 1
    assert http.get("/~token-expires=0/fhir/Patient", headers={"Authorization": "Bearer abc"}).status_code == 401
    assert http.get("/~token-expires=0/fhir/Patient", headers={"Authorization": "Bearer other"}).status_code == 200


def test_broken_lines_are_nine_and_one_is_long() -> None:
    lines = broken_lines()
    assert len(lines) == 9
    assert max(map(len, lines)) > LONG
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(lines[0])
