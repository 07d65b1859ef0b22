"""An EHR that answers nonsense, over HTTP: one sentence each, and nothing called complete that is not."""

import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from analytics.config import BulkClient
from analytics.errors import EhrError, ExportError, KindredError
from analytics.export import ExportOptions, cancel, export, http, manifest, members, patience
from analytics.export.jobs import Jobs
from analytics.export.log import ExportLog
from analytics.export.manifest import Manifest, ServerFile
from analytics.export.staging import Staging
from analytics.lake import Lake
from fhir_fixtures.ehr.keys import new_key

KEY = dict(new_key("ES384").as_dict(private=True))
PATIENT = b'{"resourceType":"Patient","id":"1"}\n'
NO_ADDRESS = "http://[bad"
LOST = re.compile(r"A kick-off was sent at \S+ \(\d{8}T\d{6}Z-\w{4}\), and no answer was kept")


class Ehr:
    """Answers by path: (status, headers, body); a dict becomes JSON. `seen` are the paths asked, in order.

    A body may also be a function of how often its path was asked for.
    """

    def __init__(self, port: int) -> None:
        self.seen: list[str] = []
        self.slow: set[str] = set()
        self.cut: set[str] = set()  # the connection ends without an answer
        self.drips: dict[str, str] = {}  # path -> headers | body | stream: once, slowly, for ten seconds
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
            if path in made.cut:
                self.close_connection = True
                return
            if dripping := made.drips.pop(path, None):
                self.drip(dripping)
                return
            status, headers, body = made.answers.get(path, (404, {}, {}))
            body = body(made.seen.count(path)) if callable(body) else body
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = self.close_connection or status == 202

        do_POST = do_DELETE = do_GET

        def drip(self, what: str) -> None:
            self.close_connection = True
            begin = b"X: " if what == "headers" else b"Content-Length: 9999999\r\n\r\n"
            with suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\n" + begin)
                for _ in range(500):
                    self.wfile.write(b"x" * (5000 if what == "stream" else 1))
                    time.sleep(0.02)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Ehr(server.server_port)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # whoever asked may have gone
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield made
        server.shutdown()


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


@pytest.mark.parametrize(("bound", "most", "said"), [
    ("MAX_PAGES", 5, "beyond 5 pages"), ("MAX_FILES", 7, "beyond 7 files"), ("MAX_BYTES", 2 << 20, "beyond 2 MiB")])
