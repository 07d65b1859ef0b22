"""docs/features.md is what the definitions and the spec tests say today."""

from __future__ import annotations

from analytics.definitions import catalogue
from tests.spec.feature_docs import FAMILIES, TABLE, document


def test_the_page_is_up_to_date() -> None:
    assert TABLE.read_text(encoding="utf-8") == document(), "run scripts/features-doc"


def test_every_feature_stands_in_it_once() -> None:
    rows = [line.split("|")[1] for line in document().splitlines() if line.startswith("| `")]
    assert sorted(row.split("`")[1] for row in rows) == sorted(catalogue.features())
    assert {kind for kinds in FAMILIES.values() for kind in kinds} == set(catalogue.KINDS)
