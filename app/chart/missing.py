"""Inputs of the grouping that are unknown or old, and whether a usual value of each would change the group.

That is a statement about the group's border, worked out with the release's own arithmetic: what is tried is never shown
as the patient's value. The people of one group fill a convex region of the shaped values (nearest centre), so where
both ends of a range lead to one group, everything between them does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from analytics.definitions import catalogue, groups
from analytics.definitions.catalogue import Feature
from app.chart.population import everyone
from app.chart.profile import between, with_unit
from app.chart.reading import Reading, shown_group
from app.chart.words import age_of_value, capital, day

#: Days after which a value is called old although the groups still use it: the year in which blood pressure and HbA1c
#: are due again (CMS165v13, CMS122v13). Others are old once they leave the window of their feature.
OLD_DAYS = {"systolic": 365, "diastolic": 365, "hba1c": 365}

NO_CHANGE = "No usual value"


@dataclass(frozen=True)
class Missing:
    """What is missing or old, in a sentence; `effect` is what a value could change, None where no group is shown."""

    sentence: str
    effect: str | None
    resource: str | None = None
    changes: bool = False  # could a usual value change the group?


def section(reading: Reading) -> list[Missing]:
    """What could change the group first; then unknown inputs before old ones, in the order of the model."""
    score = reading.score
    unknown = {one["feature"]: one["sentence"] for one in score["missing"]}
    found = [_unknown(reading, name, sentence) for name, sentence in unknown.items()]
    old = [name for name, days in OLD_DAYS.items() if _is_old(score["features"], name, days)]
    return sorted(found + [_old(reading, name) for name in old], key=lambda one: not one.changes)


def _is_old(features: Mapping[str, float | None], name: str, days: int) -> bool:
    age = features.get(f"{name}_age_days")
    return features.get(name) is not None and age is not None and age > days


def _unknown(reading: Reading, name: str, sentence: str) -> Missing:
    feature = catalogue.features()[name]
    series = reading.score["series"].get(feature.concept, []) if feature.kind == "latest" else []
    if not series:
        return _with_effect(reading, feature, sentence, None)
    last = series[-1]
    told = f"{sentence.removesuffix('.')}; the last, {with_unit(feature, last['value'])}, is of {day(last['time'])}."
    return _with_effect(reading, feature, told, last["resource"])


def _old(reading: Reading, name: str) -> Missing:
    feature, last = catalogue.features()[name], reading.score["series"][catalogue.features()[name].concept][-1]
    told = (
        f"{capital(feature.label)}: the newest value, {with_unit(feature, last['value'])}, is of "
        f"{day(last['time'])}, {age_of_value(last['time'], reading.on)}."
    )
    return _with_effect(reading, feature, told, last["resource"])


def _with_effect(reading: Reading, feature: Feature, told: str, resource: str | None) -> Missing:
    words = effect(reading, feature)
    return Missing(told, words, resource, words is not None and not words.startswith(NO_CHANGE))


def effect(reading: Reading, feature: Feature) -> str | None:
    """Whether a value that is usual in some group, or in everyone, would place the patient in another group."""
    model, group = (reading.release.model if reading.release else None), shown_group(reading)
    if model is None or group is None or group["rule"] is not None or feature.name not in model["features"]:
        return None
    bounds = list(_bounds(model, feature.name, everyone(reading).get(feature.name)))
    if not bounds:
        return None
    ends = (min(bounds), max(bounds))
    names = [_group_with(model, reading.score["features"], feature.name, end) for end in ends]
    if all(name == group["name"] for name in names):
        return f"{NO_CHANGE} ({between(feature, ends)}) would change the group."
    return " ".join(_told(feature, end, name, group["name"]) for end, name in zip(ends, names, strict=True))


def _told(feature: Feature, value: float, name: str, now: str) -> str:
    words = f"At {with_unit(feature, value)}"
    return f"{words} the group would stay." if name == now else f"{words} it would be “{name}”."


def _bounds(model: Mapping[str, Any], name: str, everyone_too: tuple[float, float] | None) -> Iterator[float]:
    yield from everyone_too or ()
    for group in model["groups"]:
        usual = group["usual"].get(name)
        if group["rule"] is None and usual and None not in usual:
            yield from (float(bound) for bound in usual)


def _group_with(model: Mapping[str, Any], values: Mapping[str, float | None], name: str, value: float) -> str:
    tried = groups.as_matrix([{**values, name: value}], model["features"])
    contact = groups.as_matrix([values], ["days_since_contact"])[:, 0]
    rank = groups.assign(tried, contact, model)[0].rank
    return next(str(one["name"]) for one in model["groups"] if one["rank"] == rank)