def test_pages_of_a_manifest_that_never_end_are_given_up(
    bound: str, most: int, said: str, ehr: Ehr, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def page(number: int) -> dict[str, Any]:
        following = [{"relation": "next", "url": f"{ehr.url}/status?page={number}"}]
        return {**ehr.manifest, "link": following, "padding": "x" * 600_000}

    monkeypatch.setattr(manifest, bound, most)
    ehr.answers["/status"] = (200, {}, page)
    with pytest.raises(ExportError, match=said):
        asked(ehr, lake)
    assert ehr.seen.count("/status") <= 10
    assert lake.unfinished_exports("sandbox") == []


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


@pytest.mark.parametrize("trouble", ["slow", "cut"])
def test_a_kick_off_without_an_answer_is_sent_once_a_run_and_the_next_run_says_it(
    trouble: str, ehr: Ehr, lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (5, 0.3))
    getattr(ehr, trouble).add("/fhir/$export")
    with pytest.raises(EhrError, match=r"did not answer the kick-off .*, and may have done it\. Look there for a job"):
        asked(ehr, lake)
    assert ehr.seen.count("/fhir/$export") == 1
    getattr(ehr, trouble).clear()
    capsys.readouterr()
    assert asked(ehr, lake).status == "complete"
    assert LOST.search(capsys.readouterr().err)
    assert lake.unfinished_exports("sandbox") == []
    asked(ehr, lake)
    assert not LOST.search(capsys.readouterr().err), "it is said once"


def test_who_cancels_is_told_of_a_kick_off_without_an_answer(
    ehr: Ehr, lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    staging = Staging.new(lake, "sandbox")
    staging.save({"started": 1_800_000_000.0})
    cancel.forget(http.Http(f"{ehr.url}/fhir"), staging)
    assert "sent at 2027-01-15T08:00:00+00:00" in capsys.readouterr().err
    assert lake.unfinished_exports("sandbox") == []


def test_a_kick_off_that_is_refused_was_answered(
    ehr: Ehr, lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    ehr.answers["/fhir/$export"] = (400, {}, {})
    for _ in range(2):
        with pytest.raises(EhrError, match="HTTP 400"):
            asked(ehr, lake)
    assert not LOST.search(capsys.readouterr().err)
    staging, there = Staging.new(lake, "sandbox"), http.Http(f"{ehr.url}/fhir")
    with pytest.raises(EhrError, match="HTTP 400"):
        Jobs(ehr.client(), there, ExportLog(lake, "log", "X"), staging, ExportOptions()).kick_off("request", None)
    assert "started" not in staging.state()


def test_nothing_is_waited_for_when_the_kick_off_is_accepted(ehr: Ehr, lake: Lake) -> None:
    accepted = {"Content-Location": f"{ehr.url}/status", "Content-Length": "99"}
    ehr.answers["/fhir/$export"] = (202, accepted, b"more")
    began = time.monotonic()
    assert asked(ehr, lake).status == "complete"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("what", ["headers", "body"])
@pytest.mark.parametrize(("path", "times"), [
    ("/fhir/.well-known/smart-configuration", 2), ("/token", 2), ("/file", 2),
    ("/status", 3),  # the third is its DELETE
    ("/fhir/metadata", 1)])  # which the log can do without
def test_an_answer_that_comes_byte_by_byte_is_cut_and_asked_for_again(
    path: str, times: int, what: str, ehr: Ehr, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "HEADERS_WITHIN", 0.4)
    monkeypatch.setattr(patience, "WINDOW", 0.4)
    ehr.drips[path] = what
    began = time.monotonic()
    result = asked(ehr, lake)
    assert time.monotonic() - began < 5
    assert (result.status, result.counts) == ("complete", {"Patient": 1})
    assert ehr.seen.count(path) == times


def test_an_answer_for_memory_has_an_end_though_it_comes_fast_enough(
    ehr: Ehr, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "ANSWER_WITHIN", 0.4)
    ehr.drips["/status"] = "stream"
    began = time.monotonic()
    assert asked(ehr, lake).status == "complete"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("end", ["stopped", "failed"])
def test_an_export_that_ends_does_not_wait_for_a_token_that_is_renewed(end: str, ehr: Ehr, lake: Lake) -> None:
    """The second token never comes in time; the end comes while it is asked for, and not before."""
    go_on, renewing = threading.Event(), threading.Event()

    def token(times: int) -> dict[str, str]:
        if times > 1:
            renewing.set()
            if end == "stopped":
                os.kill(os.getpid(), signal.SIGALRM)
            go_on.wait(90)
        return {"access_token": f"t{times}", "token_type": "bearer"}

    def refused(_: int) -> dict[str, str]:
        while end == "failed" and "/other" not in ehr.seen:
            time.sleep(0.01)
        return {}

    def failed(_: int) -> dict[str, str]:
        renewing.wait(90)
        return {}

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    ehr.answers |= {"/token": (200, {}, token), "/file": (401, {}, refused), "/other": (400, {}, failed)}
    if end == "failed":
        ehr.manifest["output"].append({"type": "Patient", "url": f"{ehr.url}/other"})
    before, began = signal.signal(signal.SIGALRM, stop), time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt if end == "stopped" else EhrError):
            asked(ehr, lake)
        while [thread for thread in threading.enumerate() if thread.name.startswith("download")]:
            assert time.monotonic() - began < 60
            time.sleep(0.05)
        assert not go_on.is_set() and ehr.seen.count("/token") == 2
    finally:
        signal.signal(signal.SIGALRM, before)
        go_on.set()
    assert time.monotonic() - began < 60


def test_a_list_of_members_in_one_endless_line_is_given_up(ehr: Ehr) -> None:
    ehr.answers["/file"] = (200, {}, b"x" * (members.LONGEST_LINE + 2_000_000))
    listed = Manifest("t", "r", [ServerFile(0, "output", "Patient", f"{ehr.url}/file", None, False)])
    with pytest.raises(ExportError, match="does not end"):
        members.fetch(http.Http(f"{ehr.url}/fhir"), listed)
