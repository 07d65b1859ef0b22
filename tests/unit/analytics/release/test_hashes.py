"""The hash of a release is one that anybody can check with sha256sum alone."""

import subprocess
from pathlib import Path

from analytics.lake import Lake
from analytics.release import hashes
from tests.unit.analytics.releases import write_release


def test_the_hash_is_that_of_what_sha256sum_prints(tmp_path: Path) -> None:
    lake = Lake(f"file://{tmp_path}/lake")
    write_release(lake, "a", "r1", [("p1", 1, None, None)], [("p2", 1, None, None)])
    folder = lake.release("a", "r1")
    said = lake.read_json(f"{folder}/hashes.json")
    assert set(said["files"]) == {
        "release.json", "evidence.json", "cohorts.json", "map.json", "funnel.json", "drift.json", "model-card.json",
        "counts.json",
        "memberships/part-00000.parquet", "memberships/part-00001.parquet",
    }  # fmt: skip
    command = f"sha256sum {' '.join(sorted(said['files']))} | sha256sum"
    printed = subprocess.run(command, shell=True, cwd=lake.local(folder), capture_output=True, text=True, check=True)
    assert printed.stdout.split()[0] == said["release"]
    assert hashes.fault(lake, folder) is None


def test_a_release_without_hashes_is_not_whole(tmp_path: Path) -> None:
    lake = Lake(f"file://{tmp_path}/lake")
    write_release(lake, "a", "r1", [("p1", 1, None, None)])
    lake.delete(f"{lake.release('a', 'r1')}/hashes.json")
    assert hashes.fault(lake, lake.release("a", "r1")) == "it has no hashes.json, so nothing says that it is whole"
