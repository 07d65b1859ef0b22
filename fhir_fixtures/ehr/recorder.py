"""What the sandbox received, so that a test can show that a token or a patient's id never travelled somewhere.

WSGI middleware around everything, faults included. In one process: `live.recorder.saw(token)`. From another:
`GET /recorder` (JSON, with digests in place of secrets) and `DELETE /recorder`, where `--record` allows it.
"""

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

import orjson
from werkzeug.wrappers import Request, Response

KEPT = 10_000  # requests
FORM = "application/x-www-form-urlencoded"
SECRETS = frozenset((
    "access_token", "client_assertion", "client_secret", "code", "code_challenge", "code_verifier", "id_token",
    "launch", "nonce", "refresh_token", "state", "token",
))  # fmt: skip

App = Callable[..., Iterable[bytes]]


def digest(secret: str) -> str:
    """What stands for a secret in a record."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Received:
    """One request. `path` is without the fault prefix, which is `faults`; `authorization` the scheme and the digest of
    the credentials; `form` and `query` have digests in place of secrets.
    """

    method: str
    host: str
    faults: str
    path: str
    headers: tuple[str, ...]
    authorization: tuple[str, str] | None
    query: dict[str, str]
    form: dict[str, str]
    raw: bytes = field(repr=False, compare=False)  # everything, for `saw`; never told

    def told(self) -> dict[str, Any]:
        """What may leave the process."""
        return {name: value for name, value in vars(self).items() if name != "raw"}


class Recorder:
    """Keeps the last requests of all servers that it is wrapped around."""

    def __init__(self) -> None:
        self._kept: deque[Received] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def wrap(self, app: App) -> App:
        """The application with a record of each request."""
        def recorded(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            received = _read(environ)
            with self._lock:
                self._kept.append(received)
            return app(environ, start_response)

        return recorded

    def telling(self, app: App) -> App:
        """The application whose `/recorder` gives and clears the record; that itself is not recorded."""
        def told(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if environ.get("PATH_INFO") == "/recorder":
                return self._tell(environ["REQUEST_METHOD"])(environ, start_response)
            return app(environ, start_response)

        return told

    def all(self, part: str = "", *, host: str = "") -> list[Received]:
        """Requests whose path holds `part`, oldest first; `host` (an address or its host:port) limits them to one."""
        wanted = host.rpartition("//")[2]
        with self._lock:
            return [one for one in self._kept if part in one.path and wanted in ("", one.host)]

    def saw(self, secret: str, *, host: str = "") -> list[Received]:
        """Requests that carried this text anywhere: in address, headers or body."""
        return [one for one in self.all(host=host) if secret.encode() in one.raw]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()

    def _tell(self, method: str) -> Response:
        if method == "DELETE":
            self.clear()
            return Response(status=204)
        return Response(orjson.dumps([one.told() for one in self.all()]), content_type="application/json")


def _read(environ: dict[str, Any]) -> Received:
    """The record of a request, whose body the application can still read."""
    request = Request(environ)
    body = request.get_data()
    environ["wsgi.input"] = BytesIO(body)
    path = request.path
    faults, rest = path[1:].partition("/")[::2] if path.startswith("/~") else ("", path[1:])
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    query = request.query_string.decode(errors="replace")
    form = body.decode(errors="replace") if request.mimetype == FORM else ""
    lines = [f"{request.method} {path}?{query}", *(f"{name}: {value}" for name, value in request.headers.items())]
    return Received(
        method=request.method,
        host=request.host,
        faults=faults,
        path="/" + rest,
        headers=tuple(sorted(name for name, _ in request.headers.items())),
        authorization=(scheme, digest(credentials)) if scheme else None,
        query=_pairs(query),
        form=_pairs(form),
        raw="\n".join(lines).encode() + b"\n\n" + body,
    )


def _pairs(text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True)
    return {name: digest(value) if name in SECRETS else value for name, value in pairs}
