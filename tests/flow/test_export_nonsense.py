"""An EHR that answers nonsense, over HTTP: one sentence each, and nothing called complete that is not."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from analytics.config import BulkClient
from analytics.errors import EhrError, ExportError, KindredError
from analytics.export import ExportOptions, export, http, members
from analytics.export.manifest import Manifest, ServerFile
from analytics.lake import Lake
from fhir_fixtures.ehr.keys import new_key

KEY = dict(new_key("ES384").as_dict(private=True))
PATIENT = b'{"resourceType":"Patient","id":"1"}\n'
NO_ADDRESS = "http://[bad"


class Ehr:
    """Answers by path: (status, headers, body); a dict becomes JSON. `seen` are the paths asked, in order."""

    def __init__(self, port: int) -> None:
        self.seen: list[str] = []
        self.slow: set[str] = set()
        self.url = f"http://127.0.0.1:{port}"
        self.manifest: dict[str, Any] = {"transactionTime": "2026-01-01T00:00:00Z", "requiresAccessToken": True,
                                         "output": [{"type": "Patient", "url": f"{self.url}/file", "count": 1}]}
        self.answers: dict[str, tuple[int, dict[str, str], Any]] = {
            "/fhir/.well-known/smart-configuration": (200, {}, {"token_endpoint": f"{self.url}/token"}),
            "/token": (200, {}, {"access_token": "t", "token_type": "bearer"}), "/file": (200, {}, PATIENT),
            "/fhir/$export": (202, {"Content-Location": f"{self.url}/status"}, {}), "/status": (200, {}, self.manifest)}

    def client(self) -> BulkClient:
        return BulkClient("sandbox", f"{self.url}/fhir", "client", "system/*.rs", KEY, "ES384")


@pytest.fixture
def ehr() -> Iterator[Ehr]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            made.seen.append(path)
            if path in made.slow:
                time.sleep(0.6)
            status, headers, body = made.answers.get(path, (404, {}, {}))
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_DELETE = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Ehr(server.server_port)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield made
        server.shutdown()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


def asked(ehr: Ehr, lake: Lake, *filters: str) -> Any:
    return export(ehr.client(), lake, ExportOptions(types=("Patient",), type_filters=filters))


@pytest.mark.parametrize(("path", "answer", "error"), [
    ("/fhir/.well-known/smart-configuration", (200, {}, {"token_endpoint": NO_ADDRESS}), EhrError),
    ("/token", (200, {}, {"access_token": "a\nb", "token_type": "bearer"}), EhrError),
    ("/token", (200, {}, {"access_token": "漢", "token_type": "bearer"}), EhrError),
    ("/fhir/$export", (202, {"Content-Location": NO_ADDRESS}, {}), EhrError),
    ("/file", (307, {"Location": NO_ADDRESS}, {}), EhrError),
    ("/file", (307, {"Location": "https://.x/file"}, {}), EhrError),
    ("/status", (200, {}, b"[" * 100_000), EhrError),
    ("/status", (200, {}, {"transactionTime": "2026-01-01T00:00:00Z", "output": 5}), ExportError),
    ("/status", (200, {}, {"transactionTime": "2026-01-01T00:00:00Z", "output": [], "deleted": True}), ExportError),
    ("/status", (200, {}, {"transactionTime": "2026-01-01T00:00:00Z", "output": [], "error": "none"}), ExportError),
    ("/status", (200, {}, {"transactionTime": "t", "link": [{"relation": "next", "url": NO_ADDRESS}]}), EhrError)])
def test_nonsense_is_told_in_one_sentence(
    path: str, answer: tuple[int, dict[str, str], Any], error: type[KindredError], ehr: Ehr, lake: Lake
) -> None:
    ehr.answers[path] = answer
    with pytest.raises(error):
        asked(ehr, lake)


def test_a_page_for_people_in_place_of_a_file_makes_the_export_partial(ehr: Ehr, lake: Lake) -> None:
    ehr.answers["/file"] = (200, {"Content-Type": "text/html"}, b"<html><body>Please log in.</body></html>")
    result = asked(ehr, lake)
    assert result.status == "partial"
    assert result.errors == ({"severity": "error", "code": "type-mismatch", "type": "Patient", "count": 1},)


def test_nothing_is_asked_between_the_kick_off_and_its_status(ehr: Ehr, lake: Lake) -> None:
    ehr.answers["/fhir/metadata"] = (200, {}, b"[" * 100_000)  # which nobody needs to understand
    asked(ehr, lake)
    assert ehr.seen.index("/fhir/metadata") < ehr.seen.index("/fhir/$export") == ehr.seen.index("/status") - 1


def test_the_log_names_no_patient_that_a_filter_asks_for(ehr: Ehr, lake: Lake) -> None:
    result = asked(ehr, lake, "Patient?_id=someone&status=a", "Patient?link:Patient.name=name")
    log = lake.read_bytes(f"{result.path}/log.ndjson")
    kick_off = next(line for line in map(json.loads, log.splitlines()) if line["eventId"] == "kickoff")
    told = kick_off["eventDetail"]["requestParameters"]["_typeFilter"]
    assert told == "Patient?_id=***&status=a,Patient?link:Patient.name=***"
    assert b"someone" not in log


def test_an_export_that_another_version_began_is_not_taken_up(ehr: Ehr, lake: Lake) -> None:
    ehr.answers["/file"] = (400, {}, {})
    with pytest.raises(EhrError):
        asked(ehr, lake)
    [export_id] = lake.unfinished_exports("sandbox")
    state = f"sandbox/exports/.{export_id}.partial/state.json"
    lake.write_json(state, {**lake.read_json(state), "version": 1})
    with pytest.raises(KindredError, match=r"another version of Kindred.*--cancel"):
        asked(ehr, lake)


def test_nobody_builds_on_a_transaction_time_in_the_future(ehr: Ehr, lake: Lake) -> None:
    ehr.manifest["transactionTime"] = "2200-01-01T00:00:00Z"
    asked(ehr, lake)
    with pytest.raises(ExportError, match="lies in the future"):
        export(ehr.client(), lake, ExportOptions(types=("Patient",), since="auto"))


def test_a_kick_off_without_an_answer_is_not_sent_twice(
    ehr: Ehr, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (5, 0.3))
    ehr.slow.add("/fhir/$export")
    with pytest.raises(EhrError, match="kick-off"):
        asked(ehr, lake)
    assert ehr.seen.count("/fhir/$export") == 1


def test_a_list_of_members_in_one_endless_line_is_given_up(ehr: Ehr) -> None:
    ehr.answers["/file"] = (200, {}, b"x" * (members.LONGEST_LINE + 2_000_000))
    listed = Manifest("t", "r", [ServerFile(0, "output", "Patient", f"{ehr.url}/file", None, False)])
    with pytest.raises(ExportError, match="does not end"):
        members.fetch(http.Http(f"{ehr.url}/fhir"), listed)
