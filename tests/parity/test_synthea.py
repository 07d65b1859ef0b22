"""Every patient of ../shared/synthea has the same numbers in the chart and in the batch, where that folder is there."""

from __future__ import annotations

import gzip
from collections import defaultdict
from pathlib import Path

import orjson

from analytics.definitions.events import resource_types
from tests.parity.batch import SYNTHEA, batch_rows, batch_states, by_date, differences, live_numbers, live_states


def lines() -> list[bytes]:
    """The lines of the types that become events."""
    files = [path for path in sorted(SYNTHEA.glob("*.ndjson.gz")) if path.name.split(".")[0] in resource_types()]
    return [line for path in files for line in gzip.decompress(path.read_bytes()).splitlines()]


def owner(line: bytes) -> str:
    resource = orjson.loads(line)
    if resource["resourceType"] == "Patient":
        return str(resource["id"])
    reference = (resource.get("subject") or resource.get("patient") or {}).get("reference", "")
    return str(reference).rpartition("/")[2]


def test_the_batch_and_the_chart_agree_about_every_patient(tmp_path: Path) -> None:
    people: dict[str, list[bytes]] = defaultdict(list)
    for line in lines():
        people[owner(line)].append(line)
    nobodys = people.pop("", [])
    charts = {person: [*of_one, *nobodys] for person, of_one in people.items()}
    rows, dropped = batch_rows(tmp_path, lines())
    found = by_date(rows)
    assert all(len(found[day]) >= 50 for day in found) and not dropped
    assert differences(found, live_numbers(charts)) == []
    assert batch_states(rows) == live_states(charts)
