"""Connections that outlive a call: kept for one EHR, for reads alone, and nothing of one call reaches another."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import orjson
import pytest
import requests

from app import kept as kept_module
from app.fhir import read_patient
from app.kept import MOST_IDLE, Kept
from app.outgoing import OutgoingRefused, session
from app.searches import ChartServer
from app.smart import CallToken
from app.smart.scopes import Granted
from app.turns import Turns
from tests.conformance.smart.tls import answering, certificate

Step = bytes | float | None  # bytes that are sent, seconds that are waited, None: the connection is closed
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


@dataclass
class Wire:
    """A server that says which bytes go out for the n-th request of a connection; `asked`: connection and request."""

    url: str = ""
    asked: list[tuple[int, bytes]] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)  # connections that the other side has closed

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
    with connection:
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
    seen.ended.append(number)


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


@pytest.fixture
def kept() -> Iterator[Kept]:
    made = Kept()
    yield made
    made.close()


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def over(kept: Kept, url: str, most: int = 1000) -> requests.Session:
    return session(frozenset({url}), most, kept=kept)


def test_a_connection_serves_one_session_after_the_other(wire, kept) -> None:
    here = wire(lambda *_: [REPLY + b"{}"])
    assert [over(kept, here.url).get(here.url).content for _ in range(3)] == [b"{}"] * 3
    assert here.connections == [0, 0, 0]


def test_a_post_gets_a_connection_of_its_own(wire, kept) -> None:
    here = wire(lambda *_: [REPLY + b"{}"])
    with over(kept, here.url) as http:
        http.get(here.url)
        http.post(here.url, data="code=1")
    over(kept, here.url).get(here.url)
    assert here.connections == [0, 1, 0]


def test_a_post_that_nobody_answers_is_sent_once(wire, kept) -> None:
    here = wire(lambda _, request: [REPLY + b"{}"] if request.startswith(b"GET") else [None])
    with over(kept, here.url) as http:
        http.get(here.url)
        with pytest.raises(requests.ConnectionError):
            http.post(here.url, data="code=1")
    assert [request[:4] for _, request in here.asked] == [b"GET ", b"POST"]


@pytest.mark.parametrize(
    "closes",
    [
        pytest.param([b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", None], id="as it says"),
        pytest.param([REPLY + b"{}", None], id="without a word"),
        pytest.param([REPLY + b"{}", 0.2, None], id="after a while"),
    ],
)
def test_an_ehr_that_closes_its_connections_is_read_all_the_same(wire, kept, closes) -> None:
    here = wire(lambda *_: closes)
    for pause in (0.0, 0.0, 0.1, 0.4):
        time.sleep(pause)
        assert over(kept, here.url).get(here.url).content == b"{}"
    assert here.connections[-1] > 0


def test_a_read_that_meets_a_connection_just_closed_is_asked_again_over_a_new_one(wire, kept) -> None:
    here = wire(lambda nth, _: [REPLY + b"{}"] if nth == 1 else [None])
    with ThreadPoolExecutor(5) as pool:  # five connections, all of which close at their next request
        here_again = wire(lambda nth, _: [0.2, REPLY + b"{}"] if nth == 1 else [None])
        list(pool.map(lambda _: over(kept, here_again.url).get(here_again.url), range(5)))
    for one in (here, here, here, here_again):
        assert over(kept, one.url).get(one.url).content == b"{}"
    assert here.connections == [0, 0, 1, 2]  # what is asked again goes over a connection of its own session
    assert len(here_again.asked) == 7  # five, one in vain, one over a new connection


def test_a_reply_that_breaks_off_is_an_error_and_the_next_one_is_whole(wire, kept) -> None:
    here = wire(lambda nth, request: [REPLY + b"{", None] if b"/cut" in request else [REPLY + b"{}"])
    assert over(kept, here.url).get(here.url).content == b"{}"
    with pytest.raises(requests.ConnectionError):
        over(kept, here.url).get(f"{here.url}/cut")
    assert over(kept, here.url).get(here.url).content == b"{}"
    assert here.connections == [0, 0, 1]


@pytest.mark.parametrize(
    "first",
    [
        pytest.param([b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.2, REPLY + b"no"], id="the answer comes later"),
        pytest.param([REPLY + b"{}" + REPLY + b"no"], id="two answers at once"),
        pytest.param([REPLY + b"{}", 0.05, REPLY + b"no"], id="two answers, one later"),
        pytest.param([b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", 0.2, b"no"], id="a body where none is"),
        pytest.param([b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0.1, REPLY + b"no"], id="an error first"),
        pytest.param([b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0.2, REPLY + b"no"], id="and later"),
    ],
)
def test_what_belongs_to_one_reply_is_never_the_next_one(wire, kept, first) -> None:
    here = wire(lambda _, request: first if b"/first" in request else [REPLY + b"{}"])
    over(kept, here.url).get(f"{here.url}/first")
    for pause in (0.0, 0.3):
        time.sleep(0.1 + pause)
        assert over(kept, here.url).get(here.url).content == b"{}"
    assert here.connections[1] == 1


def test_what_tls_holds_of_one_reply_is_never_the_next_one(kept, tmp_path, monkeypatch) -> None:
    """An answer that nobody asked for, in one record with the one before: no look at the socket shows it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate(tmp_path)))
    with answering(tmp_path) as url:
        for _ in range(3):
            with over(kept, url, most=10_000) as http:
                assert set(http.get(url).content) == {ord("a")}
        kept.close()


