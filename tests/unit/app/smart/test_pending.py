"""Launches that wait: sealed in their state, one use, ten minutes, and nothing kept that a flood could push out."""

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app.database import METADATA
from app.registry import Ehr
from app.smart.pending import USED, Waiting

KEY = b"k" * 32
SCOPE = "launch patient/*.rs"
NORTH = Ehr("north", "https://ehr.example/fhir", "kindred", "public", "https://kindred.example/callback", ("launch",))


@pytest.fixture
def waiting(engine: Engine) -> Waiting:
    return Waiting(engine, KEY)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch):
    """Set the clock, in Unix seconds."""
    return lambda seconds: monkeypatch.setattr("app.smart.pending.time", lambda: float(seconds))


def begin(waiting: Waiting, **changes: Any) -> str:
    given: dict[str, Any] = {"browser": "b", "ehr": NORTH, "from_chart": True, "scope": SCOPE} | changes
    return waiting.begin(**given)[0]


def rows(engine: Engine) -> int:
    """Of every table of the app."""
    with engine.connect() as connection:
        counts = (select(func.count()).select_from(table) for table in METADATA.sorted_tables)
        return sum(connection.execute(count).scalar_one() for count in counts)


def test_it_comes_back_as_it_was_begun(waiting: Waiting) -> None:
    for from_chart in (True, False):
        state, begun = waiting.begin("b", NORTH, from_chart, SCOPE)
        taken = waiting.take(state)
        assert taken == begun and taken.from_chart is from_chart and taken.ehr == "north"


@pytest.mark.parametrize(
    ("browser", "ehr", "scope", "holds"),
    [
        ("b", NORTH, SCOPE, (True, True, True)),
        ("c", NORTH, SCOPE, (False, True, True)),
        ("b", replace(NORTH, issuer="https://other.example/fhir"), SCOPE, (True, False, True)),
        ("b", replace(NORTH, redirect_uri="https://other.example/callback"), SCOPE, (True, False, True)),
        ("b", NORTH, "launch", (True, True, False)),
    ],
)
def test_it_is_bound_to_browser_registration_and_scope(waiting: Waiting, browser, ehr, scope, holds) -> None:
    taken = waiting.take(begin(waiting))
    assert taken and (taken.is_of_browser(browser), taken.is_of(ehr), taken.asked(scope)) == holds


def test_it_is_taken_once_even_by_many_at_the_same_time(waiting: Waiting) -> None:
    state = begin(waiting)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: waiting.take(state), range(8)))
    assert sum(one is not None for one in taken) == 1


def test_it_ends_after_ten_minutes(waiting: Waiting, at) -> None:
    at(1000)
    late, in_time = begin(waiting), begin(waiting)
    at(1600)
    assert waiting.take(in_time) is not None
    at(1601)
    assert waiting.take(late) is None


def test_a_used_state_is_noted_until_it_is_too_old_and_then_forgotten(engine: Engine, waiting: Waiting, at) -> None:
    at(1000)
    state, later = begin(waiting), begin(waiting)
    assert waiting.take(state)
    at(1600)
    assert waiting.take(later) and waiting.take(state) is None and rows(engine) == 2
    at(2201)
    assert waiting.take(begin(waiting)) and rows(engine) == 1
    assert waiting.take(state) is None


def test_waiting_launches_keep_no_row_so_no_flood_pushes_one_out(engine: Engine, waiting: Waiting) -> None:
    first = begin(waiting)
    for number in range(500):
        begin(waiting, browser=f"anybody-{number}")
    assert rows(engine) == 0
    assert waiting.take(first) is not None


def test_states_that_nobody_sealed_cost_no_row(engine: Engine, waiting: Waiting) -> None:
    state = begin(waiting)
    wrong = [state[:-2], state + "A", state + "=", state[:-2] + "~~", "A" * len(state), state.swapcase(), "", "ä", "0",
             state[:40] + "\n" + state[40:], begin(Waiting(engine, b"x" * 32))]  # fmt: skip
    assert [waiting.take(one) for one in wrong] == [None] * len(wrong)
    assert rows(engine) == 0 and waiting.take(state)


def test_one_state_has_one_spelling(waiting: Waiting) -> None:
    """Base64 leaves bits over in the last letter, so several texts may mean the same bytes: a second use."""
    for name in ("a", "ab", "abc"):
        state = begin(waiting, ehr=replace(NORTH, name=name))
        raw = base64.urlsafe_b64decode(state + "==")
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        texts = [state[:-1] + letter for letter in letters]
        same = [text for text in texts if base64.urlsafe_b64decode(text + "==") == raw]
        assert [text for text in same if waiting.take(text)] == [state]


def test_the_state_is_short_and_tells_nothing(engine: Engine, waiting: Waiting, tmp_path: Path) -> None:
    state, pending = waiting.begin("browser-1", replace(NORTH, name="n" * 64), True, SCOPE * 50)
    assert re.fullmatch(r"[A-Za-z0-9_-]{100,255}", state)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", secret) for secret in (pending.verifier, pending.nonce))
    assert pending.verifier != pending.nonce and waiting.take(state)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir()) + base64.urlsafe_b64decode(state + "==")
    secret = (state, pending.verifier, pending.nonce, "browser-1", "nnnn", SCOPE)
    assert not [text for text in secret if text.encode() in content]
    assert not [text for text in (pending.verifier, pending.nonce) if text in repr(pending)]


def test_two_launches_share_nothing(waiting: Waiting) -> None:
    made = [waiting.begin("b", NORTH, True, SCOPE) for _ in range(20)]
    secrets = [text for state, pending in made for text in (state[:43], pending.verifier, pending.nonce)]
    assert len(set(secrets)) == 60


def test_what_is_used_is_kept_by_its_hash_alone(engine: Engine, waiting: Waiting) -> None:
    waiting.take(begin(waiting))
    with engine.connect() as connection:
        assert re.fullmatch(r"[0-9a-f]{64}", connection.execute(select(USED.c.state_hash)).scalar_one())
