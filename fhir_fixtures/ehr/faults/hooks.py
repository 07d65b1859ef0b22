"""Faults of the calls that the EHR makes as a CDS client: the call is made, changed, and only then signed and sent."""

import hashlib
import hmac
import operator
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import orjson
from werkzeug.wrappers import Response

from fhir_fixtures.ehr.faults.fault import Answer, Call, Fault, outcome
from fhir_fixtures.ehr.faults.identity import other_key

DEEP = 100_000  # brackets
SEARCHES = ("conditions", "observations", "encounters", "medications")


def _changed(change: Callable[[Call, Any], None]) -> Fault:
    """The fault that leaves a change of each call of this request to the CDS client."""

    def fault(call: Call, answer: Answer) -> Response:
        call.request.environ.setdefault("kindred.hooks", []).append(lambda draft: change(call, draft))
        return answer()

    return fault


def _prefetch(change: Callable[[Call, dict[str, Any]], None]) -> Fault:
    def changed(call: Call, draft: Any) -> None:
        if "prefetch" in draft.body:
            made = orjson.dumps(draft.body["prefetch"], default=operator.call)  # a function so far, its parts bytes
            draft.body["prefetch"] = orjson.loads(made)
            change(call, draft.body["prefetch"])

    return _changed(changed)


def _claims(**values: Any) -> Fault:
    return _changed(lambda call, draft: draft.claims.update(values))


def _without(member: str) -> Fault:
    return _changed(lambda call, draft: draft.body.pop(member, None))


def _null(call: Call, prefetch: dict[str, Any]) -> None:
    prefetch.update(dict.fromkeys(SEARCHES if not call.argument else [call.argument]))


def _outcome(call: Call, prefetch: dict[str, Any]) -> None:
    issue = {"severity": "error", "code": "exception"}
    prefetch[call.argument or "conditions"] = {"resourceType": "OperationOutcome", "issue": [issue]}


def _drop(call: Call, prefetch: dict[str, Any]) -> None:
    prefetch.pop(call.argument or "conditions", None)


def _next(call: Call, prefetch: dict[str, Any]) -> None:
    """A part that is a first page."""
    for bundle in prefetch.values():
        if isinstance(bundle, dict) and bundle.get("resourceType") == "Bundle":
            bundle.setdefault("link", []).append({"relation": "next", "url": f"{call.base}/fhir?_page=x"})


def _other_patient(call: Call, prefetch: dict[str, Any]) -> None:
    """One condition of somebody else among those of the patient."""
    other = {"resourceType": "Condition", "id": "stray", "subject": {"reference": "Patient/somebody-else"}}
    bundle = prefetch.get("conditions") or {"resourceType": "Bundle", "type": "searchset"}
    bundle.update(total=len(bundle.get("entry", ())) + 1, entry=[*bundle.get("entry", ()), {"resource": other}])
    prefetch["conditions"] = bundle


def _encoded(value: dict[str, Any]) -> str:
    return _base64(orjson.dumps(value))


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unsigned(call: Call, draft: Any) -> None:
    draft.token = f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(draft.claims)}."


def _symmetric(call: Call, draft: Any) -> None:
    """The old trick: an HMAC whose secret is the public key, which everybody has."""
    text = f"{_encoded(draft.header | {'alg': 'HS256'})}.{_encoded(draft.claims)}"
    secret = bytes(draft.key.as_pem(private=False))
    draft.token = f"{text}.{_base64(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def _other_key(call: Call, draft: Any) -> None:
    """Signed by a key that is not in our key set, under the kid of one that is."""
    draft.key = other_key()
    draft.header["alg"] = "RS256"


def _foreign_jku(call: Call, draft: Any) -> None:
    draft.header["jku"] = f"{call.foreign}/cds-hooks/jwks.json"


def _replay(call: Call, draft: Any) -> None:
    """Every call of this address has the jti of the first."""
    draft.claims["jti"] = call.memory.setdefault("jti", draft.claims["jti"])


def _expired(call: Call, draft: Any) -> None:
    draft.claims.update(iat=draft.claims["iat"] - 3600, exp=draft.claims["exp"] - 3600)


def _deep(call: Call, draft: Any) -> None:
    if "prefetch" in draft.body:
        draft.raw = b'{"prefetch":' + b"[" * DEEP + b"]" * DEEP + b"}"


def _jwks_500(call: Call, answer: Answer) -> Response:
    return outcome(500, "exception") if call.path.endswith("/cds-hooks/jwks.json") else answer()


HOOK_FAULTS: dict[str, Fault] = {
    "hook-no-prefetch": _without("prefetch"),
    "hook-no-token": _without("fhirAuthorization"),
    "hook-drop": _prefetch(_drop),
    "hook-null": _prefetch(_null),
    "hook-outcome": _prefetch(_outcome),
    "hook-next": _prefetch(_next),
    "hook-other-patient": _prefetch(_other_patient),
    "hook-wrong-aud": _claims(aud="https://elsewhere.example/cds-services/kindred-patient-view"),
    "hook-expired": _changed(_expired),
    "hook-replay": _changed(_replay),
    "hook-alg-none": _changed(_unsigned),
    "hook-hs256": _changed(_symmetric),
    "hook-other-key": _changed(_other_key),
    "hook-foreign-jku": _changed(_foreign_jku),
    "hook-deep": _changed(_deep),
    "hook-jwks-500": _jwks_500,
}
