"""status: what is there, in words and as JSON, with the place of each line that could not be used."""

import json
from pathlib import Path

import pytest

from analytics.config import Settings
from analytics.lake import Lake
from analytics.publish import publish
from analytics.status import in_words, status
from tests.unit.analytics.releases import write_release

EXPORT = "20260701T000000Z"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"KINDRED_HOME": str(tmp_path)})


def written(settings: Settings) -> Lake:
    """One export that was loaded and built, one that was not, one unfinished; one published release."""
    lake = Lake(settings.lake)
    manifest = {"status": "complete", "transactionTime": "2026-07-01T00:00:00Z", "counts": {"Patient": 1200},
                "errors": [], "files": [], "deleted": []}  # fmt: skip
    for export_id in (EXPORT, "20260702T000000Z"):
        lake.write_json(f"{lake.export('sandbox', export_id)}/manifest.json", manifest)
        lake.finish(lake.export("sandbox", export_id))
    lake.write_json(f"{lake.exports('sandbox')}/.20260703T000000Z.partial/state.json", {})
    events = lake.events("sandbox", EXPORT)
    place = {"file": f"{lake.export('sandbox', EXPORT)}/Patient/00000.ndjson"}
    lines = [place | {"line": line, "reason": "no_id"} for line in (7, 8, 9, 10)] + [
        place | {"line": 12, "reason": "broken_json"}
    ]
    lake.write_bytes(f"{events}/quarantine.ndjson", "".join(json.dumps(line) + "\n" for line in lines).encode())
    lake.write_counts(events, 1200, 1195, {"broken_json": 1, "no_id": 4})
    lake.finish(events)
    features = lake.features("sandbox", EXPORT, "2026-06-30")
    lake.write_counts(features, 1195, 1190, {"deceased": 5})
    lake.write_json(f"{features}/measurements.json", {"no_value": 3})
    lake.finish(features)
    write_release(lake, "sandbox", "r1", [("p1", 1, 2, 0.5)])
    publish(settings.database, lake, "sandbox", "r1")
    return lake


def test_an_empty_home_has_a_status(settings: Settings) -> None:
    found = status(settings)
    assert (found["ehrs"], found["releases"]) == ({}, [])
    assert str(settings.home) in in_words(found)


def test_each_reason_is_counted_with_the_first_places(settings: Settings) -> None:
    written(settings)
    loaded = status(settings)["ehrs"]["sandbox"]["exports"][0]["load"]
    file = f"sandbox/exports/{EXPORT}/Patient/00000.ndjson"
    assert loaded["quarantine"] == {
        "no_id": {"n": 4, "first": [f"{file}:7", f"{file}:8", f"{file}:9"]},
        "broken_json": {"n": 1, "first": [f"{file}:12"]},
    }


def test_the_words_say_it_all(settings: Settings) -> None:
    written(settings)
    words = in_words(status(settings))
    for said in (
        f"sandbox: export {EXPORT} complete, 1,200 resources",
        "load: 1,200 read, 1,195 kept, dropped: broken_json 1, no_id 4",
        f"no_id: 4, first at sandbox/exports/{EXPORT}/Patient/00000.ndjson:7, ",
        "build 2026-06-30: 1,195 read, 1,190 kept, dropped: deceased 5",
        "not loaded",
        "export 20260703T000000Z is not finished",
        "release r1 of sandbox as of 2026-06-30 (current)",
    ):
        assert said in words


def test_json_holds_the_same(settings: Settings) -> None:
    written(settings)
    found = json.loads(json.dumps(status(settings)))
    assert [one["export_id"] for one in found["ehrs"]["sandbox"]["exports"]] == [EXPORT, "20260702T000000Z"]
    assert [one["export_id"] for one in found["ehrs"]["sandbox"]["unfinished_exports"]] == ["20260703T000000Z"]
    assert found["releases"][0]["release_id"] == "r1" and found["releases"][0]["current"]


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    lake = Settings.from_environment({"KINDRED_HOME": str(tmp_path), "KINDRED_LAKE": "hdfs://me:hunter2@host/lake"})
    assert "hunter2" not in in_words({"settings": lake.redacted(), "ehrs": {}, "releases": []})


def test_a_release_of_the_lake_is_said_to_be_whole_or_not(settings: Settings) -> None:
    lake = written(settings)
    folder = lake.release("sandbox", "r1")
    (found,) = status(settings)["ehrs"]["sandbox"]["releases"]
    assert found == {"release_id": "r1", "hash": lake.read_json(f"{folder}/hashes.json")["release"], "fault": None}
    assert f"release r1 in the lake: whole, SHA-256 {found['hash'][:16]}" in in_words(status(settings))
    lake.write_json(f"{folder}/evidence.json", {})
    found = status(settings)
    assert found["ehrs"]["sandbox"]["releases"][0]["fault"] == "evidence.json was changed after the release was made"
    assert "release r1 in the lake: not usable, evidence.json was changed" in in_words(found)
