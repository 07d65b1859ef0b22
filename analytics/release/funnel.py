"""The funnel: people and resources that came in, were kept and were dropped, step by step, and that it all adds up."""

from __future__ import annotations

from typing import Any

from analytics import suppression
from analytics.errors import DataError
from analytics.lake import Lake
from analytics.snapshot import exports_of, manifest

RESOURCES, PEOPLE = "resources", "people"


def funnel(lake: Lake, model: dict[str, Any], folder: str) -> dict[str, Any]:
    """`exports` (ids, oldest first) and `steps`: `{step, unit, read, kept, dropped: {reason: n}}`; None where hidden.

    folder: of the release, whose counts say how many were placed. Raises DataError where a step did not account for
    everything it read, or did not read what the step before it kept.
    """
    ehr, export_id, as_of = model["ehr"], model["export_id"], model["as_of"]
    ids = exports_of(lake, ehr, export_id)
    loaded = _sum(lake.read_counts(lake.events(ehr, one)) for one in ids)
    built = lake.read_counts(lake.features(ehr, export_id, as_of))
    counted = {
        "export": (RESOURCES, _exported(lake, ehr, ids, loaded)),
        "load": (RESOURCES, loaded),
        "build": (PEOPLE, built),
        "fit": (PEOPLE, lake.read_counts(folder)),
    }
    balance(counted)
    steps = [_step(name, unit, counts) for name, (unit, counts) in counted.items()]
    return {"exports": ids, "steps": [*steps, _followed(model)]}


def balance(counted: dict[str, tuple[str, dict[str, Any]]]) -> None:
    """Raises DataError for the first step that does not add up. counted: step -> (unit, counts), in order."""
    before: tuple[str, str, int] | None = None
    for step, (unit, counts) in counted.items():
        accounted = counts["kept"] + sum(counts["dropped"].values())
        if counts["read"] != accounted:
            raise DataError(f"The counts do not add up: {step} read {counts['read']:,} {unit}, and accounts for "
                            f"{accounted:,}.", "Delete what the step made and run it again.")
        added = step == "load" and before and counts["read"] > before[2]  # by hand: they are counted
        if before and before[1] == unit and before[2] != counts["read"] and not added:
            raise DataError(f"The counts do not add up: {before[0]} kept {before[2]:,} {unit}, and {step} read "
                            f"{counts['read']:,}.", "Run the steps again, from the first of the two.")
        before = (step, unit, counts["kept"])


def _exported(lake: Lake, ehr: str, ids: list[str], loaded: dict[str, Any]) -> dict[str, Any]:
    """What lies in the lake, by the manifests; an export that was put there by hand may not have counted."""
    described = [manifest(lake, ehr, one) for one in ids]
    total = sum(sum(one["counts"].values()) for one in described if "counts" in one)
    total = total if all("counts" in one for one in described) else loaded["read"]
    return {"read": total, "kept": total, "dropped": {}}


def _sum(counts: Any) -> dict[str, Any]:
    total: dict[str, Any] = {"read": 0, "kept": 0, "dropped": {}}
    for one in counts:
        total["read"] += one["read"]
        total["kept"] += one["kept"]
        for reason, n in one["dropped"].items():
            total["dropped"][reason] = total["dropped"].get(reason, 0) + n
    return total


def _step(step: str, unit: str, counts: dict[str, Any]) -> dict[str, Any]:
    """The step as it may be told: of people, 1 to 10 are hidden, and with them the number read, which would tell."""
    dropped = counts["dropped"]
    if unit == PEOPLE and (suppression.small(counts["kept"]) or any(map(suppression.small, dropped.values()))):
        told = {reason: None if suppression.small(n) else n for reason, n in dropped.items()}
        kept = None if suppression.small(counts["kept"]) else counts["kept"]
        return {"step": step, "unit": unit, "read": None, "kept": kept, "dropped": told}
    return {"step": step, "unit": unit, "read": counts["read"], "kept": counts["kept"], "dropped": dict(dropped)}


def _followed(model: dict[str, Any]) -> dict[str, Any]:
    """Of the people in the groups at the index date, those whose following year is known: the evidence is theirs.

    Told only where no group's numbers are hidden: less the other groups, the sum would tell the hidden one.
    """
    cells = [(group["n"], group["followed"]) for group in model["groups"]]
    if any(cell is None for pair in cells for cell in pair):
        return {"step": "follow", "unit": PEOPLE, "read": None, "kept": None, "dropped": {"year_not_known": None}}
    n, followed = sum(pair[0] for pair in cells), sum(pair[1] for pair in cells)
    return _step("follow", PEOPLE, {"read": n, "kept": followed, "dropped": {"year_not_known": n - followed}})