def test_a_reply_that_is_too_large_ends_its_connection(wire, kept) -> None:
    here = wire(lambda _, request: [b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b"x" * 9000])
    with pytest.raises(OutgoingRefused):
        over(kept, here.url, most=100).get(here.url)
    assert len(over(kept, here.url, most=9000).get(here.url).content) == 9000  # limits are the session's
    assert here.connections == [0, 1]


def test_origins_are_those_of_the_session(wire, kept) -> None:
    here, there = wire(lambda *_: [REPLY + b"{}"]), wire(lambda *_: [REPLY + b"{}"])
    over(kept, there.url).get(there.url)
    with pytest.raises(OutgoingRefused):
        over(kept, here.url).get(there.url)
    assert len(there.asked) == 1


def test_connections_that_nobody_uses_are_closed(wire, kept, monkeypatch) -> None:
    monkeypatch.setattr(kept_module, "IDLE_SECONDS", 0.2)
    here = wire(lambda *_: [0.1, REPLY + b"{}"])
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: over(kept, here.url).get(here.url), range(3)))
    wait_for(lambda: sorted(here.ended) == [0, 1, 2])


def test_at_most_so_many_connections_are_kept(wire, kept) -> None:
    here = wire(lambda *_: [0.3, REPLY + b"{}"])
    with ThreadPoolExecutor(MOST_IDLE + 4) as pool:
        list(pool.map(lambda _: over(kept, here.url).get(here.url), range(MOST_IDLE + 4)))
    wait_for(lambda: len(here.ended) >= 4)
    assert len(here.ended) == 4


def test_tokens_in_turns_over_one_connection_get_their_own_patient_each(wire, kept, ehr_at) -> None:
    def own(_: int, request: bytes) -> list[Step]:
        who = request.partition(b"Bearer token-of-")[2].split()[0].decode()
        body = orjson.dumps({"resourceType": "Patient", "id": who})
        cookie = b"Set-Cookie: whose=%s\r\n" % who.encode()
        return [b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (cookie, len(body)) + body]

    here = wire(own)
    ehr, granted = ehr_at(here.url), Granted(("patient/*.rs",))
    for who in ("p1", "p2") * 3:
        server = ChartServer(ehr, CallToken(ehr, f"token-of-{who}"), kept)
        assert read_patient(server, who, granted)["id"] == who
    assert set(here.connections) == {0}
    assert not [request for _, request in here.asked if b"Cookie" in request]


def test_a_cookie_comes_back_with_the_next_page_of_its_own_search_alone(wire, kept, ehr_at) -> None:
    here = wire(lambda *_: [b"HTTP/1.1 200 OK\r\nSet-Cookie: node=7; Path=/\r\nContent-Length: 2\r\n\r\n{}"])
    ehr = ehr_at(here.url)
    for _ in range(2):
        server = ChartServer(ehr, CallToken(ehr, "token"), kept)
        server.request_data("Condition?page=1")
        server.request_data("Condition?page=2")
    assert [b"Cookie: node=7" in request for _, request in here.asked] == [False, True, False, True]


def test_two_ehrs_share_no_connection_even_at_one_address(wire, ehr_at) -> None:
    here = wire(lambda *_: [REPLY + b"{}"])
    ehrs = [ehr_at(here.url, name=name) for name in ("one", "two")]
    turns = Turns(ehr.name for ehr in ehrs)
    for ehr in ehrs * 2:
        ChartServer(ehr, CallToken(ehr, "token"), turns.kept(ehr)).request_data("metadata")
    turns.shutdown()
    assert here.connections == [0, 1, 0, 1]
    wait_for(lambda: sorted(here.ended) == [0, 1])  # they end with the app


def test_a_proxy_of_this_machine_is_used_and_its_connections_are_kept_too(wire, kept, ehr_at, monkeypatch) -> None:
    proxy = wire(lambda *_: [REPLY + b"{}"])
    monkeypatch.setattr(kept_module, "IDLE_SECONDS", 0.5)
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    ehr = ehr_at("http://ehr.example")
    for _ in range(2):
        ChartServer(ehr, CallToken(ehr, "token"), kept).request_data("metadata")
    assert [request.partition(b" HTTP")[0] for _, request in proxy.asked] == [
        b"GET http://ehr.example/fhir/metadata"
    ] * 2
    assert proxy.connections == [0, 0]
    wait_for(lambda: proxy.ended == [0])
