"""A shallow decision tree that stands for the groups: rules that a clinician reads, and how far they agree with the
groups. It explains; it places nobody.

The tree is grown on half of the sample. Its thresholds are rounded to what is printed and counted as printed, on
everyone. Its fidelity is measured on the other half: the share of people for whom it names their group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics import suppression
from analytics.definitions import catalogue, explain, groups, small_cells
from analytics.risk_groups import placing
from analytics.risk_groups.sample import Sample

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

DEPTH = 4


@dataclass(frozen=True)
class Step:
    """One condition: the feature's value (unknown as its fill) is above the threshold, or not."""

    feature: str
    threshold: float
    above: bool


def grown(sample: Sample, model: dict[str, Any], seed: int) -> list[tuple[list[Step], int]]:
    """The leaves: conditions and rank. Grown on every second person; no leaf has fewer than 1 % of them, or eleven."""
    from sklearn.tree import DecisionTreeClassifier

    contact = np.zeros(len(sample.values))
    ranks = [one.rank for one in groups.assign(sample.values, contact, model)][::2]
    fills = np.array([model["transform"][name]["fill"] for name in model["features"]])
    values = np.where(np.isnan(sample.values), fills, sample.values)[::2]
    floor = max(suppression.largest_hidden() + 1, len(values) // 100)
    tree = DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=floor, random_state=seed).fit(values, ranks).tree_
    classes = sorted(set(ranks))

    def below(node: int, steps: list[Step]) -> list[tuple[list[Step], int]]:
        if tree.children_left[node] < 0:
            return [(steps, classes[int(tree.value[node][0].argmax())])]
        name = model["features"][tree.feature[node]]
        threshold = printed(name, float(tree.threshold[node]))
        left, right = int(tree.children_left[node]), int(tree.children_right[node])
        parts = below(left, [*steps, Step(name, threshold, False)]), below(right, [*steps, Step(name, threshold, True)])
        same = [len(part) == 1 and part[0][1] == parts[0][0][1] for part in parts]
        return [(steps, parts[0][0][1])] if all(same) else parts[0] + parts[1]  # a step that parts nothing is not said

    return below(0, [])


def printed(name: str, threshold: float) -> float:
    """The threshold as it is printed and counted: whole for counts, else three significant digits; no age above 89."""
    feature = catalogue.features()[name]
    if feature.shape == "flag":
        return 0.5
    shown = float(np.floor(threshold)) if feature.shape == "count" else float(f"{threshold:.3g}")
    return small_cells.parting(feature, shown)


def explained(people: DataFrame, sample: Sample, model: dict[str, Any], seed: int) -> dict[str, Any] | None:
    """The tree as it is kept in the release; None where there is one cluster alone.

    people: everyone in contact at the index date.
    """
    if sum(group["rule"] is None for group in model["groups"]) < 2:
        return None
    leaves = grown(sample, model, seed)
    told = all(group["n"] is not None for group in model["groups"])
    names = {group["rank"]: group["name"] for group in model["groups"]}
    inside = _counted(people, leaves, model)
    shown = [{"rules": in_words(steps), "rank": rank, "name": names[rank], **cell}
             for (steps, rank), cell in zip(leaves, _told(inside, told), strict=True)]  # fmt: skip
    used = sorted({step.feature for steps, _ in leaves for step in steps}, key=model["features"].index)
    fidelity = agreement(sample, leaves, model)
    return {"depth": max(len(steps) for steps, _ in leaves), "fidelity": fidelity, "leaves": shown,
            "unknown": [_unknown(name, model) for name in used if catalogue.features()[name].missing == "unknown"],
            "sentence": _sentence(fidelity, sample)}  # fmt: skip


def agreement(sample: Sample, leaves: list[tuple[list[Step], int]], model: dict[str, Any]) -> float | None:
    """The share of those it was not grown on whom the tree puts in their group, in whole percents."""
    values = sample.values[1::2]
    ranks = np.array([one.rank for one in groups.assign(values, np.zeros(len(values)), model)])
    by_tree = np.zeros(len(values), dtype=int)
    for steps, rank in leaves:
        by_tree[_inside(values, steps, model)] = rank
    return suppression.share(int((by_tree == ranks).sum()), len(ranks))


