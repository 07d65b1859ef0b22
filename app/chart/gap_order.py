"""The one order of care gaps, for the page, the note, the sheet, the JSON twin and the cards alike."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.chart.cells import may_show_share
from app.serving import Release, Serving


def in_order(gaps: Iterable[dict[str, Any]], shares: Mapping[str, float]) -> list[dict[str, Any]]:
    """A score's gaps by the weight of their rule, the heavier first; of one weight the one that is more often open in
    the patient's group, one whose share is not known last; then in the order of the rules, in which the score has them.

    shares: gap id -> what `open_shares` gives.
    """
    return sorted(gaps, key=lambda gap: (-gap["weight"], -shares.get(gap["id"], 0.0)))


def open_shares(serving: Serving, release: Release | None, group: Mapping[str, Any] | None) -> dict[str, float]:
    """Gap id -> share (0..1) of this group in whom it is open, of those it applies to, as far as it may be shown.

    {} without a group, or where the release does not tell of it.
    """
    paper = serving.document(release, "cohorts") if release and group else None
    if group is None or paper is None:
        return {}
    found = {}
    for gap in paper.get("gaps", []):
        for of_group in gap["groups"]:
            applicable, met = of_group.get("applicable"), of_group.get("met")
            if of_group["rank"] == group["rank"] and may_show_share(applicable, met):
                found[gap["id"]] = 1.0 - met
    return found
