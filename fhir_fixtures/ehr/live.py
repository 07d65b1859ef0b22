"""A sandbox in a thread of this process, for tests of every room: real HTTP on a free port of 127.0.0.1."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from flask import Flask
from joserfc.jwk import Key
from waitress import wasyncore
from waitress.server import create_server

from fhir_fixtures.ehr.clients import SYMMETRIC_SECRET, Client, default_clients
from fhir_fixtures.ehr.keys import new_key
from fhir_fixtures.ehr.recorder import Recorder
from fhir_fixtures.ehr.server import create_app
from fhir_fixtures.ehr.store import Store

APP_URL = "http://127.0.0.1:9500"


@dataclass(frozen=True)
class Live:
    """A running sandbox: where it is, who is registered, and the private keys that its key clients sign with.

    `recorder`: what arrived, at the sandbox and at `foreign_url`, the host that is none of the EHR's.
    """

    base_url: str
    app: Flask
    clients: dict[str, Client]
    keys: dict[str, tuple[Key, ...]]
    recorder: Recorder
    foreign_url: str
    local_url: str  # where it listens, which is base_url unless a proxy stands before it
    secret: str = SYMMETRIC_SECRET

    @property
    def fhir_base(self) -> str:
        """The FHIR base URL, which is `iss`."""
        return f"{self.base_url}/fhir"

    def with_fault(self, fault: str) -> str:
        """The base URL under which a fault of faults/ is switched on, e.g. `token-plain-401`."""
        return f"{self.base_url}/~{fault}"


@lru_cache(maxsize=8)
def test_key(name: str, algorithm: str) -> Key:
    """One key per name and algorithm for the whole process: RSA keys cost a tenth of a second each."""
    return new_key(algorithm)


@contextlib.contextmanager
def serve_in_thread(
    store: Store,
    *,
    app_url: str = APP_URL,
    clients: dict[str, Client] | None = None,
    today: date = date(2026, 6, 30),
    token_seconds: int = 3600,
    threads: int = 8,
    port: int = 0,
    base_url: str | None = None,
) -> Iterator[Live]:
    """Serve a store while the block runs. `clients`: further registrations, which may replace the default ones.

    `base_url`: the public address, where a TLS proxy stands before `port`.
    """
    both = (test_key("asymmetric", "RS384"), test_key("asymmetric", "ES384"))
    bulk = (test_key("bulk", "ES384"),)
    registered = default_clients(app_url, bulk_keys=bulk, asymmetric_keys=both) | (clients or {})
    recorder = Recorder()
    app = create_app(store, clients=registered, today=today, signing_key=test_key("signing", "RS256"),
                     token_seconds=token_seconds, base_url=base_url, recorder=recorder,
                     hooks_key=test_key("hooks", "ES384"))  # fmt: skip
    try:
        with _listening(app, threads, port) as here, _listening(app, 2) as foreign:
            app.extensions["sandbox"].foreign_url = foreign
            keys = {"kindred-asymmetric": both, "kindred-bulk": bulk, "hooks": (test_key("hooks", "ES384"),)}
            yield Live(base_url or here, app, registered, keys, recorder, foreign, here)
    finally:
        store.close()


@contextlib.contextmanager
def _listening(app: Flask, threads: int, port: int = 0) -> Iterator[str]:
    """The application on a port of 127.0.0.1 (0: a free one); gives its address."""
    server = create_server(app, host="127.0.0.1", port=port, threads=threads, map={})
    thread = threading.Thread(target=server.run, daemon=True, name="sandbox")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.task_dispatcher.shutdown()  # first: a worker that ends later would write to a pipe that is closed
        with contextlib.suppress(OSError):  # sockets are closed by the thread that waits on them; then run() ends
            server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map))
        thread.join(timeout=5)
