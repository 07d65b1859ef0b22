"""What the hooks remember ends: rows whose time is over are deleted with a later call, at most once a minute."""

import pytest
from sqlalchemy import func, select

from app.hooks import store as store_module
from app.hooks.store import CARD, FORGET_SECONDS, USED_JTI, Given, HookStore


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000_000.0]
    monkeypatch.setattr(store_module.time, "time", lambda: now[0])
    return now


def count(engine, table) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_used_jwts_are_forgotten_after_they_have_ended(engine, ehr_at, clock) -> None:
    store, ehr = HookStore(engine, b"k" * 32), ehr_at("http://127.0.0.1:1")
    assert store.use_once(ehr, "a", clock[0] + 10)
    assert not store.use_once(ehr, "a", clock[0] + 10)
    clock[0] += FORGET_SECONDS + 1
    assert store.use_once(ehr, "b", clock[0] + 10)
    assert count(engine, USED_JTI) == 1
    assert not store.use_once(ehr, "b", clock[0] + 10)


def test_cards_are_forgotten_after_thirty_days(engine, ehr_at, clock) -> None:
    store, ehr = HookStore(engine, b"k" * 32), ehr_at("http://127.0.0.1:1")
    store.note_cards(ehr, [Given("u1", "service", "group", "about")])
    assert store.card(ehr, "service", "u1") is not None
    clock[0] += 30 * 86_400 + 1
    store.note_cards(ehr, [Given("u2", "service", "group", "about")])
    assert count(engine, CARD) == 1
