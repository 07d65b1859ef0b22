"""Faults of `.well-known/smart-configuration` and of the JWKS."""

import time
from collections.abc import Callable
from typing import Any

from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from fhir_fixtures.ehr.faults.fault import Answer, Call, Fault, changed, outcome, page, stuffed

ENDPOINTS = ("authorization", "token", "revocation", "introspection")
V1_SCOPES = ["openid", "fhirUser", "launch", "launch/patient", "offline_access", "patient/*.read", "user/*.read"]
HUGE = 50  # megabytes

Change = Callable[[Call, dict[str, Any]], None]


def _is_discovery(call: Call) -> bool:
    return call.path.endswith("/.well-known/smart-configuration")


def _instead(make: Callable[[Call], Response], path: str = "/.well-known/smart-configuration") -> Fault:
    """The fault that answers in the sandbox's place."""
    return lambda call, answer: make(call) if call.path.endswith(path) else answer()


def _but(change: Change) -> Fault:
    """The fault that changes what the configuration says."""
    def fault(call: Call, answer: Answer) -> Response:
        if not _is_discovery(call):
            return answer()
        return changed(answer(), lambda said: change(call, said))

    return fault


def _relative(call: Call, said: dict[str, Any]) -> None:
    for name in ENDPOINTS:
        said[f"{name}_endpoint"] = said[f"{name}_endpoint"].removeprefix(call.base + "/")
    said["jwks_uri"] = said["jwks_uri"].removeprefix(call.base + "/")


def _relative_endpoints(call: Call, answer: Answer) -> Response:
    """`auth/token`, to be resolved on the FHIR base; found there whether the base is read with a final slash or not."""
    if call.path.startswith("/fhir/auth/"):
        call.request.environ["kindred.token_path"] = "/fhir/auth/token"  # what the client's assertion is for
        call.request.environ["PATH_INFO"] = call.path.removeprefix("/fhir")
    return _but(_relative)(call, answer)


def _foreign(call: Call, said: dict[str, Any]) -> None:
    """The endpoints that the argument names (`foreign=token`), or all of them, lie on another host."""
    for name in [f"{call.argument}_endpoint"] if call.argument else [f"{one}_endpoint" for one in ENDPOINTS]:
        said[name] = said[name].replace(call.base, call.foreign)


def _foreign_jwks(call: Call, said: dict[str, Any]) -> None:
    said["jwks_uri"] = said["jwks_uri"].replace(call.base, call.foreign)


def _version_1(call: Call, said: dict[str, Any]) -> None:
    said["capabilities"].remove("permission-v2")
    said["scopes_supported"] = V1_SCOPES


def _without(name: str) -> Fault:
    return _but(lambda call, said: said.pop(name, None))


def _says(**values: Any) -> Fault:
    return _but(lambda call, said: said.update(values))


def _slow(call: Call, answer: Answer) -> Response:
    if _is_discovery(call):
        time.sleep(call.number)
    return answer()


DISCOVERY_FAULTS: dict[str, Fault] = {
    "discovery-500": _instead(lambda call: outcome(500, "exception")),
    "discovery-404": _instead(lambda call: outcome(404, "not-found")),
    "discovery-html": _instead(lambda call: page()),
    "discovery-redirect": _instead(lambda call: redirect(f"{call.foreign}{call.path}")),
    "discovery-huge": _instead(lambda call: stuffed(HUGE)),
    "discovery-list": _instead(lambda call: Response("[]", content_type="application/json")),
    "discovery-slow": _slow,
    "discovery-relative": _relative_endpoints,
    "discovery-foreign": _but(_foreign),
    "discovery-foreign-jwks": _but(_foreign_jwks),
    "discovery-no-authorize": _without("authorization_endpoint"),
    "discovery-no-token": _without("token_endpoint"),
    "discovery-no-jwks": _without("jwks_uri"),
    "discovery-no-issuer": _without("issuer"),
    "discovery-no-s256": _says(code_challenge_methods_supported=["plain"]),
    "discovery-no-methods": _without("code_challenge_methods_supported"),
    "jwks-500": _instead(lambda call: outcome(500, "exception"), "/auth/jwks"),
    "jwks-html": _instead(lambda call: page(), "/auth/jwks"),
    "jwks-empty": _instead(lambda call: Response('{"keys":[]}', content_type="application/json"), "/auth/jwks"),
    "jwks-huge": _instead(lambda call: stuffed(HUGE), "/auth/jwks"),
    "jwks-redirect": _instead(lambda call: redirect(f"{call.foreign}{call.path}"), "/auth/jwks"),
}
VERSION_1 = _but(_version_1)
