"""The key set that the app publishes, and the keys behind it."""

import base64
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from app import create_app
from app.config import from_environment
from tests.conformance.smart.answers import header
from tests.conformance.smart.browser import Browser, patient_of
from tests.conformance.smart.registrations import Registration
from tests.conformance.smart.world import SECONDS, Ehr, World, listening
from tests.flow.people import ANA
from tests.serving import serving

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
EhrFor = Callable[[str], Ehr]


@pytest.fixture(scope="module")
def published(world: World) -> requests.Response:
    return requests.get(f"{world.app_url}/.well-known/jwks.json", timeout=SECONDS)


def size(number: str) -> int:
    """Bytes of a base64url number."""
    return len(base64.urlsafe_b64decode(number + "=" * (-len(number) % 4)))


def test_req_302_the_key_set_is_open_to_everyone(published: requests.Response) -> None:
    assert published.status_code == 200 and published.headers["Content-Type"].startswith("application/json")
    assert published.request.headers.get("Authorization") is None and "Set-Cookie" not in published.headers


def test_req_303_the_key_set_may_be_kept_for_a_while(published: requests.Response) -> None:
    said = published.headers["Cache-Control"]
    assert "no-store" not in said and 0 < int(said.split("max-age=")[1].split(",")[0]) <= 86_400


def test_req_313_322_each_key_is_bare_with_kty_and_a_kid_of_its_own(published: requests.Response) -> None:
    keys = published.json()["keys"]
    assert {key["kty"] for key in keys} == {"RSA", "EC"}
    assert len({key["kid"] for key in keys}) == len(keys) == 2
    assert not any({"x5c", "x5u"} & set(key) for key in keys)


def test_req_314_rsa_keys_have_modulus_and_exponent(published: requests.Response) -> None:
    [key] = [key for key in published.json()["keys"] if key["kty"] == "RSA"]
    assert key["alg"] == "RS384" and size(key["n"]) >= 256 and size(key["e"]) >= 1


def test_req_315_ec_keys_have_curve_and_coordinates(published: requests.Response) -> None:
    [key] = [key for key in published.json()["keys"] if key["kty"] == "EC"]
    assert key["alg"] == "ES384" and key["crv"] == "P-384" and size(key["x"]) == size(key["y"]) == 48


def test_req_295_no_private_part_is_published(published: requests.Response) -> None:
    assert not any(PRIVATE & set(key) for key in published.json()["keys"])


def test_req_022_291_293_294_299_301_an_ehr_that_knows_the_address_alone_accepts_the_key(
    ehr_for: EhrFor, browser: Browser, published: requests.Response
) -> None:
    ehr = ehr_for("jwks")
    assert patient_of(browser.open(ehr.launch_url(ANA))) == ANA
    used = header(ehr.token_request.parameters["client_assertion"])["kid"]
    assert used in {key["kid"] for key in published.json()["keys"]}


def test_req_294_313_322_while_keys_change_the_first_signs_and_all_are_published(
    world: World, tmp_path: Path, browser: Browser
) -> None:
    names = ["ES384.jwk.json", "RS384.jwk.json"]
    with listening() as (sock, url):
        ehr, home = world.registered(tmp_path, url, "es384", private_key=None, private_keys=names)
        Registration.of("rs384").written(home)
        with serving(create_app(from_environment({"KINDRED_HOME": str(home)})), sock):
            assert patient_of(browser.open(ehr.launch_url(ANA))) == ANA
            keys = browser.get(f"{url}/.well-known/jwks.json").json()["keys"]
    kids = [Registration.of(kind).key.kid for kind in ("es384", "rs384")]
    assert {key["kid"] for key in keys} == set(kids) and len(keys) == 2
    assert header(ehr.token_request.parameters["client_assertion"])["kid"] == kids[0]


def test_req_290_295_a_private_key_that_others_can_read_or_that_is_none_ends_the_start(
    world: World, tmp_path: Path
) -> None:
    _, home = world.registered(tmp_path, "http://127.0.0.1:9", "es384")
    key = home / "ES384.jwk.json"
    right = key.read_text()
    for mode, text, said in ((0o644, right, "chmod 600"), (0o600, "{}", "private JWK")):
        key.chmod(mode)
        key.write_text(text)
        ended = start(home)
        assert ended.returncode == 3 and said in ended.stderr and "private_key" in ended.stderr
    secret_part = right.split('"d": "')[1].split('"')[0]
    assert secret_part not in ended.stdout + ended.stderr


def start(home: Path) -> subprocess.CompletedProcess[str]:
    """Start the app as a command that is expected to end."""
    environment = {**os.environ, "KINDRED_HOME": str(home)}
    command = [sys.executable, "-m", "app", "--port", "0"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
