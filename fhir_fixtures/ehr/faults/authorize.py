"""Faults of the authorization endpoint: what it grants, and what comes back to the app's redirect address."""

from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from werkzeug.wrappers import Response

from fhir_fixtures.ehr import scopes
from fhir_fixtures.ehr.discovery import ISS_PARAMETER
from fhir_fixtures.ehr.faults.discovery import VERSION_1
from fhir_fixtures.ehr.faults.fault import Answer, Call, Fault, changed, outcome

SCRIPT = "<script>alert(document.domain)</script>"
VERSION_1_ACTIONS = {"read": ("r", "rs", "s"), "write": ("c", "u", "d", "cu", "ud", "cud"), "*": ("cruds",)}

Pairs = list[tuple[str, str]]


def _callback(change: Callable[[Call, dict[str, str]], Pairs]) -> Fault:
    """The fault that changes the parameters with which the user returns to the app."""
    def fault(call: Call, answer: Answer) -> Response:
        response = answer()
        if call.path.startswith("/auth/") and response.status_code in (302, 303):
            parts = urlsplit(response.headers["Location"])
            said = dict(parse_qsl(parts.query, keep_blank_values=True))
            if "code" in said or "error" in said:
                response.headers["Location"] = urlunsplit(parts._replace(query=urlencode(change(call, said))))
        return response

    return fault


def _without(*names: str) -> Fault:
    return _callback(lambda call, said: [pair for pair in said.items() if pair[0] not in names])


def _with(**more: str) -> Fault:
    return _callback(lambda call, said: list((said | more).items()))


def _error(call: Call, said: dict[str, str]) -> Pairs:
    return [("error", call.argument or "server_error"), *_state(said)]


def _script(call: Call, said: dict[str, str]) -> Pairs:
    return [("error", "invalid_request"), ("error_description", SCRIPT), ("error_uri", "javascript:alert(1)"),
            *_state(said)]  # fmt: skip


def _script_code(call: Call, said: dict[str, str]) -> Pairs:
    return [("error", SCRIPT), *_state(said)]


def _state(said: dict[str, str]) -> Pairs:
    return [("state", said["state"])] if "state" in said else []


def _denied_without_state(call: Call, said: dict[str, str]) -> Pairs:
    return [("error", "access_denied")]


def _twice(call: Call, said: dict[str, str]) -> Pairs:
    return [*said.items(), *said.items()]


def _silent(call: Call, answer: Answer) -> Response:
    """The user says no and is left on a page of the EHR: the app never hears of it."""
    response = answer()
    if call.path.startswith("/auth/") and "code=" in response.headers.get("Location", ""):
        text = "<!doctype html><title>Not allowed</title><p>You did not allow access. You may close this window.</p>"
        return Response(text, content_type="text/html")
    return response


def _iss(value: Callable[[Call], str | None]) -> Fault:
    """RFC 9207: the configuration announces `iss` in callbacks, which then have this one (None: none)."""
    def fault(call: Call, answer: Answer) -> Response:
        if call.path.endswith("/.well-known/smart-configuration"):
            return changed(answer(), lambda said: said.update({ISS_PARAMETER: True}))
        found = value(call)
        return _callback(lambda _, said: [*said.items(), *([("iss", found)] if found else [])])(call, answer)

    return fault


def asked_instead(call: Call, change: Callable[[str], str | None]) -> None:
    """Let the sandbox read other scopes than were asked for; `change` gives None for a scope that is left out."""
    if call.path != "/auth/authorize":
        return
    post = call.request.method == "POST"
    fields = call.form() if post else call.request.args.to_dict()
    words = [found for word in fields.get("scope", "").split() if (found := change(word)) is not None]
    fields["scope"] = " ".join(words)
    if post:
        call.replace_form(fields)
    else:
        call.request.environ["QUERY_STRING"] = urlencode(fields)


def _fewer(call: Call, answer: Answer) -> Response:
    """Scopes of the type that the argument names are not granted; without one all resource scopes but Patient's."""
    def change(word: str) -> str | None:
        scope = scopes.parse(word)
        refused = scope and (scope.type == call.argument if call.argument else scope.type != "Patient")
        return None if refused or word == call.argument else word

    asked_instead(call, change)
    return answer()


def _v1_for_v2(call: Call, answer: Answer) -> Response:
    """What was asked in version 2 is granted in version 1, wider where version 1 has no word for it."""
    asked_instead(call, to_version_1)
    return answer()


def to_version_1(word: str) -> str:
    """A scope of version 2 in the words of version 1; any other word as it is."""
    scope = scopes.parse(word)
    if scope is None or scope.version_1:
        return word
    name = next((name for name, actions in VERSION_1_ACTIONS.items() if scope.actions in actions), "*")
    return f"{scope.level}/{scope.type}.{name}"


def _only_v1(call: Call, answer: Answer) -> Response:
    """A server of version 1: it says so, and grants nothing that is asked for in version 2."""
    def change(word: str) -> str | None:
        scope = scopes.parse(word)
        return None if scope and not scope.version_1 else word

    asked_instead(call, change)
    return VERSION_1(call, answer)


def _error_500(call: Call, answer: Answer) -> Response:
    return outcome(500, "exception") if call.path == "/auth/authorize" else answer()


AUTHORIZE_FAULTS: dict[str, Fault] = {
    "permission-v1": _only_v1,
    "scopes-v1-for-v2": _v1_for_v2,
    "scopes-fewer": _fewer,
    "authorize-500": _error_500,
    "authorize-deny": _callback(lambda call, said: [("error", "access_denied"), *_state(said)]),
    "authorize-deny-silent": _silent,
    "authorize-error": _callback(_error),
    "callback-no-state": _without("state"),
    "callback-no-code": _without("code"),
    "callback-empty": _without("code", "state"),
    "callback-wrong-state": _with(state="w" * 43),
    "callback-wrong-code": _with(code="no-such-code"),
    "callback-error-and-code": _with(error="server_error"),
    "callback-deny-no-state": _callback(_denied_without_state),
    "callback-script": _callback(_script),
    "callback-script-code": _callback(_script_code),
    "callback-twice": _callback(_twice),
    "callback-iss": _iss(lambda call: f"{call.base}/fhir"),
    "callback-no-iss": _iss(lambda call: None),
    "callback-wrong-iss": _iss(lambda call: f"{call.foreign}/fhir"),
}
