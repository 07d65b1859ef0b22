"""PREVENT and Charlson against other people's implementations, over 10,000 random people each."""

from __future__ import annotations

import csv
import random
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analytics.definitions.scores import compute, table

PEOPLE = 10_000
SEED = 2026


def rate(outcome: str, years: int) -> Callable[..., float]:
    import pyprevent

    return getattr(pyprevent, f"calculate_{years}_yr_{outcome}_risk")  # type: ignore[no-any-return]


def prevent_inputs(chance: random.Random) -> dict[str, Any]:
    """Within every range of the equations; ages of whole years, as the chart has them."""
    return {
        "sex": chance.choice(("female", "male")), "age": chance.randint(30, 79), "tc": chance.uniform(130, 320),
        "hdl": chance.uniform(20, 100), "sbp": chance.uniform(90, 180), "bmi": chance.uniform(18.5, 39.9),
        "egfr": chance.uniform(15, 140), **{flag: chance.randint(0, 1) for flag in ("dm", "smoking", "bptx", "statin")},
    }  # fmt: skip


def of_pyprevent(x: dict[str, Any]) -> dict[str, float]:
    given = (x["sex"].upper(), x["age"], x["tc"], x["hdl"], x["sbp"], bool(x["dm"]), bool(x["smoking"]), x["bmi"],
             x["egfr"], bool(x["bptx"]), bool(x["statin"]))  # fmt: skip
    names = {"total_cvd": "cvd", "ascvd": "ascvd", "heart_failure": "heart_failure"}
    years = (10, 30) if x["age"] <= 59 else (10,)
    return {f"{year}y_{ours}": rate(theirs, year)(*given) for year in years for ours, theirs in names.items()}


def test_prevent_is_what_pyprevent_says() -> None:
    chance = random.Random(SEED)
    for _ in range(PEOPLE):
        inputs = prevent_inputs(chance)
        assert compute("prevent", inputs)["values"] == pytest.approx(of_pyprevent(inputs), rel=1e-9)


TABLE = Path(__file__).parent / "pycomorb" / "charlson.csv"
CATEGORIES = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))
MILDER = {
    "Moderate or severe liver disease": "Mild liver disease",
    "Diabetes with chronic complication": "Diabetes without chronic complication",
    "Metastatic solid tumor": "Any malignancy",
}


def icd10_codes(chance: random.Random) -> list[str]:
    """Up to eight codes: of a category, or nearly, or of any chapter."""
    prefixes = [prefix for row in CATEGORIES for prefix in row["icd10_codes"].split("|")]
    codes = []
    for _ in range(chance.randint(0, 8)):
        own = chance.choice(prefixes)
        other = f"{chance.choice(string.ascii_uppercase)}{chance.randint(0, 99):02}"
        start = own[: len(own) - chance.randint(0, 1)] if chance.random() < 0.7 else other
        code = start.ljust(3, chance.choice("0123456789")) + chance.choice(("", "0", "1", "7", "9", "22"))
        codes.append(code if len(code) < 4 else f"{code[:3]}.{code[3:]}")
    return codes


def of_pycomorb(codes: list[str], age: int) -> dict[str, int]:
    plain = [code.replace(".", "") for code in codes]
    found = {row["category"] for row in CATEGORIES
             if any(code.startswith(tuple(row["icd10_codes"].split("|"))) for code in plain)}  # fmt: skip
    counted = [row for row in CATEGORIES if row["category"] in found - {MILDER.get(name) for name in found}]
    points = 0 if age < 50 else 1 if age < 60 else 2 if age < 70 else 3 if age < 80 else 4
    return {
        "charlson_1987": points + sum(int(row["charlson_weights"]) for row in counted),
        "quan_2011": sum(int(row["quan_weights"]) for row in counted),
    }


def test_charlson_is_what_the_tables_of_pycomorb_say() -> None:
    chance = random.Random(SEED)
    seen: set[int] = set()
    for _ in range(PEOPLE):
        codes, age = icd10_codes(chance), chance.randint(18, 99)
        values = compute("charlson", {"icd10cm": codes, "age": age})["values"]
        assert {name: values[name] for name in ("charlson_1987", "quan_2011")} == of_pycomorb(codes, age), codes
        seen.add(values["charlson_1987"])
    assert seen >= set(range(16))  # the random people are not all healthy


def test_charlson_lists_the_prefixes_of_pycomorb_and_no_other() -> None:
    ours = {prefix for group in table("charlson")["groups"].values() for prefix in group["icd10cm"]}
    theirs = {prefix for row in CATEGORIES for prefix in row["icd10_codes"].split("|")}
    assert {p for p in ours if not p.startswith(tuple(theirs))} == set()
    assert {p for p in theirs if not p.startswith(tuple(ours))} - {"C0", "C1", "C20"} == set()
