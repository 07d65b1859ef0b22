"""One EHR that is slow leaves room for every other: in the threads that read, and in the requests that wait."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from flask import Flask

from app import create_app
from app.config import Config
from app.problems import Problem
from app.security import form_token
from app.smart.context import Context
from app.smart.tokens import Token
from app.turns import CARDS, CARDS_AT_ONCE, CHARTS, SERVER_THREADS

BROWSER = "b" * 43
AT_ONCE, READERS = 3, 4


@dataclass
class Two:
    """An app with two EHRs: `slow` answers when it is let, `good` at once."""

    app: Flask
    slow: Any
    answers: Event

    def open(self, name: str, path: str = "/s/{sid}/") -> Any:
        client = self.app.test_client()
        client.set_cookie("kindred", BROWSER)
        return client.get(path.format(sid=self.launch(name), issuer=self.app.extensions["config"].ehrs[name].issuer))

    def is_full(self) -> bool:
        """Do as many requests wait as may, with all threads that read?"""
        free = self.app.extensions["turns"]._free["slow"]._value
        return free == 0 and len(self.slow.requests) == READERS

    def launch(self, name: str) -> str:
        context = Context("p1", scopes=("patient/*.rs",))
        return str(self.app.extensions["smart"].store.create(name, BROWSER, Token("t"), context).sid)


@pytest.fixture
def two(serve: Callable[..., Any], ehr_at: Callable[..., Any], tmp_path: Path, monkeypatch) -> Iterator[Two]:
    monkeypatch.setattr("app.turns.AT_ONCE", AT_ONCE)
    monkeypatch.setattr("app.turns.READERS", READERS)
    answers = Event()
    slow = serve(lambda path: (answers.wait(10), fhir(path))[1])
    ehrs = {"slow": ehr_at(slow.url, name="slow"), "good": ehr_at(serve(fhir).url, name="good")}
    app = create_app(Config(tmp_path, f"sqlite:///{tmp_path / 'kindred.db'}", b"k" * 32, ehrs))
    yield Two(app, slow, answers)
    answers.set()
    app.extensions["turns"].shutdown()
    app.extensions["smart"].engine.dispose()


def fhir(path: str) -> tuple[int, dict[str, str], bytes]:
    if "smart-configuration" in path:
        said: dict[str, Any] = {"authorization_endpoint": "a", "token_endpoint": "t", "revocation_endpoint": "r"}
    else:
        said = {"resourceType": "Patient", "id": "p1"} if "/Patient/" in path else {"resourceType": "Bundle"}
    return 200, {}, json.dumps(said).encode()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_slow_ehr_takes_its_own_share_and_no_more(two: Two) -> None:
    with ThreadPoolExecutor(AT_ONCE) as browsers:
        waiting = [browsers.submit(two.open, "slow") for _ in range(AT_ONCE)]
        until(two.is_full)
        assert two.open("good").status_code == 200
        turned_away = two.open("slow")
        assert turned_away.status_code == 504 and "<code>ehr_unreachable</code>" in turned_away.text
        assert two.open("slow", "/launch?iss={issuer}&launch=x").status_code == 504
        assert two.open("good", "/launch?iss={issuer}&launch=x").status_code == 302
        assert not [one for one in waiting if one.done()]
        two.answers.set()
    assert [one.result().status_code for one in waiting] == [200] * AT_ONCE


def test_a_turn_is_given_back_however_a_request_ends(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    two.answers.set()
    sid = two.launch("slow")
    for _ in range(AT_ONCE + 1):
        client = two.app.test_client()
        client.set_cookie("kindred", BROWSER)
        assert client.get(f"/s/{sid}/").status_code == 200
        assert "<code>state_unknown</code>" in client.get("/callback?state=x").text
        assert client.get(f"/launch?iss={two.app.extensions['config'].ehrs['slow'].issuer}").status_code == 302
    monkeypatch.setattr(two.app.extensions["smart"].discovery, "of", lambda _: 1 / 0)
    codes = [two.open("slow", "/launch?iss={issuer}").status_code for _ in range(AT_ONCE + 1)]
    assert codes == [500] * (AT_ONCE + 1)


def test_a_view_closes_while_its_ehr_keeps_everybody_waiting(two: Two, caplog: pytest.LogCaptureFixture) -> None:
    sid = two.launch("slow")
    client = two.app.test_client()
    client.set_cookie("kindred", BROWSER)
    mark = client.get(f"/s/{sid}/style.css").headers["Kindred-Patient"]
    with two.app.app_context():
        form = {"form_token": form_token(sid), "patient": mark}
    with ThreadPoolExecutor(AT_ONCE) as browsers:
        waiting = [browsers.submit(two.open, "slow") for _ in range(AT_ONCE)]
        until(two.is_full)
        closed = client.post(f"/s/{sid}/close", data=form, headers={"Origin": "http://localhost"})
        assert (closed.status_code, closed.location) == (303, "/closed") and not waiting[0].done()
        assert "not revoked cause=too_many_wait" in caplog.text
        two.answers.set()
    assert client.get(f"/s/{sid}/").status_code == 403


def test_charts_of_all_ehrs_together_leave_the_cards_their_part(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """More requests than launches and charts may keep, and a call for cards is still served at once."""
    turns, ehrs = two.app.extensions["turns"], two.app.extensions["config"].ehrs
    taken = 0
    while turns._charts.acquire(blocking=False):
        taken += 1
    assert taken == CHARTS == SERVER_THREADS - CARDS
    with two.app.test_request_context(), pytest.raises(Problem):
        turns.take(ehrs["good"])
    with two.app.test_request_context():
        assert turns.take_card(ehrs["good"])
    assert turns._free["good"]._value == AT_ONCE  # what was refused holds nothing


def test_cards_of_one_ehr_leave_room_for_those_of_another(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.turns.CARD_SECONDS", 0.01)
    turns, ehrs = two.app.extensions["turns"], two.app.extensions["config"].ehrs
    while turns._free_cards["slow"].acquire(blocking=False):
        pass
    with two.app.test_request_context():
        assert not turns.take_card(ehrs["slow"])
    with two.app.test_request_context():
        assert turns.take_card(ehrs["good"])
    with two.app.test_request_context():
        assert turns.take_card(ehrs["good"])
    assert turns._free_cards["good"]._value == CARDS_AT_ONCE  # given back when each request ended
