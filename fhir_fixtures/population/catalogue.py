"""The clinical content as Python data: every TOML file of ``content/``, read once and checked for dangling names."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any


@lru_cache(maxsize=32)
def load(name: str) -> dict[str, Any]:
    """``content/NAME.toml`` as a dict; treat it as read-only, it is shared."""
    text = files("fhir_fixtures.population").joinpath("content", f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


@lru_cache(maxsize=1)
def archetypes() -> list[dict[str, Any]]:
    """The archetypes in file order, each with its ``name``; their shares sum to 1."""
    rows = [{"name": name, **body} for name, body in load("archetypes").items()]
    total = sum(row["share"] for row in rows)
    if abs(total - 1.0) > 1e-9:
        raise ValueError(f"archetypes.toml: shares sum to {total}, not 1; correct the share of one archetype")
    for row in rows:
        _check_names(row)
    return rows


def _check_names(row: dict[str, Any]) -> None:
    for part, file in (("conditions", "conditions"), ("one_of", "conditions"), ("measures", "measures"),
                       ("panels", "panels")):
        unknown = [name for name in row.get(part, {}) if name not in load(file)]
        if unknown:
            raise ValueError(f"archetypes.toml: {row['name']}.{part} names {unknown}, which {file}.toml does not hold")


def archetype(name: str) -> dict[str, Any]:
    """The archetype of that name; KeyError when there is none."""
    for row in archetypes():
        if row["name"] == name:
            return row
    raise KeyError(f"archetypes.toml holds no archetype {name}")


def stories() -> list[dict[str, Any]]:
    """The named people of every population: index 0 is the first story."""
    rows: list[dict[str, Any]] = load("stories")["story"]
    return rows


def rates() -> dict[str, float]:
    """The rate of every variant, by name."""
    return load("variants")
