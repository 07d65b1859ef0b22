"""Client authentication as strict as a certifying server's: what must be refused, and keys that rotate."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import orjson
import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from joserfc.jws import serialize_compact

from fhir_fixtures.ehr.keys import new_key, public_jwk

Pair = tuple[int, str]
REQUEST, CLIENT = (400, "invalid_request"), (401, "invalid_client")


def outcome(response: requests.Response) -> Pair:
    return response.status_code, response.json().get("error", "")


def post(client: Any, form: Any, query: str = "", **more: Any) -> requests.Response:
    found: requests.Response = client.http.post(f"{client.live.base_url}/auth/token{query}", data=form, **more)
    return found


FORMS: list[tuple[dict[str, Any], dict[str, Any], Pair]] = [
    ({"client_id": "kindred", "client_secret": "x"}, {}, REQUEST),
    ({"client_id": "kindred-symmetric", "client_secret": "{secret}"}, {}, REQUEST),
    ({"client_id": "kindred-symmetric"}, {}, CLIENT),
    ({"client_id": "kindred-asymmetric"}, {}, CLIENT),
    ({"client_id": "kindred-symmetric"}, {"auth": True}, REQUEST),
    ({"client_id": ["kindred", "kindred"]}, {}, REQUEST),
    ({"client_id": "kindred"}, {"query": "?grant_type=authorization_code"}, REQUEST),
    ({}, {}, CLIENT),
    ({}, {"headers": {"Authorization": "Bearer abc"}}, CLIENT),
    ({"client_id": "kindred"}, {"headers": {"Content-Type": "text/plain"}}, REQUEST),
]  # fmt: skip


@pytest.mark.parametrize(("form", "how", "expected"), FORMS)
def test_a_client_authenticates_in_its_own_way_only(
    client: Any, live: Any, form: dict[str, Any], how: dict[str, Any], expected: Pair
) -> None:
    auth = ("kindred-symmetric", live.secret) if how.pop("auth", False) else None
    sent = {name: live.secret if value == "{secret}" else value for name, value in form.items()}
    data = {"grant_type": "authorization_code", "code": "x", **sent}
    assert outcome(post(client, data, auth=auth, **how)) == expected


def test_an_assertion_needs_no_client_id_and_allows_none(client: Any) -> None:
    form = {"grant_type": "client_credentials", "scope": "system/*.rs"}
    assert post(client, form | client.assertion("kindred-bulk")).status_code == 200
    assert outcome(post(client, form | client.assertion("kindred-bulk") | {"client_id": "kindred-bulk"})) == REQUEST


@pytest.mark.parametrize("header", [{}, {"typ": None}, {"typ": "at+jwt"}, {"kid": None}, {"kid": "unknown"}])
def test_the_header_of_an_assertion_is_checked(client: Any, live: Any, header: dict[str, Any]) -> None:
    key = live.keys["kindred-bulk"][0]
    claims = jwt.decode(client.assertion("kindred-bulk")["client_assertion"], key, algorithms=["ES384"]).claims
    said = {name: value for name, value in ({"alg": "ES384", "kid": key.kid, "typ": "JWT"} | header).items() if value}
    text = serialize_compact(said, orjson.dumps(claims), key, algorithms=["ES384"])
    answer = client.backend(client_assertion=text)
    assert answer.status_code == 200 if not header else outcome(answer) == CLIENT


@pytest.mark.parametrize("alg", ["RS256", "ES256", "PS384", "HS384"])
def test_only_rs384_and_es384_are_taken(client: Any, live: Any, alg: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the registered key itself says nothing of its algorithm."""
    rsa, elliptic = (live.keys["kindred-asymmetric"][n] for n in (0, 1))
    key = {"E": elliptic, "H": OctKey.import_key("s" * 48)}.get(alg[0], rsa)
    if alg == "ES256":
        key = ECKey.generate_key("P-256")
    claims = jwt.decode(client.assertion("kindred-asymmetric", "RS384")["client_assertion"], rsa, algorithms=["RS384"])
    bare = type(key).import_key({k: v for k, v in key.as_dict(private=True).items() if k not in ("alg", "use")})
    text = jwt.encode({"alg": alg, "kid": rsa.kid, "typ": "JWT"}, claims.claims, bare, algorithms=[alg])
    registered = live.app.extensions["sandbox"].clients
    silent = {k: v for k, v in public_jwk(key).items() if k not in ("alg", "use")} | {"kid": rsa.kid}
    changed = replace(registered["kindred-asymmetric"], jwks=(silent,))
    monkeypatch.setitem(registered, "kindred-asymmetric", changed)
    form = {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion": text}
    assert outcome(client.token(code="x", **form)) == CLIENT


def test_a_jti_may_be_used_by_another_client_but_not_again(client: Any) -> None:
    first = client.assertion("kindred-bulk", jti="one")
    assert client.backend(**first).status_code == 200
    assert outcome(client.backend(**client.assertion("kindred-bulk", jti="one"))) == CLIENT
    other = client.assertion("kindred-asymmetric", jti="one")
    assert outcome(client.token(code="x", **other)) == (400, "invalid_grant")


# -- keys at the app's own address


@pytest.fixture
def published(live: Any) -> Iterator[list[Any]]:
    """The keys that the app publishes now; its registration has the address, not the keys."""
    keys: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = orjson.dumps({"keys": [public_jwk(key) for key in keys]})
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    registered = live.app.extensions["sandbox"].clients
    known = registered["kindred-bulk"]
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
        registered["kindred-bulk"] = replace(known, jwks=(), jwks_uri=uri)
        yield keys
        registered["kindred-bulk"] = known
        server.shutdown()


def test_keys_rotate_without_the_ehr_being_told(client: Any, live: Any, published: list[Any]) -> None:
    old, new = live.keys["kindred-bulk"][0], new_key("ES384")

    def works(key: Any) -> bool:
        claims = jwt.decode(client.assertion("kindred-bulk")["client_assertion"], old, algorithms=["ES384"]).claims
        text = jwt.encode({"alg": "ES384", "kid": key.kid, "typ": "JWT"}, claims, key, algorithms=["ES384"])
        return bool(client.backend(client_assertion=text).status_code == 200)

    seen = []
    for keys in ([old], [old, new], [new], []):
        published[:] = keys
        seen.append((works(old), works(new)))
    assert seen == [(True, False), (True, True), (False, True), (False, False)]
