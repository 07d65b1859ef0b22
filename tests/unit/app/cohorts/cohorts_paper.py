"""The paper `cohorts` of a small release, by hand to docs/screens.md: two groups and the people without contact."""

from typing import Any


def cohorts() -> dict[str, Any]:
    return {
        "dates": {"people": "2026-06-30", "features": "2026-06-30", "treatments": "2026-06-30", "gaps": "2026-06-30",
                  "groups_of_drill": "2025-06-30", "outcomes_until": "2026-06-30"},
        "limits": ["Conditions are not crossed with age."],
        "people": {"n": 1451, "groups": [{"rank": 1, "n": 880}, {"rank": 2, "n": 440}, {"rank": 3, "n": None}]},
        "features": [
            _feature("age", "age", "a", "value", [35.0, 60.0], None, {1: [31.0, 48.0], 2: [58.0, 72.0], 3: None}),
            _feature("hba1c", "HbA1c", "%", "value", [5.2, 6.4], None, {1: [5.1, 5.7], 2: [7.1, 8.6], 3: [5.4, 5.9]}),
            _feature("diabetes", "diabetes", "1", "flag", None, 0.25, {1: 0.02, 2: 0.96, 3: None}),
            _feature("stays_12m", "hospital stays in 12 months", "1", "count", [0.0, 0.0], None,
                     {1: [0.0, 0.0], 2: [0.0, 2.0], 3: [0.0, 0.0]}),
            _feature("of_tomorrow", "something new", "mm[Hg]", "value", [110.0, 130.0], None,
                     {1: [108.0, 124.0], 2: None, 3: None}),
        ],
        "treatments": [
            {"feature": "statin_in_use", "label": "statin", "everyone": 0.31, "groups": [
                {"rank": 1, "share": 0.08}, {"rank": 2, "share": 0.71}, {"rank": 3, "share": None}]},
        ],
        "gaps": [
            {"id": "cms122", "title": "HbA1c below 9 % in diabetes", "everyone": {"applicable": 420, "met": 0.62},
             "groups": [
                {"rank": 1, "applicable": 0, "met": None}, {"rank": 2, "applicable": 400, "met": 0.61},
                {"rank": 3, "applicable": None, "met": None}]},
        ],
        "drill": {
            "sexes": ["Female", "Male"], "age_bands": ["18 to 44", "75 and older"],
            "conditions": [{"feature": "diabetes", "label": "Diabetes"}],
            "cells": [
                _cell("Female", None, None, (470, 430, 22), (220, 211, 60), (61, 58, None)),
                _cell("Female", None, "diabetes", (None, None, None), (211, 202, 58), (None, None, None)),
            ],
        },
    }  # fmt: skip


def _feature(
    name: str, label: str, unit: str, shape: str, usual: list[float] | None, share: float | None, groups: dict[int, Any]
) -> dict[str, Any]:
    key = "share" if shape == "flag" else "usual"
    told = [{"rank": rank, "usual": None, "share": None} | {key: value} for rank, value in groups.items()]
    return {"feature": name, "label": label, "unit": unit, "shape": shape, "everyone": {"usual": usual, "share": share},
            "groups": told}  # fmt: skip


def _cell(
    sex: str | None, age_band: str | None, condition: str | None, *groups: tuple[Any, Any, Any]
) -> dict[str, Any]:
    told = [_outcome(n, followed, events) | {"rank": rank} for rank, (n, followed, events) in enumerate(groups, 1)]
    return {"sex": sex, "age_band": age_band, "condition": condition, "groups": told}


def _outcome(n: int | None, followed: int | None, events: int | None) -> dict[str, Any]:
    hidden = {"rate": None, "low": None, "high": None, "rate_below": None, "rate_above": None}
    if followed is None or events is None:
        bound = {"rate_below": 11 / followed} if followed else {}
        return {"n": n, "followed": followed, "events": None, **hidden, **bound}
    rate = events / followed
    return {
        "n": n,
        "followed": followed,
        "events": events,
        **hidden,
        "rate": rate,
        "low": rate * 0.8,
        "high": rate * 1.2,
    }
