"""What a release cannot support, in plain sentences: they stand in it as `limits`."""

from __future__ import annotations

from typing import Any

from analytics import suppression
from analytics.risk_groups.choice import SMALL_POPULATION, Choice


def limits(people: int, events: int, chosen: Choice, groups: list[dict[str, Any]]) -> list[str]:
    """Sentences on these groups; none where nothing is to be said.

    people: in contact at the index date; events: those of them with the later outcome, as far as followed.
    """
    clusters = [group for group in groups if group["rule"] is None]
    found = (_few_people(people, groups), _one_group(chosen), _few_events(events), _no_rate(clusters, events),
             _doubtful(clusters))  # fmt: skip
    return [sentence for sentence in found if sentence]


def _few_people(people: int, groups: list[dict[str, Any]]) -> str:
    if people >= SMALL_POPULATION:
        return ""
    told = all(group["n"] is not None for group in groups)  # else, less the other groups, it would tell the hidden one
    few = "Ten people or fewer" if suppression.small(people) else f"Fewer than {SMALL_POPULATION} people"
    how_many = f"{people} people" if told and not suppression.small(people) else few
    return (
        f"{how_many} had contact before the index date. Groups worth relying on need at least {SMALL_POPULATION}: "
        "below that, groups of eleven are let through to look at, and nothing here should guide care."
    )


def _one_group(chosen: Choice) -> str:
    if chosen.chosen.verdict != "single":
        return ""
    return (
        "No division of these people into groups was large and stable enough, so everyone in contact is one group: "
        "it says nothing of a person's risk."
    )


def _few_events(events: int) -> str:
    if events > suppression.largest_hidden():
        return ""
    return (
        "Ten people or fewer had the later outcome, so no rate, no order of risk and no comparison with a baseline "
        "can be shown."
    )


def _no_rate(clusters: list[dict[str, Any]], events: int) -> str:
    hidden = sum(group["rate"] is None for group in clusters)
    if not hidden or events <= suppression.largest_hidden():
        return ""
    return (
        f"In {hidden} of {len(clusters)} groups the later outcome is too rare, or the group too small, for a rate: "
        "their place in the order rests on a bound."
    )


def _doubtful(clusters: list[dict[str, Any]]) -> str:
    doubtful = [group["name"] for group in clusters if group["stability"] == "doubtful"]
    if not doubtful:
        return ""
    return f"{len(doubtful)} of {len(clusters)} groups came back only in part when people were drawn anew: " + (
        "; ".join(doubtful) + "."
    )
