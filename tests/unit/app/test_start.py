"""What `python -m app` does once everything is made, before the first page."""

import gc
from collections.abc import Iterator

import pytest

from app import __main__ as start


@pytest.fixture
def thawed() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_was_made_until_then_is_looked_through_by_no_collection(
    thawed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_end: list[object] = []
    monkeypatch.setattr(start.atexit, "register", at_the_end.append)
    many: list[list[int]] = [[] for _ in range(1000)]
    start.keep_for_good()
    assert gc.get_freeze_count() > len(many) and len(gc.get_objects()) < 1000
    assert at_the_end == [gc.unfreeze]
