"""The definitions as tables that the feature SQL joins: codes, units, ranges, answers, features, names, weights."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

import pyarrow as pa

from analytics.definitions import catalogue
from analytics.definitions.errors import DefinitionError

NAME = re.compile(r"[a-z0-9]+( [a-z0-9]+)*")


@cache
def reference_tables() -> dict[str, pa.Table]:
    """The definitions as tables that the feature SQL joins.

    plausible.steps: steps to the unit in which measurements are summed up, at most a million over the plausible range.
    """
    measured = [concept for concept in catalogue.concepts().values() if concept.family == "measurement"]
    return {
        "concepts": _rows(("code", "is_prefix", "concept", "family"), _code_rows()),
        "units": _rows(("concept", "unit", "low", "high", "factor", "shift", "inferred"), _unit_rows()),
        "plausible": _rows(
            ("concept", "low", "high", "steps"),
            [(c.name, float(c.range[0]), float(c.range[1]), _steps(c)) for c in measured],
        ),
        "answers": _rows(
            ("concept", "answer", "code"),
            [
                (c.name, answer, code)
                for c in catalogue.concepts().values()
                for answer, codes in c.answers
                for code in codes
            ],
        ),
        "feature_defs": _rows(
            ("feature", "kind", "concept", "answer", "window_days"),
            [
                (f.name, f.kind, f.concept, f.answer, f.window_days)
                for f in catalogue.features().values()
            ],
        ),
        **_medicine_name_tables(),
        **_score_tables(),
    }


def _medicine_name_tables() -> dict[str, pa.Table]:
    """What medicines are called: each name with what it stands for, and words that rule out a name, or any ('').

    Raises DefinitionError for a name of no ingredient, or one that is not written as the events have it.
    """
    table = catalogue.read_toml("medicine_names.toml")
    ingredients = [concept for concept in catalogue.concepts().values() if concept.family == "ingredient"]
    called = {one.name: [one.label, *table["names"].get(one.name, [])] for one in ingredients}
    every = [name for names in called.values() for name in names]
    words = every + table["not_beside"] + [word for listed in table["not_beside_name"].values() for word in listed]
    unknown = [*(set(table["names"]) - set(called)), *(set(table["not_beside_name"]) - set(every)),
               *(word for word in words if not NAME.fullmatch(word))]  # fmt: skip
    if unknown:
        wrong = sorted(unknown)[0]
        raise DefinitionError(f"medicine_names.toml: {wrong!r} is no ingredient, no name, or not in small letters")
    rows = [(name, one, "ingredient") for one, names in called.items() for name in names]
    classes = [concept for concept in catalogue.concepts().values() if concept.family == "medicine"]
    rows += [(name, concept.name, concept.family) for concept in classes
             for one in concept.members for name in called[one]]  # fmt: skip
    beside = [(word, "") for word in table["not_beside"]] + [(f"{name} free", name) for name in every]
    beside += [(word, name) for name, listed in table["not_beside_name"].items() for word in listed]
    return {
        "medicine_names": _rows(("name", "concept", "family"), rows),
        "medicine_names_not": _rows(("words", "name"), beside),
    }


def _steps(concept: catalogue.Concept) -> float:
    """The largest power of ten that divides the plausible range into at most a million steps."""
    width = concept.range[1] - concept.range[0]
    return float(10 ** math.floor(math.log10(1_000_000 / width)))


def _score_tables() -> dict[str, pa.Table]:
    """What the feature SQL needs of the published scores, from their own files."""
    epi, groups = catalogue.read_toml("scores/ckd_epi_2021.toml"), catalogue.read_toml("scores/charlson.toml")["groups"]
    every, low_high = epi["coefficients"], [float(bound) for bound in epi["inputs"]["age"]["range"]]
    common = [float(every[key]) for key in ("scale", "beta", "per_year")]
    own = [(sex, *(float(every[sex][key]) for key in ("kappa", "alpha", "factor"))) for sex in ("female", "male")]
    weights = [(f"charlson_{name}", year, group[f"weight_{year}"]) for name, group in groups.items()
               for year in ("1987", "2011")]  # fmt: skip
    instead = [(f"charlson_{name}", f"charlson_{group['instead_of']}") for name, group in groups.items()
               if "instead_of" in group]  # fmt: skip
    return {
        "ckd_epi": _rows(
            ("sex", "kappa", "alpha", "factor", "scale", "beta", "per_year", "min_age", "max_age"),
            [(*row, *common, *low_high) for row in own],
        ),
        "charlson_weights": _rows(("concept", "answer", "weight"), weights),
        "charlson_instead": _rows(("concept", "instead_of"), instead),
    }


def _rows(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> pa.Table:
    return pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})


def _code_rows() -> list[tuple[str, bool, str, str]]:
    rows = []
    for concept in catalogue.concepts().values():
        for code in concept.codes:
            prefix = code.endswith("*")
            rows.append(
                (code.removesuffix("*").replace(".", "") if prefix else code, prefix, concept.name, concept.family)
            )
    return rows


def _unit_rows() -> list[tuple[str, str, float, float, float, float, bool]]:
    rows = []
    anything = (-1e15, 1e15)
    for concept in (c for c in catalogue.concepts().values() if c.family == "measurement"):
        known = {concept.unit: (1.0, 0.0)} | dict.fromkeys(concept.also, (1.0, 0.0))
        for step in concept.conversions:
            known[step["unit"]] = (float(step["factor"]), float(step.get("offset", 0.0)))
        rows += [(concept.name, unit, *anything, *known[unit], False) for unit in known]
        for guess in concept.unitless:
            if guess["unit"] not in known:
                raise DefinitionError(
                    f"measurements.toml [{concept.name}]: unitless unit {guess['unit']!r} has no conversion"
                )
            rows.append((concept.name, "", float(guess["low"]), float(guess["high"]), *known[guess["unit"]], True))
    return rows
