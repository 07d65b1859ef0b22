"""Increments over real HTTP and a real Spark: whatever changed at the EHR, the population at an increment is the one
that a full export of that moment gives, feature by feature."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import requests

from analytics import snapshot
from analytics.build import build, index_date
from analytics.errors import ConfigError, DataError, ExportError
from analytics.export import ExportOptions, ExportResult, export
from analytics.export.staging import Staging
from analytics.lake import Lake
from analytics.load import load
from fhir_fixtures.population import generate, shared_resources
from tests.conformance.bulk.live import Live, live_sandbox

AS_OF = date(2026, 6, 30)
GROUP = ExportOptions(group="clinic", file_target_bytes=200_000)
EVERYONE = ExportOptions(file_target_bytes=200_000)
PEOPLE = [(person.id, [json.loads(line) for _, line in person.lines]) for person in generate(24, 5)]
IDS = [patient for patient, _ in PEOPLE]
Resource = dict[str, Any]


def group(members: list[str]) -> Resource:
    listed = [{"entity": {"reference": f"Patient/{one}"}} for one in members]
    return {"resourceType": "Group", "id": "clinic", "type": "person", "actual": True, "member": listed}


def medicine(rxnorm: str) -> Resource:
    coding = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": rxnorm}
    return {"resourceType": "Medication", "id": "shared-1", "code": {"coding": [coding]}}


def order(person: int) -> Resource:
    return {"resourceType": "MedicationRequest", "id": "by-reference", "status": "active", "intent": "order",
            "subject": {"reference": f"Patient/{IDS[person]}"}, "authoredOn": "2026-05-01T08:00:00Z",
            "medicationReference": {"reference": "Medication/shared-1"}}


def everything() -> Iterator[tuple[str, bytes]]:
    for _, resources in PEOPLE:
        yield from ((one["resourceType"], json.dumps(one).encode()) for one in resources)
    yield from shared_resources()
    yield "Medication", json.dumps(medicine("860975")).encode()
    yield "MedicationRequest", json.dumps(order(8)).encode()
    yield "Group", json.dumps(group(IDS[:16])).encode()


@dataclass
class Ehr:
    """A sandbox of 24 people, 16 of them in a group, and what happens to them."""

    live: Live

    def change(self, *resources: Resource, deleted: tuple[str, ...] = ()) -> None:
        entries = [{"request": {"method": "DELETE", "url": reference}} for reference in deleted]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        lines = [*resources, *([bundle] if deleted else [])]
        body = "\n".join(json.dumps(line) for line in lines)
        url = self.live.base().removesuffix("/fhir") + "/changes"
        answer = requests.post(url, body, headers={"Content-Type": "application/fhir+ndjson"}, timeout=30)
        assert answer.status_code == 200, answer.text

    def resource(self, person: int, kind: str, number: int = 0, **elements: Any) -> Resource:
        """A resource of a person as it was in the beginning, some elements replaced; None takes one away."""
        found = [one for one in PEOPLE[person][1] if one["resourceType"] == kind][number]
        return {name: value for name, value in (found | elements).items() if value is not None}


@contextmanager
def ehr(folder: Path) -> Iterator[Ehr]:
    with live_sandbox(folder, lines_per_file=500, data=everything()) as live:
        yield Ehr(live)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    """An EHR that nobody changes."""
    with ehr(tmp_path_factory.mktemp("quiet")) as one:
        yield one


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


def features(spark: Any, lake: Lake, export_id: str) -> dict[date, list[Resource]]:
    """All rows of both dates, in the order of the ids."""
    load(spark, lake, "sandbox", export_id, 5_000_000)
    build(spark, lake, "sandbox", export_id, AS_OF)
    found = {}
    for day in (AS_OF, index_date(AS_OF)):
        folder = Path(lake.local(lake.features("sandbox", export_id, day)) or "")
        rows = [row for file in folder.glob("part-*.parquet") for row in pq.read_table(file).to_pylist()]
        found[day] = sorted(rows, key=lambda row: str(row["subject_id"]))
    return found


def as_if_full(spark: Any, one: Ehr, options: ExportOptions, folder: Path) -> dict[date, list[Resource]]:
    lake = Lake(f"file://{folder}")
    return features(spark, lake, export(one.live.client(), lake, options).export_id)


def increment(one: Ehr, lake: Lake, options: ExportOptions) -> tuple[ExportResult, Resource]:
    result = export(one.live.client(), lake, replace(options, since="auto"))
    return result, lake.read_json(f"{result.path}/manifest.json")


def first_changes(one: Ehr) -> None:
    """Everything that a change can be."""
    changed = one.resource(0, "Observation", id="new-1")
    one.change(changed)
    one.change(one.resource(1, "Observation", valueQuantity={"value": 13.5, "unit": "%", "code": "%"}))
    one.change(one.resource(2, "Condition", code=None))
    measured = [each for each in PEOPLE[2][1] if each["resourceType"] == "Observation"]
    one.change(*[each | {"effectiveDateTime": "last week"} for each in measured])  # gives no event any more
    one.change(one.resource(3, "Encounter", subject={"reference": f"Patient/{IDS[4]}"}))
    gone = one.resource(5, "Condition")
    one.change(deleted=(f"Condition/{gone['id']}", f"Patient/{IDS[6]}"))
    back = one.resource(7, "Encounter")
    one.change(deleted=(f"Encounter/{back['id']}",))
    one.change(back | {"status": "finished", "class": {"code": "EMER"}})
    one.change(group([*IDS[:12], *IDS[16:19]]))  # 12 to 15 left, 16 to 18 joined


def second_changes(one: Ehr) -> None:
    """While 12 and 13 were away an observation of 12 was deleted; both are back, and 17, who had joined, left."""
    one.change(deleted=(f"Observation/{one.resource(12, 'Observation')['id']}",))
    one.change(one.resource(0, "Observation", id="new-1", status="entered-in-error"))
    one.change(group([*IDS[:14], IDS[16], IDS[18]]))


def test_a_chain_of_increments_of_a_group_is_the_group_of_that_moment(
    tmp_path: Path, lake: Lake, spark: Any
) -> None:
    with ehr(tmp_path / "ehr") as one:
        full = export(one.live.client(), lake, GROUP)
        first_changes(one)
        first, described = increment(one, lake, GROUP)
        assert (described["base"], described["members"]) == (full.export_id, {"count": 14, "joined": 3, "left": 5})
        expected = as_if_full(spark, one, GROUP, tmp_path / "first")
        assert features(spark, lake, first.export_id) == expected
        stale = snapshot.events(spark, lake, "sandbox", first.export_id).where(f"subject_id = '{IDS[2]}'")
        assert stale.where("startswith(resource, 'Observation/')").count() == 0
        assert {row["subject_id"] for row in expected[AS_OF]} <= {*IDS[:6], *IDS[7:12], *IDS[16:19]}

        second_changes(one)
        second, described = increment(one, lake, GROUP)
        assert (described["base"], described["members"]) == (first.export_id, {"count": 15, "joined": 2, "left": 1})
        changed = as_if_full(spark, one, GROUP, tmp_path / "second")
        assert features(spark, lake, second.export_id) == changed != expected

        third, described = increment(one, lake, GROUP)
        assert described["members"] == {"count": 15, "joined": 0, "left": 0}
        assert features(spark, lake, third.export_id) == changed


def test_an_increment_of_everyone_is_everyone_of_that_moment(tmp_path: Path, lake: Lake, spark: Any) -> None:
    with ehr(tmp_path / "ehr") as one:
        export(one.live.client(), lake, EVERYONE)
        first_changes(one)
        one.change(medicine("617310"))
        result, described = increment(one, lake, EVERYONE)
        assert described["members"] is None
        assert {f"Patient/{IDS[6]}", f"Condition/{one.resource(5, 'Condition')['id']}"} <= set(described["deleted"])
        changed = 2 + len({each["id"] for each in PEOPLE[2][1] if each["resourceType"] == "Observation"})
        assert result.counts == {"Condition": 1, "Encounter": 2, "Medication": 1, "Observation": changed}
        assert features(spark, lake, result.export_id) == as_if_full(spark, one, EVERYONE, tmp_path / "full")


def test_an_increment_asks_for_a_little_more_than_what_came_after_the_base(quiet: Ehr, lake: Lake) -> None:
    from datetime import datetime, timedelta

    full = export(quiet.live.client(), lake, EVERYONE)
    _, described = increment(quiet, lake, EVERYONE)
    reaches = datetime.fromisoformat(lake.read_json(f"{full.path}/manifest.json")["transactionTime"])
    assert reaches - datetime.fromisoformat(described["since"]) == timedelta(minutes=5)


@pytest.mark.parametrize("other", [
    replace(GROUP, group=None), replace(GROUP, types=("Patient", "Condition")),
    replace(GROUP, type_filters=("Observation?category=laboratory",)), replace(GROUP, elements=("id",))])
def test_an_increment_never_builds_on_another_request(other: ExportOptions, quiet: Ehr, lake: Lake) -> None:
    export(quiet.live.client(), lake, GROUP)
    result, described = increment(quiet, lake, other)
    assert (described["since"], described["base"]) == (None, None)
    assert sum(result.counts.values()) > 0


def test_an_increment_never_builds_on_a_partial_export(quiet: Ehr, lake: Lake) -> None:
    client = quiet.live.client("case=partial,manifest-errors")
    assert export(client, lake, EVERYONE).status == "partial"
    with pytest.raises(ExportError, match=r"No export of this request from sandbox is complete") as caught:
        export(client, lake, replace(EVERYONE, since="auto"))
    assert "without --since" in caught.value.next_step


def test_the_last_complete_export_is_built_on_though_a_partial_one_is_newer(quiet: Ehr, lake: Lake) -> None:
    full = export(quiet.live.client(), lake, EVERYONE)
    later = export(quiet.live.client(), lake, EVERYONE)
    path = f"{later.path}/manifest.json"
    lake.write_json(path, lake.read_json(path) | {"status": "partial"})
    assert increment(quiet, lake, EVERYONE)[1]["base"] == full.export_id


def test_a_chain_that_is_broken_is_not_read(quiet: Ehr, lake: Lake, spark: Any) -> None:
    full = export(quiet.live.client(), lake, EVERYONE)
    result, _ = increment(quiet, lake, EVERYONE)
    path = f"{full.path}/manifest.json"
    lake.write_json(path, lake.read_json(path) | {"status": "partial"})
    with pytest.raises(DataError, match=f"builds on {full.export_id}, which is not complete"):
        load(spark, lake, "sandbox", result.export_id, 5_000_000)
    lake.delete(full.path)
    with pytest.raises(DataError, match=f"builds on {full.export_id}, which is not in the lake"):
        load(spark, lake, "sandbox", result.export_id, 5_000_000)


def test_changes_since_an_instant_that_no_export_reaches_build_on_nothing(quiet: Ehr, lake: Lake, spark: Any) -> None:
    export(quiet.live.client(), lake, replace(EVERYONE, until="2026-01-01T00:00:00Z"))
    result = export(quiet.live.client(), lake, replace(EVERYONE, since="2026-02-01T00:00:00Z"))
    assert lake.read_json(f"{result.path}/manifest.json")["base"] is None
    with pytest.raises(DataError, match="no complete export that it builds on"):
        load(spark, lake, "sandbox", result.export_id, 5_000_000)


def test_changes_of_a_group_without_its_patients_are_refused(quiet: Ehr, lake: Lake) -> None:
    options = replace(GROUP, types=("Condition",))
    export(quiet.live.client(), lake, options)
    with pytest.raises(ConfigError, match="without its Patients"):
        export(quiet.live.client(), lake, replace(options, since="auto"))


@pytest.mark.parametrize("at", range(1, 8))
def test_ended_between_its_jobs_an_increment_goes_on_with_them(
    at: int, tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended right after the state was saved for the `at`-th time: every job is started once all the same."""
    saved = 0
    save = Staging.save

    def ending(self: Staging, state: dict[str, Any]) -> None:
        nonlocal saved
        save(self, state)
        saved += 1
        if saved == at:
            raise KeyboardInterrupt

    with ehr(tmp_path / "ehr") as one:
        export(one.live.client(), lake, GROUP)
        first_changes(one)
        one.live.seen.clear()
        with monkeypatch.context() as patched:
            patched.setattr(Staging, "save", ending)
            with pytest.raises(KeyboardInterrupt):
                increment(one, lake, GROUP)
        result, described = increment(one, lake, GROUP)
        assert described["members"] == {"count": 14, "joined": 3, "left": 5}
        assert [method for method, path, _, _ in one.live.seen if path.endswith("$export")] == ["GET", "GET", "POST"]
        assert len([path for method, path, _, _ in one.live.seen if method == "DELETE"]) == 3
        assert lake.unfinished_exports("sandbox") == []
        other, _ = increment(one, Lake(f"file://{copied(lake, tmp_path, result.export_id)}"), GROUP)
        assert other.counts == result.counts


def copied(lake: Lake, folder: Path, without: str) -> Path:
    """The lake as it was before an export."""
    shutil.copytree(str(lake.local()), folder / "before")
    shutil.rmtree(folder / "before" / "sandbox" / "exports" / without)
    return folder / "before"
