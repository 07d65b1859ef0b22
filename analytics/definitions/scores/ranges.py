"""What a score could be where an input or two are unknown: computed at every end, and never in between by a guess."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from analytics.definitions import scores
from analytics.definitions.scores.inputs import Input

MOST = 2  # inputs that may be unknown: with more, a range says nothing


def span(
    name: str, given: Mapping[str, Any], kidney: Mapping[str, Any] | None = None
) -> dict[str, tuple[float, float]]:
    """Result -> its lowest and highest value over all that the unknown inputs could be; equal where none matters.

    {} where nothing is unknown, too much is, an unknown input has no range, or the score may not apply.
    kidney: sex-free inputs of ckd_epi_2021, with which eGFR follows an unknown sex.
    """
    inputs = scores.declared_inputs(name)
    unknown = scores.compute(name, given)["missing"]
    follows = "sex" in unknown and "egfr" in unknown and bool(kidney)
    varied = [key for key in unknown if not (follows and key == "egfr")]
    if not varied or len(varied) > MOST or any(inputs[key].unranged for key in varied):
        return {}
    found = []
    for values in product(*(_ends(inputs[key]) for key in varied)):
        tried = {**given, **dict(zip(varied, values, strict=True))}
        if follows and kidney:
            tried["egfr"] = scores.compute("ckd_epi_2021", {**kidney, "sex": tried["sex"]})["values"].get("egfr")
        found.append(scores.compute(name, tried)["values"])
    shared = [key for key in found[0] if all(key in one for one in found)]
    return {key: (min(one[key] for one in found), max(one[key] for one in found)) for key in shared}


def _ends(one: Input) -> tuple[Any, ...]:
    """Both values of a flag, all choices, or the range's ends and where the risk may turn between them."""
    if one.kind == "flag":
        return (False, True)
    if one.kind == "choice":
        return one.choices
    low, high = one.range or (0.0, 0.0)
    return (low, *one.turns, high)
