"""The sandbox, live on a free port, with a few people in it and a record of every request."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import orjson
from waitress import create_server, wasyncore

from analytics.config import BulkClient
from fhir_fixtures.ehr.clients import default_clients
from fhir_fixtures.ehr.keys import new_key
from fhir_fixtures.ehr.server import create_app
from fhir_fixtures.ehr.store import Store

PEOPLE = 20
LINES_PER_FILE = 40
SOME_TYPES = ("Patient", "Condition", "Observation", "Medication")


def resource(kind: str, number: int, **elements: Any) -> bytes:
    meta = {"lastUpdated": f"2026-01-{number % 28 + 1:02d}T00:00:00Z"}
    return orjson.dumps({"resourceType": kind, "id": f"{kind.lower()}-{number}", "meta": meta, **elements})


def lines() -> Iterator[tuple[str, bytes]]:
    """20 patients, 40 conditions, 200 observations in letters of one to four bytes, 3 medicines of nobody."""
    for number in range(PEOPLE):
        yield "Patient", resource("Patient", number, name=[{"family": "Núñez 漢字 🎈"}], gender="female")
    for number in range(2 * PEOPLE):
        subject = {"reference": f"Patient/patient-{number % PEOPLE}"}
        yield "Condition", resource("Condition", number, subject=subject, code={"text": "ß" * 50})
    for number in range(10 * PEOPLE):
        subject = {"reference": f"Patient/patient-{number % PEOPLE}"}
        code = {"coding": [{"system": "http://loinc.org", "code": "4548-4" if number % 2 else "2160-0"}]}
        yield "Observation", resource("Observation", number, subject=subject, code=code, status="final",
                                      note=[{"text": "é漢🎈" * 100}])
    for number in range(3):
        yield "Medication", resource("Medication", number, code={"text": "aspirin"})


class Live:
    """`seen`: (method, path without the fault prefix, has a token, Host) of every request, in order."""

    def __init__(self, folder: Path, algorithm: str, lines_per_file: int, data: Iterable[tuple[str, bytes]]) -> None:
        self.key = new_key(algorithm)
        self.algorithm = algorithm
        self.seen: list[tuple[str, str, bool, str]] = []
        self.store = Store.build(folder, data)
        clients = default_clients("http://127.0.0.1:9", bulk_keys=[self.key], asymmetric_keys=[self.key])
        app = create_app(self.store, clients=clients, today=date(2026, 6, 30))
        app.config["BULK_LINES_PER_FILE"] = lines_per_file
        self.app = app
        self._sockets: dict[int, Any] = {}
        self._server = create_server(self._watched, map=self._sockets, host="127.0.0.1", port=0, threads=8)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()

    def base(self, faults: str = "") -> str:
        prefix = f"/~{faults}" if faults else ""
        return f"http://127.0.0.1:{self._server.effective_port}{prefix}/fhir"

    def client(self, faults: str = "", **changes: Any) -> BulkClient:
        given: dict[str, Any] = {
            "ehr": "sandbox", "issuer": self.base(faults), "client_id": "kindred-bulk", "scopes": "system/*.rs",
            "private_key": dict(self.key.as_dict(private=True)), "algorithm": self.algorithm, **changes}
        return BulkClient(**given)

    def register(self, folder: Path, faults: str = "") -> Path:
        """Write a registry and the key, as `--registry` does, for a command in another process."""
        key = folder / "key.json"
        key.touch(mode=0o600)
        key.write_bytes(orjson.dumps(self.key.as_dict(private=True)))
        registry = folder / "ehrs.toml"
        registry.write_text(f'[sandbox]\nissuer = "{self.base(faults)}"\n[sandbox.bulk]\n'
                            'client_id = "kindred-bulk"\nprivate_key = "key.json"\nscopes = "system/*.rs"\n')
        return registry

    def paths(self, part: str) -> list[str]:
        """Paths of the requests whose path holds `part`, in order."""
        return [path for _, path, _, _ in self.seen if part in path]

    def close(self) -> None:
        self._server.task_dispatcher.shutdown()
        # The server's loop ends when nothing is left in its map; that must happen in its own thread.
        self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._sockets))
        self._thread.join(5)
        self.store.close()

    def _watched(self, environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        path = "/" + path.partition("/~")[2].partition("/")[2] if path.startswith("/~") else path
        token = "HTTP_AUTHORIZATION" in environ
        self.seen.append((environ["REQUEST_METHOD"], path, token, environ["HTTP_HOST"]))
        return self.app(environ, start_response)


@contextmanager
def live_sandbox(folder: Path, algorithm: str = "ES384", lines_per_file: int = LINES_PER_FILE,
                 data: Iterable[tuple[str, bytes]] | None = None) -> Iterator[Live]:
    """A running sandbox over `data` (default: `lines()`); it ends with the block."""
    live = Live(folder, algorithm, lines_per_file, lines() if data is None else data)
    try:
        yield live
    finally:
        live.close()
