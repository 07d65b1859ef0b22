"""Ways in which an EHR's answers are changed before the app gets them."""

import base64
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from joserfc import jws
from joserfc.jwk import Key
from werkzeug.wrappers import Request, Response

from fhir_fixtures.ehr.live import test_key
from tests.conformance.smart.world import Answer, Change

SIGNING = test_key("signing", "RS256")  # the sandbox's own: serve_in_thread takes this one
JSON = "application/json"


def with_parts(**parts: Any) -> Change:
    """The JSON answer with these members; None leaves one out."""

    def change(_: Request, answer: Answer) -> Response:
        response = answer()
        if response.status_code == 200:
            body = json.loads(response.get_data()) | parts
            response.set_data(json.dumps({key: value for key, value in body.items() if value is not None}))
        return response

    return change


def says(body: str | bytes | dict[str, Any], status: int = 200, kind: str = JSON, **headers: str) -> Change:
    """Always this answer; the sandbox is not asked."""
    text = json.dumps(body) if isinstance(body, dict) else body
    return lambda _request, _answer: Response(text, status, headers=headers, content_type=kind)


def in_turn(*changes: Change | None) -> Change:
    """One change for each request, the last one for all that follow; None leaves the answer as it is."""
    left = list(changes)

    def change(request: Request, answer: Answer) -> Response:
        now = left.pop(0) if len(left) > 1 else left[0]
        return now(request, answer) if now else answer()

    return change


def id_token(key: Key = SIGNING, alg: str = "RS256", drop: Iterable[str] = (), header: dict[str, Any] | None = None,
             **claims: Any) -> Change:
    """The token reply with its id_token signed anew: other claims, header, key. `drop` names claims or kid.

    A claim that is a function is asked when the answer is given.
    """

    def change(_: Request, answer: Answer) -> Response:
        response = answer()
        body = json.loads(response.get_data())
        if "id_token" in body:
            fresh = {k: v() if callable(v) else v for k, v in claims.items()}
            told = {k: v for k, v in (payload(body["id_token"]) | fresh).items() if k not in drop}
            head = {"alg": alg, "typ": "JWT", "kid": SIGNING.kid} | (header or {})
            head = {k: v for k, v in head.items() if k not in drop}
            body["id_token"] = jws.serialize_compact(head, json.dumps(told), key, algorithms=[alg])
            response.set_data(json.dumps(body))
        return response

    return change


def payload(token: str) -> dict[str, Any]:
    """The claims of a JWT, unchecked."""
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def header(token: str) -> dict[str, Any]:
    """The header of a JWT, unchecked."""
    part = token.split(".")[0]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def unsigned(token: str) -> str:
    """The same JWT with `alg: none` and no signature."""
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


def now(offset: float = 0) -> Callable[[], int]:
    """Unix seconds when it is asked, moved by `offset`."""
    return lambda: int(time.time() + offset)
