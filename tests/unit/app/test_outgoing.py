"""The transport under every outgoing call: registered origins, no redirects, bounded size; only reads repeat."""

import gzip
import time

import pytest
import requests

from app.outgoing import OutgoingRefused, session


def test_a_foreign_origin_is_never_contacted(serve) -> None:
    here, there = serve(lambda _: (200, {}, b"{}")), serve(lambda _: (200, {}, b"{}"))
    with pytest.raises(OutgoingRefused):
        session(frozenset({here.url}), 1000).get(f"{there.url}/x")
    assert there.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_even_to_the_same_origin(serve, status) -> None:
    here = serve(lambda path: (status, {"Location": "/next"}, b"") if path == "/x" else (200, {}, b"{}"))
    with pytest.raises(OutgoingRefused):
        session(frozenset({here.url}), 1000).get(f"{here.url}/x")
    assert len(here.requests) == 1


@pytest.mark.parametrize("packed", [False, True])
def test_a_reply_is_read_to_its_limit_after_unpacking(serve, packed) -> None:
    body = b"x" * 100_000
    headers = {"Content-Encoding": "gzip"} if packed else {}
    here = serve(lambda _: (200, headers, gzip.compress(body) if packed else body))
    with pytest.raises(OutgoingRefused):
        session(frozenset({here.url}), 99_999).get(here.url)
    assert len(session(frozenset({here.url}), 100_000).get(here.url).content) == 100_000


def test_a_read_is_repeated_when_the_server_is_busy(serve) -> None:
    here = serve(lambda _: (503 if len(here.requests) < 3 else 200, {}, b"{}"))
    assert session(frozenset({here.url}), 1000).get(here.url).status_code == 200
    assert len(here.requests) == 3


def test_a_post_is_sent_once(serve) -> None:
    here = serve(lambda _: (503, {}, b"{}"))
    assert session(frozenset({here.url}), 1000).post(here.url, data="code=1").status_code == 503
    assert len(here.requests) == 1


def test_a_cut_reply_is_an_error(serve) -> None:
    here = serve(lambda _: (200, {"Content-Length": "50"}, b"half"))
    with pytest.raises(requests.RequestException):
        session(frozenset({here.url}), 1000).get(here.url)


def test_a_reply_that_drips_is_given_up(serve, monkeypatch) -> None:
    monkeypatch.setattr("app.outgoing.TOTAL_SECONDS", 0.3)
    here, begin = serve(lambda _: (200, {"X-Drip": "1"}, b"x" * 200)), time.monotonic()
    with pytest.raises(OutgoingRefused):
        session(frozenset({here.url}), 1000).get(here.url)
    assert time.monotonic() - begin < 3


def test_a_reply_in_chunks_is_read_whole(serve) -> None:
    body = b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
    here = serve(lambda _: (200, {"Transfer-Encoding": "chunked", "Connection": "close"}, body))
    assert session(frozenset({here.url}), 1000).get(here.url).content == b"abcdefg"


def test_one_connection_serves_many_reads(serve) -> None:
    here = serve(lambda _: (200, {}, b"{}"))
    with session(frozenset({here.url}), 1000) as http:
        for _ in range(3):
            http.get(here.url)
    assert len({headers["Port"] for _, _, headers, _ in here.requests}) == 1
