"""The model card of a release: HTI-1's 31 source attributes and the fields of CHAI's Applied Model Card, in words.

The sentences are data (`model_card.toml`); here their placeholders are filled from the release and its papers. What
Kindred does not know is said to be not known, with who has to write it: nothing is invented.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from analytics.definitions import catalogue

FAMILIES = {"k_means": "k-means", "bisecting_k_means": "bisecting k-means", "gaussian_mixture": "Gaussian mixture"}


@cache
def texts() -> dict[str, Any]:
    """``model_card.toml``."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def model_card(model: dict[str, Any], papers: dict[str, Any]) -> dict[str, Any]:
    """`regulation source_attributes chai release`; each answer is `{answer, kind, filled_by}` (docs/release.md).

    papers: the other papers of the release by name: evidence, drift, funnel.
    """
    known = facts(model, papers)
    attributes = {one["number"]: {"asks": one["asks"]} | _answer(one, known) for one in texts()["source_attribute"]}
    return {
        "release": {key: model[key] for key in ("release_id", "ehr", "as_of", "index_date", "definitions_hash")},
        "regulation": texts()["regulation"],
        "source_attributes": attributes,
        "chai": _answers(texts()["chai"], known),
    }


def facts(model: dict[str, Any], papers: dict[str, Any]) -> dict[str, str]:
    """What the placeholders stand for."""
    rules = catalogue.group_rules()
    steps = {one["step"]: one for one in papers["funnel"]["steps"]}
    clusters = [group for group in model["groups"] if group["rule"] is None]
    plain = ("release_id", "ehr", "as_of", "index_date", "created_at")
    return {key: str(model[key]) for key in plain} | _used(model) | {
        "definitions_hash": model["definitions_hash"][:12],
        "exported": _day(model["export_id"]),
        "groups": str(len(model["groups"])),
        "clusters": str(len(clusters)),
        "family": FAMILIES.get(model["choice"].get("family", "k_means"), "k-means"),
        "bootstraps": str(model["choice"]["bootstraps"]),
        "inputs": str(len(model["features"])),
        "outcome": rules["outcome"]["name"],
        "outcome_days": str(rules["outcome"]["days"]),
        "contact_days": str(rules["no_contact"]["days"]),
        "people_placed": _number(steps["fit"]["kept"], "a number of people that is not told"),
        "people_at_index": _number(steps["follow"]["read"], "a number of people that is not told"),
        "resources": _number(steps["load"]["kept"], "not counted"),
        "stability_words": stability_words(model),
        "validity": _validity(papers["evidence"]),
        "verdict": _verdict(papers["evidence"]),
        "temporal": _temporal(papers["evidence"]),
        "subgroups": _subgroups(papers["evidence"]),
        "demographics": _demographics(papers["evidence"]),
        "drift": _drift(papers["drift"]),
    }


def stability_words(model: dict[str, Any]) -> str:
    """How firmly the groups were found again in resamples, in one sentence."""
    choice = model["choice"]
    if choice.get("verdict") == "single":
        return "No division of these people was found again in resamples, so everyone in contact is one group."
    same = [one for one in choice["candidates"]
            if one["k"] == choice["k"] and one.get("family") == choice.get("family") and one["jaccard"]]
    if not same:
        return "How firmly the groups are found again in resamples is not told."
    firm = sum(overlap >= 0.75 for overlap in same[0]["jaccard"])
    return (f"Of {choice['k']} clusters, {firm} are stable (mean overlap of 0.75 or more in {choice['bootstraps']} "
            f"resamples); the weakest has {min(same[0]['jaccard']):.2f}.")


