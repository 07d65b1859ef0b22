"""Risk equations: coefficients (from the score's TOML file) times terms of the checked inputs. Results in percent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MMOL_PER_MG = 0.02586  # cholesterol, mg/dL to mmol/L, as the PREVENT authors round it


def prevent(table: Mapping[str, Any], x: Mapping[str, Any]) -> dict[str, float]:
    """``{10y,30y}_{total_cvd,ascvd,heart_failure}``; a horizon is left out where the age is outside of its range."""
    terms = _prevent_terms(x)
    found = {}
    for horizon, by_sex in table["coefficients"].items():
        low, high = table["age_range"].get(horizon, (-math.inf, math.inf))
        if low <= x["age"] <= high:
            for outcome, coefficients in by_sex[x["sex"]].items():
                found[f"{horizon}_{outcome}"] = 100.0 / (1.0 + math.exp(-_sum(coefficients, terms)))
    return found


def _prevent_terms(x: Mapping[str, Any]) -> dict[str, float]:
    age = (x["age"] - 55) / 10
    terms = {
        "const": 1.0,
        "age": age,
        "age2": age * age,
        "nonhdl": (x["tc"] - x["hdl"]) * MMOL_PER_MG - 3.5,
        "hdl": (x["hdl"] * MMOL_PER_MG - 1.3) / 0.3,
        "sbp_lt110": (min(x["sbp"], 110) - 110) / 20,
        "sbp_ge110": (max(x["sbp"], 110) - 130) / 20,
        "bmi_lt30": (min(x["bmi"], 30) - 25) / 5,
        "bmi_ge30": (max(x["bmi"], 30) - 30) / 5,
        "egfr_lt60": (min(x["egfr"], 60) - 60) / -15,
        "egfr_ge60": (max(x["egfr"], 60) - 90) / -15,
    } | {flag: float(x[flag]) for flag in ("dm", "smoking", "bptx", "statin")}
    with_age = ("nonhdl", "hdl", "dm", "smoking", "bmi_ge30", "egfr_lt60")
    products = {f"age_{name}": age * terms[name] for name in with_age}
    return terms | products | {
        "age_sbp": age * terms["sbp_ge110"],
        "bptx_sbp": terms["bptx"] * terms["sbp_ge110"],
        "statin_nonhdl": terms["statin"] * terms["nonhdl"],
    }


def pce(table: Mapping[str, Any], x: Mapping[str, Any]) -> dict[str, float]:
    """``10y_ascvd``."""
    ln = {name: math.log(x[name]) for name in ("age", "tc", "hdl", "sbp")}
    treated, smoking = float(x["bptx"]), float(x["smoking"])
    terms = {
        "ln_age": ln["age"],
        "ln_age_squared": ln["age"] ** 2,
        "ln_tc": ln["tc"],
        "ln_age_ln_tc": ln["age"] * ln["tc"],
        "ln_hdl": ln["hdl"],
        "ln_age_ln_hdl": ln["age"] * ln["hdl"],
        "ln_sbp_treated": ln["sbp"] * treated,
        "ln_age_ln_sbp_treated": ln["age"] * ln["sbp"] * treated,
        "ln_sbp_untreated": ln["sbp"] * (1 - treated),
        "ln_age_ln_sbp_untreated": ln["age"] * ln["sbp"] * (1 - treated),
        "smoking": smoking,
        "ln_age_smoking": ln["age"] * smoking,
        "dm": float(x["dm"]),
    }
    return {"10y_ascvd": _survival(table["coefficients"][x["race"]][x["sex"]], terms)}


def reynolds(table: Mapping[str, Any], x: Mapping[str, Any]) -> dict[str, float]:
    """``10y_cvd``."""
    terms = {f"ln_{name}": math.log(x[name]) for name in ("age", "sbp", "hscrp", "tc", "hdl")}
    terms |= {"age": x["age"], "smoking": float(x["smoking"]), "family_history": float(x["family_history"])}
    return {"10y_cvd": _survival(table["coefficients"][x["sex"]], terms)}


def ckd_epi_2021(table: Mapping[str, Any], x: Mapping[str, Any]) -> dict[str, float]:
    """``egfr`` in mL/min/1.73 m2."""
    every, own = table["coefficients"], table["coefficients"][x["sex"]]
    ratio = x["creatinine"] / own["kappa"]
    egfr = every["scale"] * min(ratio, 1.0) ** own["alpha"] * max(ratio, 1.0) ** every["beta"]
    return {"egfr": egfr * every["per_year"] ** x["age"] * own["factor"]}


def _sum(coefficients: Mapping[str, float], terms: Mapping[str, float]) -> float:
    return math.fsum(value * terms[name] for name, value in coefficients.items())


def _survival(coefficients: Mapping[str, float], terms: Mapping[str, float]) -> float:
    """100 * (1 - survival ^ exp(sum - mean))."""
    own = {name: value for name, value in coefficients.items() if name not in ("survival", "mean")}
    return float(100.0 * (1.0 - coefficients["survival"] ** math.exp(_sum(own, terms) - coefficients["mean"])))
