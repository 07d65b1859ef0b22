"""One embedded EHR under many addresses, the app as a server in front of them, and what each EHR received.

Each test takes an EHR of its own: the same sandbox under an address of its own (`/~case=public-07/fhir`), so that its
metadata, its counters and its record are fresh while both servers stay up. What the EHR answers can be changed.
"""

import contextlib
import itertools
import json
import socket
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from werkzeug.wrappers import Request, Response

from app import create_app
from app.config import from_environment
from fhir_fixtures.ehr.clients import Client
from fhir_fixtures.ehr.live import Live, serve_in_thread
from fhir_fixtures.ehr.store import Store
from tests.conformance.smart.faults import FAULTS
from tests.conformance.smart.registrations import Registration, registry
from tests.flow.people import BEN, lines
from tests.serving import serving

TODAY = date(2026, 6, 30)
SECONDS = 30
CLINICIAN = b'{"resourceType": "Practitioner", "id": "dr-1", "name": [{"family": "Okafor", "given": ["Ife"]}]}'
POOL = {"public": 420, "symmetric": 8, "rs384": 8, "es384": 8, "jwks": 3}  # registrations of each kind, one per test

TOKEN = "/auth/token"
Answer = Callable[[], Response]
Change = Callable[[Request, Answer], Response]


@dataclass(frozen=True)
class Seen:
    """One request that reached a server. `path` is without the EHR's own prefix."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    form: list[tuple[str, str]]

    @property
    def parameters(self) -> dict[str, str]:
        """Query and form together; a repeated name fails the test."""
        pairs = self.query + self.form
        assert len(pairs) == len({name for name, _ in pairs}), "a parameter is given twice"
        return dict(pairs)

    @property
    def bearer(self) -> str | None:
        """The token in the Authorization header."""
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        return token if kind == "Bearer" else None

    @property
    def basic(self) -> str | None:
        """`user:password` of HTTP Basic."""
        kind, _, both = self.headers.get("Authorization", "").partition(" ")
        return b64decode(both).decode() if kind == "Basic" else None


class OnTheWay:
    """WSGI around the sandbox: keeps what each address received, and changes answers where a test asked for it."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.seen: dict[str, list[Seen]] = {}
        self.changes: dict[tuple[str, str], Change] = {}
        self.given: dict[str, list[dict[str, Any]]] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        name, path = named(environ["PATH_INFO"])
        self.seen.setdefault(name, []).append(seen_of(environ, path, body))
        change = self.changes.get((name, path))
        if change is None and path != TOKEN:
            return self._app(environ, start_response)
        response = _changed(change, Request(dict(environ)), lambda: Response.from_app(self._app, environ))
        if path == TOKEN:
            self.given.setdefault(name, []).append(response.get_json(silent=True) or {})
        return response(environ, start_response)


def _changed(change: Change | None, request: Request, answer: Answer) -> Response:
    return change(request, answer) if change else answer()


def named(path: str) -> tuple[str, str]:
    """Which EHR an address belongs to, and the path without the EHR's prefix."""
    if not path.startswith("/~"):
        return "", path
    prefix, _, rest = path[2:].partition("/")
    parts = dict(part.partition("=")[::2] for part in unquote(prefix).split(","))
    return parts.get("case", ""), f"/{rest}"


def seen_of(environ: dict[str, Any], path: str, body: bytes) -> Seen:
    """The request of a WSGI environment."""
    headers = {key[5:].replace("_", "-").title(): value for key, value in environ.items() if key.startswith("HTTP_")}
    headers["Content-Type"] = environ.get("CONTENT_TYPE", "")
    is_form = headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    form = parse_qsl(body.decode(), keep_blank_values=True) if is_form else []
    query = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return Seen(environ["REQUEST_METHOD"], path, query, headers, form)


