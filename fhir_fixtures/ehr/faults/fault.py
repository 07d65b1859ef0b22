"""A fault: what it gets to see of a request, and what it may do to the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, repeat
from typing import Any
from urllib.parse import parse_qsl, urlencode

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