def _inside(values: groups.Matrix, steps: list[Step], model: dict[str, Any]) -> Any:
    inside = np.ones(len(values), dtype=bool)
    for step in steps:
        column = values[:, model["features"].index(step.feature)]
        known = np.where(np.isnan(column), model["transform"][step.feature]["fill"], column)
        inside &= (known > step.threshold) == step.above
    return inside


def _counted(
    people: DataFrame, leaves: list[tuple[list[Step], int]], model: dict[str, Any]
) -> list[tuple[int, int]]:
    """People in each leaf, and those of them whom the groups put where the leaf says."""
    placed = placing.with_membership(people.select(placing.CONTACT, *_inputs(model)), model)
    wanted = [f"count_if({_sql(steps, model)}) AS n{place}" for place, (steps, _) in enumerate(leaves)]
    wanted += [f"count_if({_sql(steps, model)} AND rank = {rank}) AS same{place}"
               for place, (steps, rank) in enumerate(leaves)]  # fmt: skip
    row = placed.selectExpr(*wanted).first()
    return [(row[f"n{place}"], row[f"same{place}"]) for place in range(len(leaves))] if row else []


def _inputs(model: dict[str, Any]) -> list[str]:
    return [name for name in model["features"] if name != placing.CONTACT]


def _sql(steps: list[Step], model: dict[str, Any]) -> str:
    known = {step.feature: f"coalesce({step.feature}, {model['transform'][step.feature]['fill']!r}D)" for step in steps}
    conditions = [f"{known[step.feature]} {'>' if step.above else '<='} {step.threshold!r}D" for step in steps]
    return " AND ".join(conditions) or "true"


def _told(inside: list[tuple[int, int]], all_told: bool = True) -> list[dict[str, Any]]:
    """n and share of each leaf; where one n alone is hidden, the next smallest too, for the rest would tell it.

    all_told: no group's size is hidden. All leaves together are all groups together, and would tell it.
    """
    hidden = {place for place, (n, _) in enumerate(inside) if suppression.small(n) or not all_told}
    if len(hidden) == 1 and len(inside) > 1:
        hidden.add(min((n, place) for place, (n, _) in enumerate(inside) if place not in hidden)[1])
    return [{"n": None if place in hidden else n, "share": None if place in hidden else suppression.share(same, n)}
            for place, (n, same) in enumerate(inside)]  # fmt: skip


def in_words(steps: list[Step]) -> list[str]:
    """Conditions as a clinician reads them, one for each feature, in the order in which the tree asks."""
    bounds: dict[str, tuple[float | None, float | None]] = {}
    for step in steps:
        low, high = bounds.get(step.feature, (None, None))
        bounds[step.feature] = (step.threshold, high) if step.above else (low, step.threshold)
    return [_words(name, *bound) for name, bound in bounds.items()]


def _words(name: str, low: float | None, high: float | None) -> str:
    feature = catalogue.features()[name]
    if feature.shape == "flag":
        return feature.label if low is not None else f"no {feature.label}"
    unit = {"1": "", "a": " years", "d": " days"}.get(feature.unit, f" {explain.unit_words(feature.unit)}")
    more = "" if low is None else f"above {explain.display(feature, low)}{unit}"
    less = "" if high is None else f"at most {explain.display(feature, high)}{unit}"
    return f"{feature.label} {' and '.join(part for part in (more, less) if part)}"


def _unknown(name: str, model: dict[str, Any]) -> str:
    feature = catalogue.features()[name]
    fill = explain.display(feature, model["transform"][name]["fill"])
    return f"Where {feature.label} is not known, it counts as {fill}."


def _sentence(fidelity: float | None, sample: Sample) -> str:
    tested = len(sample.values) // 2
    if fidelity is None:
        return "How far these rules agree with the groups cannot be told of so few people."
    return (f"These rules put {fidelity:.0%} of {tested} people in the group where the nearest centre puts them; "
            "they describe the groups and place nobody.").replace("%", " %", 1)  # fmt: skip
