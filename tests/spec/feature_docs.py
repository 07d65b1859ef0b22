"""docs/features.md: every feature as its definition says it, with a value out of the spec tests."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from analytics.definitions import catalogue
from analytics.definitions.catalogue import Feature
from tests.spec.cases import OF_FEATURES
from tests.spec.tables import AS_OF, Case, parse

TABLE = Path(__file__).resolve().parents[2] / "docs" / "features.md"
#: heading -> the kinds under it, in this order.
FAMILIES = {
    "People and smoking": ("age", "person_is", "answer", "answer_age_days"),
    "Conditions, allergies and social findings": ("ever", "years_since_onset", "family_count", "charlson", "allergy"),
    "Vitals, laboratory values and screens": (
        "latest", "value_age_days", "change", "trend", "variability", "egfr_2021", "day_lowest", "extreme",
    ),
    "Medicines": ("in_use", "in_use_count", "starts", "stops"),
    "Use of care": (
        "stays", "bed_days", "readmissions", "records",
        "visits", "care_days", "recent_family_count", "days_since_contact",
    ),
    "Screening procedures, vaccines and what is asked for by care gaps": ("days_since", "doses"),
}  # fmt: skip
INTRO = f"""# Features

Written by `scripts/features-doc` from `analytics/definitions/features.toml` and the spec tests; do not edit.
{{count}} features, {{grouped}} of them inputs of the grouping (*grouped*). Windows end with the as-of date;
race, ethnicity, language, ZIP code and payer are never features. *Missing*: what no record means, zero or unknown
(never imputed on the page). *Worse*: the direction that is clinically worse. *Example*: the spec test of the feature,
or of its kind, as of {AS_OF}.
"""


def document() -> str:
    """The whole page. Raises KeyError for a kind that no heading names or no spec test has a value of."""
    features = catalogue.features().values()
    parts = [INTRO.format(count=len(features), grouped=sum(feature.grouped for feature in features))]
    headed = {kind: heading for heading, kinds in FAMILIES.items() for kind in kinds}
    for heading, kinds in FAMILIES.items():
        rows = sorted((f for f in features if headed[f.kind] == heading), key=lambda f: kinds.index(f.kind))
        parts.append(f"\n## {heading}\n\n{_table(rows)}")
    return "".join(parts)


def _table(features: Iterable[Feature]) -> str:
    head = "| name | unit | window | missing | worse | meaning | example |\n|---|---|---|---|---|---|---|\n"
    return head + "".join(_row(feature) for feature in features)


def _row(feature: Feature) -> str:
    name = f"`{feature.name}`" + (", grouped" if feature.grouped else "")
    window = f"{feature.window_days} d" if feature.window_days else "ever"
    about = f"{feature.label[:1].upper()}{feature.label[1:]}. {feature.meaning}"
    cells = [name, feature.unit, window, feature.missing, feature.direction, about, _example(feature)]
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |\n"


def _example(feature: Feature) -> str:
    own, of_kind = _examples()
    case, row = own.get(feature.name) or of_kind[feature.kind]
    other = "" if row["feature"] == feature.name else f"`{row['feature']}` "
    return f"{case.name}: {other}{row['value']}"


@cache
def _examples() -> tuple[dict[str, tuple[Case, dict[str, str]]], dict[str, tuple[Case, dict[str, str]]]]:
    """The first case with a value of each feature, and of each kind."""
    own: dict[str, tuple[Case, dict[str, str]]] = {}
    of_kind: dict[str, tuple[Case, dict[str, str]]] = {}
    for case in OF_FEATURES:
        for row in parse(case.expected):
            if "feature" in row and row.get("value"):
                own.setdefault(row["feature"], (case, row))
                of_kind.setdefault(catalogue.features()[row["feature"]].kind, (case, row))
    return own, of_kind
