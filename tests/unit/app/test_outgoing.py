"""The transport under every outgoing call: registered origins, no redirects, bounded size; only reads repeat."""

import gzip
import time

import pytest
import requests

from app.outgoing import OutgoingRefused, seconds_apart, session


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


@pytest.mark.parametrize(
    ("told", "waits"),
    [
        ("0", 0.0), ("0.5", 0.2), ("2", 2.0), ("3600", 5.0), ("9" * 400, 5.0), ("-1", 0.2), ("soon", 0.2), ("", 0.2),
        ("²", 0.2), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("Wed, 21 Oct 2199 07:28:00 GMT", 5.0),
    ],
)  # fmt: skip
def test_what_a_busy_ehr_asks_for_is_waited_for_up_to_five_seconds(serve, monkeypatch, told, waits) -> None:
    slept: list[float] = []
    monkeypatch.setattr("app.outgoing.time.sleep", slept.append)
    here = serve(lambda _: (200 if len(here.requests) > 1 else 429, {"Retry-After": told}, b"{}"))
    assert session(frozenset({here.url}), 1000).get(here.url).status_code == 200
    assert slept == [waits]


def test_an_ehr_that_stays_busy_is_given_up_with_its_own_status(serve, monkeypatch) -> None:
    monkeypatch.setattr("app.outgoing.PAUSE_SECONDS", 0.0)
    here = serve(lambda _: (503, {}, b"{}"))
    assert session(frozenset({here.url}), 1000).get(here.url).status_code == 503
    assert len(here.requests) == 3


def test_waiting_never_goes_beyond_the_time_of_a_call(serve, monkeypatch) -> None:
    monkeypatch.setattr("app.outgoing.TOTAL_SECONDS", 1.0)
    monkeypatch.setattr("app.outgoing.time.sleep", lambda _: pytest.fail("waited"))
    here = serve(lambda _: (429, {"Retry-After": "3"}, b"{}"))
    assert session(frozenset({here.url}), 1000).get(here.url).status_code == 429
    assert len(here.requests) == 1


@pytest.mark.parametrize(("method", "times"), [("GET", 3), ("POST", 1)])
def test_a_connection_that_breaks_is_tried_again_for_reads_alone(serve, method, times) -> None:
    here = serve(lambda _: (200, {"X-Hang-Up": "1"}, b""))
    with pytest.raises(requests.ConnectionError):
        session(frozenset({here.url}), 1000).request(method, here.url)
    assert len(here.requests) == times


def test_headers_that_drip_are_given_up(serve, monkeypatch) -> None:
    monkeypatch.setattr("app.deadline.HEADER_SECONDS", 0.3)
    monkeypatch.setattr("app.outgoing.RETRIES", 0)
    here, begin = serve(lambda _: (200, {"X-Drip-Headers": "1"}, b"")), time.monotonic()
    with pytest.raises(requests.ConnectionError):
        session(frozenset({here.url}), 1000).get(here.url)
    assert time.monotonic() - begin < 3


@pytest.mark.parametrize("url", ["http://[broken/x", "http://user:pw@127.0.0.1/x", "http:///x"])
def test_an_address_that_is_none_is_refused_as_a_foreign_one(url) -> None:
    with pytest.raises(requests.RequestException):
        session(frozenset({"http://127.0.0.1"}), 1000).get(url)


def test_no_password_is_taken_from_the_home_folder(serve, tmp_path, monkeypatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    here = serve(lambda _: (200, {}, b"{}"))
    http = session(frozenset({here.url}), 1000)
    http.trust_env = True  # as it is for an EHR that is not on this machine
    http.get(here.url)
    assert "Authorization" not in here.requests[0][2]


@pytest.mark.parametrize(
    ("date", "apart"),
    [("Wed, 21 Oct 2015 07:28:00 GMT", -60.0), ("Wed, 21 Oct 2015 07:30:00 -0000", 60.0), ("today", None), ("", None)],
)
def test_the_clock_of_the_other_side_is_read_from_its_reply(monkeypatch, date, apart) -> None:
    monkeypatch.setattr("app.outgoing.time.time", lambda: 1445412540.0)  # 07:29:00
    response = requests.Response()
    response.headers["Date"] = date
    assert seconds_apart(response) == apart


def test_a_post_is_sent_once(serve) -> None:
    here = serve(lambda _: (503, {}, b"{}"))
    assert session(frozenset({here.url}), 1000).post(here.url, data="code=1").status_code == 503
    assert len(here.requests) == 1


def test_a_cut_reply_is_an_error(serve) -> None:
    here = serve(lambda _: (200, {"Content-Length": "50", "Connection": "close"}, b"half"))
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
