"""KDIGO's grid of chronic kidney disease: stages from eGFR and albumin in urine, and whether an abnormality lasts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

LOW_EGFR, HIGH_ACR, HIGHEST_A2 = 60, 30, 300  # mL/min/1.73 m2, mg/g, mg/g


def kdigo(table: Mapping[str, Any], x: Mapping[str, Any]) -> dict[str, Any]:
    """``g``, ``lasting`` (a key of the file's table); with albumin also ``a``, ``risk`` and ``checks_per_year``."""
    g = next(name for name, low, _ in reversed(table["stages"]["g"]) if _whole(x["egfr"]) >= low)
    found: dict[str, Any] = {"g": g, "lasting": _lasting(x)}
    if "acr" in x:
        column = 0 if x["acr"] < HIGH_ACR else 1 if x["acr"] <= HIGHEST_A2 else 2
        risk, checks = table["grid"][g][column]
        found |= {"a": table["stages"]["a"][column][0], "risk": risk, "checks_per_year": checks}
    return found


def _whole(egfr: float) -> int:
    """As a laboratory reports it, so that "60" is never told as G3a."""
    return math.floor(egfr + 0.5)


def _lasting(x: Mapping[str, Any]) -> str:
    """An abnormality lasts where the same marker is abnormal now and at least 90 days before."""
    now = {"egfr": _whole(x["egfr"]) < LOW_EGFR, "acr": x.get("acr", 0) >= HIGH_ACR}
    if not any(now.values()):
        return "none" if "acr" in x else "half"
    before = {
        "egfr": _whole(x["egfr_before"]) < LOW_EGFR if "egfr_before" in x else None,
        "acr": x["acr_before"] >= HIGH_ACR if "acr_before" in x else None,
    }
    told = [before[name] for name, abnormal in now.items() if abnormal]
    return "yes" if True in told else "one_value" if None in told else "not_before"
