"""Faults that a test switches on by the address it uses: `http://host/~token-slow=2,file-503=1/fhir`.

WSGI middleware around the whole sandbox, so the parts themselves know nothing of faults. The first path segment
`~name[=argument][,name...]` moves to SCRIPT_NAME; absolute addresses that the sandbox gives out keep it. Each address
counts for itself; `case=WORD` does nothing but make an address a new one. `environ["kindred.faults"]` holds the faults.
faults.md lists them all; each part of SMART and FHIR has a file of its own.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from io import BytesIO
from itertools import chain, repeat
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import orjson
from werkzeug.wrappers import Request, Response

from fhir_fixtures.ehr.sandbox import Sandbox, base_of, foreign_of

Answer = Callable[[], Response]  # what the sandbox answers; asked for only when a fault lets the request through


@dataclass
class Call:
    """One request under a fault. `count(key)` says how often this address has been asked so, this time included."""

    request: Request
    argument: str
    count: Callable[[str], int]
    memory: dict[str, Any]  # of this address, over all its requests
    shared: Sandbox | None = None  # the sandbox behind, for its keys and addresses

    @property
    def number(self) -> float:
        """The argument as a number; 1 when there is none."""
        return self.number_or(1)

    def number_or(self, usual: float) -> float:
        """The argument as a number; `usual` when there is none."""
        return float(self.argument or usual)

    @property
    def path(self) -> str:
        return self.request.path

    @property
    def base(self) -> str:
        """External address of the sandbox below this fault prefix."""
        return base_of(self.request, self.shared.base_url if self.shared else None)

    @property
    def foreign(self) -> str:
        """External address of a host that is not the EHR's."""
        return foreign_of(self.request, self.shared)

    def form(self) -> dict[str, str]:
        """The form that was posted; the sandbox can still read it."""
        body = self.request.get_data()
        self.request.environ["wsgi.input"] = BytesIO(body)
        return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))

    def replace_form(self, fields: dict[str, str]) -> None:
        """Let the sandbox read another form than was posted."""
        body = urlencode(fields).encode()
        self.request.environ.update({"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))})


Fault = Callable[[Call, Answer], Response]


def page(status: int = 200) -> Response:
    """HTML where JSON belongs, as a proxy's sign-in page is."""
    return Response("<!doctype html><title>Sign in</title><p>Please sign in.</p>", status, content_type="text/html")


def stuffed(megabytes: float, content_type: str = "application/json") -> Response:
    """A JSON object of so many megabytes, sent as it is made."""
    piece = b"x" * 1_000_000
    pieces = chain([b'{"resourceType":"Bundle","padding":"'], repeat(piece, int(megabytes)), [b'"}'])
    return Response(pieces, content_type=content_type)


def changed(response: Response, change: Callable[[dict[str, Any]], None]) -> Response:
    """The answer with its JSON object changed in place; an error stays as it is."""
    if response.status_code == 200 and "json" in (response.mimetype or ""):
        body = orjson.loads(response.get_data())
        change(body)
        response.set_data(orjson.dumps(body))
    return response


def outcome(status: int, code: str, **headers: str) -> Response:
    """An OperationOutcome of the fault's own."""
    issue = {"severity": "error", "code": code, "diagnostics": "A fault that was switched on."}
    body = orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
    return Response(body, status, headers=headers, content_type="application/fhir+json")


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
    from fhir_fixtures.ehr.faults_authorize import AUTHORIZE_FAULTS
    from fhir_fixtures.ehr.faults_bulk import BULK_FAULTS
    from fhir_fixtures.ehr.faults_discovery import DISCOVERY_FAULTS
    from fhir_fixtures.ehr.faults_fhir import FHIR_FAULTS
    from fhir_fixtures.ehr.faults_identity import IDENTITY_FAULTS
    from fhir_fixtures.ehr.faults_search import SEARCH_FAULTS
    from fhir_fixtures.ehr.faults_token import TOKEN_FAULTS

    return {
        "case": _nothing,
        "retry-after-date": _retry_after_date,
        "retry-after-nonsense": _retry_after_nonsense,
        **DISCOVERY_FAULTS,
        **AUTHORIZE_FAULTS,
        **TOKEN_FAULTS,
        **IDENTITY_FAULTS,
        **FHIR_FAULTS,
        **SEARCH_FAULTS,
        **BULK_FAULTS,
    }


class Faults:
    """The middleware: `app.wsgi_app = Faults(app.wsgi_app)`."""

    def __init__(self, app: Callable[..., Iterable[bytes]], shared: Sandbox | None = None) -> None:
        self._app = app
        self._shared = shared
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
            call = Call(request, argument, partial(self._count, segment, name), memory, self._shared)
            answer = partial(self._faults[name], call, answer)
        return answer()

    def _count(self, segment: str, name: str, key: str) -> int:
        with self._lock:
            self._counts[segment, name, key] += 1
            return self._counts[segment, name, key]
