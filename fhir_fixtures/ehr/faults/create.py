"""Faults of FHIR creates alone: reads and searches stay well. An argument TYPE limits a fault to one resource type.
What "stores" does so before it answers wrongly.
"""

import time
from collections.abc import Callable, Iterable

import orjson
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from fhir_fixtures.ehr.faults.fault import Answer, Call, Fault, outcome
from fhir_fixtures.ehr.faults.fhir import LESS_THAN_PROMISED, is_resource, kind_of

OTHER_PATIENT = "somebody-else"


def _is_create(call: Call) -> bool:
    return call.request.method == "POST" and is_resource(call) and not call.path.endswith("/_search")


def _of_type(call: Call) -> bool:
    return _is_create(call) and call.argument in ("", kind_of(call))


def _refuses(status: int, code: str) -> Fault:
    """Stores nothing."""
    return lambda call, answer: outcome(status, code) if _of_type(call) else answer()


def _but(change: Callable[[Call, Response], Response | None]) -> Fault:
    """Stores, and changes what is said of it."""
    def fault(call: Call, answer: Answer) -> Response:
        response = answer()
        if not _of_type(call) or response.status_code not in (200, 201):
            return response
        return change(call, response) or response

    return fault


def _slow(call: Call, answer: Answer) -> Response:
    """Stores, and says so after so many seconds."""
    response = answer()
    if _is_create(call):
        time.sleep(call.number)
    return response


def _late(call: Call, answer: Answer) -> Response:
    """Stores after so many seconds."""
    if _is_create(call):
        time.sleep(call.number)
    return answer()


def _cut(call: Call, response: Response) -> None:
    """The connection ends before the length that the header says."""
    pieces: Iterable[bytes] = iter([response.get_data()])
    length = len(response.get_data())
    response.response = pieces
    response.headers["Content-Length"] = str(length + LESS_THAN_PROMISED)


def _foreign_location(call: Call, response: Response) -> None:
    response.headers["Location"] = response.headers["Location"].replace(call.base, call.foreign)


def _no_location(call: Call, response: Response) -> None:
    """No Location, and no body that would tell the id."""
    del response.headers["Location"]
    response.set_data(b"")


def _other_patient(call: Call, response: Response) -> None:
    body = orjson.loads(response.get_data())
    body["subject"] = {"reference": f"Patient/{OTHER_PATIENT}"}
    response.set_data(orjson.dumps(body))


def _redirect(call: Call, answer: Answer) -> Response:
    """302 to the foreign host; stores nothing."""
    return redirect(f"{call.foreign}{call.path}", 302) if _of_type(call) else answer()


def _unconditional(call: Call, answer: Answer) -> Response:
    """If-None-Exist has no effect, as at servers that do not know it."""
    if _of_type(call):
        call.request.environ.pop("HTTP_IF_NONE_EXIST", None)
    return answer()


def _unauthorized_once(call: Call, answer: Answer) -> Response:
    return outcome(401, "login") if _of_type(call) and call.count("create") == 1 else answer()


CREATE_FAULTS: dict[str, Fault] = {
    "create-400": _refuses(400, "not-supported"),
    "create-401-once": _unauthorized_once,
    "create-403": _refuses(403, "forbidden"),
    "create-404": _refuses(404, "not-supported"),
    "create-405": _refuses(405, "not-supported"),
    "create-412": _refuses(412, "multiple-matches"),
    "create-422": _refuses(422, "processing"),
    "create-429": _refuses(429, "throttled"),
    "create-500": _refuses(500, "exception"),
    "create-500-stored": _but(lambda call, response: outcome(500, "exception")),
    "create-outcome-201": _but(lambda call, response: outcome(201, "processing")),
    "create-slow": _slow,
    "create-late": _late,
    "create-cut": _but(_cut),
    "create-foreign-location": _but(_foreign_location),
    "create-no-location": _but(_no_location),
    "create-other-patient": _but(_other_patient),
    "create-redirect": _redirect,
    "create-unconditional": _unconditional,
}