@dataclass
class Ehr:
    """An EHR as one test sees it, registered with one app."""

    name: str
    base: str
    fhir: str
    client_id: str
    app_url: str
    way: OnTheWay = field(repr=False)
    live: Live = field(repr=False)

    def launch_url(self, patient: str, **context: str) -> str:
        """What the EHR opens for a chart: the app's launch address with iss and a fresh launch."""
        asked = {"patient": patient, "client_id": self.client_id, **context}
        answer = requests.post(f"{self.base}/launches", json=asked, timeout=SECONDS)
        answer.raise_for_status()
        address, _, query = answer.json()["url"].partition("?")
        return f"{self.app_url}/launch?{query}" if address != f"{self.app_url}/launch" else f"{address}?{query}"

    def change(self, path: str, change: Change) -> None:
        """From now on answer this path so."""
        self.way.changes[self.name, path] = change

    def seen(self, path: str = "") -> list[Seen]:
        """What this EHR received under paths that begin so, in order."""
        return [seen for seen in self.way.seen.get(self.name, []) if seen.path.startswith(path)]

    @property
    def authorization(self) -> dict[str, str]:
        """Parameters of the newest authorization request."""
        return self.seen("/auth/authorize")[-1].parameters

    @property
    def token_request(self) -> Seen:
        """The newest request for a token."""
        return self.seen("/auth/token")[-1]

    @property
    def given(self) -> list[dict[str, Any]]:
        """What the token endpoint answered, in order; {} where that was not JSON."""
        return self.way.given.get(self.name, [])

    def refreshes(self) -> list[Seen]:
        """Requests for a new token in place of an old one."""
        return [seen for seen in self.seen(TOKEN) if seen.parameters["grant_type"] == "refresh_token"]

    def end_token(self, reply: int = -1) -> None:
        """The access token of this answer is refused from now on."""
        self.live.app.extensions["sandbox"].vault.access.take(self.given[reply]["access_token"])

    def reads(self) -> list[Seen]:
        """Requests for resources."""
        return [seen for seen in self.seen("/fhir/") if "/.well-known/" not in seen.path]


@dataclass
class World:
    """Sandbox and app. `foreign` is a server that belongs to nobody: nothing of ours should ever reach it."""

    live: Live
    app_url: str
    home: Path
    way: OnTheWay
    foreign_url: str
    foreign_seen: list[Seen]
    _taken: dict[str, Iterator[int]] = field(default_factory=dict)
    _further: Iterator[int] = field(default_factory=itertools.count)

    def ehr(self, kind: str = "public") -> Ehr:
        """An EHR that no other test uses, at which the app is registered in this way."""
        number = next(self._taken.setdefault(kind, itertools.count()))
        assert number < POOL[kind], f"make the pool of {kind} larger"
        name = f"{kind}-{number:02}"
        return self._ehr(name, Registration.of(kind).client_id, self.app_url)

    def faulty(self, fault: str) -> Ehr:
        """The EHR that has one of the sandbox's own faults (tests/conformance/smart/faults.py lists those in use)."""
        name = f"fault-{FAULTS.index(fault):02}"
        return self._ehr(name, Registration.of("public").client_id, self.app_url, f",{fault}")

    def backend(self, client_id: str, fault: str = "") -> Ehr:
        """An address of the sandbox for one run of the export."""
        return self._ehr(f"backend-{next(self._further):02}", client_id, self.app_url, f",{fault}" if fault else "")

    def sent_elsewhere(self) -> list[Seen]:
        """What reached the sandbox's other address, which its faults point at, and the server that is nobody's."""
        other = urlsplit(self.live.foreign_url).netloc
        seen = [one for every in self.way.seen.values() for one in every if one.headers.get("Host") == other]
        return self.foreign_seen + seen

    def _ehr(self, name: str, client_id: str, app_url: str, faults: str = "") -> Ehr:
        base = self.live.with_fault(f"case={name}{faults}")
        return Ehr(name, base, f"{base}/fhir", client_id, app_url, self.way, self.live)

    @contextlib.contextmanager
    def app(self, folder: Path, kind: str = "public", issuer: str | None = None, **keys: Any) -> Iterator[Ehr]:
        """Another app, with one registration; `keys` replace keys of it."""
        with listening() as (sock, url):
            entry, home = self.registered(folder, url, kind, issuer, **keys)
            with serving(create_app(from_environment({"KINDRED_HOME": str(home)})), sock):
                yield entry

    def registered(
        self, folder: Path, url: str, kind: str = "public", issuer: str | None = None, **keys: Any
    ) -> tuple[Ehr, Path]:
        """A home folder for an app at `url` whose registry holds one EHR: the sandbox's, or the one at `issuer`."""
        name = f"further-{next(self._further):02}"
        given = Registration.of(kind)
        client_id = f"{given.client_id}-{name}"
        callback = keys.get("redirect_uri", f"{url}/callback")
        self.live.clients[client_id] = given.client(client_id, callback, f"{url}/launch")
        entry = self._ehr(name, client_id, url)
        home = folder / name
        home.mkdir(mode=0o700)
        parts = {"client_id": client_id, "redirect_uri": callback, **keys}
        keep(home, registry({name: (issuer or entry.fhir, given.written(home) | parts)}))
        return entry, home


