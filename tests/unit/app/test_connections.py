"""Connections to an EHR: those of one session serve no other, and each reply has an end, however it drips."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import orjson
import pytest
import requests

from app.fhir import read_patient
from app.outgoing import OutgoingRefused, session
from app.searches import ChartServer
from app.smart import CallToken
from app.smart.scopes import Granted

Step = bytes | float | None  # bytes that are sent, seconds that are waited, None: the connection is closed
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
UNPACKED = OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08"


@dataclass
class Wire:
    """A server that says which bytes go out for the n-th request of a connection; `asked`: connection and request."""

    url: str = ""
    asked: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def connections(self) -> list[int]:
        return [number for number, _ in self.asked]


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    """Start such a server; it ends with the test."""
    sockets: list[socket.socket] = []

    def start(answer: Callable[[int, bytes], list[Step]]) -> Wire:
        listening, seen = socket.create_server(("127.0.0.1", 0)), Wire()
        sockets.append(listening)
        seen.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        threading.Thread(target=_accept, args=(listening, seen, answer), daemon=True).start()
        return seen

    yield start
    for one in sockets:
        one.close()


def _accept(listening: socket.socket, seen: Wire, answer: Callable[[int, bytes], list[Step]]) -> None:
    for number in range(1000):
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(number, connection, seen, answer), daemon=True).start()


def _serve(number: int, connection: socket.socket, seen: Wire, answer: Callable[[int, bytes], list[Step]]) -> None:
    nth = 0
    with connection, contextlib.suppress(OSError):  # who asked may be gone
        while request := _request(connection):
            seen.asked.append((number, request))
            nth += 1
            for step in answer(nth, request):
                if step is None:
                    return
                if isinstance(step, float):
                    time.sleep(step)
                else:
                    connection.sendall(step)


def _request(connection: socket.socket) -> bytes:
    got = b""
    try:
        while b"\r\n\r\n" not in got:
            more = connection.recv(65536)
            if not more:
                return b""
            got += more
    except OSError:
        return b""
    return got


def test_each_session_has_connections_of_its_own(wire) -> None:
    here = wire(lambda *_: [REPLY + b"{}"])
    for _ in range(2):
        with session(frozenset({here.url}), 1000) as http:
            assert [http.get(here.url).content for _ in range(2)] == [b"{}"] * 2
    assert here.connections == [0, 0, 1, 1]


@pytest.mark.parametrize(
    "first",
    [
        pytest.param([b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.2, REPLY + b"no"], id="the answer comes later"),
        pytest.param([REPLY + b"{}", 0.05, REPLY + b"no"], id="two answers, one later"),
        pytest.param([b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", 0.2, b"no"], id="a body where none is"),
        pytest.param([b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0.2, REPLY + b"no"], id="after an error"),
    ],
)
def test_what_belongs_to_one_reply_is_not_the_next_one_of_its_session(wire, first) -> None:
    here = wire(lambda _, request: first if b"/first" in request else [REPLY + b"{}"])
    with session(frozenset({here.url}), 1000) as http:
        http.get(f"{here.url}/first")
        time.sleep(0.1)
        assert http.get(here.url).content == b"{}"
    assert here.connections == [0, 1]


def test_each_token_goes_over_connections_of_its_own(wire, ehr_at) -> None:
    def own(_: int, request: bytes) -> list[Step]:
        who = request.partition(b"Bearer token-of-")[2].split()[0].decode()
        body = orjson.dumps({"resourceType": "Patient", "id": who})
        cookie = b"Set-Cookie: whose=%s\r\n" % who.encode()
        return [OK + cookie + b"Content-Length: %d\r\n\r\n" % len(body) + body]

    here = wire(own)
    ehr, granted = ehr_at(here.url), Granted(("patient/*.rs",))
    for who in ("p1", "p2") * 2:
        assert read_patient(ChartServer(ehr, CallToken(ehr, f"token-of-{who}")), who, granted)["id"] == who
    assert here.connections == [0, 1, 2, 3]
    assert not [request for _, request in here.asked if b"Cookie" in request]


def test_a_cookie_comes_back_with_the_next_page_of_its_own_search_alone(wire, ehr_at) -> None:
    here = wire(lambda *_: [OK + b"Set-Cookie: node=7; Path=/\r\nContent-Length: 2\r\n\r\n{}"])
    ehr = ehr_at(here.url)
    for _ in range(2):
        server = ChartServer(ehr, CallToken(ehr, "token"))
        server.request_data("Condition?page=1")
        server.request_data("Condition?page=2")
    assert [b"Cookie: node=7" in request for _, request in here.asked] == [False, True, False, True]


def test_a_proxy_of_this_machine_is_used(wire, ehr_at, monkeypatch) -> None:
    proxy = wire(lambda *_: [REPLY + b"{}"])
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    ehr = ehr_at("http://ehr.example")
    ChartServer(ehr, CallToken(ehr, "token")).request_data("metadata")
    assert [request.partition(b" HTTP")[0] for _, request in proxy.asked] == [b"GET http://ehr.example/fhir/metadata"]


@pytest.mark.parametrize(
    ("begins", "drop"),
    [
        pytest.param(OK + b"Content-Length: 9999\r\n\r\n", b"x", id="a body"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x", id="the size of a chunk"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"A: b\r\n", id="trailers"),
        pytest.param(UNPACKED + b"\0" * 6 + b"\x03", b"\0\0\0\xff\xff", id="blocks of nothing"),
        pytest.param(UNPACKED + b"\x08" + b"\0" * 5 + b"\x03", b"n", id="the name in a gzip"),
    ],
)
def test_a_reply_has_an_end_however_it_drips(wire, begins, drop) -> None:
    here = wire(lambda *_: [begins, *[drop, 0.05] * 200])
    began = time.monotonic()
    with pytest.raises(OutgoingRefused, match="took too long"):
        session(frozenset({here.url}), 1000, total_seconds=0.5).get(here.url)
    assert time.monotonic() - began < 5


def test_a_body_may_take_longer_than_the_headers(wire, monkeypatch) -> None:
    monkeypatch.setattr("app.deadline.HEADER_SECONDS", 0.3)
    here = wire(lambda *_: [REPLY, 0.5, b"{}"])
    assert session(frozenset({here.url}), 1000).get(here.url).content == b"{}"


def test_all_attempts_together_end_in_time(wire) -> None:
    here = wire(lambda *_: [0.3, b"HTTP/1.1 200 OK\r\nX: ", *[b"a", 0.05] * 200])
    began = time.monotonic()
    with pytest.raises(requests.RequestException):
        session(frozenset({here.url}), 1000, total_seconds=1.0).get(here.url)
    assert time.monotonic() - began < 5
