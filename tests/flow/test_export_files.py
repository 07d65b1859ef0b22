"""Downloads over HTTP from a server that answers as each case tells it to."""

import gzip
import itertools
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest

from analytics.errors import EhrError
from analytics.export import ExportOptions, export
from analytics.export.download import Downloads
from analytics.export.http import ATTEMPTS, Http, LinkExpired
from analytics.export.log import ExportLog
from analytics.export.manifest import ServerFile
from analytics.export.roll import Rolling
from analytics.export.run import NEW_LINKS
from analytics.export.spool import Part
from analytics.export.staging import Staging
from analytics.lake import Lake
from analytics.progress import Step
from tests.conformance.bulk.live import SOME_TYPES, live_sandbox

LINES = b"".join(b'{"resourceType":"Patient","id":"%d"}\n' % number for number in range(20))
Answer = tuple[int, dict[str, str], bytes]


class Server:
    """`answers[n]` are file n's, in turn, the last one again and again; `asked` is what was requested, in order."""

    def __init__(self) -> None:
        self.answers: dict[int, list[Answer]] = {}
        self.asked: list[int] = []
        self.stalls: set[int] = set()  # files of which half comes, and then nothing
        self.silent: set[int] = set()  # files of which not even the headers come
        self.cuts: list[int] = []  # files of which half comes, and then the end, once for each time they stand here
        self.go_on = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                number = int(self.path.rpartition("/")[2])
                outer.asked.append(number)
                left = outer.answers[number]
                status, headers, body = left.pop(0) if len(left) > 1 else left[0]
                self.send_response(status)
                if number in outer.silent:
                    outer.go_on.wait(20)
                    return
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                half = number in outer.stalls or number in outer.cuts
                self.wfile.write(body[: len(body) // 2] if half else body)
                self.close_connection = half or "Content-Length" in headers
                if number in outer.cuts:
                    outer.cuts.remove(number)
                elif half:
                    outer.go_on.wait(20)

            def log_message(self, *_: Any) -> None:
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def files(self, *answers: list[Answer], count: int | None = None) -> list[ServerFile]:
        self.answers = dict(enumerate(answers))
        base = f"http://127.0.0.1:{self.server.server_port}"
        return [ServerFile(number, "output", "Patient", f"{base}/{number}", count, False)
                for number in range(len(answers))]

    def close(self) -> None:
        self.go_on.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


class Client:
    """Downloads into a folder, as `export` puts them together."""

    def __init__(self, folder: Path, parallel: int = 2) -> None:
        self.staging = Staging(Lake(f"file://{folder}"), "ehr", "X")
        self.log = ExportLog(self.staging.lake, f"{self.staging.folder}/log.ndjson", "X")
        self.parallel = parallel

    def fetch(self, files: list[ServerFile], target: int = 10**9) -> dict[int, Part]:
        http = Http("http://127.0.0.1:1/fhir")
        self.rolling = Rolling(self.staging, files, target)
        downloads = Downloads(http, self.staging.spool, self.log, parallel=self.parallel, gzip=False)
        try:
            downloads.fetch(files, self.rolling, Step("", None, ""), 10**9)
        finally:
            self.log.flush()
            http.session.close()
        return self.rolling.have()

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = map(orjson.loads, self.staging.lake.read_bytes(f"{self.staging.folder}/log.ndjson").splitlines())
        return [line["eventDetail"] for line in lines if line["eventId"] == name]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


def whole(body: bytes = LINES, **headers: str) -> Answer:
    return 200, {name.replace("_", "-"): value for name, value in headers.items()}, body


BUSY: Answer = (429, {"Retry-After": "0"}, b"")
DOWN: Answer = (503, {}, b"")


def test_a_server_that_says_too_many_requests_sets_the_pace_and_is_not_given_up(server: Server, client: Client) -> None:
    parts = client.fetch(server.files([BUSY] * (ATTEMPTS + 4) + [whole()], [whole()]))
    assert {number: part.lines for number, part in parts.items()} == {0: 20, 1: 20}
    assert client.events("download_complete")[-1]["attempts"] == ATTEMPTS + 5


def test_a_file_that_fails_six_times_ends_the_run_and_what_is_whole_stays(server: Server, client: Client) -> None:
    client.parallel = 1
    with pytest.raises(EhrError, match="File 1 of the export failed 6 times, the last time with: HTTP 503"):
        client.fetch(server.files([whole()], [DOWN], [whole()]))
    assert server.asked == [0] + [1] * ATTEMPTS
    assert set(client.rolling.have()) == {0}


@pytest.mark.parametrize(("counts", "requests", "lines"), [
    ([20], 1, 20),  # as the manifest says
    ([19, 20], 2, 20),  # wrong once
    ([19, 19], 2, 19),  # wrong and repeated: the server means it
    ([19, 18, 18], 3, 18), ([19, 18, 20], 3, 20),
])
def test_a_wrong_count_is_believed_only_when_the_server_repeats_it(
    counts: list[int], requests: int, lines: int, server: Server, client: Client
) -> None:
    answers = [whole(b"".join(LINES.splitlines(keepends=True)[:count])) for count in counts]
    parts = client.fetch(server.files(answers, count=20))
    assert (len(server.asked), parts[0].lines) == (requests, lines)


def test_a_file_that_is_promised_empty_is_asked_for_again_when_it_is_not(server: Server, client: Client) -> None:
    assert client.fetch(server.files([whole(), whole(b"")], count=0))[0].lines == 0


def test_a_file_that_is_cut_is_fetched_again(server: Server, client: Client) -> None:
    server.cuts = [0, 0]
    assert client.fetch(server.files([whole()]))[0].lines == 20
    assert server.asked == [0, 0, 0]


@pytest.mark.parametrize("broken", [gzip.compress(LINES)[:-9], b"\0" + gzip.compress(LINES)], ids=["cut", "none"])
def test_gzip_that_is_not_whole_is_fetched_again_though_its_length_is_right(
    broken: bytes, server: Server, client: Client
) -> None:
    assert client.fetch(server.files([whole(broken, Content_Encoding="gzip"), whole()]))[0].lines == 20
    assert server.asked == [0, 0]


def test_gzip_that_was_not_asked_for_is_understood(server: Server, client: Client) -> None:
    assert client.fetch(server.files([whole(gzip.compress(LINES), Content_Encoding="gzip")]))[0].lines == 20


def test_another_coding_is_refused(server: Server, client: Client) -> None:
    with pytest.raises(EhrError, match="coding that was not asked for"):
        client.fetch(server.files([whole(Content_Encoding="br")]))


def test_a_last_line_without_line_feed_gets_one_so_that_the_next_file_starts_a_line(
    server: Server, client: Client
) -> None:
    client.fetch(server.files([whole(LINES[:-1])], [whole()]))
    assert client.rolling.roll_all()[0].count == 40
    assert client.staging.lake.read_bytes(f"{client.staging.folder}/Patient/00000.ndjson") == LINES * 2


def test_links_that_expire_let_running_downloads_end_and_start_no_more(server: Server, client: Client) -> None:
    client.parallel = 1
    with pytest.raises(LinkExpired):
        client.fetch(server.files([whole()], [(410, {}, b"")], [whole()]))
    assert server.asked == [0, 1]
    assert set(client.rolling.have()) == {0}


def test_a_download_that_stalls_does_not_hold_up_the_end_when_another_fails(server: Server, client: Client) -> None:
    server.stalls = {0}
    began = time.monotonic()
    with pytest.raises(EhrError, match="HTTP 400"):
        client.fetch(server.files([whole()], [(400, {}, b"")]))
    assert time.monotonic() - began < 5
    assert set(client.rolling.have()) == set()


def test_20000_server_files_of_ten_lines_would_be_a_handful_of_lake_files(server: Server, client: Client) -> None:
    """200 of them and a hundredth of the target; `make bench` takes all."""
    client.parallel = 4
    body = b"".join(LINES.splitlines(keepends=True)[:10])
    client.fetch(server.files(*([whole(body)] for _ in range(200))), target=30_000)
    entries = client.rolling.roll_all()
    assert [entry.count for entry in entries] == [834, 834, 332]  # of 36 bytes
    assert b"".join(client.staging.lake.read_bytes(f"{client.staging.folder}/{entry.path}") for entry in entries) == \
        body * 200




@pytest.mark.parametrize(("expires", "manifests"), [(3, 4), (1, NEW_LINKS)])
def test_expired_links_lead_to_a_new_manifest_each_time_as_long_as_files_come(
    expires: int, manifests: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third request, or each one, finds its link expired: 8 files take four manifests, or are given up."""
    asked = itertools.count(1)
    real = Http.open_file

    def expiring(http: Http, url: str, **how: Any) -> Any:
        if next(asked) % expires == 0:
            raise LinkExpired
        return real(http, url, **how)

    monkeypatch.setattr(Http, "open_file", expiring)
    options = ExportOptions(types=SOME_TYPES, parallel=1)
    with live_sandbox(tmp_path / "sandbox") as sandbox:
        lake = Lake(f"file://{tmp_path}/lake")
        if expires == 1:
            with pytest.raises(EhrError, match="links expire before their files are fetched"):
                export(sandbox.client(), lake, options)
        else:
            assert export(sandbox.client(), lake, options).status == "complete"
        log = next(Path(lake.local("sandbox/exports") or "").rglob("log.ndjson")).read_bytes()
        assert log.count(b'"eventId":"status_complete"') == manifests


UNFRAMED = {"Content-Length": "", "Connection": "close"}  # the end of the connection is the end of the file


@pytest.mark.parametrize("cut", [b'{"resourceType":"Patient","na', b'{"resourceType":"Patient","name":[{}', b"\xc3"])
def test_a_file_whose_end_nothing_tells_is_cut_when_its_last_line_is(
    client: Client, server: Server, cut: bytes
) -> None:
    files = server.files([(200, UNFRAMED, LINES + cut), (200, UNFRAMED, LINES[:-1])])
    assert client.fetch(files)[0].lines == 20
    assert server.asked == [0, 0]


def test_whoever_stops_a_run_does_not_wait_for_an_ehr_that_says_nothing(client: Client, server: Server) -> None:
    server.silent = {1}

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    started = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        with pytest.raises(KeyboardInterrupt):
            client.fetch(server.files([whole(LINES)], [whole(LINES)]))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - started < 10
    assert 0 in client.rolling.have()
