"""The papers of a small release, written by hand (docs/release.md): two groups and the people without contact."""

from typing import Any

from analytics.definitions import catalogue
from analytics.release.model_card import model_card
from tests.flow import published
from tests.unit.analytics.cohorts_paper import cohorts


def of(release_id: str = "r1") -> dict[str, Any]:
    """All papers but release.json; each says of which release it is, so that a mixture shows."""
    made = {"evidence": evidence(), "cohorts": cohorts(), "map": population_map(), "drift": drift(), "funnel": funnel()}
    made["model-card"] = model_card(release(), made)
    return {name: paper | {"of": release_id} for name, paper in made.items()}


def release(**changes: Any) -> dict[str, Any]:
    """release.json as risk_groups writes it, with the group by rule as the third."""
    model = published.model()
    rule = {"rank": 3, "name": "No contact in two years", "rule": "no_contact", "centre": None, "n": 120,
            "followed": 110, "events": None, "rate": None, "low": None, "high": None, "rate_below": 0.1,
            "rate_above": None, "description": "No encounter in two years.", "usual": {}, "share": {},
            "standing_out": [], "stability": "rule", "jaccard": None}  # fmt: skip
    for group in model["groups"]:
        found = sorted(zip(model["features"], group["centre"], strict=True), key=lambda one: -abs(one[1]))
        group |= {"standing_out": [list(one) for one in found], "stability": "stable", "jaccard": 0.91}
    return model | {
        "release_id": "20260630-0123abcd", "ehr": "sandbox", "export_id": "20260701T000000Z-ab12",
        "as_of": "2026-06-30", "index_date": "2025-06-30", "created_at": "2026-07-01T08:00:00+00:00",
        "groups": [*model["groups"], rule], "outcome": catalogue.group_rules()["outcome"],
        "limits": ["1 of 3 groups has too few events for a rate."], "choice": choice(), "surrogate": surrogate(),
    } | changes  # fmt: skip


def choice() -> dict[str, Any]:
    def tried(family: str, k: int, verdict: str, *overlaps: float) -> dict[str, Any]:
        told = verdict in ("stable", "doubtful")
        return {"family": family, "k": k, "smallest": 431 if k == 2 else None, "verdict": verdict,
                "jaccard": list(overlaps), "resamples": 100 if told else 5, "c": 0.7 if told else None,
                "silhouette": 0.21 if told else None}  # fmt: skip

    return {"family": "k_means", "k": 2, "verdict": "stable", "floor": 50, "bootstraps": 100, "sample": 1331,
            "rule": "The candidate that is stable and parts outcomes best.", "candidates": [
                tried("k_means", 2, "stable", 0.88, 0.91), tried("k_means", 3, "unstable", 0.41, 0.7, 0.8),
                tried("gaussian_mixture", 3, "too_small")]}  # fmt: skip


def surrogate() -> dict[str, Any]:
    leaves = [{"rules": ["no diabetes"], "rank": 1, "name": "Few conditions, younger", "n": 880, "share": 0.97},
              {"rules": ["diabetes", "HbA1c above 6.5 %"], "rank": 2, "name": "Diabetes", "n": None, "share": None}]
    return {"depth": 2, "fidelity": 0.93, "leaves": leaves, "unknown": ["An unknown HbA1c counts as 5.6 %."],
            "sentence": "These rules name the group of 93 of 100 people."}  # fmt: skip


def interval(c: float) -> dict[str, float]:
    return {"c": c, "low": round(c - 0.03, 3), "high": round(c + 0.03, 3)}


