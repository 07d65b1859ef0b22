"""An EHR, the app, and one launch whose cookie, address and mark a program would have."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.flow.people import ANA
from tests.flow.published import RELEASE_ID, model, publish
from tests.flow.world import SECONDS, World, running

DOCUMENT = {"groups": [{"rank": 1, "n": 431, "followed": 412, "events": 128, "rate": 0.31},
                       {"rank": 2, "n": 431, "followed": 412, "events": 7, "rate": 0.017}]}  # fmt: skip


@dataclass
class Program:
    """What runs in the browser of a launch."""

    world: World
    http: requests.Session
    sid: str
    mark: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"{self.world.app_url}/api/v1/launches/{self.sid}"

    def ask(self, path: str, method: str = "GET", **more: Any) -> requests.Response:
        headers = {"Origin": self.world.app_url, "Kindred-Patient": self.mark} | more.pop("headers", {})
        return self.http.request(method, f"{self.base}/{path}", headers=headers, timeout=SECONDS, **more)


def launched(world: World, http: requests.Session, patient: str | None = ANA, **context: Any) -> Program:
    page = http.get(world.launch_url(patient, **context), timeout=SECONDS)
    return Program(world, http, page.url.split("/")[-2], page.headers["Kindred-Patient"])


@pytest.fixture(scope="session")
def launch() -> Any:
    """Makes a launch in a browser."""
    return launched


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    import json
    import sqlite3

    folder: Path = tmp_path_factory.mktemp("api")
    publish(folder / "kindred.db", "sandbox", model())
    with sqlite3.connect(folder / "kindred.db") as db:
        db.execute("INSERT INTO release_document VALUES (?, 'evidence', ?)", (RELEASE_ID, json.dumps(DOCUMENT)))
        db.execute("INSERT INTO membership VALUES (?, ?, 1, 2, 0.2, ?)", (RELEASE_ID, ANA, 2**56))
    db.close()
    with running(folder) as both:
        yield both


@pytest.fixture(scope="module")
def program(world: World) -> Iterator[Program]:
    with requests.Session() as http:
        yield launched(world, http)
