"""Published scores: one TOML file each (inputs, ranges, coefficients, source) and one small pure function.

    compute("prevent", {"sex": "female", "age": 50, ...}) ->
        {"applicable": True, "reason": None, "missing": [], "out_of_range": [], "values": {"10y_total_cvd": 14.68, ...},
         "categories": {"10y_ascvd": "intermediate"}, "notes": []}

A missing or unusable input leaves `values` empty; no value is ever assumed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from analytics.definitions.errors import DefinitionError
from analytics.definitions.scores import equations, kidney, points
from analytics.definitions.scores.inputs import Input, check

_FUNCTIONS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]] = {
    "prevent": equations.prevent,
    "pce": equations.pce,
    "reynolds": equations.reynolds,
    "ckd_epi_2021": equations.ckd_epi_2021,
    "charlson": points.charlson,
    "lace": points.lace,
    "cha2ds2_vasc": points.cha2ds2_vasc,
    "kdigo": kidney.kdigo,
}
NAMES = tuple(_FUNCTIONS)


@cache
def table(name: str) -> dict[str, Any]:
    """A score's TOML file: title, source, limits, inputs, coefficients. Raises ValueError for an unknown score."""
    if name not in _FUNCTIONS:
        raise ValueError(f"no score is called {name!r}; there are {', '.join(NAMES)}")
    try:
        return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"definitions/scores/{name}.toml: {error}") from error


@cache
def declared_inputs(name: str) -> dict[str, Input]:
    """The inputs of a score by name, in the order of its file."""
    return {key: Input.read(name, key, fields) for key, fields in table(name)["inputs"].items()}


def compute(name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The score of one person. Units as in its TOML file; flags 0/1 or bool; None means unknown.

    applicable: False when the score is not for this person (`reason` says why).
    missing, out_of_range: names of inputs; each leaves `values` empty, unless its file says which results it spares.
    values: percent where a risk. categories: the source's own words for a value. notes: what to say beside it.
    Raises ValueError for an unknown score or input.
    """
    own = table(name)
    checked = check(declared_inputs(name), inputs)
    missing = list(checked.missing)
    if "one_of" in own and not set(own["one_of"]) & set(checked.values) and not checked.out_of_range:
        missing += own["one_of"]
    values: dict[str, Any] = {}
    if not checked.blocked and not missing:
        values = {k: v for k, v in _FUNCTIONS[name](own, checked.values).items() if k not in checked.left_out}
    return {
        "applicable": checked.reason is None,
        "reason": checked.reason,
        "missing": missing,
        "out_of_range": list(checked.out_of_range),
        "values": values,
        "categories": {key: _category(steps, values[key]) for key, steps in own.get("categories", {}).items()
                       if key in values},
        "notes": list(checked.notes),
    }


def _category(steps: list[dict[str, Any]], value: float) -> str:
    return str([step["label"] for step in steps if value >= step["from"]][-1])
