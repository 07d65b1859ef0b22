"""Faults of a bulk export: kick-off, status, clean-up, tokens. Those of manifests and files have modules of their own.

README.md says what each does.
"""

import io
from urllib.parse import urlencode

import orjson
from werkzeug.wrappers import Response

from fhir_fixtures.ehr.bulk.request import pairs
from fhir_fixtures.ehr.faults.bulk_files import FILE_FAULTS
from fhir_fixtures.ehr.faults.bulk_manifest import MANIFEST_FAULTS, is_file, is_status
from fhir_fixtures.ehr.faults.fault import Answer, Call, Fault, outcome
from fhir_fixtures.ehr.outcome import FhirError

PAGE = "<!doctype html><title>Bad Gateway</title><p>The proxy could not reach the server."


def _is_kick_off(call: Call) -> bool:
    return call.path.endswith("/$export")


def _is_token(call: Call) -> bool:
    return call.path.endswith("/auth/token")


def _is_delete(call: Call) -> bool:
    return call.path.startswith("/fhir/bulk/status/") and call.request.method == "DELETE"


def _parameters(call: Call) -> list[tuple[str, str]]:
    """The kick-off's parameters; the request can be read again afterwards."""
    body = call.request.get_data()
    call.request.environ["wsgi.input"] = io.BytesIO(body)
    try:
        return pairs(call.request)  # type: ignore[arg-type]  # werkzeug's Request has all that is asked of Flask's
    except FhirError:
        return []


# -- kick-off ------------------------------------------------------------------------------------------------------


def _kick_off_429(call: Call, answer: Answer) -> Response:
    busy = _is_kick_off(call) and call.count("kick-off") <= call.number
    return outcome(429, "throttled", **{"Retry-After": "1"}) if busy else answer()


def _kick_off_405(call: Call, answer: Answer) -> Response:
    refused = _is_kick_off(call) and call.request.method == "GET"
    return outcome(405, "not-supported", Allow="POST") if refused else answer()


def _no_location(call: Call, answer: Answer) -> Response:
    response = answer()
    if _is_kick_off(call):
        response.headers.pop("Content-Location", None)
    return response


def _relative_location(call: Call, answer: Answer) -> Response:
    """`bulk/status/...`, to be resolved against the FHIR base, as an origin-relative path also resolves."""
    response = answer()
    if "Content-Location" in response.headers:
        host = call.request.host_url.rstrip("/")
        response.headers["Content-Location"] = response.headers["Content-Location"].removeprefix(host)
    return response


def _foreign_location(call: Call, answer: Answer) -> Response:
    response = answer()
    if "Content-Location" in response.headers:
        response.headers["Content-Location"] = response.headers["Content-Location"].replace("127.0.0.1", "localhost")
    return response


def _organize_refused(call: Call, answer: Answer) -> Response:
    asked = _is_kick_off(call) and any(name == "organizeOutputBy" for name, _ in _parameters(call))
    return outcome(400, "not-supported") if asked else answer()


