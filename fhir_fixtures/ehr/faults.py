"""Faults that a test switches on by the address it uses: `http://host/~token-slow=2,file-503=1/fhir`.

WSGI middleware around the whole sandbox, so the parts themselves know nothing of faults. The first path segment
`~name[=argument][,name...]` moves to SCRIPT_NAME; absolute addresses that the sandbox gives out keep it. Each address
counts for itself; `case=WORD` does nothing but make an address a new one. `environ["kindred.faults"]` holds the faults.
faults.md lists them all; bulk ones are in faults_bulk.py.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

import orjson
from werkzeug.wrappers import Request, Response

Answer = Callable[[], Response]  # what the sandbox answers; asked for only when a fault lets the request through


@dataclass
class Call:
    """One request under a fault. `count(key)` says how often this address has been asked so, this time included."""

    request: Request
    argument: str
    count: Callable[[str], int]
    memory: dict[str, Any]  # of this address, over all its requests

    @property
    def number(self) -> float:
        """The argument as a number; 1 when there is none."""
        return float(self.argument or 1)

    @property
    def path(self) -> str:
        return self.request.path


Fault = Callable[[Call, Answer], Response]


def outcome(status: int, code: str, **headers: str) -> Response:
    """An OperationOutcome of the fault's own."""
    issue = {"severity": "error", "code": code, "diagnostics": "A fault that was switched on."}
    body = orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
    return Response(body, status, headers=headers, content_type="application/fhir+json")


def _discovery_500(call: Call, answer: Answer) -> Response:
    return outcome(500, "exception") if call.path.endswith("/.well-known/smart-configuration") else answer()


def _token_plain_401(call: Call, answer: Answer) -> Response:
    return Response("Unauthorized", 401, content_type="text/plain") if call.path.endswith("/auth/token") else answer()


def _token_slow(call: Call, answer: Answer) -> Response:
    if call.path.endswith("/auth/token"):
        time.sleep(call.number)
    return answer()


def _token_expires(call: Call, answer: Answer) -> Response:
    """Tokens that this address gives out end after so many seconds, and say so."""
    ends: dict[str, float] = call.memory.setdefault("ends", {})
    if call.path.endswith("/auth/token"):
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


def _is_resource(path: str) -> bool:
    quiet = ("/fhir/bulk/", "/fhir/.well-known", "/fhir/metadata")
    return path.startswith("/fhir/") and not path.startswith(quiet) and not path.endswith("$export")


def _fhir_500(call: Call, answer: Answer) -> Response:
    return outcome(500, "exception") if _is_resource(call.path) else answer()


def _fhir_slow(call: Call, answer: Answer) -> Response:
    if _is_resource(call.path):
        time.sleep(call.number)
    return answer()


def _fhir_401_once(call: Call, answer: Answer) -> Response:
    return outcome(401, "login") if _is_resource(call.path) and call.count("fhir") == 1 else answer()


def _search_500(call: Call, answer: Answer) -> Response:
    return outcome(500, "exception") if call.path.rstrip("/") == f"/fhir/{call.argument}" else answer()


def _retry_after_date(call: Call, answer: Answer) -> Response:
    response = answer()
    if seconds := response.headers.get("Retry-After"):
        later = datetime.now(UTC) + timedelta(seconds=float(seconds))
        response.headers["Retry-After"] = format_datetime(later, usegmt=True)
    return response


def _retry_after_nonsense(call: Call, answer: Answer) -> Response:
    response = answer()
    if "Retry-After" in response.headers:
        response.headers["Retry-After"] = "when the cows come home"
    return response


def _nothing(call: Call, answer: Answer) -> Response:
    return answer()


def all_faults() -> dict[str, Fault]:
    """Every fault by name. The first named in an address is the outermost."""
    from fhir_fixtures.ehr.faults_bulk import BULK_FAULTS

    return {
        "case": _nothing,
        "retry-after-date": _retry_after_date,
        "retry-after-nonsense": _retry_after_nonsense,
        "discovery-500": _discovery_500,
        "token-plain-401": _token_plain_401,
        "token-slow": _token_slow,
        "token-expires": _token_expires,
        "fhir-500": _fhir_500,
        "fhir-slow": _fhir_slow,
        "fhir-401-once": _fhir_401_once,
        "search-500": _search_500,
        **BULK_FAULTS,
    }


class Faults:
    """The middleware: `app.wsgi_app = Faults(app.wsgi_app)`."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        self._faults = all_faults()
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._memory: dict[str, dict[str, Any]] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith("/~"):
            return self._app(environ, start_response)
        segment, _, rest = path[1:].partition("/")
        named = [part.partition("=")[::2] for part in unquote(segment)[1:].split(",")]
        unknown = [name for name, _ in named if name not in self._faults]
        if unknown:
            return Response("There is no such fault; see faults.md.\n", 400)(environ, start_response)
        environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + "/" + segment
        environ["PATH_INFO"] = "/" + rest
        environ["kindred.faults"] = dict(named)
        return self._answer(environ, segment, named)(environ, start_response)

    def _answer(self, environ: dict[str, Any], segment: str, named: list[tuple[str, str]]) -> Response:
        """Wrap the sandbox's answer in the faults, the first one outermost."""
        request = Request(environ)
        with self._lock:
            memory = self._memory.setdefault(segment, {})

        answer: Answer = partial(Response.from_app, self._app, environ)
        for name, argument in reversed(named):
            call = Call(request, argument, partial(self._count, segment, name), memory)
            answer = partial(self._faults[name], call, answer)
        return answer()

    def _count(self, segment: str, name: str, key: str) -> int:
        with self._lock:
            self._counts[segment, name, key] += 1
            return self._counts[segment, name, key]
