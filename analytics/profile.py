"""What the groups look like: how features are shaped and scaled, who is in each group, and what happened to them."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from analytics import suppression
from analytics.choice import Choice
from analytics.definitions import catalogue
from analytics.definitions.catalogue import Feature

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FLAG_SPREAD = 0.3  # a rare flag counts no more than one of this standard deviation (prevalence about 10 %)
NORMAL_IQR = 1.349  # interquartile range of a standard normal


def transforms(people: DataFrame) -> dict[str, Any]:
    """The inputs of the grouping and how each is filled, capped, centred and scaled, learned from these people.

    A feature that is known of fewer than 1 % of them, or that hardly differs between them, is left out.
    """
    quantiles = [0.005, 0.25, 0.5, 0.75, 0.995]
    wanted = [feature for feature in catalogue.features().values() if feature.grouped]
    select = [
        f"named_struct('n', count({f.name}), 'mean', avg({f.name}), 'sd', stddev_pop({f.name}), "
        f"'q', percentile({f.name}, array({', '.join(map(str, quantiles))}))) AS {f.name}"
        for f in wanted
    ]
    row = people.selectExpr("count(*) AS people", *select).first()
    steps = (
        {} if row is None else {f.name: _transform(f, row[f.name]) for f in wanted if _useful(row[f.name], row.people)}
    )
    return {"features": list(steps), "transform": steps}


def _useful(seen: Any, people: int) -> bool:
    return seen.n >= 0.01 * people and seen.sd is not None and seen.sd > 1e-9


def _transform(feature: Feature, seen: Any) -> dict[str, Any]:
    """One feature's step. Unknown values are filled with the median (flags: the mean): neutral, at the middle."""
    low, first, median, third, high = (float(number) for number in seen.q)
    if feature.shape == "flag":
        spread = max(float(seen.sd), FLAG_SPREAD)
        return {
            "shape": "flag",
            "fill": float(seen.mean),
            "cap": [0.0, 1.0],
            "middle": float(seen.mean),
            "scale": spread,
        }
    if feature.shape == "count":
        low, first, median, third, high = 0.0, *(math.log1p(q) for q in (first, median, third)), high
    spread = max((third - first) / NORMAL_IQR, 0.5 * _spread(feature, seen), 1e-6)
    fill = math.expm1(median) if feature.shape == "count" else median
    return {"shape": feature.shape, "fill": fill, "cap": [low, high], "middle": median, "scale": spread}


def _spread(feature: Feature, seen: Any) -> float:
    """Standard deviation in the shaped unit; for a count by the delta method: sd(log1p x) is about sd / (1 + mean)."""
    return float(seen.sd) / (1.0 + float(seen.mean)) if feature.shape == "count" else float(seen.sd)


def describe(everyone: DataFrame, model: dict[str, Any], chosen: Choice, assign: Any) -> dict[str, Any]:
    """Groups with names, sizes, later outcomes and usual ranges, ranked from the lowest later rate to the highest."""
    members: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row, membership in everyone.rdd.mapPartitions(assign).toLocalIterator():
        members[membership.rank].append(row)
    found = [_group(group, members[group["rank"]], model) for group in model["groups"] if members[group["rank"]]]
    ranked = sorted(found, key=lambda group: group.pop("true_rate"))
    names: set[str] = set()
    for rank, group in enumerate(ranked, start=1):
        group |= {"rank": rank, "of": len(ranked), "stability": chosen.verdict} | _naming(group, names)
        names.add(group["name"])
    return {"groups": ranked}


def _group(group: dict[str, Any], rows: list[dict[str, Any]], model: dict[str, Any]) -> dict[str, Any]:
    followed = [row["outcome"] for row in rows if row["outcome"] is not None]
    return group | {
        "true_rate": sum(followed) / len(followed) if followed else 0.0,
        **suppression.rate(len(rows), len(followed), sum(followed)),
        "usual": {name: _middle_half(rows, name) for name in catalogue.features()},
        "share": {name: _share(rows, name) for name in catalogue.features()},
        "standing_out": _standing_out(group, model),
    }


def _middle_half(rows: list[dict[str, Any]], name: str) -> list[float] | None:
    """First and third quartile of the known values; None where ten people or fewer have one."""
    known = sorted(row[name] for row in rows if row[name] is not None)
    if len(known) <= suppression.largest_hidden():
        return None
    return [known[round(part * (len(known) - 1))] for part in (0.25, 0.75)]


def _share(rows: list[dict[str, Any]], name: str) -> float | None:
    """Share of people with a value above zero among those with a known one; None where it would reveal a small cell."""
    known = [row[name] for row in rows if row[name] is not None]
    return suppression.share(sum(1 for value in known if value > 0), len(known))


def _standing_out(group: dict[str, Any], model: dict[str, Any]) -> list[list[Any]]:
    """Features by how far the group's centre lies from everyone's mean, in scaled units, the farthest first."""
    if group["centre"] is None:
        return []
    distance = {name: group["centre"][place] - model["mean"][place] for place, name in enumerate(model["features"])}
    return [[name, distance[name]] for name in sorted(distance, key=lambda name: -abs(distance[name]))]


def _naming(group: dict[str, Any], taken: set[str]) -> dict[str, str]:
    """A name from what stands out (at least half a scaled unit), distinct from the names already given."""
    if group["rule"] == "no_contact":
        rule = catalogue.group_rules()["no_contact"]
        return {"name": rule["name"], "description": rule["description"]}
    words = [_words(name, distance) for name, distance in group["standing_out"] if abs(distance) >= 0.5]
    words = list(dict.fromkeys(words)) or ["near the average"]
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


def _words(name: str, distance: float) -> str:
    feature = catalogue.features()[name]
    return feature.high if distance > 0 else feature.low


def _joined(words: list[str]) -> str:
    text = ", ".join(words)
    return text[:1].upper() + text[1:]
