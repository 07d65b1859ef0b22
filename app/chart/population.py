"""What is usual in everyone, from the release's paper `cohorts` (docs/screens.md); nothing where it has none."""

from typing import Any

from flask import g

from app.chart.reading import Reading, serving
from app.chart.view import shown_group

Range = tuple[float, float]


def everyone(reading: Reading) -> dict[str, Range]:
    """The middle half (quartiles, in the feature's unit) of all people, by feature; {} where the release tells none."""
    if reading.release is None:
        return {}
    if "everyone" not in g:  # several sections of one page ask
        g.everyone = _usual(serving().document(reading.release, "cohorts"))
    found: dict[str, Range] = g.everyone
    return found


def _usual(paper: dict[str, Any] | None) -> dict[str, Range]:
    features = paper.get("features") if paper else None
    found = {}
    for one in features if isinstance(features, list) else []:
        usual = one.get("everyone", {}).get("usual")
        if isinstance(usual, list) and len(usual) == 2 and None not in usual:
            found[str(one["feature"])] = (float(usual[0]), float(usual[1]))
    return found


def group_of(reading: Reading) -> dict[str, Any] | None:
    """The release's own entry of the patient's group; None where the page shows no group."""
    group = shown_group(reading)
    if reading.release is None or group is None:
        return None
    return next((one for one in reading.release.model["groups"] if one["rank"] == group["rank"]), None)
