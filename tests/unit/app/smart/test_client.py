"""The token endpoint: how we prove who we are, and what its replies come to, word by word."""

import json
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwt
from joserfc.jwk import import_key

from app.problems import Problem
from app.smart.client import ask_token, oauth_session
from app.smart.keys import public_half
from tests.unit.app.smart.test_keys import ec_key, rsa_key

TOKEN = {"access_token": "a", "token_type": "Bearer"}
OLD = {"Date": "Wed, 21 Oct 2015 07:28:00 GMT", "Server": "x"}


def exchange(ehr: Any, url: str) -> dict[str, Any]:
    with oauth_session(ehr) as client:
        return ask_token(
            client.fetch_token, f"{url}/token", grant_type="authorization_code", code="c", code_verifier="v"
        )


def refresh(ehr: Any, url: str) -> dict[str, Any]:
    with oauth_session(ehr) as client:
        return ask_token(client.refresh_token, f"{url}/token", refresh_token="r")


def reply(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: (status, headers or {}, content)


@pytest.mark.parametrize("ask", [exchange, refresh])
@pytest.mark.parametrize(
    ("body", "status", "code", "cause"),
    [
        ({"error": "invalid_grant", "error_description": "ZZ"}, 400, "token_refused", "invalid_grant"),
        ({"error": "invalid_client"}, 401, "token_refused", "invalid_client"),
        ({"error": "invalid_grant"}, 200, "token_refused", "invalid_grant"),  # an error under the wrong status
        ({"error": "<script>ZZ"}, 400, "token_refused", "other"),
        ({"error": "http_ZZ"}, 400, "token_refused", "other"),
        ({"error": ["invalid_grant"]}, 400, "token_refused", "other"),
        (b"Unauthorized ZZ", 401, "token_refused", "http_401"),  # plain text
        (b"", 403, "token_refused", "http_403"),
        (b"<html>ZZ", 404, "token_refused", "http_404"),
        (TOKEN, 400, "token_refused", "http_400"),
        (b"<html>ZZ", 500, "token_unreachable", "http_500"),
        ({"error": "temporarily_unavailable"}, 503, "token_unreachable", "http_503"),
        (b"slow down", 429, "token_unreachable", "http_429"),
        (b"<html>ZZ", 200, "token_invalid", "not_json"),
        (b"", 200, "token_invalid", "not_json"),
        (b"\xff\xfe", 200, "token_invalid", "not_json"),
        ([], 200, "token_invalid", "not_json"),
        ({}, 200, "token_invalid", "no_token"),
        ({**TOKEN, "access_token": ""}, 200, "token_invalid", "no_token"),
        ({**TOKEN, "access_token": 7}, 200, "token_invalid", "no_token"),
        ({"access_token": "a"}, 200, "token_invalid", "no_bearer"),
        ({**TOKEN, "token_type": "mac"}, 200, "token_invalid", "no_bearer"),
        (b"", 307, "token_invalid", "redirect_or_limits"),
        (b" " * 300_000, 200, "token_invalid", "redirect_or_limits"),
    ],
)
def test_each_reply_that_holds_no_token_ends_with_our_word_for_it(
    serve, ehr_at, ask, body: Any, status: int, code: str, cause: str
) -> None:
    here = serve(reply(body, status, {"Location": "/elsewhere"} if status == 307 else None))
    with pytest.raises(Problem) as caught:
        ask(ehr_at(here.url), here.url)
    assert (caught.value.code, caught.value.cause) == (code, cause)
    assert len(here.requests) == 1


@pytest.mark.parametrize("kind", ["bearer", "Bearer", "BEARER"])
def test_a_token_is_a_bearer_token_however_that_is_written(serve, ehr_at, kind) -> None:
    here = serve(reply({**TOKEN, "token_type": kind}))
    assert exchange(ehr_at(here.url), here.url)["access_token"] == "a"


@pytest.mark.parametrize(
    ("keyed", "error", "headers", "cause"),
    [
        (True, "invalid_client", OLD, "clock_skew"),
        (True, "invalid_client", {}, "invalid_client"),
        (True, "invalid_scope", OLD, "invalid_scope"),
        (False, "invalid_client", OLD, "invalid_client"),  # nothing that we sent has a time in it
    ],
)
def test_clocks_apart_are_named_where_an_assertion_is_refused(serve, ehr_at, keyed, error, headers, cause) -> None:
    changes = {"client_auth": "private_key_jwt", "private_keys": (ec_key(),)} if keyed else {}
    here = serve(reply({"error": error}, 400, headers))
    with pytest.raises(Problem) as caught:
        exchange(ehr_at(here.url, **changes), here.url)
    assert caught.value.cause == cause


@pytest.mark.parametrize("ask", [exchange, refresh])
class TestWeProveWhoWeAre:
    def test_as_a_public_client_with_its_id_alone(self, serve, ehr_at, ask) -> None:
        here = serve(reply(TOKEN))
        ask(ehr_at(here.url), here.url)
        (_, _, headers, body) = here.requests[0]
        assert parse_qs(body)["client_id"] == ["kindred"] and "Authorization" not in headers

    def test_with_a_secret_in_the_header_alone(self, serve, ehr_at, ask) -> None:
        here = serve(reply(TOKEN))
        ask(ehr_at(here.url, client_auth="client_secret_basic", client_secret="s3cret"), here.url)
        (_, _, headers, body) = here.requests[0]
        assert b64decode(headers["Authorization"].removeprefix("Basic ")) == b"kindred:s3cret"
        assert "s3cret" not in body and "client_id" not in parse_qs(body)  # 72

    @pytest.mark.parametrize("make", [ec_key, rsa_key])
    def test_with_an_assertion_of_five_minutes_at_most_and_used_once(self, serve, ehr_at, ask, make) -> None:
        here, key = serve(reply(TOKEN)), make()
        ehr = ehr_at(here.url, client_auth="private_key_jwt", private_keys=(key, ec_key(kid="old")))
        ask(ehr, here.url)
        ask(ehr, here.url)
        sent = [parse_qs(body) for _, _, _, body in here.requests]
        tokens = [jwt.decode(one["client_assertion"][0], import_key(public_half(key)), [key["alg"]]) for one in sent]
        claims = tokens[0].claims
        assert tokens[0].header == {"alg": key["alg"], "kid": key["kid"], "typ": "JWT"}  # 321-323, no jku
        assert (claims["iss"], claims["sub"], claims["aud"]) == ("kindred", "kindred", f"{here.url}/token")
        assert 0 < claims["exp"] - claims["iat"] <= 300
        assert claims["jti"] != tokens[1].claims["jti"] and len(claims["jti"]) >= 16
        assert "client_id" not in sent[0]


def test_headers_that_the_registry_asks_for_go_with_it(serve, ehr_at) -> None:
    here = serve(reply(TOKEN))
    exchange(ehr_at(here.url, headers={"Epic-Client-ID": "abc"}), here.url)
    assert here.requests[0][2]["Epic-Client-ID"] == "abc"


def test_no_secret_goes_to_a_host_that_is_not_registered(serve, ehr_at) -> None:
    there = serve(reply(TOKEN))
    with pytest.raises(Problem, match="token_invalid"):
        exchange(ehr_at("https://ehr.example", client_auth="client_secret_basic", client_secret="s"), there.url)
    assert there.requests == []