@contextlib.contextmanager
def a_world(folder: Path) -> Iterator[World]:
    """Sandbox, app and a foreign server while the block runs."""
    with contextlib.ExitStack() as stack:
        foreign_url, foreign_seen = stack.enter_context(foreign())
        sock, app_url = stack.enter_context(listening())
        clients = {f"kindred-{kind}": _client(kind, app_url) for kind in POOL}
        data = itertools.chain(lines(), [("Practitioner", CLINICIAN), ("MedicationRequest", pointing_at(foreign_url))])
        store = Store.build(folder / "ehr", data)
        live = stack.enter_context(serve_in_thread(store, app_url=app_url, clients=clients, today=TODAY))
        way = OnTheWay(live.app.wsgi_app)
        live.app.wsgi_app = way  # type: ignore[method-assign]
        home = folder / "home"
        home.mkdir(mode=0o700)
        keep(home, _registry(live, app_url, home))
        stack.enter_context(serving(create_app(from_environment({"KINDRED_HOME": str(home)})), sock))
        yield World(live, app_url, home, way, foreign_url, foreign_seen)


def pointing_at(url: str) -> bytes:
    """A resource of Ben's that refers to another server in every way."""
    return json.dumps({
        "resourceType": "MedicationRequest", "id": "elsewhere", "status": "stopped", "intent": "order",
        "subject": {"reference": f"Patient/{BEN}"}, "authoredOn": "2024-01-01",
        "medicationReference": {"reference": f"{url}/fhir/Medication/1"},
        "supportingInformation": [{"reference": f"{url}/fhir/Binary/1"}],
        "extension": [{"url": f"{url}/x", "valueAttachment": {"url": f"{url}/fhir/Binary/2"}}],
    }).encode()  # fmt: skip


def keep(home: Path, text: str) -> None:
    """Write the registry of a home; it may hold a secret."""
    (home / "ehrs.toml").touch(mode=0o600)
    (home / "ehrs.toml").write_text(text)


def _client(kind: str, app_url: str) -> Client:
    given = Registration.of(kind)
    return given.client(given.client_id, f"{app_url}/callback", f"{app_url}/launch")


def _registry(live: Live, app_url: str, home: Path) -> str:
    entries = {}
    for kind, size in POOL.items():
        keys = Registration.of(kind).written(home) | {"redirect_uri": f"{app_url}/callback"}
        for number in range(size):
            name = f"{kind}-{number:02}"
            entries[name] = (f"{live.with_fault(f'case={name}')}/fhir", keys)
    public = Registration.of("public").written(home) | {"redirect_uri": f"{app_url}/callback"}
    for number, fault in enumerate(FAULTS):
        name = f"fault-{number:02}"
        entries[name] = (f"{live.with_fault(f'case={name},{fault}')}/fhir", public)
    return registry(entries)


@contextlib.contextmanager
def foreign() -> Iterator[tuple[str, list[Seen]]]:
    """A server of another origin that keeps what it is sent and answers `{}`."""
    seen: list[Seen] = []

    def answer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        seen.append(seen_of(environ, environ["PATH_INFO"], body))
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b"{}"]

    with listening() as (sock, url), serving(answer, sock):
        yield url, seen


@contextlib.contextmanager
def listening() -> Iterator[tuple[socket.socket, str]]:
    """A socket on a free port, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock, f"http://127.0.0.1:{sock.getsockname()[1]}"
