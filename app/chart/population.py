"""What is usual in everyone, from the release's paper `cohorts` (docs/screens.md); nothing where it has none."""

from dataclasses import dataclass
from typing import Any

from flask import g

from analytics.definitions import catalogue, explain
from app.chart.cells import may_show_share
from app.chart.reading import Reading, serving, shown_group
from app.chart.words import whole_percent

Range = tuple[float, float]


@dataclass(frozen=True)
class Usual:
    """What is usual of one feature in everyone: the middle half, or of a yes or no the share (0..1) that has it.

    Both are None where the release does not tell, or where 1 to 10 people would be told. words: for people, as a
    reason has them (`explain.usual_display`); "" where there are none.
    """

    middle: Range | None = None
    share: float | None = None
    words: str = ""


def usual_of_everyone(reading: Reading, feature: str) -> Usual:
    """What is usual of a feature in all people of the release."""
    return _of_release(reading).get(feature, Usual())


def everyone(reading: Reading) -> dict[str, Range]:
    """The middle half (quartiles, in the feature's unit) of all people, by feature; {} where the release tells none."""
    return {name: one.middle for name, one in _of_release(reading).items() if one.middle}


def _of_release(reading: Reading) -> dict[str, Usual]:
    if reading.release is None:
        return {}
    if "usual_of_everyone" not in g:  # several sections of one page ask
        g.usual_of_everyone = _usual(serving().document(reading.release, "cohorts"))
    found: dict[str, Usual] = g.usual_of_everyone
    return found


def _usual(paper: dict[str, Any] | None) -> dict[str, Usual]:
    features, people = (paper.get(part) for part in ("features", "people")) if paper else (None, None)
    number = people.get("n") if isinstance(people, dict) else None
    listed = features if isinstance(features, list) else []
    return {str(one["feature"]): _read(str(one["feature"]), one.get("everyone", {}), number) for one in listed}


def _read(name: str, told: dict[str, Any], people: object) -> Usual:
    feature, usual, share = catalogue.features().get(name), told.get("usual"), told.get("share")
    if isinstance(usual, list) and len(usual) == 2 and None not in usual:
        low, high = float(usual[0]), float(usual[1])
        return Usual((low, high), None, explain.usual_display(feature, [low, high], None) if feature else "")
    if may_show_share(people, share):
        return Usual(None, share, f"{whole_percent(share, '')} of everyone")
    return Usual()


def group_of(reading: Reading) -> dict[str, Any] | None:
    """The release's own entry of the patient's group; None where the page shows no group."""
    group = shown_group(reading)
    if reading.release is None or group is None:
        return None
    return next((one for one in reading.release.model["groups"] if one["rank"] == group["rank"]), None)
