"""Whether an export in the lake still is what the server sent.

files.ndjson says of every server file its SHA-256 and where in the lake its bytes lie, and these pieces cover each lake
file without a gap: so each byte of the lake is under a digest that was made while it was received.
"""

import hashlib
from typing import Any

import orjson

from analytics.errors import LakeError
from analytics.lake import Lake

BLOCK = 1024 * 1024


def verify(lake: Lake, ehr: str, export_id: str) -> str:
    """One sentence that says so when an export is as it was received; raises LakeError naming the files where not."""
    found = damaged(lake, lake.export(ehr, export_id))
    if found:
        raise LakeError(f"The export {export_id} is damaged: {', '.join(found[:5])}{' ...' if len(found) > 5 else ''}.",
                        f"Delete {lake.url(lake.export(ehr, export_id))} and export again.")
    return f"{export_id} is as it was received."


def damaged(lake: Lake, export: str) -> list[str]:
    """Lake files (relative to the export) that are not as they were written; empty when all are. Reads all of it.

    A server file that lies in several lake files has one digest: when it does not fit, all of them are named.
    """
    files = [orjson.loads(line) for line in lake.read_bytes(f"{export}/files.ndjson").splitlines()]
    found = {piece["path"] for file in files if file["in"] and _digest(lake, export, file["in"]) != file["sha256"]
             for piece in file["in"]}
    covered: dict[str, int] = {}  # path -> bytes up to which pieces follow each other
    for piece in (piece for file in files for piece in file["in"]):
        if piece["offset"] == covered.get(piece["path"], 0):
            covered[piece["path"]] = piece["offset"] + piece["bytes"]
    for file in lake.read_json(f"{export}/manifest.json")["files"]:
        path = f"{export}/{file['path']}"
        if not lake.exists(path) or not covered.get(file["path"]) == file["bytes"] == lake.size(path):
            found.add(file["path"])
    return sorted(found)


def _digest(lake: Lake, export: str, pieces: list[dict[str, Any]]) -> str:
    """SHA-256 of a server file, put together again from its pieces; of what is there, where something is missing."""
    digest = hashlib.sha256()
    for piece in pieces:
        path, left = f"{export}/{piece['path']}", piece["bytes"]
        if not lake.exists(path):
            continue
        with lake.reading(path) as source:
            source.seek(piece["offset"])
            while left and (block := source.read(min(BLOCK, left))):
                digest.update(block)
                left -= len(block)
    return digest.hexdigest()
