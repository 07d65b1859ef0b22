"""How the patient moved between groups over the releases, as each release's own population run placed everyone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from app.chart.reading import Reading, serving, shown_group
from app.chart.words import day

MOST = 6


class Placed(Protocol):
    """Where one published release had the patient: `app.serving.Placement`."""

    @property
    def as_of(self) -> str: ...
    @property
    def definitions_hash(self) -> str: ...
    @property
    def current(self) -> bool: ...
    @property
    def of(self) -> int: ...
    @property
    def rank(self) -> int | None: ...
    @property
    def name(self) -> str | None: ...


@dataclass(frozen=True)
class Step:
    """One release: when its population was seen, the group's name, its place among that release's groups."""

    as_of: str
    name: str
    place: str
    current: bool


@dataclass(frozen=True)
class Moves:
    """Newest first. `said` sums it up; `caution` says why ranks of two releases are not compared."""

    said: str
    caution: str
    steps: list[Step]


CAUTION = (
    "Groups are found anew for each release, so a place among the groups of one release says nothing about that of "
    "another: compare the names."
)
OTHER = " These releases were not all made with the same definitions, so even a name may mean something else."
ABSENT = "not among the people of this release"


def section(reading: Reading) -> Moves | None:
    """None where fewer than two releases of this EHR are published, or the serving database does not tell."""
    history = serving().history(reading.ehr.name, reading.score["patient"])
    return moves_of(history or [], shown_group(reading))


def moves_of(history: Sequence[Placed], now: dict[str, object] | None) -> Moves | None:
    """`history` is oldest first; `now` is the group on the page, from the chart as it is today; None: none is."""
    if len(history) < 2:
        return None
    shown = list(history[-MOST:])
    several = len({one.definitions_hash for one in shown}) > 1
    steps = [
        Step(day(one.as_of) or "", one.name or ABSENT, f"{one.rank} of {one.of}" if one.rank else "", one.current)
        for one in reversed(shown)
    ]
    return Moves(_said(shown, now), CAUTION + (OTHER if several else ""), steps)


def _said(shown: Sequence[Placed], now: dict[str, object] | None) -> str:
    names = [one.name for one in shown if one.name]
    if len(names) < 2:
        return f"{'Only one' if names else 'None'} of the last {len(shown)} releases had this patient."
    moved = [(a, b) for a, b in pairwise(names) if a != b]
    times = "once" if len(moved) == 1 else f"{len(moved)} times"
    text = (
        f"In the same group in each of the {len(names)} releases that had this patient."
        if not moved
        else f"Moved {times} over {len(names)} releases, last from “{moved[-1][0]}” to “{moved[-1][1]}”."
    )
    if now and now["name"] != names[-1]:
        text += f" The chart as it is today is nearest to “{now['name']}”."
    return text
