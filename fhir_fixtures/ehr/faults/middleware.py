"""Faults that a test switches on by the address it uses: `http://host/~token-slow=2,file-503=1/fhir`.

WSGI middleware around the whole sandbox, so the parts themselves know nothing of faults. The first path segment
`~name[=argument][,name...]` moves to SCRIPT_NAME; absolute addresses that the sandbox gives out keep it. Each address
counts for itself; `case=WORD` does nothing but make an address a new one. `environ["kindred.faults"]` holds the faults.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

from fhir_fixtures.ehr.faults.authorize import AUTHORIZE_FAULTS
from fhir_fixtures.ehr.faults.bulk import BULK_FAULTS
from fhir_fixtures.ehr.faults.create import CREATE_FAULTS
from fhir_fixtures.ehr.faults.discovery import DISCOVERY_FAULTS
from fhir_fixtures.ehr.faults.fault import Answer, Call, Fault
from fhir_fixtures.ehr.faults.fhir import FHIR_FAULTS
from fhir_fixtures.ehr.faults.hooks import HOOK_FAULTS
from fhir_fixtures.ehr.faults.identity import IDENTITY_FAULTS
from fhir_fixtures.ehr.faults.search import SEARCH_FAULTS
from fhir_fixtures.ehr.faults.token import TOKEN_FAULTS
from fhir_fixtures.ehr.sandbox import Sandbox


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
        **CREATE_FAULTS,
        **BULK_FAULTS,
        **HOOK_FAULTS,
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
            return Response("There is no such fault; see faults/README.md.\n", 400)(environ, start_response)
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
