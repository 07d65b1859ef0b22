"""Random draws that give the same result on every machine: plain IEEE arithmetic, no platform logarithm or cosine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from random import Random
from typing import TypeVar

T = TypeVar("T")
_UNIT_SD = 1.7320508075688772  # the sum of four uniforms has variance 4/12


def person_rng(seed: int, index: int) -> Random:
    """The generator of one person: depends on the seed and the person's index alone."""
    digest = hashlib.sha256(f"kindred-population/1/{seed}/{index}".encode()).digest()
    return Random(int.from_bytes(digest, "big"))


def normal(rng: Random) -> float:
    """Nearly standard normal (sum of four uniforms), never beyond 3.47."""
    return (rng.random() + rng.random() + rng.random() + rng.random() - 2.0) * _UNIT_SD


def between(rng: Random, low: float, high: float) -> float:
    """Uniform between two bounds."""
    return low + (high - low) * rng.random()


def whole(rng: Random, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return low + int(rng.random() * (high - low + 1))


def weighted(rng: Random, pairs: Iterable[tuple[T, float]]) -> T | None:
    """One of the things, by weight; None when every weight is zero."""
    rows = [(thing, weight) for thing, weight in pairs if weight > 0]
    point = rng.random() * sum(weight for _, weight in rows)
    for thing, weight in rows:
        point -= weight
        if point < 0:
            return thing
    return rows[-1][0] if rows else None


def chance_of(rate: float) -> float:
    """The probability of at least one event where ``rate`` is the expected number in a short time (below about 0.5)."""
    return rate / (1.0 + 0.5 * rate)
