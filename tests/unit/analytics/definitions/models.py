"""A release small enough to do by hand: two clusters and the group of those without contact."""

from __future__ import annotations

from typing import Any

from analytics.definitions import catalogue

COUNTS = {"n": 100, "followed": 90, "events": 9, "rate": 0.1, "low": 0.05, "high": 0.18}
HIDDEN = {"rate_below": None, "rate_above": None}


def model() -> dict[str, Any]:
    """Features diabetes (flag), hba1c (value) and stays_12m (count); cluster 1 well, 2 diabetes, 3 no contact."""
    return {
        "release_id": "r1",
        "definitions_hash": catalogue.definitions_hash(),
        "features": ["diabetes", "hba1c", "stays_12m"],
        "transform": {
            "diabetes": {"shape": "flag", "fill": 0.25, "cap": [0.0, 1.0], "middle": 0.25, "scale": 0.5},
            "hba1c": {"shape": "value", "fill": 5.5, "cap": [4.5, 10.5], "middle": 5.5, "scale": 0.5},
            "stays_12m": {"shape": "count", "fill": 0.0, "cap": [0.0, 3.0], "middle": 0.0, "scale": 0.5},
        },
        "mean": [0.0, 0.5, 0.25],
        "groups": [
            _group(1, "Well", None, [-0.5, 0.0, 0.0]),
            _group(2, "Diabetes", None, [1.5, 3.0, 1.0]),
            _group(3, "No contact", "no_contact", None),
        ],
    }


def _group(rank: int, name: str, rule: str | None, centre: list[float] | None) -> dict[str, Any]:
    usual = {"hba1c": [6.5, 7.9], "stays_12m": [0.0, 1.0], "days_since_contact": None}
    share = {"diabetes": 0.84, "days_since_contact": None}
    said = {"rank": rank, "name": name, "rule": rule, "centre": centre, "description": f"{name}."}
    return said | {"usual": usual, "share": share} | COUNTS | HIDDEN