def _organize_ignored(call: Call, answer: Answer) -> Response:
    if _is_kick_off(call):
        kept = [(name, value) for name, value in _parameters(call) if name != "organizeOutputBy"]
        environ = call.request.environ
        if call.request.method == "POST":
            parts = [{"name": name, "valueString": value} for name, value in kept]
            body = orjson.dumps({"resourceType": "Parameters", "parameter": parts})
            environ.update({"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
        else:
            environ["QUERY_STRING"] = urlencode(kept)
    return answer()


def _repeated_type_refused(call: Call, answer: Answer) -> Response:
    repeated = _is_kick_off(call) and sum(name == "_type" for name, _ in _parameters(call)) > 1
    return outcome(400, "invalid") if repeated else answer()


def _ballot_kick_off(call: Call, answer: Answer) -> Response:
    """The 4.0 ballot has neither GET nor comma lists; its manifest is in bulk_manifest.py."""
    if not _is_kick_off(call):
        return MANIFEST_FAULTS["manifest-stu4"](call, answer)
    lists = any("," in value for name, value in _parameters(call) if name in ("_type", "_elements"))
    return outcome(400, "invalid") if lists and call.request.method == "POST" else _kick_off_405(call, answer)


# -- status --------------------------------------------------------------------------------------------------------


def _status_transient(call: Call, answer: Answer) -> Response:
    tired = is_status(call) and call.count("status") <= call.number
    return outcome(500, "transient", **{"Retry-After": "1"}) if tired else answer()


def _status_429(call: Call, answer: Answer) -> Response:
    tired = is_status(call) and call.count("status") <= call.number
    return outcome(429, "throttled", **{"Retry-After": "1"}) if tired else answer()


def _status_html(call: Call, answer: Answer) -> Response:
    broken = is_status(call) and call.count("status") <= call.number
    return Response(PAGE, 502, content_type="text/html") if broken else answer()


def _status_500(call: Call, answer: Answer) -> Response:
    broken = is_status(call) and call.count("status") <= call.number
    return outcome(500, "exception") if broken else answer()


def _status_failed(call: Call, answer: Answer) -> Response:
    return outcome(500, "exception") if is_status(call) else answer()


def _job_forgotten(call: Call, answer: Answer) -> Response:
    """The first job is unknown from its Nth request on, as after a restart of the server; later jobs are well."""
    job = call.path.split("/")[4] if call.path.startswith("/fhir/bulk/") else ""
    first = call.memory.setdefault("first job", job) if job else None
    lost = job and job == first and call.count("job") >= call.number
    return outcome(404, "not-found") if lost else answer()


def _retry_after_hours(call: Call, answer: Answer) -> Response:
    response = answer()
    if "Retry-After" in response.headers:
        response.headers["Retry-After"] = str(int(call.number * 3600))
    return response


def _delete_404(call: Call, answer: Answer) -> Response:
    return outcome(404, "not-found") if _is_delete(call) else answer()


def _delete_500(call: Call, answer: Answer) -> Response:
    return outcome(500, "exception") if _is_delete(call) else answer()


# -- tokens --------------------------------------------------------------------------------------------------------


def _token_revoked(call: Call, answer: Answer) -> Response:
    """At the Nth request of a file its token ends, for this address, long before its time."""
    revoked: set[str] = call.memory.setdefault("revoked", set())
    token = call.request.headers.get("Authorization", "")
    if is_file(call) and token and call.count("file") == call.number:
        revoked.add(token)
    return outcome(401, "login") if call.path.startswith("/fhir") and token in revoked else answer()


def _token_down(call: Call, answer: Answer) -> Response:
    down = _is_token(call) and call.count("token") <= call.number
    return Response(PAGE, 503, content_type="text/html", headers={"Retry-After": "1"}) if down else answer()


def _token_down_later(call: Call, answer: Answer) -> Response:
    down = _is_token(call) and 1 < call.count("token") <= 1 + call.number
    return Response(PAGE, 503, content_type="text/html", headers={"Retry-After": "1"}) if down else answer()


def _read_elsewhere(call: Call, answer: Answer) -> Response:
    """A setting of the address that bulk.py itself reads."""
    return answer()


BULK_FAULTS: dict[str, Fault] = {
    **FILE_FAULTS,
    **MANIFEST_FAULTS,
    "lines-per-file": _read_elsewhere,
    "job-slow": _read_elsewhere,
    "group-since-new-members": _read_elsewhere,
    "kickoff-429": _kick_off_429,
    "kickoff-405": _kick_off_405,
    "kickoff-no-location": _no_location,
    "kickoff-relative-location": _relative_location,
    "kickoff-foreign-location": _foreign_location,
    "organize-refused": _organize_refused,
    "organize-ignored": _organize_ignored,
    "repeated-type-refused": _repeated_type_refused,
    "manifest-stu4": _ballot_kick_off,
    "status-transient": _status_transient,
    "status-429": _status_429,
    "status-html": _status_html,
    "status-500": _status_500,
    "status-failed": _status_failed,
    "job-forgotten": _job_forgotten,
    "retry-after-hours": _retry_after_hours,
    "delete-404": _delete_404,
    "delete-500": _delete_500,
    "token-revoked": _token_revoked,
    "token-down": _token_down,
    "token-down-later": _token_down_later,
}
