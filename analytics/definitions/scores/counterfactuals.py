"""A person like this with another value: what a score's file lists under ``counterfactuals``.

Values alone are changed. Treatments are not values: their effect is in levers.py, never in a flag of a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analytics.definitions import scores

TREATMENTS = frozenset({"bptx", "statin"})  # associations in the models; changed by no counterfactual


def of(name: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``label`` and ``values`` for each change that this person has room for; [] where the score cannot be computed."""
    if not scores.compute(name, given)["values"]:
        return []
    found = []
    for rule in scores.table(name).get("counterfactuals", []):
        changed = _changed(rule, given)
        if all(given[key] >= least for key, least in rule.get("from", {}).items()) and changed != dict(given):
            values = scores.compute(name, changed)["values"]
            found += [{"label": rule["label"], "values": values}] if values else []
    return found


def _changed(rule: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    changed = {**given, **rule.get("set", {})}
    changed |= {key: given[key] + by for key, by in rule.get("add", {}).items()}
    changed |= {key: min(given[key], most) for key, most in rule.get("at_most", {}).items()}
    return changed | {key: max(given[key], least) for key, least in rule.get("at_least", {}).items()}
