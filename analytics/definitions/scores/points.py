"""Scores that add points: tables of thresholds (from the score's TOML file), and Charlson's groups of codes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any


def lace(table: Mapping[str, Any], x: Mapping[str, Any]) -> dict[str, Any]:
    """``score``, 0 to 19."""
    return {"score": sum(_points(step, x[name]) for name, step in table["points"].items())}


def cha2ds2_vasc(table: Mapping[str, Any], x: Mapping[str, Any]) -> dict[str, Any]:
    """``score``, 0 to 9."""
    steps = {name: step for name, step in table["points"].items() if name != "sex"}
    return {"score": table["points"]["sex"][x["sex"]] + sum(_points(step, x[name]) for name, step in steps.items())}


def charlson(table: Mapping[str, Any], x: Mapping[str, Any]) -> dict[str, Any]:
    """``charlson_1987`` (with the age points where the age is given), ``quan_2011`` (without), ``groups`` counted."""
    found = charlson_groups(table, x.get("icd10cm", ()), x.get("snomed", ()))
    for group in found.copy():
        found.discard(table["groups"][group].get("instead_of", ""))
    counted = [group for group in table["groups"] if group in found]
    age = _points(table["age_points"], x["age"]) if "age" in x else 0
    return {
        "charlson_1987": age + sum(table["groups"][group]["weight_1987"] for group in counted),
        "quan_2011": sum(table["groups"][group]["weight_2011"] for group in counted),
        "groups": counted,
    }


def charlson_groups(table: Mapping[str, Any], icd10cm: Iterable[str], snomed: Iterable[str]) -> set[str]:
    """Groups that the codes belong to, before a heavier group takes the place of a lighter one."""
    plain = [code.replace(".", "").upper() for code in icd10cm]
    concepts = set(snomed)
    return {
        name
        for name, group in table["groups"].items()
        if concepts & set(group["snomed"]) or any(code.startswith(tuple(group["icd10cm"])) for code in plain)
    }


def _points(step: Mapping[str, Any], value: float) -> int:
    """Points of the last threshold that the value reaches."""
    return int(step["points"][bisect_right(step["from"], float(value)) - 1])
