"""`includeAssociatedData=LatestProvenanceResources`: of the Provenances of each resource only the newest."""

from collections.abc import Iterable

import orjson

from fhir_fixtures.ehr.dates import interval


def newest_of_each_target(lines: Iterable[bytes]) -> list[bytes]:
    """Those Provenance lines that are the newest (by `recorded`) of at least one of their targets, in their order."""
    newest: dict[str, tuple[int, int]] = {}  # target -> recorded, number of the line
    kept = list(lines)
    for number, line in enumerate(kept):
        provenance = orjson.loads(line)
        recorded = (interval(provenance.get("recorded")) or (0, 0))[0]
        for target in provenance.get("target", []):
            reference = target.get("reference", "")
            newest[reference] = max(newest.get(reference, (-1, -1)), (recorded, number))
    numbers = {number for _, number in newest.values()}
    return [line for number, line in enumerate(kept) if number in numbers]
