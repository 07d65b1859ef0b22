"""CDS Hooks 2.0, "Trusting CDS Clients": every wrong JWT is one and the same 401; the log has the cause."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from fhir_fixtures.ehr import live
from fhir_fixtures.ehr.keys import new_key
from tests.conformance.hooks.caller import FEEDBACK, LEAVE_OUT, SERVICE, Caller, code_of
from tests.flow.world import World

NOW = 0  # in the claims below: the moment of the call
MOMENTS = {"exp", "iat", "nbf"}


def told(caplog: Any) -> list[str]:
    """Causes in the log of the app."""
    return [record.args[1] for record in caplog.records if record.msg.startswith("hook refused")]


def encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_right_jwt_is_taken(caller: Caller) -> None:
    assert caller.call().status_code == 200


@pytest.mark.parametrize(("claims", "cause"), [
    ({"iss": LEAVE_OUT}, "iss"),
    ({"iss": "https://evil.example"}, "iss"),
    ({"iss": ["x"]}, "iss"),
    ({"aud": LEAVE_OUT}, "aud"),
    ({"aud": "https://elsewhere.example" + SERVICE}, "aud"),
    ({"aud": [{"x": 1}, 7, None]}, "aud"),
    ({"exp": LEAVE_OUT}, "exp"),
    ({"exp": NOW - 3600, "iat": NOW - 3700}, "exp"),
    ({"exp": "never"}, "exp"),
    ({"exp": True}, "exp"),
    ({"exp": float("nan")}, "exp"),
    ({"exp": NOW + 86_400}, "lifetime"),
    ({"exp": float("inf")}, "lifetime"),
    ({"iat": LEAVE_OUT}, "iat"),
    ({"iat": NOW + 3600, "exp": NOW + 3700}, "iat"),
    ({"iat": NOW - 86_400, "exp": NOW + 60}, "iat"),
    ({"nbf": NOW + 3600}, "nbf"),
    ({"jti": LEAVE_OUT}, "jti"),
    ({"jti": ""}, "jti"),
    ({"jti": 7}, "jti"),
    ({"jti": "j" * 300}, "jti"),
])  # fmt: skip
def test_a_wrong_claim_is_refused(caller: Caller, caplog: Any, claims: dict[str, Any], cause: str) -> None:
    now = int(time.time())
    moments = {key: value + now for key, value in claims.items() if key in MOMENTS and type(value) is int}
    reply = caller.call(token=caller.jwt(**(claims | moments)))
    assert (reply.status_code, code_of(reply), told(caplog)) == (401, "unauthorized", [cause])
    assert reply.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("header", "cause"), [
    ({"jku": "https://evil.example/jwks.json"}, "jku"),
    ({"jku": "http://127.0.0.1:1/"}, "jku"),
    ({"kid": "another"}, "signature"),
    ({"kid": LEAVE_OUT, "jku": LEAVE_OUT}, None),
    ({"typ": LEAVE_OUT}, None),
    ({"typ": "at+jwt"}, "header"),
    ({"crit": ["b64"], "b64": True}, "header"),
])  # fmt: skip
def test_a_header_is_held_against_the_registration(
    caller: Caller, caplog: Any, header: dict[str, Any], cause: str | None
) -> None:
    reply = caller.call(token=caller.jwt(header=header))
    assert reply.status_code == (200 if cause is None else 401)
    assert told(caplog) == ([] if cause is None else [cause])


def test_a_key_that_is_not_in_the_key_set_is_refused(caller: Caller, caplog: Any) -> None:
    other = new_key("ES384")
    assert caller.call(token=caller.jwt(key=other)).status_code == 401
    assert caller.call(token=caller.jwt(key=other, header={"kid": other.kid})).status_code == 401
    assert told(caplog) == ["signature", "signature"]


def test_a_key_set_elsewhere_is_never_asked_for(caller: Caller, world: World) -> None:
    world.ehr.recorder.clear()
    foreign = f"{world.ehr.foreign_url}/cds-hooks/jwks.json"
    assert caller.call(token=caller.jwt(header={"jku": foreign})).status_code == 401
    assert world.ehr.recorder.all(host=world.ehr.foreign_url) == []


def test_no_algorithm_without_a_key_pair_is_taken(caller: Caller, caplog: Any) -> None:
    head, claims, _ = caller.jwt().split(".")
    secret = bytes(world_key(caller).as_pem(private=False))
    for algorithm in ("none", "None", "HS256", "HS384", "HS512", "", None, 7):
        text = f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{claims}"
        mac = base64.urlsafe_b64encode(hmac.digest(secret, text.encode(), hashlib.sha256)).rstrip(b"=").decode()
        for signature in ("", mac):
            assert caller.call(token=f"{text}.{signature}").status_code == 401
    assert head and set(told(caplog)) <= {"alg", "not_a_jws"}


def world_key(caller: Caller) -> Any:
    return caller.world.ehr.keys["hooks"][0]


def test_an_algorithm_of_another_kind_of_key_is_refused(caller: Caller) -> None:
    token = caller.jwt(key=live.test_key("signing", "RS256"), header={"alg": "RS256"})
    assert caller.call(token=token).status_code == 401


@pytest.mark.parametrize("token", ["", "a.b.c", "a.b", "....", "x" * 9000, "e30.e30.", "\u00e9\u00e9.a.b"])
def test_what_is_no_jwt_is_refused(caller: Caller, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}".encode()} if not token.isascii() else {}
    assert caller.call(token=token if token.isascii() else "x", headers=headers).status_code == 401


@pytest.mark.parametrize("scheme", ["", "Basic eDp5", "Token abc"])
def test_another_scheme_is_refused(caller: Caller, scheme: str) -> None:
    assert caller.call(headers={"Authorization": scheme}).status_code == 401


def test_a_jwt_serves_once_also_for_feedback_and_after_a_restart(caller: Caller, world: World, caplog: Any) -> None:
    from app import create_app

    token = caller.jwt(aud=[f"{caller.app_url}{SERVICE}", f"{caller.app_url}{FEEDBACK}"])
    assert caller.call(token=token).status_code == 200
    assert caller.call(token=token).status_code == 401
    assert caller.call(token=token, path=FEEDBACK).status_code == 401
    again = create_app(world.config)
    headers = {"Authorization": f"Bearer {token}", "Host": caller.app_url.removeprefix("http://")}
    assert again.test_client().post(SERVICE, json=caller.body(), headers=headers).status_code == 401
    assert told(caplog) == ["replay"] * 3
    again.extensions["turns"].shutdown()
    for part in ("smart", "hook_store"):
        again.extensions[part].engine.dispose()


def test_a_jti_of_one_client_is_free_for_another(caller: Caller, caller_of: Callable[[str], Caller]) -> None:
    assert caller.call(token=caller.jwt(jti="the-same")).status_code == 200
    other = caller_of("case=bare")
    assert other.call(other.body(), token=other.jwt(jti="the-same")).status_code == 200


def test_a_client_cannot_sign_as_another(caller: Caller, caller_of: Callable[[str], Caller], caplog: Any) -> None:
    """Its jku is right for itself, and wrong for whom it claims to be."""
    other = caller_of("case=bare")
    assert caller.call(token=caller.jwt(iss=other.base)).status_code == 401
    assert told(caplog) == ["jku"]


def test_an_ehr_without_a_hooks_table_gets_no_cards(caller: Caller) -> None:
    assert caller.call(token=caller.jwt(iss="https://deaf.example")).status_code == 401


def test_a_key_set_that_fails_is_a_401_and_not_asked_for_at_each_call(
    caller_of: Callable[[str], Caller], world: World
) -> None:
    caller = caller_of("hook-jwks-500")
    world.ehr.recorder.clear()
    assert [caller.call().status_code for _ in range(4)] == [401] * 4
    assert len(world.ehr.recorder.all("/cds-hooks/jwks.json")) <= 3  # one, which the transport may repeat


def test_a_refusal_says_nothing_of_what_was_sent(caller: Caller, caplog: Any) -> None:
    marker = "SECRET-MARKER"
    reply = caller.call(token=caller.jwt(iss=marker, jti=marker, header={"kid": marker}), body={"x": marker})
    assert marker not in reply.text + str(dict(reply.headers)) + caplog.text
