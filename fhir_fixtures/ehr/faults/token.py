"""Faults of the token and revocation endpoints. `token-` ones strike every reply, `refresh-` ones refreshes only."""

import time
from collections.abc import Callable
from typing import Any

import orjson
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from fhir_fixtures.ehr.faults.fault import Answer, Call, Fault, changed, outcome, page, stuffed

HUGE = 50  # megabytes
MORE_SCOPES = "patient/Coverage.rs user/*.cruds system/*.rs"
UNUSABLE_PATIENTS: dict[str, object] = {
    "path": "../Group/all",
    "query": "anna?_id=bert",
    "number": 7,
    "list": ["anna"],
    "empty": "",
    "long": "a" * 65,
    "script": "<script>alert(1)</script>",
}
OTHER_PATIENT = "somebody-else"

Change = Callable[[Call, dict[str, Any]], Any]


def _is_token(call: Call) -> bool:
    return call.path.endswith("/auth/token")


def is_refresh(call: Call) -> bool:
    """Is it a refresh, not the exchange of a code?"""
    return _is_token(call) and call.form().get("grant_type") == "refresh_token"


def _instead(make: Callable[[Call], Response], when: Callable[[Call], bool] = _is_token) -> Fault:
    return lambda call, answer: make(call) if when(call) else answer()


def _but(change: Change, when: Callable[[Call], bool] = _is_token) -> Fault:
    """The fault that changes a token reply."""
    def fault(call: Call, answer: Answer) -> Response:
        return changed(answer(), lambda reply: change(call, reply)) if when(call) else answer()

    return fault


def _says(**values: Any) -> Fault:
    return _but(lambda call, reply: reply.update(values))


def _without(*names: str, when: Callable[[Call], bool] = _is_token) -> Fault:
    return _but(lambda call, reply: [reply.pop(name, None) for name in names], when)


def oauth_error(error: str, status: int = 400) -> Response:
    """RFC 6749 5.2."""
    body = orjson.dumps({"error": error, "error_description": "A fault that was switched on."})
    return Response(body, status, content_type="application/json")


def _slow(call: Call, answer: Answer) -> Response:
    if _is_token(call):
        time.sleep(call.number)
    return answer()


def _expires(call: Call, answer: Answer) -> Response:
    """Tokens that this address gives out end after so many seconds, and say so."""
    ends: dict[str, float] = call.memory.setdefault("ends", {})
    if _is_token(call):
        response = answer()
        if response.status_code == 200:
            body = orjson.loads(response.get_data())
            body["expires_in"] = max(int(call.number), 1)
            ends[body["access_token"]] = time.monotonic() + call.number
            response.set_data(orjson.dumps(body))
        return response
    token = call.request.headers.get("Authorization", "").partition(" ")[2]
    if call.path.startswith("/fhir") and token in ends and time.monotonic() > ends[token]:
        return outcome(401, "login")
    return answer()


def _unusable_patient(call: Call, reply: dict[str, Any]) -> None:
    reply["patient"] = UNUSABLE_PATIENTS[call.argument or "path"]


def _kept_refresh_token(call: Call, answer: Answer) -> Response:
    """A refresh gives no new refresh token; the first one goes on working, as at servers that do not rotate."""
    successors: dict[str, str] = call.memory.setdefault("successors", {})
    if not is_refresh(call):
        return answer()
    fields = call.form()
    first = fields.get("refresh_token", "")
    call.replace_form(fields | {"refresh_token": successors.get(first, first)})

    def keep(_: Call, reply: dict[str, Any]) -> None:
        successors[first] = reply.pop("refresh_token")

    return changed(answer(), lambda reply: keep(call, reply))


def _bare_refresh(call: Call, reply: dict[str, Any]) -> None:
    """What RFC 6749 asks for and no launch context, which SMART leaves open."""
    kept = ("access_token", "token_type", "expires_in", "scope", "refresh_token")
    for name in set(reply) - set(kept):
        del reply[name]


def _fewer_on_refresh(call: Call, answer: Answer) -> Response:
    """A refresh is for the first half of the scopes only, really."""
    if is_refresh(call):
        scope = call.memory.get("scope", "")
        words = scope.split()
        call.replace_form(call.form() | {"scope": " ".join(words[: len(words) // 2])})
        return answer()
    return _but(lambda _, reply: call.memory.update(scope=reply["scope"]))(call, answer)


def _is_revoke(call: Call) -> bool:
    return call.path.endswith("/auth/revoke")


def _revoke_slow(call: Call, answer: Answer) -> Response:
    if _is_revoke(call):
        time.sleep(call.number)
    return answer()


def _plain_401(call: Call) -> Response:
    return Response("Unauthorized", 401, content_type="text/plain")


TOKEN_FAULTS: dict[str, Fault] = {
    "token-plain-401": _instead(_plain_401),
    "token-invalid-grant": _instead(lambda call: oauth_error("invalid_grant")),
    "token-invalid-client": _instead(lambda call: oauth_error("invalid_client", 401)),
    "token-500": _instead(lambda call: outcome(500, "exception")),
    "token-html": _instead(lambda call: page()),
    "token-list": _instead(lambda call: Response("[]", content_type="application/json")),
    "token-huge": _instead(lambda call: stuffed(HUGE)),
    "token-redirect": _instead(lambda call: redirect(f"{call.foreign}/auth/token", 307)),
    "token-slow": _slow,
    "token-expires": _expires,
    "token-no-token": _without("access_token"),
    "token-no-type": _without("token_type"),
    "token-type-lower": _says(token_type="bearer"),  # noqa: S106 -- no password
    "token-type-other": _says(token_type="mac"),  # noqa: S106 -- no password
    "token-no-expiry": _without("expires_in"),
    "token-expiry-text": _says(expires_in="3600"),
    "token-expiry-nonsense": _says(expires_in="soon"),
    "token-expiry-negative": _says(expires_in=-1),
    "token-no-scope": _without("scope"),
    "token-scope-list": _but(lambda call, reply: reply.update(scope=reply["scope"].split())),
    "token-more-scopes": _but(lambda call, reply: reply.update(scope=f"{reply['scope']} {MORE_SCOPES}")),
    "token-no-id-token": _without("id_token"),
    "token-no-refresh-token": _without("refresh_token"),
    "token-no-patient": _without("patient"),
    "token-no-encounter": _without("encounter"),
    "token-patient": _but(_unusable_patient),
    "refresh-other-patient": _but(lambda call, reply: reply.update(patient=OTHER_PATIENT), is_refresh),
    "refresh-no-context": _but(_bare_refresh, is_refresh),
    "refresh-not-returned": _kept_refresh_token,
    "refresh-invalid-grant": _instead(lambda call: oauth_error("invalid_grant"), is_refresh),
    "refresh-500": _instead(lambda call: outcome(500, "exception"), is_refresh),
    "refresh-plain-401": _instead(_plain_401, is_refresh),
    "refresh-fewer-scopes": _fewer_on_refresh,
    "revoke-500": _instead(lambda call: outcome(500, "exception"), _is_revoke),
    "revoke-slow": _revoke_slow,
}
