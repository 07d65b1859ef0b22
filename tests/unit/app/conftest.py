"""Small HTTP servers on 127.0.0.1 that answer as a test says and remember what reached them; and an empty database."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from app.database import open_database
from app.registry import Ehr

Reply = tuple[int, dict[str, str], bytes]
Answer = Callable[[str], Reply]  # path with query -> status, headers, body


@dataclass
class Seen:
    """A running server: its address and the requests that reached it, as (method, path, headers, body).

    Among the headers stands `Port`, the number of the caller's side of the connection.
    """

    url: str
    requests: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Seen]]:
    """Start a server for the test; it ends with it."""
    running: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> Seen:
        seen = Seen("")

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                told = dict(self.headers) | {"Port": str(self.client_address[1])}
                seen.requests.append((self.command, self.path, told, body))
                status, headers, content = answer(self.path)
                if headers.get("X-Hang-Up"):
                    self.close_connection = True
                    return
                if headers.get("X-Drip-Headers"):
                    self.drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200)
                    return
                (self.send_response_only if "Date" in headers else self.send_response)(status)
                for name, value in ({"Content-Length": str(len(content))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                if headers.get("X-Drip"):
                    self.drip(content)
                else:
                    self.wfile.write(content)

            def drip(self, content: bytes) -> None:
                self.close_connection = True
                with contextlib.suppress(OSError):
                    for letter in content:
                        self.wfile.write(bytes([letter]))
                        time.sleep(0.05)

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        seen.url = f"http://127.0.0.1:{server.server_port}"
        return seen

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def ehr_at() -> Callable[..., Ehr]:
    """A registered EHR whose FHIR base is `URL/fhir`."""

    def make(url: str, **changes: Any) -> Ehr:
        parts = {
            "name": "here", "issuer": f"{url}/fhir", "client_id": "kindred", "client_auth": "public",
            "redirect_uri": "http://127.0.0.1:9500/callback", "scopes": ("launch", "openid", "patient/*.rs"),
        }  # fmt: skip
        return Ehr(**(parts | changes))

    return make


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """The app's own database, empty."""
    opened = open_database(tmp_path)
    yield opened
    opened.dispose()