def evidence() -> dict[str, Any]:
    groups = [
        _group(1, "Few conditions, younger", (900, 820, 41, 0.05, 0.0371, 0.0671), None,
               {"ratio": 1.0, "low": 1.0, "high": 1.0, "to": 1}),
        _group(2, "Diabetes with high HbA1c", (431, 412, 128, 0.3107, 0.268, 0.357), None,
               {"ratio": 4.1, "low": 3.0, "high": 5.6, "to": 1}),
        _group(3, "No contact in two years", (120, 110, None, None, None, None), 0.1, None),
    ]  # fmt: skip
    return {
        "groups": groups,
        "standardisation": "Indirect standardisation to the lowest group.",
        "discrimination": {
            "rank": interval(0.72), "age_sex": interval(0.64), "charlson": interval(0.66),
            "prior_admissions": interval(0.61), "rank_with_age_sex": interval(0.75),
        },
        "calibration": [
            {"rank": 1, "n": 880, "expected": 0.06, "observed": 0.05, "low": 0.037, "high": 0.067},
            {"rank": 2, "n": 420, "expected": 0.28, "observed": 0.311, "low": 0.268, "high": 0.357},
            {"rank": 3, "n": 115, "expected": None, "observed": None, "low": None, "high": None},
        ],
        "screening": [
            {"top": 0.01, "people": 15, "events": None, "sensitivity": None, "ppv": None,
             "number_needed_to_review": None},
            {"top": 0.05, "people": 73, "events": 31, "sensitivity": 0.18, "ppv": 0.42, "number_needed_to_review": 2.4},
            {"top": 0.1, "people": 146, "events": 54, "sensitivity": 0.31, "ppv": 0.37, "number_needed_to_review": 2.7},
        ],
        "subgroups": [
            _subgroup("sex", "Female", 760, interval(0.71), 0.97), _subgroup("sex", "Male", 691, interval(0.73), 1.04),
            _subgroup("race", "Asian", None, None, None), _subgroup("race", "White", 1100, interval(0.72), 1.01),
        ],
        "temporal": [
            {"fitted_at": "2024-06-30", "tested_at": "2025-06-30", "people": 1415, "groups": [], "c": interval(0.71),
             "age_sex": interval(0.63), "adjusted_rand_index": 0.82, "calibration": [], "why_not": None},
            {"fitted_at": None, "tested_at": None, "people": None, "groups": [], "c": None, "age_sex": None,
             "adjusted_rand_index": None, "calibration": [], "why_not": "The history does not reach back so far."},
        ],
    }  # fmt: skip


def population_map() -> dict[str, Any]:
    bins = [{"x": x, "y": y, "n": 20 + 10 * ((x + y) % 5), "rank": 1 if x < 3 else 2,
             "rate": round(0.02 + x * 0.08, 2) if (x + y) % 4 else None} for x in range(6) for y in range(6) if x + y]
    axes = {"left": ["younger", "few conditions"], "right": ["older", "many conditions"], "down": ["low HbA1c"],
            "up": ["high HbA1c"], "explained": [0.31, 0.12]}
    return {"size": 6, "axes": axes, "bins": bins, "hidden_bins": 1,
            "centres": [{"rank": 1, "x": 1.5, "y": 2.5}, {"rank": 2, "x": 4.5, "y": 3.5}]}


def drift() -> dict[str, Any]:
    """Against a release before, of which one group is hidden."""
    return {
        "bins": {"age": {"edges": [40.0, 60.0], "shares": [0.3, 0.4, 0.3], "unknown": 0.0}},
        "previous": {"release_id": "r0", "as_of": "2026-03-31", "created_at": "2026-04-01T00:00:00+00:00",
                     "same_definitions": True},
        "groups": [{"rank": 1, "name": "Few conditions", "before": 0.61, "now": 0.58},
                   {"rank": 2, "name": "Diabetes", "before": 0.33, "now": 0.34},
                   {"rank": 3, "name": "Dialysis", "before": None, "now": None}],
        "features": [{"feature": "hba1c", "label": "HbA1c", "psi": 0.31},
                     {"feature": "age", "label": "age", "psi": 0.02},
                     {"feature": "diabetes", "label": "diabetes", "psi": None}],
        "adjusted_rand_index": 0.87,
        "reason": None,
    }  # fmt: skip


def no_drift() -> dict[str, Any]:
    """Of a first release."""
    return drift() | {"previous": None, "groups": [], "features": [], "adjusted_rand_index": None,
                      "reason": "no_release_before"}


def funnel() -> dict[str, Any]:
    def step(name: str, unit: str, read: int | None, kept: int, dropped: dict[str, int | None]) -> dict[str, Any]:
        return {"step": name, "unit": unit, "read": read, "kept": kept, "dropped": dropped}

    return {"exports": ["20260701T000000Z-ab12"], "steps": [
        step("export", "resources", 250_000, 250_000, {}),
        step("load", "resources", 250_000, 249_990, {"not_json": 10}),
        step("build", "people", None, 1500, {"deceased": 40, "no_patient_resource": None}),
        step("fit", "people", 1500, 1500, {}),
        step("follow", "people", 1451, 1342, {"year_not_known": 109}),
    ]}  # fmt: skip


def _group(
    rank: int, name: str, seen: tuple[Any, ...], below: float | None, standardised: dict[str, Any] | None
) -> dict[str, Any]:
    keys = ("n", "followed", "events", "rate", "low", "high")
    return {"rank": rank, "name": name, **dict(zip(keys, seen, strict=True)), "rate_below": below, "rate_above": None,
            "standardised": standardised}


def _subgroup(by: str, value: str, n: int | None, c: dict[str, float] | None, ratio: float | None) -> dict[str, Any]:
    return {"by": by, "value": value, "n": n, "groups": [], "c": c, "observed_to_expected": ratio}
