"""Faults of FHIR reads and searches as HTTP: statuses, bodies, speed, redirects. Those of content are in
search.py. An argument TYPE limits a fault to one resource type.
"""

import gzip
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from fhir_fixtures.ehr.faults.fault import Answer, Call, Fault, outcome, page, stuffed

FHIR_JSON = "application/fhir+json"
HUGE = 200  # megabytes
HOURS = 36_000  # seconds
DRIP_ENDS = 60.0  # seconds after which even a drip gives up
LESS_THAN_PROMISED = 1000  # bytes


def is_resource(call: Call) -> bool:
    """Is it a read, a search or a page of one, not bulk, metadata or discovery?"""
    quiet = ("/fhir/bulk/", "/fhir/.well-known", "/fhir/metadata")
    if call.path.rstrip("/") == "/fhir":
        return "_page" in call.request.args
    return call.path.startswith("/fhir/") and not call.path.startswith(quiet) and not call.path.endswith("$export")


def kind_of(call: Call) -> str:
    """The resource type in the path; empty for a further page, whose address does not tell."""
    return call.path.split("/")[2] if call.path.count("/") > 1 else ""


def _of_type(call: Call) -> bool:
    return is_resource(call) and call.argument in ("", kind_of(call))


def _once(call: Call) -> bool:
    return is_resource(call) and call.count("fhir") == 1


def _instead(make: Callable[[Call], Response], when: Callable[[Call], bool] = is_resource) -> Fault:
    return lambda call, answer: make(call) if when(call) else answer()


def _status(status: int, code: str, when: Callable[[Call], bool] = _of_type) -> Fault:
    return _instead(lambda call: outcome(status, code), when)


def _wait(status: int) -> Callable[[Call], Response]:
    """Come back after so many seconds (default: ten hours)."""
    return lambda call: outcome(status, "throttled", **{"Retry-After": str(int(call.number_or(HOURS)))})


def _slow(call: Call, answer: Answer) -> Response:
    if is_resource(call):
        time.sleep(call.number)
    return answer()


def _drip(call: Call, answer: Answer) -> Response:
    """One byte, then a rest of so many seconds."""
    response = answer()
    if is_resource(call):
        response.response = _drops(response.get_data(), call.number)
    return response


def _drops(body: bytes, rest: float) -> Iterator[bytes]:
    ends = time.monotonic() + DRIP_ENDS
    for place in range(len(body)):
        yield body[place : place + 1]
        time.sleep(rest)
        if time.monotonic() > ends:
            return


def _cut(call: Call, answer: Answer) -> Response:
    """The connection ends before the length that the header says."""
    response = answer()
    if is_resource(call):
        length = len(response.get_data())
        pieces: Iterable[bytes] = iter([response.get_data()])
        response.response = pieces
        response.headers["Content-Length"] = str(length + LESS_THAN_PROMISED)
    return response


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    return gzip.compress(b'{"resourceType":"Bundle","padding":"' + b"x" * HUGE * 1_000_000 + b'"}', 1)


def _bombed(call: Call) -> Response:
    """A small gzip body that unpacks to 200 MB; only for clients that say they take gzip."""
    if "gzip" not in call.request.headers.get("Accept-Encoding", ""):
        return stuffed(HUGE, FHIR_JSON)
    return Response(_bomb(), headers={"Content-Encoding": "gzip"}, content_type=FHIR_JSON)


def _elsewhere(call: Call) -> Response:
    query = call.request.query_string.decode()
    return redirect(f"{call.foreign}{call.path}{'?' if query else ''}{query}", 307)


def _text(body: str, status: int = 200, content_type: str = FHIR_JSON) -> Callable[[Call], Response]:
    return lambda call: Response(body, status, content_type=content_type)


FHIR_FAULTS: dict[str, Fault] = {
    "fhir-500": _status(500, "exception"),
    "fhir-slow": _slow,
    "fhir-drip": _drip,
    "fhir-cut": _cut,
    "fhir-huge": _instead(lambda call: stuffed(call.number_or(HUGE), FHIR_JSON)),
    "fhir-bomb": _instead(_bombed),
    "fhir-401": _status(401, "login"),
    "fhir-401-once": _status(401, "login", _once),
    "fhir-plain-401": _instead(_text("Unauthorized", 401, "text/plain"), _of_type),
    "fhir-403": _status(403, "forbidden"),
    "fhir-404": _status(404, "not-supported"),
    "fhir-410": _status(410, "deleted"),
    "fhir-429": _instead(_wait(429)),
    "fhir-503": _instead(_wait(503)),
    "fhir-429-once": _instead(_wait(429), _once),
    "fhir-503-once": _instead(_wait(503), _once),
    "fhir-outcome-200": _status(200, "processing"),
    "fhir-html": _instead(lambda call: page(), _of_type),
    "fhir-broken-json": _instead(_text('{"resourceType":"Bundle","type":"sear'), _of_type),
    "fhir-empty": _instead(_text(""), _of_type),
    "fhir-redirect": _instead(_elsewhere, _of_type),
}
