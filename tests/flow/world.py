"""An EHR and the app, each a real HTTP server on 127.0.0.1, and a browser that is no more than a cookie jar."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from flask import request

from app import create_app
from app.config import Config
from app.registry import Ehr, HookClient
from fhir_fixtures.ehr.clients import APP_SCOPES
from fhir_fixtures.ehr.live import Live, serve_in_thread
from fhir_fixtures.ehr.store import Store
from tests.flow.people import lines
from tests.serving import serving

TODAY = date(2026, 6, 30)
SECONDS = 30


@dataclass
class World:
    """Both servers. `ehrs` may be changed before the first launch; `requests_seen` are those that reached the EHR."""

    ehr: Live
    app_url: str
    home: Path
    config: Config
    requests_seen: list[str] = field(default_factory=list)

    def launch_url(self, patient: str | None, client_id: str = "kindred", **context: Any) -> str:
        """What the EHR would open: the app's launch address with issuer and a fresh launch handle.

        `context` is what `POST /launches` of the sandbox takes beside them: `user`, `intent`, `fhirContext`, ...
        """
        asked = {"patient": patient, "client_id": client_id, **context}
        answer = requests.post(f"{self.ehr.base_url}/launches", json=asked, timeout=SECONDS)
        answer.raise_for_status()
        return str(answer.json()["url"])


def registered(name: str, issuer: str, app_url: str, **changes: Any) -> Ehr:
    """The sandbox's registration of the app; `changes` replace parts of it."""
    parts: dict[str, Any] = {
        "issuer": issuer, "client_id": "kindred", "client_auth": "public", "redirect_uri": f"{app_url}/callback",
        "scopes": tuple(APP_SCOPES.split()), "frame_ancestors": (issuer.split("/~")[0].removesuffix("/fhir"),),
        "today": TODAY,
        "hooks": HookClient(base := issuer.removesuffix("/fhir"), f"{base}/cds-hooks/jwks.json"),
    }  # fmt: skip
    return Ehr(name=name, **(parts | changes))


@contextlib.contextmanager
def running(folder: Path, faults: dict[str, str] | None = None, **changes: Any) -> Iterator[World]:
    """Both servers while the block runs. `faults`: further EHRs, name to fault; `changes`: of `sandbox`."""
    listening = socket.create_server(("127.0.0.1", 0))
    app_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with serve_in_thread(Store.build(folder / "ehr", lines()), app_url=app_url, today=TODAY) as ehr:
        ehrs = {"sandbox": registered("sandbox", ehr.fhir_base, app_url, **changes)}
        for name, fault in (faults or {}).items():
            ehrs[name] = registered(name, f"{ehr.with_fault(fault)}/fhir", app_url)
        home = folder / "home"
        home.mkdir()
        config = Config(home, f"sqlite:///{folder / 'kindred.db'}", b"0" * 32, ehrs)
        world = World(ehr, app_url, home, config)
        ehr.app.before_request(lambda: world.requests_seen.append(_path()))
        with serving(create_app(config), listening):
            yield world


def _path() -> str:
    return request.path


def callback_of(browser: requests.Session, launch_url: str) -> str:
    """Follow a launch up to, and not into, the app's callback; gives the callback's address."""
    url = launch_url
    for _ in range(5):
        url = browser.get(url, allow_redirects=False, timeout=SECONDS).headers["Location"]
        if urlsplit(url).path == "/callback":
            return url
    raise AssertionError("the launch never came back to the app")


def parameter(url: str, name: str) -> str:
    """One query parameter of an address."""
    return parse_qs(urlsplit(url).query)[name][0]
