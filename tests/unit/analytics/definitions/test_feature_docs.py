"""docs/features.md and docs/gaps.md are what the definitions and the spec tests say today."""

from __future__ import annotations

from analytics.definitions import catalogue, gaps
from tests.spec import gap_docs
from tests.spec.feature_docs import FAMILIES, TABLE, document


def test_the_page_is_up_to_date() -> None:
    assert TABLE.read_text(encoding="utf-8") == document(), "run scripts/features-doc"


def test_every_feature_stands_in_it_once() -> None:
    rows = [line.split("|")[1] for line in document().splitlines() if line.startswith("| `")]
    assert sorted(row.split("`")[1] for row in rows) == sorted(catalogue.features())
    assert {kind for kinds in FAMILIES.values() for kind in kinds} == set(catalogue.KINDS)


def test_the_page_of_the_care_gaps_is_up_to_date() -> None:
    page = gap_docs.document()
    assert gap_docs.PAGE.read_text(encoding="utf-8") == page, "run scripts/gaps-doc"
    assert all(f"(`{rule}`)" in page and f"| `{rule}` |" in page for rule in gaps.rules())
