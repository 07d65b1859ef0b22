"""A score of a chart that was not read whole: what rests on what is missing is not known, and counts as none nowhere.

It is done once, on the score itself, before a page, a card or a reply sees it: no surface has to remember it.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from analytics.definitions import catalogue, scores
from app.fhir import Unread

HIDDEN = "read_in_part"


def in_doubt(unread: Iterable[Unread]) -> frozenset[str]:
    """The types of which something may be missing, so that no record of a thing says nothing."""
    return frozenset(one.resource_type for one in unread)


def hiding(unread: Collection[Unread], features: Mapping[str, float | None]) -> list[str]:
    """The types that were not read well enough to place this person in a group. features: of the score, as read or not.

    Where one counts a thing without a record as not there, all of it is needed. A measurement that is not known is told
    so, and the group can stand; not where there is none at all, for that would be a group of medians. What only takes
    things out of a count (a treatment makes a stay a planned one) is needed where there is something to take out.
    """
    if not unread:
        return []
    grouped = [one for one in catalogue.features().values() if one.grouped]
    counted = {kind for one in grouped for kind in one.records}
    counted |= {kind for one in grouped if features[one.name] != 0 for kind in one.left_out_by}
    return sorted({one.resource_type for one in unread if one.resource_type in counted
                   or (one.resource_type == "Observation" and one.why != "narrowed")})  # fmt: skip


def as_read(score: dict[str, Any], unread: list[Unread]) -> dict[str, Any]:
    """`live.score` without what these types leave in doubt: features and inputs of scores that do not stand are None,
    the scores are worked out anew from the rest, and where a type hides the group there is none, nor a reason for it.

    A record that was read stands: medicines in use are those that came, and where none did of what lacks some it is
    None, never an empty list. Evidence goes with its value. Gaps are judged in `app.chart.gaps`, which knows what each
    rule rests on.
    """
    doubtful = in_doubt(unread)
    if not doubtful:
        return score
    group: dict[str, Any] = {"group": None, "group_hidden": score["group_hidden"] or HIDDEN, "reasons": []}
    declared = catalogue.features()
    values = {name: value if declared[name].stands(value, doubtful) else None
              for name, value in score["features"].items()}  # fmt: skip
    return score | (group if hiding(unread, score["features"]) else {}) | {
        "features": values,
        "evidence": {name: one for name, one in score["evidence"].items() if values[name] is not None},
        "in_use": score["in_use"] or (None if "MedicationRequest" in doubtful else []),
        "scores": {name: _score(name, one["inputs"], doubtful) for name, one in score["scores"].items()},
    }  # fmt: skip


def _score(name: str, inputs: Mapping[str, Mapping[str, Any]], doubtful: frozenset[str]) -> dict[str, Any]:
    """The score of what stands; applicable is None where the flag that decides for whom it is does not."""
    declared = scores.declared_inputs(name)
    known = {
        key: one if declared[key].stands(one["value"], one["resource"], doubtful) else dict.fromkeys(one)
        for key, one in inputs.items()
    }
    result = scores.compute(name, {key: one["value"] for key, one in known.items()}) | {"inputs": known}
    deciding = (key for key, one in declared.items() if one.excludes or one.requires)
    if result["applicable"] and any(known[key]["value"] is None for key in deciding):
        result |= {"applicable": None, "values": {}, "categories": {}}
    return result
