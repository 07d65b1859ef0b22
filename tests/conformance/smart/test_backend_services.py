"""Backend Services: the export's discovery, its assertions, its tokens and where they go."""

import json
import re
import time
from pathlib import Path

import pytest
from joserfc import jwt

from fhir_fixtures.ehr import live
from tests.conformance.smart.answers import header, payload
from tests.conformance.smart.backend import SCOPES, Run, export
from tests.conformance.smart.test_token_request import JWT_BEARER
from tests.conformance.smart.world import TOKEN, World


@pytest.fixture(scope="module", params=["ES384", "RS384"])
def run(request: pytest.FixtureRequest, world: World, tmp_path_factory: pytest.TempPathFactory) -> Run:
    done = export(world, tmp_path_factory.mktemp("backend"), request.param)
    assert done.ended.returncode == 0, done.printed
    return done


@pytest.fixture(scope="module")
def renewed(world: World, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An export whose tokens end after a second while files take longer."""
    done = export(world, tmp_path_factory.mktemp("renewed"), fault="token-expires=1,job-slow=3")
    assert done.ended.returncode == 0, done.printed
    return done


def assertions(run: Run) -> list[str]:
    """Every assertion that was sent."""
    return [seen.parameters["client_assertion"] for seen in run.ehr.seen(TOKEN)]


def test_req_226_227_the_token_endpoint_is_discovered_as_json(run: Run) -> None:
    paths = [seen.path for seen in run.ehr.seen()]
    before = run.ehr.seen()[: paths.index("/fhir/.well-known/smart-configuration") + 1]
    assert {seen.bearer for seen in before} == {None}
    assert before[-1].method == "GET" and "application/json" in before[-1].headers["Accept"]
    assert run.ehr.seen(TOKEN) and run.ehr.seen(TOKEN)[0].path not in [seen.path for seen in before]


def test_req_234_236_237_238_a_token_is_asked_by_form_with_an_assertion(run: Run) -> None:
    seen = run.ehr.token_request
    assert seen.method == "POST" and not seen.query
    assert seen.headers["Content-Type"].split(";")[0] == "application/x-www-form-urlencoded"
    assert seen.parameters["grant_type"] == "client_credentials"
    assert seen.parameters["client_assertion_type"] == JWT_BEARER
    assert seen.parameters["client_assertion"].count(".") == 2
    assert not {"client_secret", "code", "refresh_token"} & set(seen.parameters)
    assert "Authorization" not in seen.headers


def test_req_143_235_239_scopes_are_system_scopes_as_registered(run: Run) -> None:
    asked = run.ehr.token_request.parameters["scope"].split()
    assert asked == SCOPES.split()
    assert all(re.fullmatch(r"system/(\*|[A-Z][A-Za-z]+)\.(c?r?u?d?s?|read)(\?.+)?", word) for word in asked)


def test_req_225_229_307_308_309_320_it_is_a_confidential_client_that_signs_with_its_registered_key(run: Run) -> None:
    text = assertions(run)[0]
    algorithm = header(text)["alg"]
    assert algorithm == run.home.name[:5]
    assert jwt.decode(text, live.test_key("backend", algorithm), algorithms=[algorithm]).claims["sub"]


def test_req_321_322_323_324_325_the_header_of_a_backend_assertion(run: Run) -> None:
    said = header(assertions(run)[0])
    key = live.test_key("backend", said["alg"])
    assert said == {"alg": said["alg"], "kid": key.kid, "typ": "JWT"}


def test_req_317_327_328_329_330_331_the_claims_of_a_backend_assertion(run: Run) -> None:
    claims = payload(assertions(run)[0])
    assert claims["iss"] == claims["sub"] == run.ehr.client_id
    assert claims["aud"] == f"{run.ehr.base}/auth/token"
    assert isinstance(claims["exp"], int) and claims["exp"] <= time.time() + 300
    assert claims["exp"] - claims.get("iat", claims["exp"]) <= 300


def test_req_233_263_319_332_a_token_that_ended_is_asked_for_anew_with_a_new_assertion(renewed: Run) -> None:
    sent = assertions(renewed)
    assert len(sent) >= 2 and len({payload(text)["jti"] for text in sent}) == len(set(sent)) == len(sent)


def test_req_248_263_no_refresh_token_is_used(renewed: Run) -> None:
    assert {seen.parameters["grant_type"] for seen in renewed.ehr.seen(TOKEN)} == {"client_credentials"}


def test_req_264_requests_for_data_carry_the_token_as_bearer(run: Run) -> None:
    given = {reply["access_token"] for reply in run.ehr.given}
    asked = [seen for seen in run.ehr.reads() if "/metadata" not in seen.path]
    assert len(asked) >= 4 and {seen.bearer for seen in asked} <= given
    assert not any(token in seen.path + str(seen.query) for token in given for seen in run.ehr.seen())


def test_req_267_268_references_and_attachments_elsewhere_are_left_alone(run: Run, world: World) -> None:
    lines = [json.loads(line) for path in run.home.rglob("*.ndjson") for line in path.read_text().splitlines()]
    elsewhere = [line for line in lines if world.foreign_url in json.dumps(line)]
    assert elsewhere and world.sent_elsewhere() == []


@pytest.mark.parametrize("kind", ["discovery-foreign", "token-redirect"])
def test_req_230_267_an_assertion_goes_to_the_ehrs_own_address_alone(
    world: World, tmp_path: Path, kind: str
) -> None:
    done = export(world, tmp_path, fault=kind)
    assert done.ended.returncode != 0 and "Traceback" not in done.printed
    assert world.sent_elsewhere() == []


def test_req_259_fewer_scopes_than_asked_are_no_reason_to_send_more(world: World, tmp_path: Path) -> None:
    done = export(world, tmp_path, fault="token-scope-list")
    assert "Traceback" not in done.printed
    assert {seen.parameters["scope"] for seen in done.ehr.seen(TOKEN)} == {SCOPES}


def test_req_295_nothing_secret_is_printed_or_kept_in_the_lake(run: Run) -> None:
    key = live.test_key("backend", run.home.name[:5]).as_dict(private=True)["d"]
    files = b"".join(path.read_bytes() for path in run.home.rglob("*") if path.is_file() and path.suffix != ".json")
    secret = [reply["access_token"] for reply in run.ehr.given] + assertions(run) + [str(key)]
    assert not any(one in run.printed or one.encode() in files for one in secret)
