"""cohorts.json of a small release, written by hand (docs/release.md), for the groups of papers.py."""

from typing import Any

CELL = ("n", "followed", "events", "rate", "low", "high", "rate_below", "rate_above")


def cohorts() -> dict[str, Any]:
    """Two groups and the people without contact, of whom little is told."""
    return {
        "dates": {"people": "2026-06-30", "features": "2026-06-30", "treatments": "2026-06-30", "gaps": "2026-06-30",
                  "groups_of_drill": "2025-06-30", "outcomes_until": "2026-06-30"},
        "limits": ["Conditions are not crossed with sex or age."],
        "people": {"n": 1500, "groups": [{"rank": 1, "n": 940}, {"rank": 2, "n": 440}, {"rank": 3, "n": 120}]},
        "features": [
            _feature("age", "age", "a", "value", [38, 61], [[31, 48], [58, 72], [22, 50]]),
            _feature("diabetes", "diabetes", "1", "flag", 0.29, [0.02, 0.96, None]),
        ],
        "treatments": [
            _treatment("statin_in_use", "statin", 0.31, [0.09, 0.78, None]),
            _treatment("insulin_in_use", "insulin", 0.08, [0.0, 0.26, 0.0]),
            _treatment("opioid_in_use", "opioid", 0.07, [0.06, 0.1, None]),
            _treatment("dementia_medicine_in_use", "dementia medicine", None, [None, None, None]),
        ],
        "gaps": [
            _gap("cms122", "HbA1c controlled in diabetes", (434, 0.61), [(None, None), (421, 0.62), (None, None)]),
            _gap("cms165", "Blood pressure controlled", (500, 0.7), [(101, 0.74), (340, 0.71), (None, None)]),
            _gap("cms347", "Statin where it is due", (300, None), [(0, None), (280, None), (None, None)]),
        ],
        "drill": {
            "sexes": ["Female", "Male"], "age_bands": ["18 to 44", "45 to 64"],
            "conditions": [{"feature": "diabetes", "label": "diabetes"}],
            "cells": [
                _cell("Female", None, None, (500, 25), (200, 60), None),
                _cell("Female", "45 to 64", None, (200, 14), (110, 31), None),
                _cell(None, None, "diabetes", None, (395, 121), None),
            ],
        },
    }  # fmt: skip


def _feature(name: str, label: str, unit: str, shape: str, everyone: Any, groups: list[Any]) -> dict[str, Any]:
    key = "share" if shape == "flag" else "usual"
    none = {"usual": None, "share": None}
    return {"feature": name, "label": label, "unit": unit, "shape": shape, "everyone": none | {key: everyone},
            "groups": [{"rank": rank} | none | {key: one} for rank, one in enumerate(groups, start=1)]}  # fmt: skip


def _treatment(name: str, label: str, everyone: float | None, groups: list[float | None]) -> dict[str, Any]:
    told = [{"rank": rank, "share": share} for rank, share in enumerate(groups, start=1)]
    return {"feature": name, "label": label, "everyone": everyone, "groups": told}


def _gap(name: str, title: str, everyone: tuple[Any, Any], groups: list[tuple[Any, Any]]) -> dict[str, Any]:
    told = [{"rank": rank, "applicable": n, "met": met} for rank, (n, met) in enumerate(groups, start=1)]
    return {"id": name, "title": title, "everyone": {"applicable": everyone[0], "met": everyone[1]}, "groups": told}


def _cell(sex: str | None, band: str | None, condition: str | None, *groups: tuple[int, int] | None) -> dict[str, Any]:
    told = []
    for rank, group in enumerate(groups, start=1):
        cell: dict[str, Any] = {"rank": rank} | dict.fromkeys(CELL)
        if group:
            n, events = group
            rate = round(events / n, 4)
            cell |= {"n": n, "followed": n, "events": events, "rate": rate, "low": rate - 0.02, "high": rate + 0.02}
        told.append(cell)
    return {"sex": sex, "age_band": band, "condition": condition, "groups": told}
