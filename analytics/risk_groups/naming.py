"""Names of groups: what stands out in them, in the words of the features."""

from __future__ import annotations

from typing import Any

from analytics.definitions import catalogue

WORTH_A_WORD = 0.5  # scaled units from everyone's middle


def standing_out(group: dict[str, Any], model: dict[str, Any]) -> list[list[Any]]:
    """Features by how far the group's centre lies from everyone's mean, in scaled units, the farthest first."""
    if group["centre"] is None:
        return []
    distance = {name: group["centre"][place] - model["mean"][place] for place, name in enumerate(model["features"])}
    return [[name, distance[name]] for name in sorted(distance, key=lambda name: -abs(distance[name]))]


def named(group: dict[str, Any], taken: set[str]) -> dict[str, str]:
    """Name and description from what stands out, the name distinct from those already given."""
    if group["rule"] == "no_contact":
        rule = catalogue.group_rules()["no_contact"]
        return {"name": rule["name"], "description": rule["description"]}
    words = list(dict.fromkeys(_words(name, distance) for name, distance in group["standing_out"]
                               if _tells(name, distance))) or ["near the average"]  # fmt: skip
    for length in range(2, len(words) + 1):
        if _joined(words[:length]) not in taken:
            break
    else:
        length = len(words)
    name = _joined(words[:length])
    return {
        "name": name if name not in taken else f"{name} ({len(taken) + 1})",
        "description": _joined(words[: length + 4]) + ".",
    }


def _tells(name: str, distance: float) -> bool:
    """What few have is no less rare elsewhere: of a flag, only what is over-represented is worth a word."""
    return distance >= WORTH_A_WORD or (distance <= -WORTH_A_WORD and catalogue.features()[name].shape != "flag")


def _words(name: str, distance: float) -> str:
    feature = catalogue.features()[name]
    return feature.high if distance > 0 else feature.low


def _joined(words: list[str]) -> str:
    text = ", ".join(words)
    return text[:1].upper() + text[1:]
