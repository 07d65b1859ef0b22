"""SHA-256 of each file of a release, and of all of them: what was reviewed is what is published.

The release's hash is that of the lines which `sha256sum` prints for its files in the order of their names, so anybody
can check it with that tool alone: in the release's folder, `sha256sum FILE... | sha256sum`.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from analytics.errors import ReleaseError
from analytics.lake import Lake

NAME = "hashes.json"
PAPERS = ("release.json", "evidence.json", "cohorts.json", "map.json", "funnel.json", "drift.json",
          "model-card.json")  # fmt: skip
CHUNK = 4 * 1024 * 1024  # bytes in memory at a time


def write(lake: Lake, folder: str) -> None:
    """Hash what lies in the folder of a release; written after everything else in it but `_SUCCESS`."""
    files = _found(lake, folder)
    lake.write_json(f"{folder}/{NAME}", {"files": files, "release": release_hash(files)})


def release_hash(files: dict[str, str]) -> str:
    """The hash of a release from those of its files (name: hex digits)."""
    return sha256("".join(f"{files[name]}  {name}\n" for name in sorted(files)).encode()).hexdigest()


def fault(lake: Lake, folder: str) -> str | None:
    """What does not match in the folder of a release, in some words; None where everything does.

    Every byte of the release is read once. Raises LakeError where the lake cannot be read.
    """
    if not lake.exists(f"{folder}/{NAME}"):
        return f"it has no {NAME}, so nothing says that it is whole"
    said: dict[str, Any] = lake.read_json(f"{folder}/{NAME}")
    found = _found(lake, folder)
    for name in sorted(set(said["files"]) | set(found)):
        if name not in found:
            return f"{name} is missing"
        if name not in said["files"]:
            return f"{name} does not belong to it"
        if said["files"][name] != found[name]:
            return f"{name} was changed after the release was made"
    return None if said["release"] == release_hash(found) else f"the hash of the release in {NAME} is another"


def check(lake: Lake, ehr: str, release_id: str) -> None:
    """Raises ReleaseError where the files of a release of the lake are not those that were hashed."""
    wrong = fault(lake, lake.release(ehr, release_id))
    if wrong:
        raise ReleaseError(f"Release {release_id} of {ehr} is not what was made: {wrong}.",
                           "It is not used. Delete its folder in the lake, then fit again.")


def _found(lake: Lake, folder: str) -> dict[str, str]:
    parts = [f"memberships/{name}" for name in lake.names(f"{folder}/memberships") if name.endswith(".parquet")]
    papers = [name for name in (*PAPERS, "counts.json") if lake.exists(f"{folder}/{name}")]
    return {name: _of(lake, f"{folder}/{name}") for name in sorted(papers + parts)}


def _of(lake: Lake, path: str) -> str:
    digest = sha256()
    with lake.reading(path) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
