"""The KDIGO grid as a table: each cell has its word, so that no colour is needed to read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One cell: its risk in words, a class for its colour, whether it is the patient's."""

    risk: str
    shade: str
    here: bool


@dataclass(frozen=True)
class Kidney:
    """The stage in words, whether it lasts, and the grid (rows of G, columns of A)."""

    stage: str
    risk: str  # "" where albumin is not known
    lasting: str
    columns: list[tuple[str, str]]
    rows: list[tuple[str, str, list[Cell]]]
    row: str  # the patient's row, which is known without albumin


def kidney_of(own: Mapping[str, Any], values: Mapping[str, Any], unknown: Callable[[str, str], str]) -> Kidney:
    """The grid for the values of the score `kdigo`."""
    g, a = values["g"], values.get("a")
    stages = {name: (low, words) for name, low, words in own["stages"]["g"]}
    albumin = {name: (bounds, words) for name, bounds, words in own["stages"]["a"]}
    stage = f"{g}: {stages[g][1]} filtration" + (f"; {a}: albumin {albumin[a][1]}." if a else ".")
    checks = values.get("checks_per_year")
    times = {"1": "one check"}.get(str(checks), f"{checks} checks")
    return Kidney(
        stage=stage,
        risk=f"{values['risk'].capitalize()} risk; {times} a year." if a else unknown("kdigo", "acr"),
        lasting=own["lasting"][values["lasting"]],
        columns=[(name, bounds) for name, (bounds, _) in albumin.items()],
        rows=[
            (name, _bounds(own, name), [
                Cell(risk, risk.replace(" ", "-"), (name, column) == (g, a))
                for (risk, _), column in zip(cells, albumin, strict=True)
            ])
            for name, cells in own["grid"].items()
        ],
        row=g,
    )  # fmt: skip


def _bounds(own: Mapping[str, Any], name: str) -> str:
    """`45 to 59` from where a stage and the next one begin."""
    lows = [low for _, low, _ in own["stages"]["g"]]
    names = [each for each, _, _ in own["stages"]["g"]]
    place = names.index(name)
    if place == 0:
        return f"below {lows[1]}"
    return f"{lows[place]} to {lows[place + 1] - 1}" if place + 1 < len(lows) else f"from {lows[place]}"
