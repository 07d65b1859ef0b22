"""An export that repeats itself: lines twice, in other files and another order, old versions among them."""

import json
from pathlib import Path
from typing import Any

from analytics.export import export
from analytics.lake import Lake
from tests.flow.test_incremental import EVERYONE, Ehr, features, quiet

__all__ = ["quiet"]


def repeated(lake: Lake, export_id: str) -> int:
    """Add, for each file, one with all its lines backwards and before each an older version that says otherwise.

    Returns how many lines came.
    """
    folder = lake.export("sandbox", export_id)
    manifest = lake.read_json(f"{folder}/manifest.json")
    came = 0
    for file in list(manifest["files"]):
        kind, _, name = file["path"].rpartition("/")
        lines = lake.read_bytes(f"{folder}/{file['path']}").splitlines()[::-1]
        more = [line for one in lines for line in (older(one), one)]
        data = b"".join(line + b"\n" for line in more)
        lake.write_bytes(f"{folder}/{kind}/9{name}", data)
        manifest["files"].append({**file, "path": f"{kind}/9{name}", "count": len(more), "bytes": len(data)})
        came += len(more)
    lake.write_json(f"{folder}/manifest.json", manifest)
    return came


def older(line: bytes) -> bytes:
    """The resource as it was said to be years ago: another birth date, value and status."""
    resource: dict[str, Any] = json.loads(line)
    resource["meta"] = {"lastUpdated": "2001-01-01T00:00:00Z"}
    if "birthDate" in resource:
        resource["birthDate"] = "1931-01-01"
    if "valueQuantity" in resource:
        resource["valueQuantity"]["value"] = 1.0
    resource.pop("period", None)
    return json.dumps(resource).encode()


def test_duplicates_and_old_versions_in_an_export_change_nothing(
    tmp_path: Path, quiet: Ehr, spark: Any
) -> None:
    lakes = [Lake(f"file://{tmp_path}/{name}") for name in ("once", "again")]
    ids = [export(quiet.live.client(), lake, EVERYONE).export_id for lake in lakes]
    came = repeated(lakes[1], ids[1])
    once, again = (features(spark, lake, export_id) for lake, export_id in zip(lakes, ids, strict=True))
    counts = [lake.read_counts(lake.events("sandbox", one)) for lake, one in zip(lakes, ids, strict=True)]
    assert counts[1]["read"] == counts[0]["read"] + came == 3 * counts[0]["read"]
    assert again == once
