"""Why a person belongs to a group: the features that pull towards its centre, in words, and what is not known.

The pull of a feature is how much nearer it brings the person to the group's centre than to the middle of everyone:
(x - m)^2 - (x - c)^2 in the scaled space, where m is the mean of all people. The pulls of all features add up exactly
to the difference of the two squared distances. Unknown features never become a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from analytics.definitions import catalogue, groups
from analytics.definitions.catalogue import Feature

Evidence = tuple[datetime | None, str | None]

UNIT_WORDS = {
    "mm[Hg]": "mmHg",
    "mL/min/{1.73_m2}": "mL/min/1.73 m²",
    "{score}": "points",
    "kg/m2": "kg/m²",
    "Cel": "°C",
    "10*3/uL": "10³/µL",
}


def reasons(
    values: Mapping[str, float | None],
    evidence: Mapping[str, Evidence],
    group: Mapping[str, Any],
    model: Mapping[str, Any],
    most: int = 6,
) -> list[dict[str, Any]]:
    """The strongest reasons first, at most ``most``; share is the part of the whole positive pull, 0..1.

    A group by rule has the rule as its only reason. Values are shown as recorded, in the feature's own unit.
    """
    if group["rule"] == "no_contact":
        return [_reason("days_since_contact", values, evidence, group, 1.0)]
    pulls = _pulls(values, group, model)
    whole = sum(pull for pull in pulls.values() if pull > 0)
    strongest = sorted((name for name in pulls if pulls[name] > 0), key=lambda name: (-pulls[name], name))
    return [_reason(name, values, evidence, group, pulls[name] / whole) for name in strongest[:most]]


def _pulls(values: Mapping[str, float | None], group: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, float]:
    names = model["features"]
    scaled = groups.prepare(groups.as_matrix([values], names), model)[0]
    return {
        name: float((scaled[place] - model["mean"][place]) ** 2 - (scaled[place] - group["centre"][place]) ** 2)
        for place, name in enumerate(names)
        if values[name] is not None
    }


def _reason(
    name: str,
    values: Mapping[str, float | None],
    evidence: Mapping[str, Evidence],
    group: Mapping[str, Any],
    share: float,
) -> dict[str, Any]:
    feature = catalogue.features()[name]
    value = values[name]
    time, resource = evidence.get(name, (None, None))
    usual = group["usual"].get(name)
    return {
        "feature": name,
        "label": feature.label,
        "sentence": sentence(feature, value, time),
        "value": value,
        "display": display(feature, value),
        "unit": "" if feature.unit in {"1", "a"} else feature.unit,
        "time": time.date().isoformat() if time else None,
        "resource": resource,
        "usual": usual,
        "usual_display": usual_display(feature, usual, group["share"].get(name)),
        "share": share,
    }


def missing(values: Mapping[str, float | None], names: list[str]) -> list[dict[str, str]]:
    """The inputs of the grouping that are unknown for this person, each with a sentence that says so."""
    found = [catalogue.features()[name] for name in names if values[name] is None]
    return [
        {"feature": f.name, "label": f.label, "sentence": f"{_capital(f.label)}: no usable value{_window(f)}."}
        for f in found
    ]


def sentence(feature: Feature, value: float | None, time: datetime | None) -> str:
    """The feature's sentence for the clinician, with value, unit and date (dd Mon yyyy) filled in."""
    if value is None:
        return f"{_capital(feature.label)}: not known."
    text = feature.absent if feature.absent and value == 0 else feature.sentence
    words = {
        "value": display(feature, value),
        "unit": "" if feature.unit in {"1", "a", "d"} else unit_words(feature.unit),
        "date": f"{time.day} {time:%b %Y}" if time else "an unknown date",
        "label": feature.label,
        "Label": _capital(feature.label),
    }
    return _capital(" ".join(text.format(**words).split()).replace(" .", "."))


def display(feature: Feature, value: float | None) -> str:
    """A value for people: flags as yes or no, changes with their sign, at most three significant digits."""
    if value is None:
        return "not known"
    if feature.shape == "flag" or feature.kind in {"ever", "in_use", "person_is", "answer"}:
        return "yes" if value else "no"
    value = round(value, 9) + 0.0  # converted units leave differences such as 8.9e-16 or -0.0 where nothing changed
    text = f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return f"+{text}" if feature.kind in {"change", "trend"} and value > 0 else text


def usual_display(feature: Feature, usual: list[float] | None, share: float | None) -> str:
    """What is usual in the group: the middle half of its people, or for a flag how many have it; "" if hidden."""
    if display(feature, 1.0) == "yes":
        return "" if share is None else f"{share:.0%} of the group".replace("%", " %")
    if usual is None:
        return ""
    low, high = (display(feature, bound) for bound in usual)
    unit = "" if feature.unit in {"1", "a", "d"} else f" {unit_words(feature.unit)}"
    return f"{low}{unit}" if low == high else f"{low} to {high}{unit}"


def unit_words(unit: str) -> str:
    """UCUM as people write it."""
    if unit.endswith("/a"):
        return f"{unit_words(unit.removesuffix('/a'))} per year"
    return UNIT_WORDS.get(unit, unit)


def _window(feature: Feature) -> str:
    return f" in the last {feature.window_days // 30} months" if feature.window_days else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
