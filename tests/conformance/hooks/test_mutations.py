"""Calls and feedback with members that were taken out or replaced by nonsense: refused or answered, never a fault."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.hooks.caller import FEEDBACK, SERVICE, Caller, overridden

NONSENSE: list[Any] = [
    None, [], {}, "", 0, -1, 1e309, True, "\0", "x" * 5000, [[]], {"a": {"b": [None]}}, "2026-13-45", ["x"],
    {"reference": "Patient/zzz"}, {"reference": 7}, "\ud800", 10**30, float("nan"),
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value but its top."""
    if path:
        yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in pairs:
        yield from places(part, (*path, key))


def mutated(body: dict[str, Any], draw: random.Random) -> bytes:
    """A copy with one to four places changed, as it goes out."""
    changed = copy.deepcopy(body)
    for _ in range(draw.randint(1, 4)):
        found = list(places(changed))
        if not found:
            break
        *way, last = draw.choice(found)
        target: Any = changed
        for key in way:
            target = target[key]
        if isinstance(target, dict) and draw.random() < 0.2:
            del target[last]
        else:
            target[last] = draw.choice(NONSENSE)
    return json.dumps(changed).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("seed", [1, 2])
def test_no_call_ends_in_a_fault(caller: Caller, seed: int) -> None:
    draw, prefetch = random.Random(seed), caller.prefetch()
    for number in range(25):
        body = caller.body(prefetch=prefetch, **({"fhirAuthorization": None} if number % 2 else {}))
        sent = mutated(body, draw)
        assert caller.call(sent, path=SERVICE).status_code < 500, sent[:500]


def test_no_feedback_ends_in_a_fault(caller: Caller) -> None:
    draw, told = random.Random(3), {"reason": {"code": "known"}, "userComment": "x"}
    body = {"feedback": [overridden("11111111-2222-3333-4444-555555555555", overrideReason=told)]}
    for _ in range(40):
        sent = mutated(body, draw)
        assert caller.call(sent, path=FEEDBACK).status_code < 500, sent