def _answers(table: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    return {name: _answer(one, known) if "kind" in one else _answers(one, known) for name, one in table.items()}


def _answer(one: dict[str, str], known: dict[str, str]) -> dict[str, Any]:
    """One field. Raises KeyError for a placeholder that no fact fills."""
    told = one.get("answer", "").format_map(known)
    if one["kind"] == "open":
        told = f"{told} {texts()['open_answer'].format(fill=one['fill'])}".strip()
    return {"answer": told, "kind": one["kind"], "filled_by": one.get("fill")}


def _used(model: dict[str, Any]) -> dict[str, str]:
    """Which of the personal variables are inputs of this release."""
    inputs = [catalogue.features()[name] for name in model["features"] if name in catalogue.features()]
    families = {name: concept.family for name, concept in catalogue.concepts().items()}

    def used(found: list[str]) -> str:
        return f"used ({', '.join(found)})" if found else "not used"

    return {
        "uses_sex": used([feature.label for feature in inputs if feature.kind == "person_is"]),
        "uses_age": used([feature.label for feature in inputs if feature.kind == "age"]),
        "uses_social": used([f.label for f in inputs if families.get(f.concept, f.concept) == "social_risk"]),
        "uses_screens": used([f.label for f in inputs if families.get(f.concept, f.concept) == "screening"]),
    }


def _validity(evidence: dict[str, Any]) -> str:
    said, names = texts()["sentences"], texts()["sentences"]["names"]
    found = evidence["discrimination"]
    words = [said["c"].format(name=name, **_two_digits(found[key])) if found.get(key)
             else said["c_hidden"].format(name=name) for key, name in names.items()]
    return "; ".join(words) + "."


def _verdict(evidence: dict[str, Any]) -> str:
    """The goal against what was reached, by the newest out-of-period figure where there is one."""
    found, temporal = evidence["discrimination"], [one for one in evidence["temporal"] if one.get("c")]
    if not found.get("rank") or not found.get("age_sex"):
        return "Too few people or events to judge it."
    reached = temporal[0]["c"]["c"] if temporal else found["rank"]["c"]
    baseline = (temporal[0].get("age_sex") if temporal else None) or found["age_sex"]
    gain = reached - baseline["c"]
    where = "out of period" if temporal else "in the release's own period, since there is no earlier one to test in"
    met = "is met" if reached >= 0.70 and gain >= 0.05 else "is not met"
    return f"The goal {met}: {reached:.2f} {where}, and {gain:+.2f} against age and sex."


def _temporal(evidence: dict[str, Any]) -> str:
    said = texts()["sentences"]
    told = [said["temporal"].format(fitted_at=one["fitted_at"], tested_at=one["tested_at"],
                                    people=_number(one["people"], "a hidden number of"),
                                    c=_interval(one["c"])) for one in evidence["temporal"] if one.get("c")]
    return " ".join(told) or str(said["no_temporal"])


def _subgroups(evidence: dict[str, Any]) -> str:
    said, rows = texts()["sentences"], evidence["subgroups"]
    shown = [row for row in rows if row["n"] is not None]
    ratios = [ratio for row in shown if (ratio := _ratio(row)) is not None]
    if not shown or not ratios:
        return str(said["few_subgroups"])
    return str(said["subgroups"].format(shown=len(shown), hidden=len(rows) - len(shown), least=f"{min(ratios):.2f}",
                                        most=f"{max(ratios):.2f}"))


def _demographics(evidence: dict[str, Any]) -> str:
    """How many people of each kind were followed, as far as told."""
    said = texts()["sentences"]
    told = []
    for by, name in said["strata"].items():
        rows = [row for row in evidence["subgroups"] if row["by"] == by]
        if any(row["n"] is not None for row in rows):
            told.append(f"{name}: " + ", ".join(f"{row['value']} {_number(row['n'], 'hidden')}" for row in rows) + ".")
    return " ".join(told) or str(said["few_demographics"])


def _ratio(row: dict[str, Any]) -> float | None:
    found = row["observed_to_expected"]
    value = found["ratio"] if isinstance(found, dict) else found
    return None if value is None else float(value)


def _drift(drift: dict[str, Any]) -> str:
    said, before = texts()["sentences"], drift["previous"]
    if before is None:
        return str(said["no_previous"])
    moved = sum((one["psi"] or 0) >= 0.25 for one in drift["features"])
    index = drift["adjusted_rand_index"]
    return str(said["previous"].format(id=before["release_id"], as_of=before["as_of"], moved=moved,
                                       ari="not told" if index is None else f"{index:.2f}"))


def _interval(c: dict[str, Any]) -> str:
    return "{c} ({low} to {high})".format(**_two_digits(c))


def _two_digits(found: dict[str, Any]) -> dict[str, str]:
    return {key: "?" if found.get(key) is None else f"{found[key]:.2f}" for key in ("c", "low", "high")}


def _number(n: int | None, hidden: str) -> str:
    return hidden if n is None else f"{n:,}"


def _day(export_id: str) -> str:
    """The UTC day on which an export began, from its id."""
    return f"{export_id[:4]}-{export_id[4:6]}-{export_id[6:8]}"
